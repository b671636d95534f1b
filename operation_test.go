package hale_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/observe"
)

// A span tells whose time a request took, where its error began, and what is still
// in flight.
func TestSpans(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := newRuntime(t)
		serve, quote := rt.Operation(observe.Server, "GET /cart", ""), rt.Operation(observe.Client, "payments.quote", "")
		failure := errors.New("no")
		for range 10 {
			err := serve.Do(t.Context(), func(ctx context.Context) error {
				time.Sleep(20 * time.Millisecond)
				return quote.Do(ctx, func(context.Context) error { time.Sleep(80 * time.Millisecond); return failure })
			})
			if !errors.Is(err, failure) {
				t.Fatal(err)
			}
		}
		_, late := serve.Start(t.Context())
		time.Sleep(5 * time.Second)
		st := sample(t, rt)
		if len(st.Operations) != 2 {
			t.Fatalf("%+v", st.Operations)
		}
		got, below := st.Operations[0], st.Operations[1]
		if got.Name != "GET /cart" || got.Kind != observe.Server || got.Started != 11 || got.Ended != 10 || got.InFlight != 1 ||
			got.Failed != 10 || got.Inherited != 10 || got.Time != time.Second || got.Below != 800*time.Millisecond {
			t.Errorf("the server's side: %+v", got)
		}
		if p50 := got.Latency.Quantile(0.5); p50 < 98*time.Millisecond || p50 > 102*time.Millisecond {
			t.Errorf("median %v, want 100 ms", p50)
		}
		if len(got.Waiting) != 3 || got.Waiting[2] != 1 {
			t.Errorf("waiting %v, want one of 5 s", got.Waiting)
		}
		if len(got.Calls) != 1 || got.Calls[0] != (observe.Call{Name: "payments.quote", Count: 10, Failed: 10, Time: 800 * time.Millisecond}) {
			t.Errorf("calls %+v", got.Calls)
		}
		if below.Domain != "payments" || below.Inherited != 0 || below.Failed != 10 || len(below.Outcomes) != 1 || below.Outcomes[0] != (observe.Outcome{Name: "error", Count: 10, Failed: true}) {
			t.Errorf("the client's side: %+v", below)
		}
		late.Finish("200", false)
		late.Finish("500", true) // too late to count
		time.Sleep(time.Second)
		st = sample(t, rt)
		if len(st.Operations) != 1 || st.Operations[0].Ended != 1 || st.Operations[0].InFlight != 0 || st.Operations[0].Failed != 0 || st.Operations[0].Waiting != nil {
			t.Errorf("a sample tells what happened since the last: %+v", st.Operations)
		}
		time.Sleep(time.Second)
		if st = sample(t, rt); len(st.Operations) != 0 {
			t.Errorf("nothing happened: %+v", st.Operations)
		}
		if all := rt.Operations(); len(all) != 2 || all[0].Ended != 11 || all[0].Latency.Count() != 11 {
			t.Errorf("since the start: %+v", all)
		}
	})
}

// What a stream calls after its span was settled has not outlived it, and what a
// request left behind has.
func TestSettle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := newRuntime(t)
		serve, quote := rt.Operation(observe.Server, "GET /events", ""), rt.Operation(observe.Client, "payments.quote", "")
		end := map[string]func(*hale.Span){
			"settled":  func(s *hale.Span) { s.Settle("200", false); s.Finish("500", true) },
			"finished": func(s *hale.Span) { s.Finish("200", false); s.Settle("500", true) },
		}
		for name, outlived := range map[string]uint64{"settled": 0, "finished": 1} {
			ctx, span := serve.Start(t.Context())
			time.Sleep(20 * time.Millisecond)
			end[name](span)
			_, below := quote.Start(ctx)
			time.Sleep(time.Minute)
			below.Finish("ok", false)
			for _, st := range sample(t, rt).Operations {
				switch st.Kind {
				case observe.Server:
					if st.Ended != 1 || st.Failed != 0 || st.InFlight != 0 || st.Time != 20*time.Millisecond || len(st.Calls) != 1 {
						t.Errorf("%s: %+v", name, st)
					}
				case observe.Client:
					if st.Ended != 1 || st.Outlived != outlived {
						t.Errorf("%s: %d outlived it, want %d", name, st.Outlived, outlived)
					}
				}
			}
		}
	})
}

