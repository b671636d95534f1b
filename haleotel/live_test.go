package haleotel_test

import (
	"context"
	"encoding/binary"
	"sync/atomic"
	"testing"
	"time"

	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/hale-go/hale/haleotel"
	"github.com/hale-go/hale/observe"
)

// Clocks that jump, ends that come twice, ends without a start.
func TestOddSpans(t *testing.T) {
	rt, p, provider := fed(t, false)
	now := time.Now()
	_, back := provider.Tracer("other").Start(t.Context(), "back", trace.WithTimestamp(now))
	back.End(trace.WithTimestamp(now.Add(-time.Hour)))
	back.End()
	_, far := provider.Tracer("other").Start(t.Context(), "far", trace.WithTimestamp(time.Unix(0, 0)))
	far.End()
	got := operations(rt)
	if st := got["back"]; st.Ended != 1 || st.Time != 0 {
		t.Errorf("ended before it began: %+v", st)
	}
	if st := got["far"]; st.Ended != 1 || st.Time != 24*time.Hour {
		t.Errorf("began in 1970: %+v", st)
	}
	stub := tracetest.SpanStub{Name: "stub", SpanContext: trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{1}, SpanID: trace.SpanID{1}})}
	p.OnEnd(stub.Snapshot())
	_, again := provider.Tracer("other").Start(t.Context(), "again")
	ended := again.(sdktrace.ReadOnlySpan)
	again.End()
	p.OnEnd(ended)
	if got := operations(rt); got["stub"].Ended != 0 || got["again"].Ended != 1 {
		t.Errorf("%+v", got)
	}
	nobody := haleotel.NewSpanProcessor(nil)
	nobody.OnStart(t.Context(), again.(sdktrace.ReadWriteSpan))
	nobody.OnEnd(ended)
}

// ids gives each span the next number.
type ids struct {
	n     atomic.Uint64
	trace trace.TraceID
	same  bool // all spans have one number
}

func (g *ids) NewIDs(ctx context.Context) (trace.TraceID, trace.SpanID) {
	return g.trace, g.NewSpanID(ctx, g.trace)
}

func (g *ids) NewSpanID(context.Context, trace.TraceID) (id trace.SpanID) {
	n := g.n.Add(1)
	if g.same {
		n = 1
	}
	binary.BigEndian.PutUint64(id[:], n)
	return id
}

// Spans that never end take no more than so much room, and those that come after
// still count.
func TestStorm(t *testing.T) {
	const many, room = 70_000, 1 << 16
	rt, p, provider := fed(t, false, sdktrace.WithIDGenerator(&ids{trace: trace.TraceID{1}}))
	tracer := provider.Tracer("other")
	for range many {
		tracer.Start(t.Context(), "stays") //nolint:spancheck // that is the point
	}
	if got := p.Dropped(); got != many-room {
		t.Errorf("dropped %d, want %d", got, many-room)
	}
	for range 100 {
		child(t.Context(), provider, "GET /", trace.SpanKindServer, func(ctx context.Context, s trace.Span) {
			child(ctx, provider, "sql", trace.SpanKindClient, fail0)
			s.SetName("GET /x")
		})
	}
	var open []trace.Span
	for range 200 {
		_, s := tracer.Start(t.Context(), "open")
		open = append(open, s)
	}
	for _, s := range open {
		s.End()
	}
	got := operations(rt)
	if st := got["open"]; st.Ended != 200 || st.InFlight != 0 {
		t.Errorf("%+v", st)
	}
	if st := got["stays"]; st.InFlight != room || st.Ended != 0 {
		t.Errorf("%+v", st)
	}
	if st := got["GET /x"]; st.Ended != 100 || st.InFlight != 0 {
		t.Errorf("%+v", st)
	}
	if st := got["sql"]; st.Ended != 100 || st.Failed != 100 {
		t.Errorf("%+v", st)
	}
}

func fail0(_ context.Context, s trace.Span) { s.SetStatus(codes.Error, "") }

// Two spans of one number cannot be told apart: the first counts.
func TestSameNumberTwice(t *testing.T) {
	rt, _, provider := fed(t, false, sdktrace.WithIDGenerator(&ids{trace: trace.TraceID{1}, same: true}))
	child(t.Context(), provider, "a", trace.SpanKindInternal, func(context.Context, trace.Span) {
		child(t.Context(), provider, "b", trace.SpanKindInternal, func(context.Context, trace.Span) {})
	})
	n, inFlight := uint64(0), int64(0)
	for _, st := range operations(rt) {
		n, inFlight = n+st.Ended, inFlight+st.InFlight
	}
	if n != 1 || inFlight != 0 {
		t.Errorf("%+v", operations(rt))
	}
}

// Many goroutines at once, and a shutdown in the middle.
func TestAtOnce(t *testing.T) {
	rt, _, provider := fed(t, true)
	done := make(chan struct{})
	for range 8 {
		go func() {
			defer func() { done <- struct{}{} }()
			for range 200 {
				_ = rt.Operation(observe.Server, "GET /", "").Do(context.Background(), func(ctx context.Context) error {
					child(ctx, provider, "a", trace.SpanKindClient, func(ctx context.Context, s trace.Span) {
						s.SetName("b")
						child(ctx, provider, "c", trace.SpanKindInternal, fail0)
					})
					return nil
				})
			}
		}()
	}
	for range 4 {
		<-done
	}
	if err := provider.Shutdown(context.Background()); err != nil {
		t.Error(err)
	}
	for range 4 {
		<-done
	}
	for name, st := range operations(rt) {
		if st.InFlight != 0 {
			t.Errorf("%s: %+v", name, st)
		}
	}
}
