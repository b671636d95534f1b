package haleotel_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/baggage"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/haleotel"
	"github.com/hale-go/hale/observe"
)

// A request that is served by tasks, calls another service and starts work beside it
// is one trace with the right parents.
func TestOneRequestIsOneTrace(t *testing.T) {
	provider, spans := recorded(t)
	rt := newRuntime(t, hale.WithTracer(haleotel.NewTracer(provider)))
	_ = rt.Operation(observe.Server, "GET /cart", "").Do(t.Context(), func(ctx context.Context) error {
		return rt.Do(ctx, "GET /cart", func(ctx context.Context) error {
			_ = hale.Go(ctx, "cart.price", func(ctx context.Context) error {
				return rt.Operation(observe.Client, "payments.quote", "").Do(ctx, func(context.Context) error { return errors.New("declined") })
			}).Wait()
			_ = hale.Go(ctx, "cart.stock", func(context.Context) error { panic("no shelf") }).Wait()
			_ = hale.Go(ctx, "cart.hint", func(context.Context) error { return context.Canceled }).Wait()
			return nil
		})
	})
	got := byName(t, spans)
	if len(got) != 5 {
		t.Fatalf("%d spans: %v", len(got), got)
	}
	root := got["GET /cart"]
	for name, parent := range map[string]string{"cart.price": "GET /cart", "payments.quote": "cart.price", "cart.stock": "GET /cart", "cart.hint": "GET /cart"} {
		s := got[name]
		if s.SpanContext().TraceID() != root.SpanContext().TraceID() || s.Parent().SpanID() != got[parent].SpanContext().SpanID() {
			t.Errorf("%s is not in %s", name, parent)
		}
	}
	if root.Parent().IsValid() || root.SpanKind() != trace.SpanKindServer || root.Status().Code != codes.Unset {
		t.Errorf("the request's: parent %v, kind %v, status %v", root.Parent(), root.SpanKind(), root.Status())
	}
	if task := attr(root.Attributes(), "hale.task"); !strings.HasPrefix(task, "GET /cart#") || attr(root.Attributes(), "hale.domain") != "GET /cart" {
		t.Errorf("the request's attributes: %v", root.Attributes())
	}
	if s := got["payments.quote"]; s.SpanKind() != trace.SpanKindClient || s.Status() != (sdktrace.Status{Code: codes.Error, Description: "error"}) ||
		len(s.Events()) != 1 || attr(s.Events()[0].Attributes, "exception.message") != "declined" {
		t.Errorf("the call's: kind %v, status %v, events %v", s.SpanKind(), s.Status(), s.Events())
	}
	s := got["cart.stock"]
	if s.SpanKind() != trace.SpanKindInternal || s.Status().Description != "panic" || attr(s.Attributes(), "error.type") != "panic" || attr(s.Attributes(), "hale.domain") != "cart" {
		t.Errorf("the panic's: kind %v, status %v, attributes %v", s.SpanKind(), s.Status(), s.Attributes())
	}
	if len(s.Events()) != 1 || s.Events()[0].Name != "exception" || !strings.Contains(attr(s.Events()[0].Attributes, "exception.message"), "no shelf") ||
		!strings.Contains(attr(s.Events()[0].Attributes, "exception.stacktrace"), "TestOneRequestIsOneTrace") {
		t.Errorf("the panic's events: %v", s.Events())
	}
	if s := got["cart.hint"]; s.Status().Code != codes.Unset || attr(s.Attributes(), "hale.outcome") != "canceled" {
		t.Errorf("who gave up: status %v, attributes %v", s.Status(), s.Attributes())
	}
}

// A panic in a task that has its operation's span is told there, once.
func TestSpanThatIsRenamed(t *testing.T) {
	provider, spans := recorded(t)
	rt := newRuntime(t, hale.WithTracer(haleotel.NewTracer(provider)))
	ctx, span := rt.Operation(observe.Server, "GET (unmatched)", "").Start(t.Context())
	span.Rename(rt.Operation(observe.Server, "GET /cart", ""))
	if err := rt.Do(ctx, "GET /cart", func(context.Context) error { return nil }); err != nil {
		t.Fatal(err)
	}
	span.End(nil)
	if got := byName(t, spans); len(got) != 1 || got["GET /cart"] == nil || attr(got["GET /cart"].Attributes(), "hale.domain") != "GET /cart" {
		t.Errorf("spans %v, want one of GET /cart, which is the task's too", got)
	}
}

