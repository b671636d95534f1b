package hale

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/hale-go/hale/heal"
	"github.com/hale-go/hale/isolate"
	"github.com/hale-go/hale/observe"
)

// Wall stands around what is done under one name, and holds it to what its fault domain
// declares: rate, bulkhead, breaker. [Call] is the way through it for functions; adapters
// that serve or send something, such as halehttp, go by [Wall.Enter]. Ask the [Runtime]
// for one with [Runtime.Wall] once and keep it. All methods may be called from any
// goroutine; a nil or zero Wall lets everything in.
type Wall struct {
	rt     *Runtime
	family *family
	domain *domain
	sheds  string // the switch that says what is turned away
	plan   atomic.Pointer[plan]

	op       atomic.Pointer[Operation] // that calls are counted as; nil: they are counted elsewhere
	detached atomic.Uint64             // of them: those that ran as tasks
	lesser   atomic.Bool               // something was called that is less than critical
	behind   atomic.Int64              // bodies that their callers left behind
	flying   atomic.Int64              // of those: whose callers wait

	refused  [reasons]atomic.Uint64
	opened   atomic.Uint64 // times that the breaker did
	retried  atomic.Uint64 // tries after the first
	fellBack atomic.Uint64
	timedOut atomic.Uint64

	last observe.WallStat // totals as of the last sample; the sampler's own
}

// plan is what goes through a wall has to pass at present. It is replaced and never
// changed.
type plan struct {
	rates     []*shared // with a rate limiter, innermost first
	bulkheads []*shared // with a bulkhead, innermost first
	breaker   *isolate.Breaker
	broken    *isolate.BreakerConfig // the breaker's settings
	retry     *isolate.Retry
	timeout   time.Duration
	grace     time.Duration
	crit      isolate.Criticality
	timed     bool // somebody wants to know how long it takes
}

// Why something was refused, as an index.
const (
	refusedOpen = iota
	refusedGate
	reasons
)

// Wall returns the wall of a name in a domain, made when it is first asked for. A name
// that has one, or tasks, stays in its domain; "" means what [observe.DomainOf] says.
// Names are bounded as those of tasks are: further ones share "hale.other", which has no
// breaker.
func (rt *Runtime) Wall(name string, domain observe.Domain) *Wall {
	if rt = rt.made(); rt == nil {
		return nil
	}
	return rt.wallOf(rt.familyFor(name, func() string { return "call" }, domain))
}

// wallOf returns the wall of a family.
func (rt *Runtime) wallOf(at *family) *Wall {
	if w := at.wall.Load(); w != nil {
		return w
	}
	d := &rt.domains
	d.mu.Lock()
	defer d.mu.Unlock()
	if w := at.wall.Load(); w != nil {
		return w
	}
	w := &Wall{rt: rt, family: at, domain: d.of(at.domain), sheds: heal.ShedSwitch + string(at.domain)}
	w.build()
	i, _ := slices.BinarySearchFunc(d.walls, w, compareWalls)
	d.walls = slices.Insert(slices.Clone(d.walls), i, w)
	at.wall.Store(w)
	return w
}

func compareWalls(a, b *Wall) int { return strings.Compare(a.family.name, b.family.name) }

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

// Trip opens the breaker of the name, if it has one, as if too many calls had failed.
func (w *Wall) Trip() { w.current().breaker.Trip() }

// Reset closes the breaker of the name, if it has one, and forgets what it has seen.
func (w *Wall) Reset() { w.current().breaker.Reset() }

// Timeout returns how long the domain lets one thing take, 0 for any time. Whoever goes
// by [Wall.Enter] sees to it that it is heeded.
func (w *Wall) Timeout() time.Duration { return w.current().timeout }

// Degraded reports whether the switch of the wall's name or domain is degraded; see
// [Degraded].
func (w *Wall) Degraded() bool {
	if w == nil || w.rt == nil || w.rt.switches.table.Load() == nil {
		return false
	}
	return max(w.rt.switches.level(string(w.family.domain)), w.rt.switches.level(w.family.name)) > 0
}

// Visit is leave to do one thing within a [Wall]. It is ended by one [Visit.Leave].
type Visit struct {
	wall  *Wall
	plan  *plan
	pass  isolate.Pass
	began time.Duration // since the birth of the runtime, where somebody wants to know

	held     uint16               // a bit for each of the plan's bulkheads in which it has a place
	inFlight [maxDomainDeep]int32 // in those with an adaptive limit, when it began
}

// Enter lets one thing in, waiting for its turn as the domain declares, or says why not:
// a [*isolate.RefusedError] that matches [ErrOpen], [ErrFull], [ErrRateLimited] or
// [ErrShed], or the cause of ctx. Whether the name is in quarantine is looked at where
// its tasks start. It takes no allocation where everything is well.
func (w *Wall) Enter(ctx context.Context) (Visit, error) {
	if w == nil || w.rt == nil {
		return Visit{}, nil
	}
	if ctx == nil {
		ctx = context.Background()
	}
	v, err := w.enter(ctx, w.plan.Load(), true)
	if err == nil && v.plan.timed {
		v.began = time.Since(w.rt.clock.born)
	}
	return v, err
}

// admit looks at the name's quarantine, for what starts no task in its name.
func (w *Wall) admit(ctx context.Context) error {
	if w.family.gate.Load() == nil && w.rt.cut.table.Load() == nil {
		return nil
	}
	err := w.family.admit()
	if err != nil {
		w.refused[refusedGate].Add(1)
	}
	return blame(ctx, w.family.name, err)
}

