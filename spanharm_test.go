package hale_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/observe"
)

// What clients and callers can make up has a bound, and what does not fit is counted.
func TestOperationsAreBounded(t *testing.T) {
	rt := newRuntime(t)
	for i := range 3000 {
		_, s := rt.Operation("sideways", fmt.Sprintf("GET /%d", i), "").Start(t.Context())
		s.Finish("200", false)
	}
	one := rt.Operation(observe.Server, "GET /\x00", "")
	for i := range 1000 {
		_, s := one.Start(t.Context())
		s.Finish(fmt.Sprintf("status %d\n", i), true)
		hale.ReportErrorAs(context.Background(), io.EOF, fmt.Sprint(i))
	}
	all := rt.Operations()
	if len(all) > 1026 {
		t.Fatalf("%d operations", len(all))
	}
	var folded, outcomes uint64
	for _, o := range all {
		if o.Name == "hale.other" {
			folded += o.Ended
		}
		if len(o.Outcomes) > 34 {
			t.Errorf("%s has %d outcomes", o.Name, len(o.Outcomes))
		}
		for _, out := range o.Outcomes {
			if strings.ContainsAny(out.Name, "\n\x00") {
				t.Errorf("outcome %q", out.Name)
			}
			if out.Name == "other" {
				outcomes += out.Count
			}
		}
	}
	if folded < 1976 || outcomes < 960 {
		t.Errorf("%d spans were folded, %d outcomes", folded, outcomes)
	}
	if st := sample(t, rt); st.Unseen != outcomes {
		t.Errorf("%d are counted as unseen, want %d", st.Unseen, outcomes)
	}
}

// Spans that begin and end on many goroutines are all counted, in flight by their
// age too.
func TestSpansFromManyGoroutines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := newRuntime(t)
		op := rt.Operation(observe.Internal, "work", "")
		var wg sync.WaitGroup
		for i := range 200 {
			wg.Go(func() {
				for j := range 50 {
					_, s := op.Start(t.Context())
					time.Sleep(time.Duration(i*j) * 37 * time.Millisecond)
					s.End(nil)
				}
			})
		}
		for range 120 {
			time.Sleep(time.Second)
			for _, o := range sample(t, rt).Operations {
				for _, n := range o.Waiting {
					if int64(n) > o.InFlight {
						t.Fatalf("%d of %d in flight wait: %v", n, o.InFlight, o.Waiting)
					}
				}
			}
		}
		wg.Wait()
		time.Sleep(time.Second)
		sample(t, rt)
		if o := rt.Operations()[0]; o.Started != 10000 || o.Ended != 10000 || o.InFlight != 0 || o.Latency.Count() != 10000 {
			t.Errorf("%+v", o)
		}
		_, s := op.Start(t.Context()) // after all that, nothing of it is left in the count of ages
		time.Sleep(1500 * time.Millisecond)
		if o := sample(t, rt).Operations; len(o) != 1 || len(o[0].Waiting) > 2 || o[0].Waiting[0] != 1 { // to a second
			t.Errorf("one that is 1.5 s old: %+v", o)
		}
		time.Sleep(200 * time.Second)
		if o := sample(t, rt).Operations; len(o) != 1 || len(o[0].Waiting) != 7 || o[0].Waiting[6] != 1 {
			t.Errorf("one that is 200 s old: %+v", o)
		}
		s.End(nil)
	})
}

func TestErrorType(t *testing.T) {
	for want, err := range map[string]error{
		"": nil, "error": fmt.Errorf("x: %w", errors.New("y")), "canceled": fmt.Errorf("x: %w", context.Canceled),
		"timeout": fmt.Errorf("x: %w", os.ErrDeadlineExceeded), "declined": fmt.Errorf("x: %w", declined{}),
		"net.AddrError": fmt.Errorf("x: %w", &net.AddrError{}),
	} {
		if got := hale.ErrorType(err); got != want {
			t.Errorf("%v is %q, want %q", err, got, want)
		}
	}
	if got := hale.ErrorType(grudging{}); got != "error" {
		t.Errorf("an error that panics is %q", got)
	}
}

