package halegrpc_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	testgrpc "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/halegrpc"
	"github.com/hale-go/hale/observe"
)

// Two services that a call goes through are in one trace and have one request ID, by
// unary calls and by streams, and the baggage comes along.
func TestTwoServices(t *testing.T) {
	front, back := newRuntime(t), newRuntime(t)
	type seen struct{ request, trace, span, baggage string }
	see := func(ctx context.Context) seen {
		trace := hale.TraceOf(ctx).Traceparent()
		md, _ := metadata.FromIncomingContext(ctx)
		return seen{hale.RequestID(ctx), trace[:35], md.Get("traceparent")[0][36:52], strings.Join(md.Get("baggage"), "|")}
	}
	atBack, atFront := make(chan seen, 2), make(chan string, 1)
	next := client(t, start(t, back, &service{
		unary: func(ctx context.Context, _ *testgrpc.SimpleRequest) (*testgrpc.SimpleResponse, error) {
			atBack <- see(ctx)
			return &testgrpc.SimpleResponse{}, nil
		},
		output: func(_ *testgrpc.StreamingOutputCallRequest, ss testgrpc.TestService_StreamingOutputCallServer) error {
			atBack <- see(ss.Context())
			return nil
		},
	}), front)
	first := client(t, start(t, front, &service{unary: func(ctx context.Context, in *testgrpc.SimpleRequest) (*testgrpc.SimpleResponse, error) {
		atFront <- hale.TraceOf(ctx).Traceparent()[:35]
		md, _ := metadata.FromIncomingContext(ctx)
		ctx = metadata.NewOutgoingContext(ctx, metadata.MD{"authorization": md["authorization"], "traceparent": {"of somebody else"}})
		ss, err := next.StreamingOutputCall(ctx, ask(0))
		if err != nil {
			return nil, err
		}
		if err := drain(func() error { _, err := ss.Recv(); return err }); err != nil {
			return nil, err
		}
		return next.UnaryCall(ctx, in)
	}}), nil)
	const sent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	ctx := metadata.AppendToOutgoingContext(t.Context(), "x-request-id", "r-7", "traceparent", sent, "baggage", "tenant=acme")
	if _, err := first.UnaryCall(ctx, &testgrpc.SimpleRequest{}); err != nil {
		t.Fatal(err)
	}
	if got := <-atFront; got != sent[:35] {
		t.Errorf("in front: trace %s", got)
	}
	spans := map[string]bool{sent[36:52]: true}
	for range 2 {
		got := <-atBack
		if got.request != "r-7" || got.trace != sent[:35] || got.baggage != "tenant=acme" || spans[got.span] {
			t.Errorf("behind: %+v", got)
		}
		spans[got.span] = true
	}
	ok := observe.Outcome{Name: "OK", Count: 1}
	wants(t, front, observe.Server, unaryMethod, ok)
	wants(t, front, observe.Client, unaryMethod, ok)
	wants(t, front, observe.Client, outputMethod, ok)
	wants(t, back, observe.Server, unaryMethod, ok)
	if st := stat(front, observe.Server, unaryMethod); len(st.Calls) != 2 {
		t.Errorf("calls %+v", st.Calls)
	}
	if st := stat(front, observe.Client, unaryMethod); st.Domain != "grpc.testing.TestService" {
		t.Errorf("domain %s", st.Domain)
	}
}