func TestPanicOfARoute(t *testing.T) {
	provider, spans := recorded(t)
	rt := newRuntime(t, hale.WithTracer(haleotel.NewTracer(provider)))
	ctx, span := rt.Operation(observe.Server, "GET /", "").Start(t.Context())
	err := rt.Do(ctx, "GET /", func(ctx context.Context) error {
		return rt.Do(ctx, "GET /", func(context.Context) error { panic("oh") }) // in a task, so that it is another thing
	})
	span.End(err)
	if _, ok := errors.AsType[*hale.PanicError](err); !ok {
		t.Fatal(err)
	}
	ended := spans.Ended()
	if len(ended) != 2 || ended[0].SpanKind() != trace.SpanKindInternal || ended[0].Parent().SpanID() != ended[1].SpanContext().SpanID() {
		t.Fatalf("spans: %v", ended)
	}
	if s := ended[1]; s.Status().Description != "panic" || len(s.Events()) != 1 {
		t.Errorf("the route's: status %v, events %v", s.Status(), s.Events())
	}
}

// What outlives the trace that it was started in has a trace of its own, and a link.
func TestWhatOutlivesItsTrace(t *testing.T) {
	provider, spans := recorded(t)
	rt := newRuntime(t, hale.WithTracer(haleotel.NewTracer(provider)))
	left, done := make(chan struct{}), make(chan struct{})
	runs := 0
	_ = rt.Operation(observe.Server, "POST /jobs", "").Do(t.Context(), func(ctx context.Context) error {
		_ = hale.Go(ctx, "jobs.run", func(context.Context) error {
			if runs++; runs == 1 {
				return errors.New("again")
			}
			return nil
		}, hale.Restart(hale.Transient)).Wait()
		_ = rt.Do(ctx, "conn.dial", func(ctx context.Context) error {
			go func() {
				defer close(done)
				ctx := hale.Detach(ctx, "conn.read")
				<-left
				_ = rt.Do(ctx, "conn.message", func(context.Context) error { return nil })
			}()
			return nil
		})
		hale.Go(ctx, "jobs.late", func(context.Context) error { <-left; return nil })
		return nil
	})
	close(left)
	<-done
	if err := rt.Close(); err != nil {
		t.Fatal(err)
	}
	request, dial := trace.SpanContext{}, trace.SpanContext{}
	for _, s := range spans.Ended() {
		switch s.Name() {
		case "POST /jobs":
			request = s.SpanContext()
		case "conn.dial":
			dial = s.SpanContext()
		}
	}
	n := 0
	for _, s := range spans.Ended() {
		from := request
		switch s.Name() {
		case "conn.message":
			from = dial
		case "jobs.run":
		case "jobs.late":
			if n++; s.Parent().SpanID() != request.SpanID() {
				t.Errorf("a task that ends late has the parent %v", s.Parent())
			}
			continue
		default:
			continue
		}
		n++
		if s.Parent().IsValid() || s.SpanContext().TraceID() == request.TraceID() || len(s.Links()) != 1 || s.Links()[0].SpanContext.SpanID() != from.SpanID() {
			t.Errorf("%s: parent %v, links %v", s.Name(), s.Parent(), s.Links())
		}
	}
	if n != 4 {
		t.Errorf("%d of 4 spans", n)
	}
}

// Trace context and baggage go from one service to another.
func TestPropagation(t *testing.T) {
	provider, spans := recorded(t)
	here := newRuntime(t, hale.WithTracer(haleotel.NewTracer(provider)))
	there := newRuntime(t, hale.WithTracer(haleotel.NewTracer(provider)))
	member, err := baggage.NewMember("tenant", "blue")
	if err != nil {
		t.Fatal(err)
	}
	bag, err := baggage.New(member)
	if err != nil {
		t.Fatal(err)
	}
	h := http.Header{}
	_ = here.Operation(observe.Client, "payments", "").Do(baggage.ContextWithBaggage(t.Context(), bag), func(ctx context.Context) error {
		here.Inject(ctx, h.Set)
		return nil
	})
	_ = there.Operation(observe.Server, "POST /pay", "").Do(there.Extract(t.Context(), h.Get), func(ctx context.Context) error {
		return there.Go(ctx, "pay.book", func(ctx context.Context) error {
			if got := baggage.FromContext(ctx).Member("tenant").Value(); got != "blue" {
				t.Errorf("baggage %q", got)
			}
			if got := hale.TraceOf(ctx); got.Trace() != h.Get("traceparent")[3:35] || !got.Sampled() {
				t.Errorf("in the trace %v, sent %v", got.Traceparent(), h)
			}
			return nil
		}).Wait()
	})
	got := byName(t, spans)
	if c, s := got["payments"], got["POST /pay"]; s.Parent().SpanID() != c.SpanContext().SpanID() || !s.Parent().IsRemote() {
		t.Errorf("the server's parent is %v", s.Parent())
	}
}

