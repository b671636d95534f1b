package hale

import (
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hale-go/hale/heal"
	"github.com/hale-go/hale/observe"
)

// domainGates are the quarantines of whole domains: of all names in them and in those
// within, but for catch-alls.
type domainGates struct {
	mu    sync.Mutex                               // of who changes the table
	table atomic.Pointer[map[observe.Domain]*gate] // replaced, never changed; nil: no domain is cut off
}

// lets reports whether a domain's quarantine, if there is one, lets one of its tasks
// start.
func (d *domainGates) lets(name observe.Domain) bool {
	table := d.table.Load()
	if table == nil {
		return true
	}
	for ; name != ""; name = name.Parent() {
		if g := (*table)[name]; g != nil && !g.lets() {
			return false
		}
	}
	return true
}

// cut reports whether a domain is in quarantine.
func (d *domainGates) cut(name observe.Domain) bool {
	table := d.table.Load()
	if table == nil {
		return false
	}
	for ; name != ""; name = name.Parent() {
		if (*table)[name] != nil {
			return true
		}
	}
	return false
}

// set puts a gate in the place of a domain's, nil for none.
func (d *domainGates) set(name observe.Domain, g *gate) {
	d.mu.Lock()
	defer d.mu.Unlock()
	next := map[observe.Domain]*gate{}
	if table := d.table.Load(); table != nil {
		maps.Copy(next, *table)
	}
	if old := next[name]; old != nil {
		old.lease.Stop()
	}
	if next[name] = g; g == nil {
		delete(next, name)
	}
	if len(next) == 0 {
		d.table.Store(nil)
		return
	}
	d.table.Store(&next)
}

// drop takes a gate away, unless another has its place.
func (d *domainGates) drop(name observe.Domain, g *gate) {
	if table := d.table.Load(); table != nil && (*table)[name] == g {
		d.set(name, nil)
	}
}

// setDomainGate sets what the tasks of a domain may do. It holds as long as that of a
// name; see [target.SetGate].
func (rt *Runtime) setDomainGate(name observe.Domain, g heal.Gate, probes int) error {
	if !rt.anyIn(name) {
		return errNothingIn(name)
	}
	if g == heal.GateOpen {
		rt.cut.set(name, nil)
		rt.resumeIn(name)
		return nil
	}
	next := newGate(g, probes)
	next.lease = time.AfterFunc(rt.gateLease(), func() {
		rt.cut.drop(name, next)
		rt.resumeIn(name)
	})
	rt.cut.set(name, next)
	if next.probe {
		rt.resumeIn(name)
	}
	return nil
}

// anyIn reports whether there is a name in a domain that can be cut off.
func (rt *Runtime) anyIn(name observe.Domain) bool {
	for _, s := range rt.reg.all() {
		if name.Contains(s.domain) && !s.catchAll.Load() {
			return true
		}
	}
	return false
}

// resumeIn lets children in a domain that waited for its quarantine try again.
func (rt *Runtime) resumeIn(name observe.Domain) {
	for _, s := range rt.reg.all() {
		if name.Contains(s.domain) {
			s.resumeHeld()
		}
	}
}

// tendDomainGates renews what probation lets through, each second.
func (rt *Runtime) tendDomainGates(now time.Time) {
	table := rt.cut.table.Load()
	if table == nil {
		return
	}
	for name, g := range *table { // each by itself: the order does not matter
		if g.renew(now) {
			rt.resumeIn(name)
		}
	}
}

// openDomainGates ends every quarantine of a domain.
func (rt *Runtime) openDomainGates() {
	table := rt.cut.table.Load()
	if table == nil {
		return
	}
	for name := range *table {
		rt.cut.set(name, nil)
		rt.resumeIn(name)
	}
}
