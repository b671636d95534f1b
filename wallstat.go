package hale

import (
	"github.com/hale-go/hale/isolate"
	"github.com/hale-go/hale/observe"
)

// Walls returns what became of the calls of each name since the runtime was made, sorted
// by name, for metrics. Routes are among them if there are walls around them, or something
// was turned away. It takes about a microsecond for each.
func (rt *Runtime) Walls() []observe.WallStat {
	if rt = rt.made(); rt == nil {
		return nil
	}
	walls := rt.domains.allWalls()
	out := make([]observe.WallStat, 0, len(walls))
	for _, w := range walls {
		st := w.totals()
		if w.op.Load() == nil && w.current().open() && st == (observe.WallStat{Name: st.Name, Domain: st.Domain}) {
			continue
		}
		out = append(out, st)
	}
	return out
}

// Domains returns what the calls of each fault domain that is declared shared since the
// runtime was made, sorted by name, for metrics.
func (rt *Runtime) Domains() []observe.DomainStat {
	if rt = rt.made(); rt == nil {
		return nil
	}
	var out []observe.DomainStat
	for _, x := range rt.domains.all() {
		if x.shared.Load() != nil {
			out = append(out, x.totals())
		}
	}
	return out
}

func (d *domains) allWalls() []*Wall {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.walls
}

func (w *Wall) totals() observe.WallStat {
	st := observe.WallStat{
		Name: w.family.name, Domain: w.family.domain,
		Open: w.open.Load(), Quarantined: w.cut.Load(),
		Retried: w.retried.Load(), FellBack: w.fellBack.Load(), TimedOut: w.timedOut.Load(), Opened: w.opened.Load(),
	}
	if b := w.plan.Load().breaker; b != nil {
		st.Breaker = b.Stat().State.String()
	}
	return st
}

// stat returns what happened since the last call. Only the sampler calls it.
func (w *Wall) stat() observe.WallStat {
	st, last := w.totals(), w.last
	w.last = st
	st.Opened -= last.Opened
	st.Open -= last.Open
	st.Quarantined -= last.Quarantined
	st.Retried -= last.Retried
	st.FellBack -= last.FellBack
	st.TimedOut -= last.TimedOut
	if st.Breaker == isolate.Closed.String() { // nothing to tell of
		st.Breaker = ""
	}
	return st
}

func (x *domain) totals() observe.DomainStat {
	x.tend()
	st := observe.DomainStat{
		Name: x.name, Lost: x.lost.Load(),
		Full: x.full.Load(), RateLimited: x.rateLimited.Load(), Shed: x.shed.Load(),
	}
	if s := x.shared.Load(); s != nil && s.bulkhead != nil {
		least, most, _ := x.asked.span(x.switches.rt.clock.born)
		st.Mixed = least < most
		b := s.bulkhead.Stat()
		st.Limit, st.InUse, st.Waiting = b.Limit, b.InUse, b.Waiting
	}
	return st
}

// stat returns what happened since the last call. Only the sampler calls it.
func (x *domain) stat() observe.DomainStat {
	st, last := x.totals(), x.last
	x.last = st
	st.Full -= last.Full
	st.RateLimited -= last.RateLimited
	st.Shed -= last.Shed
	return st
}

// sample reads the domains and walls of which there is something to tell: settings may
// declare thousands.
func (d *domains) sample() (domains []observe.DomainStat, walls []observe.WallStat) {
	for _, x := range d.all() {
		if st := x.stat(); st != (observe.DomainStat{Name: x.name, Limit: st.Limit}) {
			domains = append(domains, st)
		}
	}
	for _, w := range d.allWalls() {
		if st := w.stat(); st != (observe.WallStat{Name: st.Name, Domain: st.Domain}) {
			walls = append(walls, st)
		}
	}
	return domains, walls
}
