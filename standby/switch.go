package standby

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"
)

// Switch hands out one of two sides. Its methods may be called from any goroutine.
type Switch[T any] struct {
	cfg     Config
	view    atomic.Pointer[view[T]]
	decided chan struct{} // closed by the first decision
	ended   chan struct{} // closed when Run ends
	results chan *outcome[T]
	hurry   chan struct{}
	orders  chan *order
	tell    teller
	ran     atomic.Bool
	behind  atomic.Int64 // calls of Close that overran

	mu       sync.Mutex // around what follows: Run changes it, Status reads it
	sides    [2]flank[T]
	active   int
	down     bool      // the active side failed too often, and has not passed since
	first    bool      // no decision has been taken yet
	closed   bool      // Run has ended: nobody takes results any more
	since    time.Time // of what callers see
	turned   time.Time // when active changed
	why      Reason    // and why
	switches uint64
	floor    uint64 // epochs up to this one were known when a person chose
	order    *order // under way
}

// view is what callers see. It is replaced, never changed.
type view[T any] struct {
	at    int
	value T
	err   error           // matches ErrNone while nobody is to use it
	until context.Context // ends when another has taken its place
	leave context.CancelFunc
}

func newView[T any](at int, value T, none *noneError) *view[T] {
	v := &view[T]{at: at, value: value}
	if none != nil {
		v.err = none
	}
	v.until, v.leave = context.WithCancel(context.Background())
	return v
}

// New returns a switch of two sides, of which the primary is used first. Nothing is opened
// before [Switch.Run]. The error is a [*ConfigError].
func New[T any](cfg Config, primary, standby Side[T]) (*Switch[T], error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	if err := primary.verify("primary"); err != nil {
		return nil, err
	}
	if err := standby.verify("standby"); err != nil {
		return nil, err
	}
	if primary.Name == standby.Name {
		return nil, &ConfigError{"standby.Name", standby.Name, "give each side a name of its own"}
	}
	sw := &Switch[T]{
		cfg: cfg, decided: make(chan struct{}), ended: make(chan struct{}), results: make(chan *outcome[T], 2),
		hurry: make(chan struct{}, 1), orders: make(chan *order), tell: teller{f: cfg.OnChange}, down: true, first: true,
	}
	for i, s := range []Side[T]{primary, standby} {
		sw.sides[i] = flank[T]{Side: s, probation: cfg.Probation}
	}
	var nothing T
	sw.view.Store(newView(0, nothing, &noneError{side: primary.Name, why: "has not been checked: Run does not run, or has just begun"}))
	return sw, nil
}

// Current returns the active side's value. The error matches [ErrNone] while no side is to be used;
// the value is then that of the side that was active last, and of no use before it was opened. It
// costs one atomic load. A switch may come right after it: ask again for each piece of work.
func (sw *Switch[T]) Current() (T, error) {
	v := sw.view.Load()
	return v.value, v.err
}

// Use calls fn with the active side's value and returns its error. While no side is to be
// used it returns an error that matches [ErrNone] and does not call fn. Before the first
// checks are back it waits for them, at most as long as [Config.Timeout] and ctx allow.
// It adds an atomic load and no allocation to fn. A switch does not end fn: give it a context
// with a deadline.
func (sw *Switch[T]) Use(ctx context.Context, fn func(context.Context, T) error) error {
	v, err := sw.current(ctx)
	if err != nil {
		return err
	}
	return fn(ctx, v.value)
}

// current returns what callers are to see, after the first decision if that is near.
func (sw *Switch[T]) current(ctx context.Context) (*view[T], error) {
	v := sw.view.Load()
	if v.err == nil {
		return v, nil
	}
	select {
	case <-sw.decided:
		return v, v.err
	default:
	}
	timer := time.NewTimer(sw.cfg.Timeout + time.Duration(sw.cfg.Failures)*sw.cfg.Interval) // a check that hangs is known by then
	defer timer.Stop()
	select {
	case <-sw.decided:
	case <-sw.ended:
	case <-timer.C:
	case <-ctx.Done():
		return v, context.Cause(ctx)
	}
	v = sw.view.Load()
	return v, v.err
}

// Report hastens the next check of the active side. Call it with errors that may mean that the side is
// down; nil is ignored. Nothing but checks decides: the next one begins at once, but not
// sooner than a fifth of [Config.Interval] after the last. It never blocks.
func (sw *Switch[T]) Report(err error) {
	if err == nil {
		return
	}
	select {
	case sw.hurry <- struct{}{}:
	default: // one is on its way
	}
}

// order is a switch that a person asked for.
type order struct {
	to   int
	done chan error
	gone atomic.Bool // nobody waits any more
}

// Switch makes the named side the active one and returns when it is. A side that is
// read-only is promoted first; one that is down is refused with a [*SideError]. One that
// lacks writes as far as is known is taken: whoever asks for it has seen to that, and what
// only the other side has is lost. Where both sides could be written to, stop the other first. When ctx ends
// Switch returns, and what has begun goes on.
func (sw *Switch[T]) Switch(ctx context.Context, name string) error {
	o := &order{to: -1, done: make(chan error, 1)}
	for i := range sw.sides {
		if sw.sides[i].Name == name {
			o.to = i
		}
	}
	if o.to < 0 {
		return &ConfigError{"name", name, "name one of the two sides: " + sw.sides[0].Name + " or " + sw.sides[1].Name}
	}
	select {
	case sw.orders <- o:
	case <-sw.ended:
		return &noneError{side: name, why: "was closed: Run has ended"}
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	select {
	case err := <-o.done:
		return err
	case <-sw.ended:
		return &noneError{side: name, why: "was closed: Run has ended"}
	case <-ctx.Done():
		o.gone.Store(true)
		return context.Cause(ctx)
	}
}

var errBusy = errors.New("another switch was asked for")
