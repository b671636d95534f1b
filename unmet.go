package hale

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/hale-go/hale/internal/nearest"
	"github.com/hale-go/hale/observe"
)

// unmetAfter is how long after they were given settings are looked through for names
// that no operation has: at first for those that are nearly the name of one, then for
// all, since some things are seldom done.
var unmetAfter = [...]time.Duration{5 * time.Minute, time.Hour}

// tellUnmet tells of settings that name no operation that there ever was. It is called
// once a turn.
func (rt *Runtime) tellUnmet(now time.Time) {
	if rt.unmet == len(unmetAfter) || now.Sub(rt.named) < unmetAfter[rt.unmet] {
		return
	}
	last := rt.unmet == len(unmetAfter)-1
	rt.unmet++
	all := rt.ops.all()
	c := rt.config()
	look := func(setting, name string, kind observe.OperationKind) { // of any kind: ""
		if name == "*" || slices.ContainsFunc(all, func(o *Operation) bool { return o.name == name && (kind == "" || o.kind == kind) }) {
			return
		}
		shown := printable(name, maxName)
		if i := slices.IndexFunc(all, func(o *Operation) bool { return o.name == name }); i >= 0 {
			rt.misuse(observe.Subject{Name: shown}, fmt.Sprintf("%s names no %s operation: it is one of kind %q, which the objective must say", setting, kind, all[i].kind))
			return
		}
		i := slices.IndexFunc(all, func(o *Operation) bool {
			return strings.HasSuffix(o.name, " "+name) || strings.EqualFold(o.name, name)
		})
		switch {
		case i >= 0:
			rt.misuse(observe.Subject{Name: shown}, fmt.Sprintf("%s names no operation: %q may be meant", setting, all[i].name))
		case last:
			rt.misuse(observe.Subject{Name: shown}, fmt.Sprintf("%s names no operation that was there within %v; that of a route has its method, such as \"GET /ping\"", setting, unmetAfter[len(unmetAfter)-1]))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.Latency.Thresholds)) {
		look("Config.Latency.Thresholds", name, "")
	}
	for _, o := range c.Objectives {
		look("Config.Objectives", o.Operation, cmp.Or(o.Kind, observe.Server))
	}
	rt.tellUnusedDomains(c, last)
}

// tellUnusedDomains tells of domains that settings declare and in which nothing is called:
// at first of those that are the name of a call, or nearly that of a domain which has no
// walls.
func (rt *Runtime) tellUnusedDomains(c *Config, last bool) {
	if len(c.Domains) == 0 {
		return
	}
	used, calls := map[observe.Domain]bool{}, map[string]observe.Domain{}
	for _, w := range rt.domains.allWalls() {
		calls[w.family.name] = w.domain.name
		for d := w.domain; d != nil; d = d.parent {
			used[d.name] = true
		}
	}
	rt.poolMu.Lock()
	for _, p := range rt.pools {
		used[observe.Domain(p.family.name)] = true
	}
	rt.poolMu.Unlock()
	bare := make([]string, 0, len(used)) // domains in which something is called, and that nobody declared
	for _, d := range slices.Sorted(maps.Keys(used)) {
		if _, declared := c.Domains[string(d)]; !declared {
			bare = append(bare, string(d))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.Domains)) {
		in, call := calls[name]
		switch subject := (observe.Subject{Name: name}); {
		case used[observe.Domain(name)]:
		case nearest.Name(name, bare) != "":
			rt.misuse(subject, fmt.Sprintf("Config.Domains declares a domain in which nothing is called: %q may be meant, which has no walls", nearest.Name(name, bare)))
		case call:
			rt.misuse(subject, fmt.Sprintf("Config.Domains names a call and no domain: what %q calls is in the domain %q", name, in))
		case last:
			rt.misuse(subject, fmt.Sprintf("Config.Domains declares a domain in which nothing was called within %v", unmetAfter[len(unmetAfter)-1]))
		}
	}
}
