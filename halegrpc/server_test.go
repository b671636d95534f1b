package halegrpc_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	testgrpc "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/halegrpc"
	"github.com/hale-go/hale/heal"
	"github.com/hale-go/hale/observe"
)

// mute is an error that cannot tell what it is.
type mute struct{}

func (mute) Error() string { panic("no text") }

// What a handler returns is the outcome, and a failure where the server is to blame.
func TestCodes(t *testing.T) {
	tests := []struct {
		err    error
		code   codes.Code
		name   string
		failed bool
	}{
		{nil, codes.OK, "OK", false},
		{status.Error(codes.Canceled, ""), codes.Canceled, "Canceled", false},
		{status.Error(codes.Unknown, ""), codes.Unknown, "Unknown", true},
		{status.Error(codes.InvalidArgument, ""), codes.InvalidArgument, "InvalidArgument", false},
		{status.Error(codes.DeadlineExceeded, ""), codes.DeadlineExceeded, "DeadlineExceeded", true},
		{status.Error(codes.NotFound, ""), codes.NotFound, "NotFound", false},
		{status.Error(codes.ResourceExhausted, ""), codes.ResourceExhausted, "ResourceExhausted", false},
		{status.Error(codes.Unimplemented, ""), codes.Unimplemented, "Unimplemented", true},
		{status.Error(codes.Internal, ""), codes.Internal, "Internal", true},
		{status.Error(codes.Unavailable, ""), codes.Unavailable, "Unavailable", true},
		{status.Error(codes.DataLoss, ""), codes.DataLoss, "DataLoss", true},
		{status.Error(codes.Unauthenticated, ""), codes.Unauthenticated, "Unauthenticated", false},
		{status.Error(4711, ""), 4711, "Unknown", true},
		{errors.New("plain"), codes.Unknown, "Unknown", true},
		{fmt.Errorf("wrapped: %w", status.Error(codes.NotFound, "")), codes.NotFound, "NotFound", false},
		{context.DeadlineExceeded, codes.DeadlineExceeded, "DeadlineExceeded", true},
		{mute{}, codes.Internal, "Internal", true}, // which ends the process without hale
	}
	for _, tt := range tests {
		rt := newRuntime(t)
		c := client(t, start(t, rt, &service{unary: func(context.Context, *testgrpc.SimpleRequest) (*testgrpc.SimpleResponse, error) {
			return &testgrpc.SimpleResponse{}, tt.err
		}}), nil)
		if _, err := c.UnaryCall(t.Context(), &testgrpc.SimpleRequest{}); status.Code(err) != tt.code {
			t.Errorf("%T: the client got %v", tt.err, err)
		}
		wants(t, rt, observe.Server, unaryMethod, observe.Outcome{Name: tt.name, Count: 1, Failed: tt.failed})
	}
}

// A call is a task and a span with the sender's ID and trace.
func TestUnary(t *testing.T) {
	rt := newRuntime(t)
	var id hale.Identity
	var trace observe.TraceContext
	c := client(t, start(t, rt, &service{unary: func(ctx context.Context, _ *testgrpc.SimpleRequest) (*testgrpc.SimpleResponse, error) {
		id, trace = hale.Identify(ctx), hale.TraceOf(ctx)
		return &testgrpc.SimpleResponse{}, nil
	}}), nil)
	const sent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	ctx := metadata.AppendToOutgoingContext(t.Context(), "x-request-id", "r-7", "traceparent", sent, "tracestate", "a=1", "tracestate", "b=2")
	var header metadata.MD
	if _, err := c.UnaryCall(ctx, &testgrpc.SimpleRequest{}, grpc.Header(&header)); err != nil {
		t.Fatal(err)
	}
	if id.Name != unaryMethod || id.Operation != unaryMethod || id.Request != "r-7" || id.ID.IsZero() {
		t.Errorf("identity %+v", id)
	}
	if got := header.Get("x-request-id"); len(got) != 1 || got[0] != "r-7" {
		t.Errorf("the ID went out as %q", got)
	}
	if got := trace.Traceparent(); !strings.HasPrefix(got, sent[:36]) || strings.Contains(got, sent[36:52]) || trace.State != "a=1,b=2" {
		t.Errorf("trace %s, state %s", got, trace.State)
	}
	wants(t, rt, observe.Server, unaryMethod, observe.Outcome{Name: "OK", Count: 1})
}

