package hale

import (
	"context"

	"github.com/hale-go/hale/observe"
)

// Go hands fn to the pool and does not wait for it: a nil error means that it
// will run, unless Close gives it up or ctx ends before a worker is free. It
// returns [ErrNilFunc], [ErrClosed], [ErrQuarantined], [ErrFull] after MaxWait,
// or the context's error when ctx ended while the unit waited for room. fn's
// own error is counted, and its panic is an event. It costs one allocation.
func (p *Pool) Go(ctx context.Context, fn func(context.Context) error, opts ...UnitOption) error {
	ctx, err := p.admit(ctx, fn == nil)
	if err != nil {
		return err
	}
	j := job{ctx: ctx, fn: fn}
	if len(opts) > 0 && gatherUnit(opts).idempotent {
		j.ticket = &ticket{idempotent: true, again: fn}
	}
	return p.enqueue(j)
}

// Submit hands fn to the pool, waits for it and returns its error with its
// chain intact. Besides what [Pool.Go] returns it may be a [*PanicError], a
// [*TaskError] when the unit outran its budget, or [ErrAbandoned]. When ctx
// ends first, Submit returns its cause at once, and the unit, whose context is
// cancelled too, is left to the pool.
func (p *Pool) Submit(ctx context.Context, fn func(context.Context) error, opts ...UnitOption) error {
	ctx, err := p.admit(ctx, fn == nil)
	if err != nil {
		return err
	}
	t := &ticket{idempotent: gatherUnit(opts).idempotent, again: fn}
	_, err = p.await(job{ctx: ctx, fn: fn, ticket: t})
	return err
}

// Submit hands fn to the pool, waits for it and returns what it returned; see
// [Pool.Submit]. It is a function because Go has no generic methods.
func Submit[T any](ctx context.Context, p *Pool, fn func(context.Context) (T, error), opts ...UnitOption) (T, error) {
	var zero T
	ctx, err := p.admit(ctx, fn == nil)
	if err != nil {
		return zero, err
	}
	first, second := new(T), (*T)(nil) // each read only if its run returned: one that is given up may write it later
	t := &ticket{idempotent: gatherUnit(opts).idempotent}
	if t.idempotent {
		second = new(T)
		t.again = keep(fn, second)
	}
	returned, err := p.await(job{ctx: ctx, fn: keep(fn, first), ticket: t})
	switch {
	case !returned:
		return zero, err
	case t.second:
		return *second, err
	default:
		return *first, err
	}
}

// keep returns fn as a body that leaves its value in out.
func keep[T any](fn func(context.Context) (T, error), out *T) func(context.Context) error {
	return func(ctx context.Context) error {
		v, err := fn(ctx)
		*out = v
		return err
	}
}

// admit reports why a unit cannot be taken, and returns the context to use.
func (p *Pool) admit(ctx context.Context, noFunc bool) (context.Context, error) {
	if err := p.usable(); err != nil {
		return nil, err
	}
	if noFunc {
		p.rt.misuse(observe.Subject{Name: p.family.name}, "nil function: nothing was submitted")
		return nil, ErrNilFunc
	}
	if ctx == nil {
		ctx = context.Background()
	}
	return ctx, blame(ctx, p.family.name, p.family.admit())
}

// usable refuses a pool that was not made by NewPool.
func (p *Pool) usable() error {
	if p == nil || p.rt == nil {
		return &ConfigError{Field: "Pool", Value: nil, Mend: "make one with Runtime.NewPool"}
	}
	return nil
}

// await queues the job and waits for its result. It reports whether the error
// is of the body's own return.
func (p *Pool) await(j job) (bool, error) {
	t := j.ticket
	t.done = make(chan struct{})
	if err := p.enqueue(j); err != nil {
		return false, blame(j.ctx, p.family.name, err)
	}
	select {
	case <-t.done:
		return t.returned, blame(j.ctx, p.family.name, t.err)
	case <-j.ctx.Done():
	}
	select {
	case <-t.done: // both were ready: the result counts
		return t.returned, blame(j.ctx, p.family.name, t.err)
	default:
		return false, context.Cause(j.ctx)
	}
}