type declined struct{}

func (declined) Error() string     { return "declined" }
func (declined) ErrorType() string { return "declined" }

type grudging struct{}

func (grudging) Error() string     { panic("no text") }
func (grudging) ErrorType() string { panic("no type") }

// The trace that a request came with goes on to whom it calls.
func TestTraceGoesOn(t *testing.T) {
	rt := newRuntime(t)
	in := map[string]string{"traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "tracestate": "a=1", "baggage": "tenant=blue"}
	ctx := rt.Extract(t.Context(), func(k string) string { return in[k] })
	ctx, server := rt.Operation(observe.Server, "GET /", "").Start(ctx)
	ctx, client := rt.Operation(observe.Client, "next", "").Start(ctx)
	out := map[string]string{}
	rt.Inject(ctx, func(k, v string) { out[k] = v })
	got, err := observe.ParseTraceparent(out["traceparent"], out["tracestate"])
	if err != nil || got.Trace() != "4bf92f3577b34da6a3ce929d0e0e4736" || got.Span() == "00f067aa0ba902b7" || got.Span() == server.Trace().Span() ||
		got != client.Trace() || got.State != "a=1" || out["baggage"] != "tenant=blue" {
		t.Errorf("%v, %v", out, err)
	}
	for name, bad := range map[string]string{"traceparent": "00-zz", "baggage": "a=\n" + strings.Repeat("x", 9000)} {
		ctx := rt.Extract(t.Context(), func(k string) string {
			if k == name {
				return bad
			}
			return ""
		})
		rt.Inject(ctx, func(k, v string) { t.Errorf("of a bad %s came %s: %q", name, k, v) })
	}
}

// What a runtime that is off hands out can be called like any other.
func TestNilOperations(t *testing.T) {
	var op *hale.Operation
	ran := false
	if err := op.Do(t.Context(), func(context.Context) error { ran = true; return io.EOF }); !errors.Is(err, io.EOF) || !ran {
		t.Errorf("Do = %v, ran %t", err, ran)
	}
	for _, start := range []func(context.Context) (context.Context, *hale.Span){op.Start, op.Open} {
		ctx, s := start(t.Context())
		s.End(nil)
		s.Finish("ok", false)
		s.Settle("ok", false)
		if s.Operation() != nil || !s.Trace().IsZero() || hale.SpanOf(ctx) != nil {
			t.Error("a nil span says something")
		}
	}
	op.Report("x")
	foreign := newRuntime(t).ForeignSpan(op)
	foreign.Begin()
	foreign.Call("x", 1, true)
	foreign.Rename(nil).End(hale.ForeignEnd{Trace: observe.TraceContext{SpanID: [8]byte{1}}})
	if op.Name() != "" {
		t.Error("a nil operation has a name")
	}
}

// The zero ForeignSpan counts nothing, also where it is said to be in a span.
func TestZeroForeignSpan(t *testing.T) {
	rt := newRuntime(t)
	_, span := rt.Operation(observe.Server, "GET /", "").Start(t.Context())
	hale.ForeignSpan{}.End(hale.ForeignEnd{In: span, Failed: true, Took: time.Second})
	span.End(nil)
	if st := rt.Operations()[0]; len(st.Calls) != 0 || st.Inherited != 0 || st.Below != 0 || st.Ended != 1 {
		t.Errorf("%+v", st)
	}
}

// A span of long ago that is counted late makes no others look old.
func TestLateSpansMakeNoneOld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := newRuntime(t)
		op := rt.Operation(observe.Client, "feed", "")
		_, stream := op.Open(t.Context())
		time.Sleep(64 * time.Second)
		_, s := op.Start(t.Context())
		stream.Finish("ok", false)
		time.Sleep(2 * time.Second)
		if o := sample(t, rt).Operations; len(o) != 1 || o[0].InFlight != 1 || len(o[0].Waiting) > 2 {
			t.Errorf("%+v", o)
		}
		s.End(nil)
	})
}
