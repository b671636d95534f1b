package haleotel_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/haleotel"
	"github.com/hale-go/hale/observe"
)

// fed returns a runtime, its processor and a provider that feeds it. With a tracer,
// hale's own spans are made by the same provider.
func fed(t testing.TB, tracer bool, opts ...sdktrace.TracerProviderOption) (*hale.Runtime, *haleotel.SpanProcessor, *sdktrace.TracerProvider) {
	t.Helper()
	late := &lateProcessor{}
	provider := sdktrace.NewTracerProvider(append(opts, sdktrace.WithSpanProcessor(late))...)
	var with []hale.Option
	if tracer {
		with = append(with, hale.WithTracer(haleotel.NewTracer(provider)))
	}
	rt := newRuntime(t, with...)
	late.SpanProcessor = haleotel.NewSpanProcessor(rt)
	return rt, late.SpanProcessor, provider
}

// lateProcessor is known to its provider before its runtime is.
type lateProcessor struct{ *haleotel.SpanProcessor }

func child(ctx context.Context, p *sdktrace.TracerProvider, name string, kind trace.SpanKind, f func(context.Context, trace.Span)) {
	ctx, span := p.Tracer("other").Start(ctx, name, trace.WithSpanKind(kind))
	defer span.End()
	f(ctx, span)
}

func fail(_ context.Context, s trace.Span) {
	time.Sleep(time.Second)
	s.SetStatus(codes.Error, "user 42 is unknown")
}

// Spans of others come out as hale's own would.
func TestSpansOfOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt, p, provider := fed(t, false)
		done := make(chan struct{})
		child(t.Context(), provider, "GET /cart", trace.SpanKindServer, func(ctx context.Context, s trace.Span) {
			time.Sleep(time.Second)
			child(ctx, provider, "payments.quote", trace.SpanKindClient, fail)
			child(ctx, provider, "render", trace.SpanKindInternal, func(context.Context, trace.Span) { time.Sleep(2 * time.Second) })
			go child(ctx, provider, "audit", trace.SpanKindProducer, func(context.Context, trace.Span) { time.Sleep(time.Minute); close(done) })
			synctest.Wait()
			s.SetStatus(codes.Error, "")
			s.SetAttributes(attribute.Int("http.response.status_code", 502))
		})
		_, stays := provider.Tracer("other").Start(t.Context(), "GET /feed", trace.WithSpanKind(trace.SpanKindConsumer))
		<-done
		synctest.Wait()
		if err := rt.Step(t.Context()); err != nil {
			t.Fatal(err)
		}
		got := map[string]observe.OperationStat{}
		for _, st := range rt.Status().Sample.Operations {
			got[st.Name] = st
		}
		if st := got["GET /cart"]; st.Kind != observe.Server || st.Ended != 1 || st.Failed != 1 || st.Inherited != 1 || st.Outlived != 0 ||
			st.Time != 4*time.Second || st.Below != 3*time.Second ||
			!slices.Equal(st.Outcomes, []observe.Outcome{{Name: "502", Count: 1, Failed: true}}) ||
			!slices.Equal(st.Calls, []observe.Call{{Name: "payments.quote", Count: 1, Failed: 1, Time: time.Second}, {Name: "render", Count: 1, Time: 2 * time.Second}}) {
			t.Errorf("the server's side: %+v", st)
		}
		if st := got["payments.quote"]; st.Kind != observe.Client || st.Failed != 1 || st.Inherited != 0 || !slices.Equal(st.Outcomes, []observe.Outcome{{Name: "error", Count: 1, Failed: true}}) {
			t.Errorf("the call: %+v", st)
		}
		if st := got["render"]; st.Kind != observe.Internal || st.Failed != 0 || st.Outlived != 0 {
			t.Errorf("the part: %+v", st)
		}
		if st := got["audit"]; st.Kind != observe.Client || st.Outlived != 1 || st.Ended != 1 {
			t.Errorf("what went on: %+v", st)
		}
		if st := got["GET /feed"]; st.Kind != observe.Server || st.InFlight != 1 || len(st.Waiting) < 6 || st.Waiting[5] != 1 {
			t.Errorf("what did not end: %+v", st)
		}
		if err := provider.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		stays.End()
		if st := operations(rt)["GET /feed"]; st.InFlight != 0 || st.Ended != 0 {
			t.Errorf("after the shutdown: %+v", st)
		}
		if p.Dropped() != 0 || p.ForceFlush(t.Context()) != nil {
			t.Error("dropped some")
		}
	})
}

