package hale

import (
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/hale-go/hale/heal"
	"github.com/hale-go/hale/isolate"
	"github.com/hale-go/hale/observe"
)

// domain is one fault domain: what its calls share. There is one for each domain that
// settings name or that a call was made in, and for those around it.
type domain struct {
	name   observe.Domain
	parent *domain
	shared atomic.Pointer[shared] // nil: nothing was declared
	rest   *Wall                  // of names for which there is no room; guarded by the table's mutex

	mu     sync.Mutex   // of who changes the bulkhead's limit
	limit  int          // of the bulkhead, when nobody shrinks it
	halved atomic.Int32 // how often it is

	switches *switches
	shrinks  string // the switch that says so

	asked ranks // who had to wait for room

	lost                    atomic.Int64 // bodies of calls that were given up and have not come back
	full, rateLimited, shed atomic.Uint64

	last observe.DomainStat // totals as of the last sample; the sampler's own
}

// shared is what was declared about a domain. It is replaced and never changed, but for
// the walls in it, which live on where they are declared on.
type shared struct {
	domain   *domain
	cfg      DomainConfig
	bulkhead *isolate.Bulkhead
	rate     *isolate.RateLimiter
	retry    *isolate.Retry
	adaptive *isolate.Adaptive
}

// domains is a runtime's table of them, and of the walls of what is called in them.
type domains struct {
	switches *switches

	mu     sync.Mutex
	table  map[observe.Domain]*domain
	sorted []*domain // as of the last call of all
	walls  []*Wall   // sorted by name; replaced, never changed
}

// of returns a domain, made with those around it when it is first asked for. d.mu is held.
func (d *domains) of(name observe.Domain) *domain {
	if x, ok := d.table[name]; ok {
		return x
	}
	x := &domain{name: name, switches: d.switches, shrinks: heal.ShrinkSwitch + string(name)}
	if up := name.Parent(); up != "" {
		x.parent = d.of(up)
	}
	if d.table == nil {
		d.table = map[observe.Domain]*domain{}
	}
	d.table[name] = x
	return x
}

// all returns the domains, sorted by name. The slice is shared and must not be changed.
func (d *domains) all() []*domain {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.sorted) != len(d.table) { // domains are never taken away
		out := make([]*domain, 0, len(d.table))
		for _, x := range d.table {
			out = append(out, x)
		}
		slices.SortFunc(out, func(a, b *domain) int { return strings.Compare(string(a.name), string(b.name)) })
		d.sorted = out
	}
	return d.sorted
}

// prepare returns what gives domains their settings, which have their defaults, and takes
// them from those that have none any more. What is in use stays in use: a bulkhead
// changes its size with the calls in it, and a breaker whose settings are the same keeps
// its state.
func (d *domains) prepare(cfg map[string]DomainConfig) (apply func(), err error) {
	fresh := make(map[observe.Domain]*shared, len(cfg))
	d.mu.Lock()
	defer d.mu.Unlock()
	for name, c := range cfg {
		if fresh[observe.Domain(name)], err = d.of(observe.Domain(name)).declare(c); err != nil {
			return nil, err
		}
	}
	return func() { d.apply(fresh) }, nil
}

func (d *domains) apply(fresh map[observe.Domain]*shared) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for name, x := range d.table {
		s := fresh[name] // nil for what is declared no more
		old := x.shared.Swap(s)
		if s == nil || s.bulkhead == nil {
			continue
		}
		if old == nil || !same(s.cfg.Bulkhead, old.cfg.Bulkhead) || s.adaptive != old.adaptive {
			x.reconfigure(s)
		}
	}
	for _, w := range d.walls {
		w.build()
	}
	for _, x := range d.table {
		if x.rest != nil {
			x.rest.build()
		}
	}
}

// rest returns the wall of names for which there is no room in the table of names, and
// which are counted together: within it are the walls of the innermost domain that is
// declared of those that such a name is in. It returns nil where there is none.
func (d *domains) rest(other *family, name observe.Domain) *Wall {
	d.mu.Lock()
	defer d.mu.Unlock()
	for ; name != ""; name = name.Parent() {
		x := d.table[name]
		if x == nil || x.shared.Load() == nil {
			continue
		}
		if x.rest == nil {
			x.rest = newWall(other, x)
		}
		return x.rest
	}
	return nil
}

// rebuild has a wall go by what is declared now.
func (d *domains) rebuild(w *Wall) {
	d.mu.Lock()
	defer d.mu.Unlock()
	w.build()
}