// What is malformed is left out, and the call is served.
func TestMalformedMetadata(t *testing.T) {
	rt := newRuntime(t)
	var request string
	var trace observe.TraceContext
	c := client(t, start(t, rt, &service{unary: func(ctx context.Context, _ *testgrpc.SimpleRequest) (*testgrpc.SimpleResponse, error) {
		request, trace = hale.RequestID(ctx), hale.TraceOf(ctx)
		return &testgrpc.SimpleResponse{}, nil
	}}), nil)
	const sent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	for _, pairs := range [][]string{
		{},
		{"x-request-id", "", "traceparent", ""},
		{"traceparent", "00-zz"},
		{"traceparent", sent, "traceparent", sent},
		{"traceparent", strings.Repeat("0", 1<<12), "tracestate", strings.Repeat("=", 1<<12), "baggage", strings.Repeat("%", 1<<14)},
		{"x-request-id", strings.Repeat("r", 1<<12)},
	} {
		var header metadata.MD
		ctx := metadata.AppendToOutgoingContext(t.Context(), pairs...)
		if _, err := c.UnaryCall(ctx, &testgrpc.SimpleRequest{}, grpc.Header(&header)); err != nil {
			t.Errorf("%.40q: %v", pairs, err)
		}
		if request == "" || len(request) > 128 || header.Get("x-request-id")[0] != request {
			t.Errorf("%.40q: ID %q, went out as %q", pairs, request, header.Get("x-request-id"))
		}
		if trace.IsZero() || strings.Contains(trace.Traceparent(), sent[3:35]) {
			t.Errorf("%.40q: trace %v", pairs, trace)
		}
	}
}

// A panic is contained and told of, and the service lives on.
func TestPanic(t *testing.T) {
	rt := newRuntime(t)
	told := panics(rt)
	c := client(t, start(t, rt, &service{unary: func(_ context.Context, in *testgrpc.SimpleRequest) (*testgrpc.SimpleResponse, error) {
		if in.ResponseSize > 0 {
			panic(hale.ErrQuarantined) // which is not the runtime's
		}
		return &testgrpc.SimpleResponse{}, nil
	}}), nil)
	for range 3 {
		_, err := c.UnaryCall(t.Context(), &testgrpc.SimpleRequest{ResponseSize: 1})
		if status.Code(err) != codes.Internal || strings.Contains(err.Error(), "quarantine") {
			t.Errorf("%v", err)
		}
		if _, err := c.UnaryCall(t.Context(), &testgrpc.SimpleRequest{}); err != nil {
			t.Error(err)
		}
	}
	wants(t, rt, observe.Server, unaryMethod, observe.Outcome{Name: "Internal", Count: 3, Failed: true}, observe.Outcome{Name: "OK", Count: 3})
	until(t, "three panics are told of", func() bool { return told() == 3 })
}

// A handler that ends its goroutine ends its span.
func TestGoexit(t *testing.T) {
	rt := newRuntime(t)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_, _ = halegrpc.UnaryServerInterceptor(rt)(t.Context(), nil, &grpc.UnaryServerInfo{FullMethod: "/x/Y"},
			func(context.Context, any) (any, error) { runtime.Goexit(); return nil, nil })
	}()
	<-ended
	wants(t, rt, observe.Server, "x/Y", observe.Outcome{Name: "panic", Count: 1, Failed: true})
}

// A client that gives up is no failure, and one whose time is up is one, whatever the
// handler makes of it. Deadlines come through.
func TestClientLeaves(t *testing.T) {
	rt := newRuntime(t)
	began := make(chan time.Duration, 1)
	c := client(t, start(t, rt, &service{unary: func(ctx context.Context, in *testgrpc.SimpleRequest) (*testgrpc.SimpleResponse, error) {
		deadline, _ := ctx.Deadline()
		began <- time.Until(deadline)
		<-ctx.Done()
		if in.ResponseSize > 0 {
			return nil, status.Error(codes.Internal, "because of that")
		}
		return nil, ctx.Err()
	}}), nil)
	for size := range int32(2) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		go func() {
			if left := <-began; left < 59*time.Minute || left > time.Hour {
				t.Errorf("%v are left", left)
			}
			cancel()
		}()
		if _, err := c.UnaryCall(ctx, &testgrpc.SimpleRequest{ResponseSize: size}); status.Code(err) != codes.Canceled {
			t.Error(err)
		}
		wants(t, rt, observe.Server, unaryMethod, observe.Outcome{Name: "Canceled", Count: uint64(size + 1)})
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if _, err := c.UnaryCall(ctx, &testgrpc.SimpleRequest{ResponseSize: 1}); err == nil { // which of the two is first is a race
		t.Error("no error")
	}
	wants(t, rt, observe.Server, unaryMethod, observe.Outcome{Name: "Canceled", Count: 2}, observe.Outcome{Name: "DeadlineExceeded", Count: 1, Failed: true})
}