// The service's own spans are in between, and log records and hale.TraceOf tell them.
func TestSpansOfTheService(t *testing.T) {
	provider, spans := recorded(t)
	rt := newRuntime(t, hale.WithTracer(haleotel.NewTracer(provider)))
	_ = rt.Do(t.Context(), "cart.load", func(ctx context.Context) error {
		ctx, span := provider.Tracer("mine").Start(ctx, "parse")
		defer span.End()
		if got := hale.TraceOf(ctx); got.SpanID != span.SpanContext().SpanID() || got.TraceID != span.SpanContext().TraceID() {
			t.Errorf("hale.TraceOf says %v", got.Traceparent())
		}
		return hale.Go(ctx, "cart.price", func(context.Context) error { return nil }).Wait()
	})
	got := byName(t, spans)
	if got["parse"].Parent().SpanID() != got["cart.load"].SpanContext().SpanID() || got["cart.price"].Parent().SpanID() != got["parse"].SpanContext().SpanID() {
		t.Error("the span is not between the tasks")
	}
}

// A task in the service's own span is not served by the operation's around that.
func TestSameNameFurtherOut(t *testing.T) {
	provider, spans := recorded(t)
	rt := newRuntime(t, hale.WithTracer(haleotel.NewTracer(provider)))
	_ = rt.Operation(observe.Internal, "a", "").Do(t.Context(), func(ctx context.Context) error {
		ctx, span := provider.Tracer("mine").Start(ctx, "b")
		defer span.End()
		return rt.Do(ctx, "a", func(context.Context) error { return nil })
	})
	if n := len(spans.Ended()); n != 3 {
		t.Errorf("%d spans, want 3", n)
	}
}

// Without a provider, and with spans that are not recorded, context is carried on.
func TestNothingIsRecorded(t *testing.T) {
	provider, spans := recorded(t, sdktrace.WithSampler(sdktrace.NeverSample()))
	const parent = "00-0123456789abcdef0123456789abcdef-0123456789abcdef-00"
	for name, tracer := range map[string]hale.Tracer{
		"no provider": haleotel.NewTracer(nil, nil, haleotel.WithPropagator(nil)),
		"no sampling": haleotel.NewTracer(provider, haleotel.WithPropagator(propagation.TraceContext{})),
	} {
		rt := newRuntime(t, hale.WithTracer(tracer))
		ctx := rt.Extract(t.Context(), func(key string) string { return map[string]string{"traceparent": parent}[key] })
		sent := ""
		err := rt.Operation(observe.Server, "GET /", "").Do(ctx, func(ctx context.Context) error {
			return rt.Do(ctx, "GET /", func(ctx context.Context) error {
				return rt.Do(ctx, "GET /", func(ctx context.Context) error {
					rt.Inject(ctx, func(_, value string) { sent = value })
					return errors.New("no")
				})
			})
		})
		if err == nil || len(sent) != len(parent) || sent[:36] != parent[:36] {
			t.Errorf("%s: sent %q, error %v", name, sent, err)
		}
		if at := hale.TraceOf(t.Context()); !at.IsZero() {
			t.Errorf("outside of any trace: %v", at)
		}
	}
	if n := len(spans.Ended()); n != 0 {
		t.Errorf("%d spans", n)
	}
}

// failing is an error whose text panics.
type failing struct{}

func (failing) Error() string { panic("text") }

func TestErrorWhoseTextPanics(t *testing.T) {
	provider, spans := recorded(t)
	rt := newRuntime(t, hale.WithTracer(haleotel.NewTracer(provider)))
	if err := rt.Do(t.Context(), "a", func(context.Context) error { return failing{} }); !errors.Is(err, failing{}) {
		t.Errorf("the task ended with %T", err)
	}
	if ended := spans.Ended(); len(ended) != 1 || ended[0].Status().Code != codes.Error {
		t.Errorf("spans %v", ended)
	}
}

// FuzzExtract gives headers that anybody sent.
func FuzzExtract(f *testing.F) {
	f.Add("00-0123456789abcdef0123456789abcdef-0123456789abcdef-01", "a=b", "tenant=blue;p=1")
	f.Add("ff-", "=", "%zz")
	tracer := haleotel.NewTracer(nil)
	f.Fuzz(func(t *testing.T, parent, state, bag string) {
		in := map[string]string{"traceparent": parent, "tracestate": state, "baggage": bag}
		ctx := tracer.Extract(context.Background(), func(key string) string { return in[key] })
		at, out := tracer.Trace(ctx), map[string]string{}
		tracer.Inject(ctx, func(key, value string) { out[key] = value })
		if at.IsZero() != (out["traceparent"] == "") {
			t.Errorf("in %q, and sends %q", at.Traceparent(), out)
		}
		if again, err := observe.ParseTraceparent(out["traceparent"], out["tracestate"]); !at.IsZero() && (err != nil || again.TraceID != at.TraceID || again.SpanID != at.SpanID) {
			t.Errorf("sends %q: %v", out, err)
		}
	})
}