// declare makes what settings declare, out of what there is where that fits.
func (x *domain) declare(c DomainConfig) (s *shared, err error) {
	old := x.shared.Load()
	if old == nil {
		old = new(shared)
	}
	s = &shared{domain: x, cfg: c, bulkhead: old.bulkhead, rate: old.rate, retry: old.retry, adaptive: old.adaptive}
	switch {
	case c.Bulkhead == nil:
		s.bulkhead = nil
	case s.bulkhead == nil:
		if s.bulkhead, err = isolate.NewBulkhead(*c.Bulkhead); err != nil {
			return nil, err
		}
	}
	if !same(c.Rate, old.cfg.Rate) {
		s.rate = nil
		if c.Rate != nil {
			if s.rate, err = isolate.NewRateLimiter(*c.Rate); err != nil {
				return nil, err
			}
		}
	}
	switch {
	case c.Retry == nil:
		s.retry = nil
	case s.retry == nil || !sameRetry(c.Retry, old.cfg.Retry): // or it would have a fresh budget
		if s.retry, err = isolate.NewRetry(*c.Retry); err != nil {
			return nil, err
		}
	}
	if !same(c.Adaptive, old.cfg.Adaptive) || s.bulkhead != old.bulkhead {
		s.adaptive = nil
		if c.Adaptive != nil {
			if s.adaptive, err = x.adapt(*c.Adaptive); err != nil {
				return nil, err
			}
		}
	}
	return s, nil
}

// adapt returns an adaptive limit that sets the domain's, from when it is declared to when
// it is no more.
func (x *domain) adapt(c isolate.AdaptiveConfig) (*isolate.Adaptive, error) {
	var a *isolate.Adaptive
	a, err := isolate.NewAdaptive(c, func(limit int) {
		if s := x.shared.Load(); a != nil && s != nil && s.adaptive == a {
			x.setLimit(limit)
		}
	})
	return a, err
}

// limit is how many calls may run at once, if nobody shrinks it.
func (s *shared) limit() int {
	if s.adaptive != nil {
		return s.adaptive.Limit()
	}
	return s.cfg.Bulkhead.Limit
}

// setLimit changes how many calls of the domain may run at once.
func (x *domain) setLimit(limit int) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.limit = limit
	x.resize()
}

// tend has the limit halved as often as the switch says now. Like the level of the switch,
// it is worked out when it is wanted: a lease may end while the loop does not turn.
func (x *domain) tend() {
	if x.switches.table.Load() == nil && x.halved.Load() == 0 {
		return
	}
	times := int32(x.switches.level(x.shrinks))
	if x.halved.Load() == times {
		return
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.halved.Store(times)
	x.resize()
}

// resize gives the bulkhead its limit, at least 1. x.mu is held.
func (x *domain) resize() {
	if s := x.shared.Load(); s != nil {
		s.bulkhead.Resize(x.shrunk()) // of none, it does nothing
	}
}

// shrunk is the limit as it is halved now. x.mu is held.
func (x *domain) shrunk() int { return max(x.limit>>x.halved.Load(), 1) }

// reconfigure gives the bulkhead its settings, with the limit as it is halved now: calls
// that wait must not be let in by one that does not hold.
func (x *domain) reconfigure(s *shared) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.limit = s.limit()
	cfg := *s.cfg.Bulkhead
	cfg.Limit = x.shrunk()
	_ = s.bulkhead.Reconfigure(cfg) // they were checked
}

// has reports whether there are calls in a domain that are less than critical, as far as
// they had to wait or its settings say so, and whether it has a bulkhead.
func (d *domains) has(name observe.Domain) (lesser, bulkhead bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if x := d.table[name]; x != nil {
		s := x.shared.Load()
		bulkhead = s != nil && s.bulkhead != nil
	}
	return slices.ContainsFunc(d.walls, func(w *Wall) bool { return name.Contains(w.domain.name) && w.lesser.Load() }), bulkhead
}

// knows reports whether a domain was declared, or something was called in it or within.
func (d *domains) knows(name observe.Domain) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.table[name] != nil
}

// equals reports whether calls have to wait for room in a domain that are all of one
// criticality: to turn some of those away would help none.
func (d *domains) equals(name observe.Domain) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	x := d.table[name]
	if x == nil {
		return false
	}
	least, most, any := x.asked.span(d.switches.rt.clock.born)
	return any && least == most
}

// sameRetry is same for settings with a function, which are the same only without one.
func sameRetry(a, b *isolate.RetryConfig) bool {
	return a != nil && b != nil && a.Abort == nil && b.Abort == nil &&
		a.Max == b.Max && a.Delay == b.Delay && a.MaxDelay == b.MaxDelay && a.Budget == b.Budget
}

// same reports whether two settings say the same.
func same[C comparable](a, b *C) bool {
	if a == nil || b == nil {
		return a == b
	}
	return *a == *b
}
