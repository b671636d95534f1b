package haleotel

import (
	"context"
	"sync/atomic"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/observe"
)

// ScopeName is the name of the instrumentation scope of all spans that hale makes.
const ScopeName = "github.com/hale-go/hale/haleotel"

// Attributes of hale's spans, besides error.type of the semantic conventions.
const (
	taskKey    = attribute.Key("hale.task")    // the task's ID, such as orders.consume#42
	domainKey  = attribute.Key("hale.domain")  // its fault domain
	outcomeKey = attribute.Key("hale.outcome") // how the span ended, where that is neither "ok" nor a failure
)

// tracer is OpenTelemetry's side of a [hale.Tracer].
type tracer struct {
	spans      trace.Tracer
	propagator propagation.TextMapPropagator
}

// Option declares something about a tracer. See [WithPropagator].
type Option func(*tracer)

// WithPropagator sets how trace context goes from process to process. Default: W3C
// Trace Context and Baggage.
func WithPropagator(p propagation.TextMapPropagator) Option {
	return func(t *tracer) {
		if p != nil {
			t.propagator = p
		}
	}
}

// NewTracer returns a tracer whose spans provider makes; without one it only carries
// trace context and baggage on. It may be used by any number of runtimes.
//
// The span of an [hale.Operation] has its name and kind. That of a task is an internal
// one with its name and the attributes hale.task, the task's ID, and hale.domain; it
// is a child of the span that it was started in, also if that has ended before. A
// task directly in a span of its own name, such as a route that is served under
// [hale.Do], is the same thing and gets no span: the attributes are on the
// operation's. What outlives the trace in which it was started begins one of its
// own, with a link: each run of a supervised child, and what follows
// [hale.Detach].
//
// A failure sets the status to Error with the error's type, and error.type; the error
// is recorded as an exception event, a panic with its stack. Other outcomes than
// "ok", such as "404" or "canceled", stand in hale.outcome.
func NewTracer(provider trace.TracerProvider, opts ...Option) hale.Tracer {
	if provider == nil {
		provider = noop.NewTracerProvider()
	}
	t := &tracer{
		spans:      provider.Tracer(ScopeName),
		propagator: propagation.NewCompositeTextMapPropagator(propagation.TraceContext{}, propagation.Baggage{}),
	}
	for _, opt := range opts {
		if opt != nil {
			opt(t)
		}
	}
	return t
}

// current is the span of an operation, for the task that serves it.
type current struct {
	span   trace.Span
	name   atomic.Pointer[string]
	served atomic.Bool // by a task that has no other span
	told   atomic.Bool // what that failed with
}

type (
	currentKey struct{}
	leftKey    struct{} // the [trace.SpanContext] that detached work was in
)

var (
	serverKind = []trace.SpanStartOption{trace.WithSpanKind(trace.SpanKindServer)}
	clientKind = []trace.SpanStartOption{trace.WithSpanKind(trace.SpanKindClient)}
)

// Start implements [hale.Tracer].
func (t *tracer) Start(ctx context.Context, kind observe.OperationKind, name string) (context.Context, hale.EndSpan) {
	var opts []trace.SpanStartOption
	switch kind {
	case observe.Server:
		opts = serverKind
	case observe.Client:
		opts = clientKind
	case observe.Internal:
	}
	ctx, span := t.start(ctx, name, opts)
	c := &current{span: span}
	c.name.Store(&name)
	return context.WithValue(ctx, currentKey{}, c), func(outcome string, failed bool, err error) {
		if c.told.Load() {
			err = nil // the same, most likely
		}
		end(span, outcome, failed, err)
	}
}

// Rename implements [hale.Tracer].
func (t *tracer) Rename(ctx context.Context, name string) {
	if c, ok := ctx.Value(currentKey{}).(*current); ok {
		c.name.Store(&name)
		c.span.SetName(name)
	}
}

// StartTask implements [hale.Tracer].
func (t *tracer) StartTask(ctx context.Context, id observe.TaskID, domain observe.Domain) (context.Context, hale.EndSpan) {
	if c := served(ctx, id.Name); c != nil {
		describe(c.span, id, domain)
		return ctx, func(_ string, _ bool, err error) {
			if err != nil {
				c.told.Store(true)
				record(c.span, err)
			}
		}
	}
	ctx, span := t.start(ctx, id.Name, nil)
	describe(span, id, domain)
	return ctx, func(outcome string, failed bool, err error) { end(span, outcome, failed, err) }
}

// start begins a span in ctx, which work that was detached has left for good.
func (t *tracer) start(ctx context.Context, name string, opts []trace.SpanStartOption) (context.Context, trace.Span) {
	if !trace.SpanContextFromContext(ctx).IsValid() {
		if left, ok := ctx.Value(leftKey{}).(trace.SpanContext); ok {
			opts = append(opts[:len(opts):len(opts)], trace.WithLinks(trace.Link{SpanContext: left}))
		}
	}
	return t.spans.Start(ctx, name, opts...) //nolint:spancheck // ended by who asked for it
}

// served returns the operation's span in which a task of a name is served, if that is
// the innermost span and no other task is.
func served(ctx context.Context, name string) *current {
	c, ok := ctx.Value(currentKey{}).(*current)
	if !ok || *c.name.Load() != name {
		return nil
	}
	here, there := trace.SpanContextFromContext(ctx), c.span.SpanContext()
	if here.SpanID() != there.SpanID() || here.TraceID() != there.TraceID() || c.served.Swap(true) {
		return nil
	}
	return c
}

// Detach implements [hale.Tracer].
func (t *tracer) Detach(ctx context.Context) context.Context {
	left := trace.SpanContextFromContext(ctx)
	if !left.IsValid() {
		return ctx
	}
	return context.WithValue(trace.ContextWithSpanContext(ctx, trace.SpanContext{}), leftKey{}, left)
}

// Trace implements [hale.Tracer].
func (t *tracer) Trace(ctx context.Context) observe.TraceContext {
	at := trace.SpanContextFromContext(ctx)
	if !at.IsValid() {
		return observe.TraceContext{}
	}
	return observe.TraceContext{TraceID: at.TraceID(), SpanID: at.SpanID(), Flags: byte(at.TraceFlags()), State: at.TraceState().String()}
}

// Extract implements [hale.Tracer].
func (t *tracer) Extract(ctx context.Context, get func(string) string) context.Context {
	return t.propagator.Extract(ctx, headers{get: get})
}

// Inject implements [hale.Tracer].
func (t *tracer) Inject(ctx context.Context, set func(key, value string)) {
	t.propagator.Inject(ctx, headers{set: set})
}

// headers are those of a request that is received or sent, for a propagator.
type headers struct {
	get func(string) string
	set func(key, value string)
}

// Get implements [propagation.TextMapCarrier].
func (h headers) Get(key string) string {
	if h.get == nil {
		return ""
	}
	return h.get(key)
}

// Set implements [propagation.TextMapCarrier].
func (h headers) Set(key, value string) {
	if h.set != nil {
		h.set(key, value)
	}
}

// Keys implements [propagation.TextMapCarrier]. Which headers there are is not known.
func (h headers) Keys() []string { return nil }
