package hale

import (
	"context"
	"errors"
)

// The contexts that callers hand over are anybody's code, and may be used after
// their time: that of a request which was recycled panics. Such a panic on a
// goroutine of hale's would end the process, so hale asks through these.

// errBroken is why work ends whose context cannot be asked any more.
var errBroken = errors.New("hale: the caller's context panics")

// valueOf is ctx.Value, nil where that panics.
func valueOf(ctx context.Context, key any) (v any) {
	defer func() {
		if recover() != nil {
			v = nil
		}
	}()
	return ctx.Value(key)
}

// errOf is ctx.Err. A context that panics has ended.
func errOf(ctx context.Context) (err error) {
	defer func() {
		if recover() != nil {
			err = errBroken
		}
	}()
	return ctx.Err()
}

// causeOf is [context.Cause] of a context that has ended.
func causeOf(ctx context.Context) (err error) {
	defer func() {
		if recover() != nil {
			err = errBroken
		}
	}()
	return context.Cause(ctx)
}

// derive is [context.WithCancelCause]. Where the parent's Done panics, its end is
// not heard of any more.
func derive(parent context.Context) (made cancellation) {
	defer func() {
		if recover() != nil {
			ctx, cancel := context.WithCancelCause(&values{parent})
			made = cancellation{ctx, cancel}
		}
	}()
	ctx, cancel := context.WithCancelCause(parent)
	return cancellation{ctx, cancel}
}

// end cancels, and forgets what the parent has to say to that.
func (c *cancellation) end(cause error) {
	defer func() { _ = recover() }()
	c.cancel(cause)
}

// afterEnd is [context.AfterFunc], and never calls f where that panics. What it
// returns never does.
func afterEnd(ctx context.Context, f func()) (stop func()) {
	stop = func() {}
	defer func() { _ = recover() }()
	stopped := context.AfterFunc(ctx, f)
	return func() {
		defer func() { _ = recover() }()
		stopped()
	}
}
