package hale

import (
	"context"
	"fmt"
	"time"

	"github.com/hale-go/hale/isolate"
	"github.com/hale-go/hale/observe"
)

// Call runs fn behind the walls of a fault domain and returns what it returned. name says
// what is called, such as "payments.quote", which is in the domain "payments"; it must be
// one of few. The [Runtime] is that of ctx, else [Default]; without either there are no
// walls, and the options hold.
//
// What the domain declares in [Config.Domains] is done in this order: the call waits for
// its turn (rate) and for room (bulkhead), passes the name's breaker, and runs under the
// domain's timeout. What fails is tried again (retry), and what has no answer in the end
// is answered by [Fallback]. A panic is contained and comes back as a [*PanicError].
// Refusals are [*isolate.RefusedError]s that match [ErrOpen], [ErrFull],
// [ErrRateLimited] or [ErrShed]; a name that is in quarantine gives [ErrQuarantined].
//
// Without a timeout fn runs on the calling goroutine, and nobody can take that from it:
// a place in the bulkhead is taken until it returns. With one it runs as a task of its
// own on a goroutine of its own.
//
// A call that is made within another of the same domain takes a place of its own, so give
// what is called by calls a domain of its own. Where there is no room, one that is within
// a [Span] which has a place, as requests are, goes on without; others may wait for one
// another until MaxWait.
//
// While the switch of the domain is degraded (see [Degraded]), a call with a [Fallback]
// is answered by that at once, given [ErrDegraded].
//
// A caller who gave up, [context.Canceled], is no failure. Nor is a [Span] one that fails
// after a call in it was turned away and had no fallback: the incident is the domain's.
//
// A call is measured as an [Operation] of kind [observe.Internal]; within a [Span], or with
// a [Tracer], it is a span. On its own it takes no allocation. From about a thousand calls a
// second on, of which only a part is timed, it takes less time than a breaker of gobreaker's
// alone, below that the time of two readings of the clock more. A span costs what
// [Operation.Start] does, and a timeout two or three times what [Go] and [Task.Wait] do.
func Call[T any](ctx context.Context, name string, fn func(context.Context) (T, error), opts ...CallOption) (T, error) {
	if fn == nil {
		var none T
		return none, ErrNilFunc
	}
	if ctx == nil {
		ctx = context.Background()
	}
	span := SpanOf(ctx)
	w := runtimeIn(ctx, span).callWall(name)
	var o *callOptions
	if len(opts) > 0 {
		o = gatherCall(opts)
	}
	p := w.current()
	if p.retry == nil && o == nil {
		out, _, err := try(ctx, w, p, span != nil, nil, fn)
		return out, span.turnedAway(err)
	}
	var fallback func(context.Context, error) (T, error)
	if o != nil && o.fallback != nil {
		if fallback, _ = o.fallback.(func(context.Context, error) (T, error)); fallback == nil { // told before it is needed
			w.misused(fmt.Sprintf("the Fallback is nil or not of the type that the call returns, but a %T: it is not used", o.fallback))
		}
	}
	if fallback != nil && w.Degraded() {
		return fallBack(ctx, w, p, fallback, ErrDegraded)
	}
	out, err := tries(ctx, w, p, span != nil, o, fn)
	if err == nil || fallback == nil || o.expects(err) || errOf(ctx) != nil {
		return out, span.turnedAway(err)
	}
	return fallBack(ctx, w, p, fallback, err)
}

// turnedAway notes that a call which the span made was turned away, if it was, and returns
// its error.
func (s *Span) turnedAway(err error) error {
	if s != nil && err != nil {
		if refused, _ := find[*isolate.RefusedError](err); refused != nil {
			s.turned.Store(true)
		}
	}
	return err
}

// callWall returns the wall of what is called, measured as an operation.
func (rt *Runtime) callWall(name string) *Wall {
	if rt = rt.made(); rt == nil {
		return nil
	}
	at := rt.familyFor(name, func() string { return "call" }, "")
	w := at.wall.Load()
	if at.name == otherName && name != otherName {
		w = rt.domains.rest(at, observe.DomainOf(name))
	}
	if w != nil && w.op.Load() != nil {
		return w
	}
	if w == nil {
		w = rt.wallOf(at)
	}
	op := rt.Operation(observe.Internal, at.name, at.domain)
	op.wall.Store(w)
	w.op.CompareAndSwap(nil, op)
	return w
}

