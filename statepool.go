package hale

import (
	"context"
	"fmt"
	"io"

	"github.com/hale-go/hale/observe"
)

// StateConfig says how the workers of a [StatePool] come by their state.
type StateConfig[S any] struct {
	// Open makes the state of one worker: a connection, a browser, a parser with
	// its caches. It is called on the worker's goroutine before its first unit.
	// Its context lives as long as the state does and is cancelled when Open
	// outruns the pool's budget. Required.
	Open func(context.Context) (S, error)
	// Close lets go of a state when its worker ends. It is called on the worker's
	// goroutine, under the pool's budget. Default: the state's own Close method
	// if it is an [io.Closer], else nothing.
	Close func(S) error
	// MaxFailures is after how many failed units in a row a worker is replaced,
	// and from how many failed calls of Open in a row on the units that wait get
	// its error. Default: 5.
	MaxFailures int
}

// StatePool is a [Pool] each of whose workers has a state of its own, which its
// units get and use without a lock. A worker whose units keep failing is
// replaced by one with fresh state, and so is one whose unit hangs: an abandoned
// worker's state is given to nobody, and closed if its body ever comes back.
// Units whose own context has ended do not count as failures.
//
// A state is made when a unit waits and no worker with a state is idle. While
// Open fails or panics, it is tried again with backoff from 100ms to 30s and the
// units wait in the queue, as long as their contexts and their submitters allow;
// from the MaxFailures-th failure in a row on, those that wait then get an error
// that matches [ErrNoState] and Open's own. Open and Close count as units of
// their worker: one that hangs past the budget and its grace costs a goroutine,
// which is counted as abandoned, and no slot.
//
// A nil or zero StatePool refuses work with a [*ConfigError]. All methods may be
// called from any goroutine.
type StatePool[S any] struct {
	pool *Pool
}

// NewStatePool returns a pool whose units are tasks of name and whose workers
// have states. A setting that cannot be used gives a [*ConfigError].
func NewStatePool[S any](rt *Runtime, name string, cfg PoolConfig, state StateConfig[S]) (*StatePool[S], error) {
	switch {
	case state.Open == nil:
		return nil, &ConfigError{Field: "StateConfig.Open", Value: nil, Mend: "give a function that makes a worker's state"}
	case state.MaxFailures < 0:
		return nil, &ConfigError{Field: "StateConfig.MaxFailures", Value: state.MaxFailures, Mend: "give a number above 0, or 0 for the default"}
	case state.MaxFailures == 0:
		state.MaxFailures = 5
	}
	p, err := rt.newPool(name, cfg, &states{
		max:  state.MaxFailures,
		open: func(ctx context.Context) (any, error) { return state.Open(ctx) },
		close: func(s any) error {
			if state.Close != nil {
				own, _ := s.(S) // a nil interface is a state too
				return state.Close(own)
			}
			if c, ok := s.(io.Closer); ok {
				return c.Close()
			}
			return nil
		},
	})
	if err != nil {
		return nil, err
	}
	return &StatePool[S]{p}, nil
}

// Go hands fn to the pool and does not wait for it; see [Pool.Go].
func (p *StatePool[S]) Go(ctx context.Context, fn func(context.Context, S) error, opts ...UnitOption) error {
	ctx, err := p.inner().admit(ctx, fn == nil)
	if err != nil {
		return err
	}
	return p.pool.enqueue(job{ctx: ctx, ticket: &ticket{idempotent: gatherUnit(opts).idempotent, body: withState(fn)}})
}

// Submit hands fn to the pool, waits for it and returns its error; see
// [Pool.Submit]. fn must not keep the state. What fn leaves in variables of the
// caller is to be read only when Submit has returned nil or fn's own error, and
// never for an [Idempotent] unit, of which two runs may be under way.
func (p *StatePool[S]) Submit(ctx context.Context, fn func(context.Context, S) error, opts ...UnitOption) error {
	ctx, err := p.inner().admit(ctx, fn == nil)
	if err != nil {
		return err
	}
	_, err = p.pool.await(job{ctx: ctx, ticket: &ticket{idempotent: gatherUnit(opts).idempotent, body: withState(fn)}})
	return err
}

func withState[S any](fn func(context.Context, S) error) func(context.Context, any) error {
	return func(ctx context.Context, s any) error {
		state, _ := s.(S)
		return fn(ctx, state)
	}
}

// Name returns the name that the pool's units run under.
func (p *StatePool[S]) Name() string { return p.inner().Name() }

// Stat returns the pool's state now.
func (p *StatePool[S]) Stat() observe.PoolStat { return p.inner().Stat() }

// Resize changes how many units may run at once; see [Pool.Resize].
func (p *StatePool[S]) Resize(workers int) error { return p.inner().Resize(workers) }

// Close takes no more units, lets those that were accepted finish and closes all
// states; see [Pool.Close].
func (p *StatePool[S]) Close(ctx context.Context) error { return p.inner().Close(ctx) }

func (p *StatePool[S]) inner() *Pool {
	if p == nil {
		return nil
	}
	return p.pool
}

// noStateError is what units get that no worker could be made for. Its text is made
// when somebody reads it: that runs code of Open's author.
type noStateError struct {
	pool string
	err  error
}

func (e *noStateError) Error() string {
	return fmt.Sprintf("pool %s: %v: %s", e.pool, ErrNoState, errText(e.err))
}

func (e *noStateError) Unwrap() []error { return []error{ErrNoState, e.err} }