// Every code but OK is a failure of what was called, but for a caller who gave up.
func TestClientOutcomes(t *testing.T) {
	rt := newRuntime(t)
	c := client(t, start(t, nil, &service{unary: func(ctx context.Context, in *testgrpc.SimpleRequest) (*testgrpc.SimpleResponse, error) {
		if in.ResponseSize == 0 {
			<-ctx.Done()
		}
		return &testgrpc.SimpleResponse{}, status.Error(codes.Code(in.ResponseSize), "as asked")
	}}), rt)
	call := func(ctx context.Context, code codes.Code) {
		_, _ = c.UnaryCall(ctx, &testgrpc.SimpleRequest{ResponseSize: int32(code)})
	}
	call(t.Context(), codes.NotFound)
	call(t.Context(), 4711)
	gone, cancel := context.WithCancel(t.Context())
	time.AfterFunc(10*time.Millisecond, cancel)
	call(gone, 0)
	late, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	<-late.Done()
	call(late, 0)
	spent, stop := context.WithCancelCause(t.Context())
	stop(hale.ErrBudget)
	call(spent, 0)
	wants(t, rt, observe.Client, unaryMethod,
		observe.Outcome{Name: "Canceled", Count: 1},
		observe.Outcome{Name: "DeadlineExceeded", Count: 2, Failed: true},
		observe.Outcome{Name: "NotFound", Count: 1, Failed: true},
		observe.Outcome{Name: "Unknown", Count: 1, Failed: true})

	far := newRuntime(t) // of another, for the code that the server sends
	c = client(t, start(t, nil, &service{unary: func(context.Context, *testgrpc.SimpleRequest) (*testgrpc.SimpleResponse, error) {
		return nil, status.Error(codes.Canceled, "by the server")
	}}), far)
	call(t.Context(), codes.Canceled)
	wants(t, far, observe.Client, unaryMethod, observe.Outcome{Name: "Canceled", Count: 1, Failed: true})
}

// A server that is not there fails unary calls and streams, and the errors are gRPC's.
func TestNobodyThere(t *testing.T) {
	rt := newRuntime(t)
	c := client(t, "127.0.0.1:1", rt)
	if _, err := c.UnaryCall(t.Context(), &testgrpc.SimpleRequest{}); status.Code(err) != codes.Unavailable {
		t.Error(err)
	}
	if _, err := c.FullDuplexCall(t.Context()); status.Code(err) != codes.Unavailable {
		t.Error(err)
	}
	wants(t, rt, observe.Client, unaryMethod, observe.Outcome{Name: "Unavailable", Count: 1, Failed: true})
	wants(t, rt, observe.Client, duplexMethod, observe.Outcome{Name: "Unavailable", Count: 1, Failed: true})
}

// An interceptor below that panics ends the span, and the panic goes on.
func TestClientPanic(t *testing.T) {
	rt := newRuntime(t)
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic is gone")
			}
		}()
		_ = halegrpc.UnaryClientInterceptor(rt)(t.Context(), "/x/Y", nil, nil, nil, func(context.Context, string, any, any, *grpc.ClientConn, ...grpc.CallOption) error {
			panic("below")
		})
	}()
	func() {
		defer func() { _ = recover() }()
		_, _ = halegrpc.StreamClientInterceptor(rt)(t.Context(), &grpc.StreamDesc{}, nil, "/x/Z", func(context.Context, *grpc.StreamDesc, *grpc.ClientConn, string, ...grpc.CallOption) (grpc.ClientStream, error) {
			panic("below")
		})
	}()
	wants(t, rt, observe.Client, "x/Y", observe.Outcome{Name: "panic", Count: 1, Failed: true})
	wants(t, rt, observe.Client, "x/Z", observe.Outcome{Name: "panic", Count: 1, Failed: true})
}

// gRPC would fail a call for metadata that it cannot send, so none such is sent.
func TestMetadataThatCannotBeSent(t *testing.T) {
	rt := newRuntime(t)
	var request string
	c := client(t, start(t, newRuntime(t), &service{unary: func(ctx context.Context, _ *testgrpc.SimpleRequest) (*testgrpc.SimpleResponse, error) {
		request = hale.RequestID(ctx)
		return &testgrpc.SimpleResponse{}, nil
	}}), rt)
	ctx := rt.Extract(hale.WithRequestID(t.Context(), "größe-7"), func(key string) string {
		return map[string]string{"baggage": "ö=ü"}[key]
	})
	if _, err := c.UnaryCall(ctx, &testgrpc.SimpleRequest{}); err != nil || request != "gr__e-7" {
		t.Errorf("%v, %q", err, request)
	}
	ctx = metadata.AppendToOutgoingContext(ctx, "x-request-id", "mine")
	if _, err := c.UnaryCall(ctx, &testgrpc.SimpleRequest{}); err != nil || request != "mine" {
		t.Errorf("%v, %q", err, request)
	}
}