// hale's spans and tasks and those of others know one another, and nothing is counted
// twice.
func TestBothAreOne(t *testing.T) {
	for _, tracer := range []bool{true, false} {
		t.Run(fmt.Sprint("tracer ", tracer), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				rt, _, provider := fed(t, tracer)
				gone := make(chan struct{})
				_ = rt.Operation(observe.Server, "GET /", "").Do(t.Context(), func(ctx context.Context) error { // 1 s, and 7 s below
					time.Sleep(time.Second)
					return rt.Do(ctx, "GET /", func(ctx context.Context) error {
						child(ctx, provider, "part", trace.SpanKindInternal, func(ctx context.Context, _ trace.Span) { // 3 s, and 4 s below
							time.Sleep(3 * time.Second)
							_ = hale.Go(ctx, "load", func(ctx context.Context) error {
								child(ctx, provider, "sql", trace.SpanKindClient, fail)
								return nil
							}).Wait()
							if tracer { // else nobody tells the part of a span of hale's
								_ = rt.Operation(observe.Client, "quote", "").Do(ctx, func(ctx context.Context) error {
									time.Sleep(2 * time.Second)
									child(ctx, provider, "dial", trace.SpanKindInternal, func(context.Context, trace.Span) { time.Sleep(time.Second) })
									return nil
								})
							} else {
								time.Sleep(3 * time.Second)
							}
						})
						go child(ctx, provider, "late", trace.SpanKindInternal, func(context.Context, trace.Span) { time.Sleep(time.Second); close(gone) })
						synctest.Wait()
						return context.DeadlineExceeded
					})
				})
				<-gone
				synctest.Wait()
				got := operations(rt)
				want := map[string]observe.OperationStat{
					"GET /": {Time: 8 * time.Second, Below: 7 * time.Second, Failed: 1},
					"part":  {Time: 7 * time.Second, Below: 4 * time.Second},
					"sql":   {Time: time.Second, Failed: 1},
					"quote": {Time: 3 * time.Second, Below: time.Second},
					"dial":  {Time: time.Second},
					"late":  {Time: time.Second, Outlived: 1},
				}
				if !tracer {
					delete(want, "quote")
					delete(want, "dial")
					st := want["part"]
					st.Below = time.Second
					want["part"] = st
				}
				for name, w := range want {
					st := got[name]
					if st.Started != 1 || st.Ended != 1 || st.InFlight != 0 || st.Time != w.Time || st.Below != w.Below || st.Failed != w.Failed || st.Outlived != w.Outlived {
						t.Errorf("%s: %+v", name, st)
					}
				}
				calls := []observe.Call{{Name: "quote", Count: 1, Time: 3 * time.Second}, {Name: "sql", Count: 1, Failed: 1, Time: time.Second}}
				if !tracer {
					calls = calls[1:]
				}
				if !slices.Equal(got["part"].Calls, calls) {
					t.Errorf("the part calls %+v", got["part"].Calls)
				}
				if len(got) != len(want) {
					t.Errorf("%d operations, want %d: %v", len(got), len(want), got)
				}
			})
		})
	}
}

// A span of hale's is known as the caller also where it is none of OpenTelemetry's.
func TestHaleInBetween(t *testing.T) {
	rt, _, provider := fed(t, false)
	child(t.Context(), provider, "otelhttp", trace.SpanKindServer, func(ctx context.Context, _ trace.Span) {
		_ = rt.Operation(observe.Internal, "checkout", "").Do(ctx, func(ctx context.Context) error {
			child(ctx, provider, "sql", trace.SpanKindClient, fail0)
			return nil
		})
	})
	got := operations(rt)
	if calls := got["checkout"].Calls; len(calls) != 1 || calls[0].Name != "sql" || len(got["otelhttp"].Calls) != 0 {
		t.Errorf("%+v", got)
	}
}

// A failure that others' spans hand up to hale's is known as theirs.
func TestWhereAnErrorBegan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt, _, provider := fed(t, true)
		child(t.Context(), provider, "otelhttp", trace.SpanKindServer, func(ctx context.Context, s trace.Span) {
			s.SetStatus(codes.Error, "")
			_ = rt.Operation(observe.Internal, "checkout", "").Do(ctx, func(ctx context.Context) error {
				child(ctx, provider, "sql", trace.SpanKindClient, fail)
				return context.DeadlineExceeded
			})
		})
		for name, inherited := range map[string]uint64{"otelhttp": 1, "checkout": 1, "sql": 0} {
			if st := operations(rt)[name]; st.Failed != 1 || st.Inherited != inherited {
				t.Errorf("%s: %+v", name, st)
			}
		}
	})
}

// What begins in a span that has ended went on after it.
func TestBeganAfterItsCaller(t *testing.T) {
	rt, _, provider := fed(t, false)
	var left context.Context
	child(t.Context(), provider, "first", trace.SpanKindInternal, func(ctx context.Context, _ trace.Span) { left = ctx })
	child(left, provider, "second", trace.SpanKindInternal, func(context.Context, trace.Span) {})
	if st := operations(rt)["second"]; st.Outlived != 1 {
		t.Errorf("%+v", st)
	}
}

// A caller in another process is no span of this one's.
func TestRemoteCaller(t *testing.T) {
	rt, _, provider := fed(t, false)
	child(t.Context(), provider, "client", trace.SpanKindClient, func(_ context.Context, s trace.Span) {
		ctx := trace.ContextWithRemoteSpanContext(t.Context(), s.SpanContext())
		child(ctx, provider, "server", trace.SpanKindServer, fail0)
	})
	if st := operations(rt)["client"]; st.Below != 0 || len(st.Calls) != 0 {
		t.Errorf("%+v", st)
	}
}