var noPlan = &plan{grace: defaultGrace}

// current returns the plan of a wall, an empty one of none.
func (w *Wall) current() *plan {
	if w == nil || w.rt == nil {
		return noPlan
	}
	return w.plan.Load()
}

// tries runs fn until it succeeds or there is no use in it. That a further try is turned
// away is not what the call failed with: it was made, and nobody may take it for one that
// was not.
func tries[T any](ctx context.Context, w *Wall, p *plan, spans bool, o *callOptions, fn func(context.Context) (T, error)) (T, error) {
	p.retry.Started()
	var last T
	var t trial
	for n := 1; ; n++ {
		out, ran, err := try(ctx, w, p, spans, o, fn)
		if ran {
			last, t.made, t.failed = out, t.made+1, err
			if n > 1 {
				w.retried.Add(1)
			}
		}
		if err == nil || p.retry == nil || !o.again(err) {
			return last, t.over(n, ran, err, nil)
		}
		heard := hear(ctx)
		wait, ok := p.retry.Next(heard, n, err)
		if !ok {
			return last, t.over(n, ran, err, nil)
		}
		if cause := isolate.Sleep(heard, wait); cause != nil {
			return last, t.over(n, ran, err, cause)
		}
	}
}

// trial is what became of the tries of a call that were let in.
type trial struct {
	made   int
	failed error // what the last of them failed with
}

// over is the error of a call that is not tried again after n tries. The last of them failed
// with err, or, where it was not let in, was turned away with it; a cause ended the wait for
// one more.
func (t trial) over(n int, ran bool, err, cause error) error {
	if err == nil || (n == 1 && cause == nil) {
		return err
	}
	e := &isolate.RetryError{Tries: n, Err: err, Cause: cause}
	if ran || t.made == 0 {
		return e
	}
	e.Tries, e.Err = t.made, t.failed
	switch refused, _ := find[*isolate.RefusedError](err); {
	case cause != nil:
	case refused != nil || matches(err, ErrQuarantined):
		e.Refused = err
	default: // the caller gave up
		e.Cause = err
	}
	return e
}

// again reports whether a call may be run again that failed so. One that timed out may
// still be under way, and what panicked would most likely do so again.
func (o *callOptions) again(err error) bool {
	panicked, _ := find[*PanicError](err)
	switch {
	case panicked != nil || matches(err, ErrQuarantined) || matches(err, ErrClosed) || matches(err, ErrAbandoned):
		return false
	case o == nil:
		return !matches(err, ErrTimeout)
	case o.once || o.expects(err):
		return false
	}
	return o.idempotent || !matches(err, ErrTimeout)
}

// try runs fn once, and reports whether it was let in.
func try[T any](ctx context.Context, w *Wall, p *plan, spans bool, o *callOptions, fn func(context.Context) (T, error)) (out T, ran bool, err error) {
	var v callVisit
	if err := w.enterCall(ctx, p, spans, &v); err != nil {
		return out, false, err
	}
	if p.timeout > 0 {
		kept := v // on the heap, and v need not be
		out, err = detach(ctx, w, p, &kept, o, fn)
		return out, true, err
	}
	err = ErrGoexit // unless guarded comes back
	defer func() { v.leave(ctx, o, err) }()
	out, err = guarded(v.ctx(ctx), w, fn)
	return out, true, err
}

// callVisit is a [Visit] of a call, which is measured.
type callVisit struct {
	Visit
	span *Span
	in   context.Context // with the span; nil: there is none
	time timing          // of what is no span
}

// ctx returns what fn is given.
func (v *callVisit) ctx(ctx context.Context) context.Context {
	if v != nil && v.in != nil {
		return v.in
	}
	return ctx
}

// enterCall is Enter for a call. spans says that it is one of a span's.
func (w *Wall) enterCall(ctx context.Context, p *plan, spans bool, v *callVisit) (err error) {
	if w == nil {
		return nil
	}
	if p.timeout > 0 && len(p.bulkheads) == 0 && w.behind.Load() >= maxBehind {
		w.domain.full.Add(1)
		return &isolate.RefusedError{At: w.family.name, Err: ErrFull}
	}
	if err = w.admit(ctx); err != nil {
		return err
	}
	if err = w.enter(ctx, p, false, &v.Visit); err != nil {
		return err
	}
	if op := w.op.Load(); spans || w.rt.tracing != nil {
		v.start(ctx, op)
	} else {
		v.time = op.begin(p.timed || p.timeout > 0)
	}
	return nil
}