// A method that panics again and again is cut off, and that is no failure of its own.
func TestQuarantine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := newRuntime(t, hale.WithConfig(hale.Config{Policy: heal.Policy{Act: heal.Contain}}))
		serve := halegrpc.UnaryServerInterceptor(rt)
		ask := func(method string, h grpc.UnaryHandler) codes.Code {
			_, err := serve(t.Context(), nil, &grpc.UnaryServerInfo{FullMethod: method}, h)
			return status.Code(err)
		}
		got := codes.OK
		for range 60 {
			for range 5 {
				got = ask("/x/Poison", func(context.Context, any) (any, error) { panic("poison") })
			}
			time.Sleep(time.Second)
			if err := rt.Step(t.Context()); err != nil {
				t.Fatal(err)
			}
			if got == codes.Unavailable {
				break
			}
		}
		if got != codes.Unavailable {
			t.Fatal(got)
		}
		if got := ask("/x/Well", func(context.Context, any) (any, error) { return nil, nil }); got != codes.OK {
			t.Errorf("another method: %v", got)
		}
		for _, o := range stat(rt, observe.Server, "x/Poison").Outcomes {
			if o.Failed != (o.Name == "Internal") {
				t.Errorf("%+v", o)
			}
		}
	})
}

// A handler that hale stopped asks the client to come again.
func TestStopped(t *testing.T) {
	rt := newRuntime(t)
	c := client(t, start(t, rt, &service{unary: func(ctx context.Context, _ *testgrpc.SimpleRequest) (*testgrpc.SimpleResponse, error) {
		hale.FromContext(ctx).Cancel(hale.ErrRemedied)
		<-ctx.Done()
		return nil, ctx.Err()
	}}), nil)
	if _, err := c.UnaryCall(t.Context(), &testgrpc.SimpleRequest{}); status.Code(err) != codes.Unavailable {
		t.Error(err)
	}
	wants(t, rt, observe.Server, unaryMethod, observe.Outcome{Name: "Unavailable", Count: 1, Failed: true})
}

// While a service closes, calls are turned away, and clients told when to come again.
func TestClosed(t *testing.T) {
	rt := newRuntime(t)
	c := client(t, start(t, rt, &service{}), nil)
	if err := rt.Close(); err != nil {
		t.Fatal(err)
	}
	check := func(err error, trailer metadata.MD) {
		t.Helper()
		st := status.Convert(err)
		if st.Code() != codes.Unavailable || len(st.Details()) != 1 || len(trailer["grpc-retry-pushback-ms"]) != 1 {
			t.Fatalf("%v, details %v, trailer %v", err, st.Details(), trailer)
		}
		if info, ok := st.Details()[0].(*errdetails.RetryInfo); !ok || info.RetryDelay.AsDuration() != time.Second {
			t.Errorf("%v", st.Details())
		}
	}
	var trailer metadata.MD
	_, err := c.UnaryCall(t.Context(), &testgrpc.SimpleRequest{}, grpc.Trailer(&trailer))
	check(err, trailer)
	ss, err := c.FullDuplexCall(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	_, err = ss.Recv()
	check(err, ss.Trailer())
	wants(t, rt, observe.Server, unaryMethod, observe.Outcome{Name: "Unavailable", Count: 1})
	wants(t, rt, observe.Server, duplexMethod, observe.Outcome{Name: "Unavailable", Count: 1})
}

// Without a runtime, calls are served without care; and two interceptors count once.
func TestNoRuntimeAndTwice(t *testing.T) {
	rt := newRuntime(t)
	unary := func(ctx context.Context, _ *testgrpc.SimpleRequest) (*testgrpc.SimpleResponse, error) {
		return &testgrpc.SimpleResponse{Username: hale.RequestID(ctx)}, nil
	}
	bare := client(t, start(t, nil, &service{unary: unary}), nil)
	if out, err := bare.UnaryCall(t.Context(), &testgrpc.SimpleRequest{}); err != nil || out.Username != "" {
		t.Errorf("%v %v", out, err)
	}
	twice := client(t, start(t, rt, &service{unary: unary}, grpc.ChainUnaryInterceptor(halegrpc.UnaryServerInterceptor(rt))), nil)
	if out, err := twice.UnaryCall(t.Context(), &testgrpc.SimpleRequest{}); err != nil || out.Username == "" {
		t.Errorf("%v %v", out, err)
	}
	wants(t, rt, observe.Server, unaryMethod, observe.Outcome{Name: "OK", Count: 1})
}
