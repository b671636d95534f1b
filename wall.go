package hale

import (
	"context"
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

	open     atomic.Uint64 // calls that the breaker turned away
	cut      atomic.Uint64 // and that a quarantine did
	opened   atomic.Uint64 // times that the breaker did
	retried  atomic.Uint64 // tries after the first
	fellBack atomic.Uint64
	timedOut atomic.Uint64

	last observe.WallStat // totals as of the last sample; the sampler's own
}

// Wall returns the wall of a name in a domain, made when it is first asked for. A name
// that has one, or tasks, stays in its domain; "" means what [observe.DomainOf] says.
// Names are bounded as those of tasks are: further ones share "hale.other". [Call] holds
// them to their domains all the same, but for breakers.
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
	w := newWall(at, d.of(at.domain))
	i, _ := slices.BinarySearchFunc(d.walls, w, compareWalls)
	d.walls = slices.Insert(slices.Clone(d.walls), i, w)
	at.wall.Store(w)
	return w
}

// newWall makes a wall. The table's mutex is held.
func newWall(at *family, x *domain) *Wall {
	w := &Wall{rt: at.rt, family: at, domain: x, sheds: heal.ShedSwitch + string(x.name)}
	w.build()
	return w
}

func compareWalls(a, b *Wall) int { return strings.Compare(a.family.name, b.family.name) }

// Trip opens the breaker of the name, if it has one, as if too many calls had failed.
func (w *Wall) Trip() { w.current().breaker.Trip() }

// Reset closes the breaker of the name, if it has one, and forgets what it has seen.
func (w *Wall) Reset() { w.current().breaker.Reset() }

// Timeout returns how long the domain lets one thing take, 0 for any time. Whoever goes
// by [Wall.Enter] sees to it that it is heeded.
func (w *Wall) Timeout() time.Duration { return w.current().timeout }

// Budget returns how long one thing may take from when it asks to be let in, 0 for any
// time: the timeout, and as long as it may have to wait.
func (w *Wall) Budget() time.Duration { return w.current().longest }

// FellBack counts that something else answered what was turned away.
func (w *Wall) FellBack() {
	if w != nil && w.rt != nil {
		w.fellBack.Add(1)
	}
}

// Degraded reports whether the switch of the wall's name or domain is degraded; see
// [Degraded].
func (w *Wall) Degraded() bool {
	if w == nil || w.rt == nil || w.rt.switches.table.Load() == nil {
		return false
	}
	return max(w.rt.switches.level(string(w.domain.name)), w.rt.switches.level(w.family.name)) > 0
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
	var v Visit
	if err := w.enter(ctx, w.plan.Load(), true, &v); err != nil {
		return Visit{}, err
	}
	if v.plan.timed {
		v.began = time.Since(w.rt.clock.born)
	}
	return v, nil
}

// admit looks at the name's quarantine, for what starts no task in its name.
func (w *Wall) admit(ctx context.Context) error {
	if w.family.gate.Load() == nil && w.rt.cut.table.Load() == nil {
		return nil
	}
	err := w.family.admit()
	if err != nil {
		w.cut.Add(1)
	}
	return blame(ctx, w.family.name, err)
}

// enter is Enter, which fills v in. spanned says that the span which ctx is in is of what
// enters.
func (w *Wall) enter(ctx context.Context, p *plan, spanned bool, v *Visit) error {
	sheds := w.rt.switches.table.Load() != nil && w.shed(ctx, p)
	if sheds && len(p.bulkheads) == 0 {
		return w.turnAway()
	}
	if len(p.rates) > 0 && p.breaker.Refuses() { // its turn is for those that are let through
		return w.refuse(nil, isolate.ErrOpen)
	}
	for i, s := range p.rates {
		if err := s.rate.Acquire(hear(ctx)); err != nil {
			p.unrate(i)
			return w.refuse(s, err)
		}
	}
	v.plan = p
	for i, s := range p.bulkheads {
		s.domain.tend()
		switch {
		case sheds && !s.bulkhead.TryAcquireSpare():
			v.release()
			p.unrate(len(p.rates))
			return w.turnAway()
		case !sheds && !s.bulkhead.TryAcquire():
			inside, err := w.wait(ctx, p, s, spanned)
			if err != nil {
				v.release()
				p.unrate(len(p.rates))
				return err
			}
			if inside {
				continue
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
		p.unrate(len(p.rates))
		return w.refuse(nil, err)
	}
	v.wall, v.pass = w, pass
	return nil
}

// shed reports whether the call is less critical than what is done in the domain for now:
// it gets a place only where half of them are free, and does not wait for one.
func (w *Wall) shed(ctx context.Context, p *plan) bool {
	level := w.rt.switches.level(w.sheds)
	return level > 0 && criticalityOf(ctx, p.crit).Rank() < min(level, isolate.CriticalPlus.Rank())
}

func (w *Wall) turnAway() error {
	w.domain.shed.Add(1)
	return &isolate.RefusedError{At: string(w.domain.name), Err: isolate.ErrShed}
}

// wait waits for room in a bulkhead, unless what is called would not be called anyway, or
// is within what has room there.
func (w *Wall) wait(ctx context.Context, p *plan, s *shared, spanned bool) (inside bool, err error) {
	if p.breaker.Refuses() {
		return false, w.refuse(nil, isolate.ErrOpen)
	}
	if w.within(ctx, s, spanned) {
		return true, nil
	}
	crit := criticalityOf(ctx, p.crit)
	if crit.Rank() < isolate.Critical.Rank() && !w.lesser.Load() {
		w.lesser.Store(true)
	}
	s.domain.asked.note(crit.Rank(), w.rt.clock.born)
	if err := s.bulkhead.Acquire(hear(ctx), crit); err != nil {
		return false, w.refuse(s, err)
	}
	return false, nil
}

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
		w.open.Add(1)
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