// A stream is counted when it ends, and only then: not in flight, of no length, and not
// beyond its caller's end. What it calls while it is open has not outlived it.
func TestOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := newRuntime(t)
		serve, feed, quote := rt.Operation(observe.Server, "GET /x", ""), rt.Operation(observe.Client, "feed", ""), rt.Operation(observe.Client, "quote", "")
		ctx, request := serve.Start(t.Context())
		ctx, stream := feed.Open(ctx)
		request.Finish("200", false)
		time.Sleep(time.Hour)
		_, below := quote.Start(ctx)
		below.Finish("ok", false)
		for _, st := range sample(t, rt).Operations {
			if st.Name == "feed" || st.InFlight != 0 || st.Outlived != 0 {
				t.Errorf("while the stream is open: %+v", st)
			}
		}
		stream.Finish("Internal", true)
		stream.Finish("OK", false)
		ops := sample(t, rt).Operations
		if len(ops) != 1 {
			t.Fatalf("%+v", ops)
		}
		st := ops[0]
		if st.Name != "feed" || st.Started != 1 || st.Ended != 1 || st.Failed != 1 || st.InFlight != 0 || st.Outlived != 0 || st.Time != 0 || len(st.Waiting) != 0 {
			t.Errorf("at its end: %+v", st)
		}
	})
}

// sample takes a turn and returns what it saw.
func sample(t *testing.T, rt *hale.Runtime) observe.Sample {
	t.Helper()
	if err := rt.Step(t.Context()); err != nil {
		t.Fatal(err)
	}
	return rt.Status().Sample
}

// A request that fails since a pool or a task that it waited for did is no origin of
// errors: they began there.
func TestErrorsBeginBelow(t *testing.T) {
	rt := newRuntime(t)
	pool := newPool(t, rt, hale.PoolConfig{})
	op, failure := rt.Operation(observe.Server, "GET /", ""), errors.New("no")
	fail := func(context.Context) error { return failure }
	for _, run := range []func(context.Context) error{
		func(ctx context.Context) error { return pool.Submit(ctx, fail) },
		func(ctx context.Context) error { return rt.Do(ctx, "quote", fail) },
		func(ctx context.Context) error { return rt.Do(ctx, "GET /", fail) }, // the request itself, as a task
	} {
		if err := op.Do(t.Context(), run); !errors.Is(err, failure) {
			t.Error(err)
		}
	}
	got := sample(t, rt).Operations[0]
	if got.Failed != 3 || got.Inherited != 2 || len(got.Calls) != 2 || got.Calls[0] != (observe.Call{Name: "quote", Count: 1, Failed: 1}) || got.Calls[1].Name != pool.Name() {
		t.Errorf("%+v", got)
	}
}

// Business errors are counted where the context is, by a type of their own or the one
// that is given, and fail nothing.
func TestBusinessErrorsAreReported(t *testing.T) {
	rt := newRuntime(t)
	ctx, span := rt.Operation(observe.Server, "POST /order", "").Start(t.Context())
	hale.ReportError(ctx, &net.OpError{Op: "dial", Err: io.EOF})
	hale.ReportError(ctx, nil)
	hale.ReportErrorAs(ctx, io.EOF, "declined")
	hale.ReportErrorAs(ctx, io.EOF, "")
	hale.ReportErrorAs(ctx, nil, "declined")
	span.End(nil)
	var got []string
	all := rt.Operations()
	for _, o := range all[0].Reported {
		got = append(got, fmt.Sprintf("%s %d", o.Name, o.Count))
	}
	slices.Sort(got)
	if want := []string{"declined 1", "error 1", "net.OpError 1"}; len(all) != 1 || !slices.Equal(got, want) || all[0].Failed != 0 {
		t.Errorf("%q of %+v, want %q", got, all, want)
	}
}
