package hale

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/hale-go/hale/internal/aside"
)

// The contexts that callers hand over are anybody's code, and may be used after
// their time: that of a request which was recycled panics. Such a panic on a
// goroutine of hale's would end the process, so hale asks through these. A context
// may also hang or end the goroutine: where that must not do so, hale asks aside.

const (
	// askLimit is how long other people's code is waited for that is asked aside.
	askLimit = 50 * time.Millisecond
	// maxHung is how many such calls may hang before nobody is asked any more.
	maxHung = 64
)

var hung atomic.Int64

// ask runs other people's code aside, and reports whether it answered.
func ask[T any](f func() T) (answer T, ok bool) {
	if hung.Load() >= maxHung {
		return answer, false
	}
	answer, err := aside.Call(askLimit, &hung, f)
	return answer, err == nil
}

// errBroken is why work ends whose context cannot be asked any more.
var errBroken = errors.New("hale: the caller's context cannot be asked")

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

// known is a caller's context that hale derives from, or that outlives the call it
// was given with and is asked under locks. What the context package and hale ask
// again and again, also on goroutines that must not hang, is asked once.
type known struct {
	context.Context
	done <-chan struct{}

	canceller                          any // what the context package finds in it, by its key
	scope, task, labels, request, span any
}

// remember returns ctx as it can be kept, and asked under locks.
func remember(ctx context.Context) context.Context {
	if endTame(ctx) && valueTame(ctx) {
		return ctx
	}
	return know(ctx)
}

// hear returns ctx as it can be derived from.
func hear(ctx context.Context) context.Context {
	switch ctx.(type) {
	case *scope, *taskContext: // which make theirs when they are asked
		return ctx
	}
	if endTame(ctx) {
		return ctx
	}
	return know(ctx)
}

// know asks ctx for all that hale may want.
func know(ctx context.Context) *known {
	done := doneOf(ctx) // first: a task's context has a canceller from then on
	return &known{
		Context: ctx, done: done, canceller: valueOf(ctx, cancelKey),
		scope: valueOf(ctx, scopeKey{}), task: valueOf(ctx, taskKey{}),
		labels: valueOf(ctx, labelKey), request: valueOf(ctx, requestKey{}), span: valueOf(ctx, spanKey{}),
	}
}

// doneOf is ctx.Done. Where that panics, the end is not heard of.
func doneOf(ctx context.Context) (done <-chan struct{}) {
	defer func() { _ = recover() }()
	return ctx.Done()
}

func (k *known) Done() <-chan struct{} { return k.done }

// Deadline is that of the context, none where it panics.
func (k *known) Deadline() (deadline time.Time, ok bool) {
	defer func() {
		if recover() != nil {
			deadline, ok = time.Time{}, false
		}
	}()
	return k.Context.Deadline()
}

// Err asks nobody before the context has ended, and then, where it can, only the
// standard library's context in it.
func (k *known) Err() error {
	select {
	case <-k.done:
	default:
		return nil
	}
	if in, ok := k.canceller.(context.Context); ok && in.Done() == k.done {
		return in.Err()
	}
	if err, ok := ask(func() error { return k.Context.Err() }); ok && err != nil {
		return err
	}
	return errBroken
}

func (k *known) Value(key any) any {
	switch key.(type) {
	case scopeKey:
		return k.scope
	case taskKey:
		return k.task
	case requestKey:
		return k.request
	case spanKey:
		return k.span
	}
	switch key {
	case labelKey:
		return k.labels
	case cancelKey:
		return k.canceller
	}
	return k.Context.Value(key)
}

// derive is [context.WithCancelCause]. Where the parent's Done panics, its end is
// not heard of any more.
func derive(parent context.Context) cancellation {
	ctx, cancel := context.WithCancelCause(hear(parent))
	return cancellation{ctx, cancel}
}

// alone is derive without the parent's end. It asks the parent nothing.
func alone(parent context.Context) cancellation {
	ctx, cancel := context.WithCancelCause(&values{parent})
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
