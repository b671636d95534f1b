package hale

import (
	"context"
	"sync/atomic"
	"unsafe"

	"github.com/hale-go/hale/observe"
)

// tracing is a runtime's [Tracer] as hale calls it. That is anybody's code, on the
// goroutines of the service's own work, which must go on where it breaks.
type tracing struct {
	rt   *Runtime
	of   Tracer
	gone atomic.Bool // it ended a goroutine, and is not called any more
}

// tracer returns what spans are made by, nil where nobody is to be called.
func (rt *Runtime) tracer() *tracing {
	if t := rt.tracing; t != nil && !t.gone.Load() {
		return t
	}
	return nil
}

// contain is deferred around each call.
func (t *tracing) contain(method string, done *bool) {
	if *done {
		return
	}
	detail := "the tracer's " + method + " panicked: spans are missing"
	if recover() == nil {
		t.gone.Store(true)
		detail = "the tracer's " + method + " ended the goroutine: it is not called any more"
	}
	t.rt.misuse(observe.Subject{Name: "hale.tracer"}, detail)
}

func (t *tracing) start(ctx context.Context, kind observe.OperationKind, name string) (out context.Context, end EndSpan) {
	out, done := ctx, false
	defer t.contain("Start", &done)
	if made, f := t.of.Start(ctx, kind, name); made != nil {
		out, end = made, f
	}
	done = true
	return out, end
}

func (t *tracing) rename(ctx context.Context, name string) {
	done := false
	defer t.contain("Rename", &done)
	t.of.Rename(ctx, name)
	done = true
}

func (t *tracing) startTask(ctx context.Context, s *scope) (out context.Context, end EndSpan) {
	out, done := ctx, false
	defer t.contain("StartTask", &done)
	if made, f := t.of.StartTask(ctx, s.id(), s.family().domain); made != nil {
		out, end = made, f
	}
	done = true
	return out, end
}

func (t *tracing) end(end EndSpan, outcome string, failed bool, err error) {
	if end == nil || t.gone.Load() {
		return
	}
	done := false
	defer t.contain("EndSpan", &done)
	end(outcome, failed, err)
	done = true
}

func (t *tracing) detach(ctx context.Context) (out context.Context) {
	out, done := ctx, false
	defer t.contain("Detach", &done)
	if made := t.of.Detach(ctx); made != nil {
		out = made
	}
	done = true
	return out
}

func (t *tracing) trace(ctx context.Context) (at observe.TraceContext) {
	done := false
	defer t.contain("Trace", &done)
	at = t.of.Trace(ctx)
	done = true
	return at
}

func (t *tracing) extract(ctx context.Context, get func(string) string) (out context.Context) {
	out, done := ctx, false
	defer t.contain("Extract", &done)
	if made := t.of.Extract(ctx, get); made != nil {
		out = made
	}
	done = true
	return out
}

func (t *tracing) inject(ctx context.Context, set func(key, value string)) {
	done := false
	defer t.contain("Inject", &done)
	t.of.Inject(ctx, set)
	done = true
}

// traced begins the span of a task and returns what runs fn in it.
//
//go:noinline
func (t *Task) traced(fn func(context.Context) error, back unsafe.Pointer) func(context.Context) error {
	tracer := t.scope.family().rt.tracer()
	if tracer == nil {
		return fn
	}
	begun := false
	defer func() {
		if !begun { // the goroutine ends, and the tracer is gone: the task runs before
			t.run(fn, back)
		}
	}()
	ctx := context.Context((*taskContext)(t))
	if t.child() != nil {
		ctx = tracer.detach(ctx)
	}
	ctx, end := tracer.startTask(ctx, &t.scope)
	begun = true
	return func(context.Context) error { return tracer.body(ctx, &t.scope, end, fn) }
}

// traced runs a unit in a span. What [worker.run] does after a panic is done here: it
// comes back as an error.
func (w *worker) traced(u *unit, j job) error {
	fn := j.fn
	if fn == nil {
		fn = func(ctx context.Context) error { return j.ticket.body(ctx, w.state) }
	}
	tracer := w.pool.rt.tracer()
	if tracer == nil {
		return fn(&u.scope)
	}
	ctx, end := tracer.startTask(&u.scope, &u.scope)
	return tracer.body(ctx, &u.scope, end, fn)
}

// body runs fn and ends its span. A panic was reported when it comes back as an error;
// one that is to end the process goes on.
func (t *tracing) body(ctx context.Context, s *scope, end EndSpan, fn func(context.Context) error) (err error) {
	returned := false
	defer func() {
		if returned {
			return
		}
		if s.flags&flagCrash != 0 {
			t.end(end, errorPanic, true, nil)
			return
		}
		v := recover()
		broke := rescue(v)
		if v != nil { // else the goroutine ends, and who called finds out
			err = broke
			s.reportPanic(broke)
		}
		if v != nil && aborts(v) {
			t.end(end, "aborted", false, nil)
			return
		}
		outcome, failed := outcomeOf(broke)
		t.end(end, outcome, failed, broke)
	}()
	err = fn(ctx)
	returned = true
	if err == nil {
		t.end(end, "ok", false, nil)
		return nil
	}
	why := s.explain(err)
	outcome, failed := outcomeOf(why)
	t.end(end, outcome, failed, why)
	return err
}
