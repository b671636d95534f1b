package isolate

import (
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/failsafe-go/failsafe-go/circuitbreaker"
)

// Breaker stops calls of what keeps failing, and lets a few through by and by to see
// whether it still does. Make one with [NewBreaker]. All methods may be called from any
// goroutine; a nil Breaker lets everything through.
//
// Each call that [Breaker.Acquire] lets through says by [Pass.Settle] how it ended, also
// when it panics: do that in a defer. A probe that never does is settled as failed after
// MaxProbe, so that it cannot block the breaker. While no recent call has failed, both
// together take some nanoseconds and no lock; they never allocate while the breaker is
// closed.
//
// Whether the calls in its window are bad enough is for failsafe-go's circuit breaker to
// say.
type Breaker struct {
	cfg    BreakerConfig
	period atomic.Uint64 // since the last change of state: its number, and in the two lower bits the state
	fails  recent
	slow   recent // of slow calls
	change func(from, to State)

	mu      sync.Mutex
	probes  []*probe // in flight, oldest first
	passed  int      // probes that succeeded since it is half open
	opened  uint64   // times
	refused uint64
	until   time.Time     // when it is open: when it lets probes through
	again   int           // how often the interval is doubled the next time
	last    time.Duration // the latest interval
	closed  time.Time     // when it closed after that
}

// BreakerStat is the state of a [Breaker].
type BreakerStat struct {
	State   State  `json:"state"`
	Opened  uint64 `json:"opened,omitempty"`  // times, so far
	Refused uint64 `json:"refused,omitempty"` // calls, so far
	// RetryAfter is for how long an open breaker lets nothing through.
	RetryAfter time.Duration `json:"retry_after,omitempty"`
}

// recent is failsafe-go's breaker, and what a good call would tell it.
type recent struct {
	cb     circuitbreaker.CircuitBreaker[any]
	of     int64        // how many calls it looks back at; 0: it looks at time, and is told of all
	stains atomic.Int64 // how many good calls it takes until it holds no others
}

// clean reports whether a good call would be no news.
func (w *recent) clean() bool { return w.cb == nil || (w.of > 0 && w.stains.Load() <= 0) }

// tell counts a call and reports whether there are too many bad ones now. The breaker's
// mutex is held.
func (w *recent) tell(bad bool) bool {
	switch {
	case w.cb == nil:
		return false
	case bad:
		w.stains.Store(w.of)
		w.cb.RecordFailure()
		return w.cb.IsOpen()
	}
	w.stains.Add(-1)
	w.cb.RecordSuccess() // may open it too: the call that makes them enough to judge by
	return w.cb.IsOpen()
}

// wipe forgets all calls. The breaker's mutex is held.
func (w *recent) wipe() {
	if w.cb == nil {
		return
	}
	w.stains.Store(0)
	w.cb.Open() // a state that it is in already it would keep, with its calls
	w.cb.Close()
}

// NewBreaker returns a closed breaker, or a [*ConfigError]. change, which may be nil, is
// called after each change of state, by the call that brought it about and without a
// lock; it must return soon.
func NewBreaker(c BreakerConfig, change func(from, to State)) (*Breaker, error) {
	c, err := c.WithDefaults()
	if err != nil {
		return nil, err
	}
	b := &Breaker{cfg: c, change: change}
	build := circuitbreaker.NewBuilder[any]()
	if c.FailureRate > 0 {
		build = build.WithFailureRateThreshold(c.FailureRate, uint(c.MinCalls), c.Period)
	} else {
		build = build.WithFailureThresholdRatio(uint(c.Failures), uint(c.Of))
		b.fails.of = int64(c.Of)
	}
	b.fails.cb = build.Build()
	if c.SlowAfter > 0 {
		b.slow.cb = circuitbreaker.NewBuilder[any]().WithFailureThresholdRatio(uint(c.Slow), uint(c.Of)).Build()
		b.slow.of = int64(c.Of)
	}
	return b, nil
}

// interval is for how long it opens at now. What fails again soon after it was found
// well has not been well. b.mu is held.
func (b *Breaker) interval(now time.Time) time.Duration {
	if State(b.period.Load()&3) == Closed && now.Sub(b.closed) >= 2*b.last {
		b.again = 0
	}
	b.last = b.cfg.Open
	for i := 0; i < b.again && b.last < b.cfg.MaxOpen; i++ {
		b.last = min(2*b.last, b.cfg.MaxOpen)
	}
	b.again++
	return b.last*9/10 + rand.N(b.last/5+1)
}

// Pass is leave to make one call. The zero Pass is that of no breaker.
type Pass struct {
	b      *Breaker
	period uint64
	probe  *probe
}

// probe is a call that was let through half open.
type probe struct{ since time.Time }

// Acquire lets a call through or returns [ErrOpen].
func (b *Breaker) Acquire() (Pass, error) {
	if b == nil {
		return Pass{}, nil
	}
	if p := b.period.Load(); State(p&3) == Closed {
		return Pass{b: b, period: p}, nil
	}
	return b.ask()
}

