package hale

import (
	"time"

	"github.com/hale-go/hale/isolate"
	"github.com/hale-go/hale/observe"
)

// plan is what goes through a wall has to pass at present. It is replaced and never
// changed.
type plan struct {
	rates     []*shared // with a rate limiter, innermost first
	bulkheads []*shared // with a bulkhead, innermost first
	breaker   *isolate.Breaker
	broken    *isolate.BreakerConfig // the breaker's settings
	retry     *isolate.Retry
	timeout   time.Duration
	longest   time.Duration // that and all waits before it; 0: any time
	grace     time.Duration
	crit      isolate.Criticality
	timed     bool // somebody wants to know how long it takes
}

// open reports whether there is nothing to pass.
func (p *plan) open() bool {
	return len(p.rates) == 0 && len(p.bulkheads) == 0 && p.breaker == nil && p.retry == nil && p.timeout == 0
}

// unrate gives back the turns at the first n rates, of what did not begin.
func (p *plan) unrate(n int) {
	for _, s := range p.rates[:n] {
		s.rate.Release()
	}
}

// build makes the plan. The table's mutex is held.
func (w *Wall) build() {
	p := &plan{grace: defaultGrace}
	var breaker *isolate.BreakerConfig
	for d := w.domain; d != nil; d = d.parent {
		s := d.shared.Load()
		if s == nil {
			continue
		}
		c := s.cfg
		if s.rate != nil {
			p.rates = append(p.rates, s)
		}
		if s.bulkhead != nil {
			p.bulkheads = append(p.bulkheads, s)
			p.timed = p.timed || s.adaptive != nil
		}
		if breaker == nil {
			breaker = c.Breaker
		}
		if p.retry == nil {
			p.retry = s.retry
		}
		if p.timeout == 0 && c.Timeout > 0 {
			p.timeout, p.grace = c.Timeout, c.Grace
		}
		if p.crit == 0 {
			p.crit = c.Criticality
		}
	}
	if p.timeout > 0 {
		p.longest = p.timeout
		for _, s := range p.rates {
			p.longest += max(s.cfg.Rate.MaxWait, 0)
		}
		for _, s := range p.bulkheads {
			p.longest += max(s.cfg.Bulkhead.MaxWait, 0)
		}
	}
	if breaker != nil && !w.family.catchAll.Load() { // one that stands for many would be cut off for the sake of one
		p.breaker, p.broken = w.breaker(breaker), breaker
		p.timed = p.timed || p.breaker.TimesCalls()
	}
	if p.crit.Rank() < isolate.Critical.Rank() {
		w.lesser.Store(true)
	}
	w.plan.Store(p)
}

// breaker returns one with these settings: the one that there is, or one that is open
// where that was.
func (w *Wall) breaker(c *isolate.BreakerConfig) *isolate.Breaker {
	old := w.plan.Load()
	if old != nil && same(old.broken, c) {
		return old.breaker
	}
	var b *isolate.Breaker
	b, err := isolate.NewBreaker(*c, func(from, to isolate.State) {
		if b != nil && w.plan.Load().breaker == b { // and not one that settings have replaced
			w.changed(from, to)
		}
	})
	if err != nil { // they were checked
		return nil
	}
	if old != nil && old.breaker.Stat().State != isolate.Closed {
		b.Trip()
	}
	return b
}

// changed tells that the breaker opened or closed.
func (w *Wall) changed(from, to isolate.State) {
	if to == isolate.Open {
		w.opened.Add(1)
	}
	detail := "the breaker is closed: its probes succeeded"
	switch {
	case to == isolate.Open && from == isolate.HalfOpen:
		detail = "the breaker is open again: a probe failed"
	case to == isolate.Open:
		detail = "the breaker is open: too many calls failed or were slow"
	case to == isolate.HalfOpen:
		detail = "the breaker lets probes through"
	}
	w.rt.emit(observe.Event{Kind: observe.EventBreaker, Subject: w.family.subject(), Breaker: to.String(), Detail: detail})
}
