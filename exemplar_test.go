package hale_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/observe"
)

// fakeTracer gives each span the trace that its name says.
type fakeTracer struct{ hale.Tracer }

type fakeTraceKey struct{}

func (fakeTracer) Start(ctx context.Context, _ observe.OperationKind, name string) (context.Context, hale.EndSpan) {
	var t observe.TraceContext
	if name != "outside" {
		t.TraceID, t.SpanID = [16]byte{0xab}, [8]byte{0xcd}
	}
	if name == "sampled" {
		t.Flags = 1
	}
	return context.WithValue(ctx, fakeTraceKey{}, t), func(string, bool, error) {}
}

func (fakeTracer) Trace(ctx context.Context) observe.TraceContext {
	t, _ := ctx.Value(fakeTraceKey{}).(observe.TraceContext)
	return t
}

// An exemplar is a span whose trace somebody keeps: the tracer, the sender of the
// request, or a log record that shows the ID. IDs of which nobody knows are not made up.
func TestExemplarsAreOfKnownTraces(t *testing.T) {
	rt := newRuntime(t)
	known := func(string) string { return "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01" }
	for _, tt := range []struct {
		name    string
		rt      *hale.Runtime
		sent    string // traceparent
		inside  func(ctx context.Context)
		want    string // trace
		spanned bool   // the span's ID is known
	}{
		{name: "unknown", rt: rt},
		{name: "asked", rt: rt, inside: func(ctx context.Context) { hale.TraceOf(ctx) }, want: "own", spanned: true},
		{name: "sent", rt: rt, sent: known(""), want: "4bf92f3577b34da6a3ce929d0e0e4736"},
		{name: "not kept by the sender", rt: rt, sent: known("")[:53] + "00"},
		{name: "sampled", rt: newRuntime(t, hale.WithTracer(fakeTracer{})), want: "ab000000000000000000000000000000", spanned: true},
		{name: "not sampled", rt: newRuntime(t, hale.WithTracer(fakeTracer{}))},
		{name: "outside", rt: newRuntime(t, hale.WithTracer(fakeTracer{}))},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ctx, own := t.Context(), ""
			if tt.sent != "" {
				ctx = rt.Extract(ctx, func(key string) string { return map[string]string{"traceparent": tt.sent}[key] })
			}
			before := len(tt.rt.Exemplars())
			ctx, span := tt.rt.Operation(observe.Server, tt.name, "").Start(ctx)
			if tt.inside != nil {
				tt.inside(ctx)
				own = hale.TraceOf(ctx).Trace()
			}
			span.Finish("200", false)
			var got []hale.Exemplar
			for _, e := range tt.rt.Exemplars() {
				if e.Name == tt.name {
					got = append(got, e)
				}
			}
			if tt.want == "" {
				if len(got) != 0 || len(tt.rt.Exemplars()) != before {
					t.Errorf("%+v", got)
				}
				return
			}
			if tt.want == "own" {
				tt.want = own
			}
			if len(got) != 1 || got[0].Kind != observe.Server || got[0].Trace.Trace() != tt.want || (got[0].Trace.Span() != "") != tt.spanned {
				t.Errorf("%+v, want trace %s", got, tt.want)
			}
		})
	}
}

// There is one exemplar for each doubling of latency, replaced at most once a second.
func TestExemplarsAreReplacedOnceASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := newRuntime(t)
		op := rt.Operation(observe.Server, "GET /", "")
		serve := func(took time.Duration) string {
			ctx, span := op.Start(t.Context())
			defer span.End(nil)
			time.Sleep(took)
			return hale.TraceOf(ctx).Trace()
		}
		first := serve(9 * time.Millisecond)
		serve(10 * time.Millisecond) // the same doubling and second
		slow := serve(100 * time.Millisecond)
		got := rt.Exemplars()
		if len(got) != 2 || got[0].Trace.Trace() != first || got[1].Trace.Trace() != slow || got[0].Took != 9*time.Millisecond || !got[1].Time.Equal(time.Now()) {
			t.Fatalf("%+v", got)
		}
		time.Sleep(time.Second)
		second := serve(10 * time.Millisecond)
		if got := rt.Exemplars(); len(got) != 2 || got[0].Trace.Trace() != second {
			t.Errorf("%+v, want %s", got, second)
		}
		foreign := rt.ForeignSpan(op)
		foreign.Begin()
		other := observe.TraceContext{TraceID: [16]byte{7}, SpanID: [8]byte{8}, Flags: 1}
		foreign.End(hale.ForeignEnd{Took: 3 * time.Hour, Outcome: "ok", Trace: other})
		if got := rt.Exemplars(); len(got) != 3 || got[2].Trace != other {
			t.Errorf("of another tracing system: %+v", got)
		}
	})
}

// The status tells what the loop did and took.
func TestLoopStat(t *testing.T) {
	rt := newRuntime(t)
	op := rt.Operation(observe.Internal, "a", "")
	for i := range 100 {
		op.Report("type " + string(rune('A'+i)))
	}
	for range 3 {
		sample(t, rt)
	}
	got := rt.Status().Loop
	if got.Turns != 3 || got.Broken != 0 || got.Time <= 0 || got.Snapshots != 1 || got.Unseen != 100-32 {
		t.Errorf("%+v", got)
	}
	hale.BreakLoop(rt)
	if err := rt.Step(t.Context()); err == nil || errors.Is(err, hale.ErrClosed) {
		t.Fatal(err)
	}
	if got := rt.Status().Loop; got.Turns != 3 || got.Broken != 1 {
		t.Errorf("%+v", got)
	}
}