// ask is Acquire while the breaker is not closed.
func (b *Breaker) ask() (pass Pass, err error) {
	defer b.unlock(b.lock())
	now := time.Now()
	switch State(b.period.Load() & 3) {
	case Open:
		if now.Before(b.until) {
			b.refused++
			return pass, ErrOpen
		}
		b.enter(HalfOpen)
	case HalfOpen:
		if len(b.probes) > 0 && now.Sub(b.probes[0].since) >= b.cfg.MaxProbe {
			b.enter(Open) // it is stuck, or will never tell
		}
		if State(b.period.Load()&3) == Open || len(b.probes)+b.passed >= b.cfg.Probes {
			b.refused++
			return pass, ErrOpen
		}
	case Closed: // meanwhile
		return Pass{b: b, period: b.period.Load()}, nil
	}
	p := &probe{since: now}
	b.probes = append(b.probes, p)
	return Pass{b: b, period: b.period.Load(), probe: p}, nil
}

// Refuses reports whether the breaker is open and its time is not over, without taking
// anything. It costs an atomic load while it is closed.
func (b *Breaker) Refuses() bool {
	if b == nil || State(b.period.Load()&3) != Open {
		return false
	}
	return b.Stat().State == Open
}

// Settle says how the call ended and what it took; took matters only where
// [Breaker.TimesCalls]. It is called once for each Pass. What ends after the breaker has
// changed its state, or after it was given up as a probe, is not counted.
func (p Pass) Settle(o Outcome, took time.Duration) {
	b := p.b
	if b == nil {
		return
	}
	slow := b.cfg.SlowAfter > 0 && took >= b.cfg.SlowAfter && o != Ignored
	if p.probe == nil && !slow && (o == Ignored || (o == Succeeded && b.fails.clean() && b.slow.clean())) {
		return
	}
	defer b.unlock(b.lock())
	switch {
	case b.period.Load() != p.period:
	case p.probe != nil:
		b.probed(p.probe, o, slow)
	default:
		failing, slowing := b.fails.tell(o.bad()), b.slow.tell(slow)
		if failing || slowing {
			b.enter(Open)
		}
	}
}

// TimesCalls reports whether [Pass.Settle] looks at what a call took.
func (b *Breaker) TimesCalls() bool { return b != nil && b.cfg.SlowAfter > 0 }

// probed takes in the end of a probe. b.mu is held.
func (b *Breaker) probed(p *probe, o Outcome, slow bool) {
	i := slices.Index(b.probes, p)
	if i < 0 {
		return // settled already
	}
	b.probes = slices.Delete(b.probes, i, i+1)
	switch {
	case o == Ignored:
	case o.bad() || slow:
		b.enter(Open)
	default:
		if b.passed++; b.passed >= b.cfg.Probes {
			b.enter(Closed)
		}
	}
}

// Trip opens the breaker, for as long as after a failure.
func (b *Breaker) Trip() {
	if b != nil {
		defer b.unlock(b.lock())
		b.enter(Open)
	}
}

// Reset closes the breaker and forgets what it has seen.
func (b *Breaker) Reset() {
	if b != nil {
		defer b.unlock(b.lock())
		b.enter(Closed)
		b.fails.wipe()
		b.slow.wipe()
		b.again = 0
	}
}

// enter changes the state. b.mu is held.
func (b *Breaker) enter(s State) {
	old := b.period.Load()
	if State(old&3) == s {
		return
	}
	clear(b.probes)
	b.probes, b.passed = b.probes[:0], 0
	switch now := time.Now(); s {
	case Open:
		b.opened++
		b.until = now.Add(b.interval(now))
	case Closed:
		b.closed = now
		b.fails.wipe()
		b.slow.wipe()
	case HalfOpen:
	}
	b.period.Store((old>>2+1)<<2 | uint64(s))
}

// lock takes the mutex and returns the state, which unlock compares with that at the end.
func (b *Breaker) lock() State {
	b.mu.Lock()
	return State(b.period.Load() & 3)
}

// unlock gives the mutex back, and tells of a change of state after that.
func (b *Breaker) unlock(from State) {
	to := State(b.period.Load() & 3)
	b.mu.Unlock()
	if from != to && b.change != nil {
		b.change(from, to)
	}
}

// Stat returns the state now. An open breaker whose time is over is half open, though it
// hears of nothing before the next call.
func (b *Breaker) Stat() BreakerStat {
	if b == nil {
		return BreakerStat{}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	st := BreakerStat{State: State(b.period.Load() & 3), Opened: b.opened, Refused: b.refused}
	if st.State == Open {
		if st.RetryAfter = max(time.Until(b.until), 0); st.RetryAfter == 0 {
			st.State = HalfOpen // the next call is a probe
		}
	}
	return st
}
