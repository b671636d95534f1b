package hale

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hale-go/hale/observe"
)

// maxUnwell bounds how many parts of a service are unwell at once.
const maxUnwell = 128

// ReportHealth says how a part of the service is, where the service itself knows best: err
// is what is wrong with it, nil that it is well. A part is unwell from the first error on
// until it is said to be well. It asks the runtime of ctx, else the default one; without
// any it does nothing. Packages checkpoint and standby call it by themselves.
//
// Parts of one kind, such as "checkpoint:orders" and "checkpoint:stock", are told of as one,
// by what their names begin with before a colon: they are a finding of the kind "unhealthy",
// suspected at once, and confirmed when one of them has been unwell for 10 s. There is no remedy
// for it but what [heal.Policy] is given: people are told, and the service goes on.
//
// The name is mended as that of a task is, but for an empty one, which becomes "service". At
// most 128 parts are unwell at once; of further ones that is told once. It may be called from
// any goroutine. To say that a part is well costs some 50 ns (BenchmarkReportHealth).
func ReportHealth(ctx context.Context, name string, err error) {
	runtimeOf(ctx).ReportHealth(name, err)
}

// ReportHealth is [ReportHealth] for who has no context. A nil runtime does nothing.
func (rt *Runtime) ReportHealth(name string, err error) {
	if rt = rt.made(); rt == nil {
		return
	}
	u := &rt.unwell
	if err == nil && u.count.Load() == 0 {
		return
	}
	clean, _ := cleanName(name, func() string { return "service" })
	if err == nil {
		u.remove(clean)
		return
	}
	if !u.add(clean, printable(errText(err), maxDetail), time.Now()) {
		rt.misuse(observe.Subject{Name: "service"}, "too many parts are unwell: further ones are not looked at")
	}
}

// unwell is the parts of a service that are not well.
type unwell struct {
	count atomic.Int64 // of parts; written under mu
	mu    sync.Mutex
	parts map[string]*observe.UnhealthyStat // Since as the clock has it
}

func (u *unwell) remove(name string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	delete(u.parts, name)
	u.count.Store(int64(len(u.parts)))
}

// add notes what a part said. It reports whether there was room.
func (u *unwell) add(name, text string, now time.Time) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	p := u.parts[name]
	if p == nil {
		if len(u.parts) >= maxUnwell {
			return false
		}
		if u.parts == nil {
			u.parts = map[string]*observe.UnhealthyStat{}
		}
		p = &observe.UnhealthyStat{Name: strings.Clone(name), Since: now}
		u.parts[p.Name] = p
		u.count.Store(int64(len(u.parts)))
	}
	p.Error = text
	p.Times++
	return true
}

// sample returns the parts as a turn has them.
func (u *unwell) sample(stamp func(time.Time) time.Time) []observe.UnhealthyStat {
	if u.count.Load() == 0 {
		return nil
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	var out []observe.UnhealthyStat
	for _, name := range slices.Sorted(maps.Keys(u.parts)) {
		p := *u.parts[name]
		p.Since = stamp(p.Since)
		out = append(out, p)
	}
	return out
}
