package hale

import (
	"context"

	"github.com/hale-go/hale/observe"
)

// Tracer makes spans of a tracing system for hale's spans and tasks, and carries its
// context from process to process. Package haleotel has the one for OpenTelemetry.
// Its methods are called on the goroutines of requests, at any time and by many at
// once.
//
// A method that panics is reported once and costs its span. One that hangs holds up
// who called it and nobody else. One that ends the goroutine, by [runtime.Goexit],
// ends that, and the tracer is not called any more: a task that was about to begin
// runs all the same, and one that had returned has failed with [ErrGoexit].
type Tracer interface {
	// Start begins a span. The context that it returns must come from ctx, in which
	// [SpanOf] finds hale's own span already.
	Start(ctx context.Context, kind observe.OperationKind, name string) (context.Context, EndSpan)
	// Rename gives the span that began with Start and returned ctx another name, since
	// what it does was learned late.
	Rename(ctx context.Context, name string)
	// StartTask begins the span of a task, of one run of a supervised child or of a
	// pool's unit. The context that it returns must come from ctx, which is the
	// task's own.
	StartTask(ctx context.Context, id observe.TaskID, domain observe.Domain) (context.Context, EndSpan)
	// Detach returns ctx outside of its trace, for what outlives that: each run of a
	// supervised child, and what [Detach] is called for. A span that begins there may
	// link to where ctx was.
	Detach(ctx context.Context) context.Context
	// Trace returns where ctx is, the zero value outside of any trace.
	Trace(ctx context.Context) observe.TraceContext
	// Extract returns ctx as the sender of a request says by its headers, and Inject
	// gives a receiver the headers that say where ctx is.
	Extract(ctx context.Context, get func(key string) string) context.Context
	Inject(ctx context.Context, set func(key, value string))
}

// EndSpan is called when what a [Tracer]'s span is of has ended, once and on any
// goroutine. outcome is "ok", the [ErrorType] of err or what [Span.Finish] was given;
// failed says whether that is a failure. err is nil where nobody knows of one.
type EndSpan func(outcome string, failed bool, err error)

// WithTracer makes each span and task one of t's too. Without it, spans have IDs of
// hale's own, which logs show and which are propagated by W3C Trace Context, and
// nothing is exported.
func WithTracer(t Tracer) Option { return func(o *options) { o.tracer = t } }

type (
	traceKey   struct{} // an observe.TraceContext that came from elsewhere
	baggageKey struct{} // W3C baggage, as it came
)

// maxBaggage is what W3C Baggage wants to be propagated at least.
const maxBaggage = 8192

// TraceOf returns where in a trace ctx is, the zero value outside of any.
func TraceOf(ctx context.Context) observe.TraceContext {
	if ctx == nil {
		return observe.TraceContext{}
	}
	if rt := runtimeOf(ctx).made(); rt != nil {
		if t := rt.tracer(); t != nil {
			return t.trace(ctx)
		}
	}
	if s := SpanOf(ctx); s != nil {
		return s.Trace()
	}
	t, _ := valueOf(ctx, traceKey{}).(observe.TraceContext)
	return t
}

// Extract returns ctx with the trace and the baggage that came with a request. get
// returns the value of a header, "" for none. What is malformed is left out: the
// request then begins a trace.
func (rt *Runtime) Extract(ctx context.Context, get func(key string) string) context.Context {
	if ctx == nil {
		ctx = context.Background()
	}
	if get == nil {
		return ctx
	}
	if rt = rt.made(); rt != nil {
		if t := rt.tracer(); t != nil {
			return t.extract(ctx, get)
		}
	}
	if parent := get("traceparent"); parent != "" {
		if t, err := observe.ParseTraceparent(parent, get("tracestate")); err == nil {
			ctx = carry(ctx, traceKey{}, t)
		}
	}
	if b := get("baggage"); b != "" && len(b) <= maxBaggage && printable(b, maxBaggage) == b {
		ctx = context.WithValue(ctx, baggageKey{}, b)
	}
	return ctx
}

// Inject gives a request that ctx makes the headers by which its receiver continues
// the trace and knows the baggage.
func (rt *Runtime) Inject(ctx context.Context, set func(key, value string)) {
	if ctx == nil || set == nil {
		return
	}
	if rt = rt.made(); rt != nil {
		if t := rt.tracer(); t != nil {
			t.inject(ctx, set)
			return
		}
	}
	if t := TraceOf(ctx); !t.IsZero() {
		set("traceparent", t.Traceparent())
		if t.State != "" {
			set("tracestate", t.State)
		}
	}
	if b, _ := valueOf(ctx, baggageKey{}).(string); b != "" {
		set("baggage", b)
	}
}