// start begins the call's span. A tracer that ends the goroutine must not take the places
// with it.
func (v *callVisit) start(ctx context.Context, op *Operation) {
	started := false
	defer func() {
		if !started {
			v.giveBack()
		}
	}()
	v.in, v.span = op.Start(ctx)
	started = true
}

// leave ends the call.
func (v *callVisit) leave(ctx context.Context, o *callOptions, err error) {
	if v == nil || v.wall == nil {
		return
	}
	defer v.release()
	v.settleLate(ctx, o, err)
}

// giveBack gives back the places, if there are any.
func (v *callVisit) giveBack() {
	if v != nil && v.wall != nil {
		v.release()
	}
}

// settleLate ends a call whose body is left behind, and keeps its places.
func (v *callVisit) settleLate(ctx context.Context, o *callOptions, err error) {
	if v == nil {
		return
	}
	out, took := isolate.Failed, time.Duration(0) // of an error whose methods end the goroutine
	defer func() { v.settle(out, took) }()
	out, took = v.end(ctx, o, err)
}

// end measures the call that has ended.
func (v *callVisit) end(ctx context.Context, o *callOptions, err error) (out isolate.Outcome, took time.Duration) {
	outcome, failed := outcomeOK, false
	if err != nil {
		out, outcome, failed = judge(ctx, o, err)
	}
	if failed {
		v.wall.family.failed.Add(1)
	}
	if v.span == nil {
		return out, v.wall.op.Load().finish(v.time, outcome, failed)
	}
	if v.plan.timed {
		took = max(time.Since(v.wall.rt.clock.born)-v.span.began, 0)
	}
	v.span.end(outcome, failed, err)
	return out, took
}

// judge says what an error means.
func judge(ctx context.Context, o *callOptions, err error) (out isolate.Outcome, outcome string, failed bool) {
	outcome, failed = outcomeOf(err)
	switch {
	case o.expects(err):
		return isolate.Succeeded, outcome, false
	case !failed || matches(errOf(ctx), context.Canceled): // who asked has gone
		return isolate.Ignored, outcome, false
	case outcome == errorTimeout || matches(err, ErrFull) || matches(err, ErrShed) || matches(err, ErrRateLimited):
		return isolate.Dropped, outcome, true
	}
	return isolate.Failed, outcome, true
}

// broke turns what recover returned into an error and reports it. It must be called while
// the deferred function that recovered is running.
func (w *Wall) broke(ctx context.Context, v any) error {
	err := rescue(v)
	if p, ok := err.(*PanicError); ok && w != nil && !aborts(p.Value) { //nolint:errorlint // as rescue made it
		w.family.panics.Add(1)
		w.rt.note(&note{
			family: w.family, n: w.rt.seq.Add(1),
			trace: p.trace, value: cutValue(valueText(p.Value)), request: requestAside(ctx),
		})
	}
	return err
}

// fallBack has f answer a call that failed with why.
func fallBack[T any](ctx context.Context, w *Wall, p *plan, f func(context.Context, error) (T, error), why error) (out T, err error) {
	if p.timeout > 0 && w.behind.Load() >= maxBehind {
		return out, why
	}
	if w != nil {
		w.fellBack.Add(1)
	}
	body := func(ctx context.Context) (T, error) { return f(ctx, why) }
	if p.timeout > 0 {
		out, err = detach(ctx, w, &plan{timeout: p.timeout, grace: p.grace}, nil, nil, body)
	} else {
		out, err = guarded(ctx, w, body)
	}
	if err != nil {
		return out, fmt.Errorf("the fallback failed: %w, after %w", err, why)
	}
	return out, nil
}

// guarded runs fn and contains its panic.
func guarded[T any](ctx context.Context, w *Wall, fn func(context.Context) (T, error)) (out T, err error) {
	returned := false
	defer func() {
		if !returned {
			err = w.broke(ctx, recover())
		}
	}()
	out, err = fn(ctx)
	returned = true
	return out, err
}

func (w *Wall) misused(detail string) {
	if w != nil {
		w.rt.misuse(w.family.subject(), detail)
	}
}