// enter is Enter. spanned says that the span which ctx is in is of what enters.
func (w *Wall) enter(ctx context.Context, p *plan, spanned bool) (Visit, error) {
	if w.rt.switches.table.Load() != nil {
		if err := w.shed(ctx, p); err != nil {
			return Visit{}, err
		}
		for _, s := range p.bulkheads {
			s.domain.tend()
		}
	}
	if len(p.rates) > 0 && p.breaker.Stat().State == isolate.Open { // its turn is for those that are let through
		return Visit{}, w.refuse(nil, isolate.ErrOpen)
	}
	for _, s := range p.rates {
		if err := s.rate.Acquire(hear(ctx)); err != nil {
			return Visit{}, w.refuse(s, err)
		}
	}
	v := Visit{wall: w, plan: p}
	for i, s := range p.bulkheads {
		if !s.bulkhead.TryAcquire() {
			switch err := w.wait(ctx, p, s, spanned); err { //nolint:errorlint // it is no error
			case nil:
			case errWithin:
				continue
			default:
				v.release()
				return Visit{}, err
			}
		}
		v.held |= 1 << i
		if s.adaptive != nil {
			v.inFlight[i] = int32(s.bulkhead.Stat().InUse)
		}
	}
	pass, err := p.breaker.Acquire()
	if err != nil {
		v.release()
		return Visit{}, w.refuse(nil, err)
	}
	v.pass = pass
	return v, nil
}

// shed turns away what is less critical than what is done in the domain for now.
func (w *Wall) shed(ctx context.Context, p *plan) error {
	level := w.rt.switches.level(w.sheds)
	if level == 0 || criticalityOf(ctx, p.crit).Rank() >= min(level, isolate.CriticalPlus.Rank()) {
		return nil
	}
	w.domain.shed.Add(1)
	return &isolate.RefusedError{At: string(w.domain.name), Err: isolate.ErrShed}
}

// wait waits for room in a bulkhead, unless what is called would not be called anyway.
func (w *Wall) wait(ctx context.Context, p *plan, s *shared, spanned bool) error {
	if p.breaker.Stat().State == isolate.Open {
		return w.refuse(nil, isolate.ErrOpen)
	}
	if w.within(ctx, s, spanned) {
		return errWithin
	}
	crit := criticalityOf(ctx, p.crit)
	if crit.Rank() < isolate.Critical.Rank() && !w.lesser.Load() {
		w.lesser.Store(true)
	}
	if err := s.bulkhead.Acquire(hear(ctx), crit); err != nil {
		return w.refuse(s, err)
	}
	return nil
}

// errWithin says that there is no room, and that none is needed.
var errWithin = errors.New("hale: within a call that has a place")

// within reports whether the call is made by one that has a place in the bulkhead, as far
// as spans tell: were it to wait for another, each might wait for the other.
func (w *Wall) within(ctx context.Context, s *shared, spanned bool) bool {
	for span := SpanOf(ctx); span != nil; span = span.parent {
		if spanned && span.Operation().wall.Load() == w {
			spanned = false // its own
			continue
		}
		if span.isOver() {
			continue
		}
		if around := span.Operation().wall.Load(); around != nil && slices.ContainsFunc(around.plan.Load().bulkheads, func(x *shared) bool { return x.bulkhead == s.bulkhead }) {
			return true
		}
	}
	return false
}

// refuse says why and where something was refused; s is the domain's, nil for the wall's
// own breaker.
func (w *Wall) refuse(s *shared, err error) error {
	e := &isolate.RefusedError{At: w.family.name, Err: err}
	switch {
	case matches(err, isolate.ErrOpen):
		w.refused[refusedOpen].Add(1)
		e.RetryAfter = w.plan.Load().breaker.Stat().RetryAfter
	case matches(err, isolate.ErrFull):
		s.domain.full.Add(1)
		e.At = string(s.domain.name)
	case matches(err, isolate.ErrRateLimited):
		s.domain.rateLimited.Add(1)
		e.At, e.RetryAfter = string(s.domain.name), s.rate.RetryAfter()
	default: // the caller has gone
		return err
	}
	return e
}

// Leave ends the visit: it gives back what was taken, and says how it ended.
// [isolate.Ignored] is for what says nothing about the thing that was done, as when the
// caller gave up.
func (v Visit) Leave(o isolate.Outcome) {
	if v.wall == nil {
		return
	}
	var took time.Duration
	if v.plan.timed {
		took = time.Since(v.wall.rt.clock.born) - v.began
	}
	v.settle(o, took)
	v.release()
}

// settle says how it ended to who decides by that what is let in next.
func (v *Visit) settle(o isolate.Outcome, took time.Duration) {
	v.pass.Settle(o, took)
	for i, s := range v.plan.bulkheads {
		if s.adaptive != nil && v.inFlight[i] > 0 && (o == isolate.Succeeded || o == isolate.Dropped) {
			s.adaptive.Record(took, int(v.inFlight[i]), o == isolate.Dropped)
		}
	}
}

// release gives back the places that were taken.
func (v *Visit) release() {
	for i, s := range v.plan.bulkheads {
		if v.held&(1<<i) != 0 {
			s.bulkhead.Release()
		}
	}
}

// inline returns how many calls began on their callers' goroutines, and how many of them
// are under way. Those that have goroutines of their own are tasks.
func (w *Wall) inline() (started uint64, live int64) {
	op := w.op.Load()
	if op == nil {
		return 0, 0
	}
	ended, flying, detached := op.ended.Load()+op.untimed.Load(), w.flying.Load(), w.detached.Load()
	started = op.started.Load()
	return started - min(detached, started), max(int64(started-ended)-flying, 0)
}
