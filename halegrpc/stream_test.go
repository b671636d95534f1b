package halegrpc_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	testgrpc "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/status"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/halegrpc"
	"github.com/hale-go/hale/observe"
)

// echo is a service whose streams do what the first message says: its size is the
// code to end with, -1 a panic. That of the second kind panics if it is told to.
func echo(ids chan<- hale.Identity) *service {
	end := func(code int32) error {
		if code < 0 {
			panic("stream")
		}
		return status.Error(codes.Code(code), "as asked")
	}
	code := func(in *testgrpc.StreamingOutputCallRequest) int32 { return in.ResponseParameters[0].Size }
	return &service{
		output: func(in *testgrpc.StreamingOutputCallRequest, ss testgrpc.TestService_StreamingOutputCallServer) error {
			ids <- hale.Identify(ss.Context())
			return errors.Join(ss.Send(&testgrpc.StreamingOutputCallResponse{}), end(code(in)))
		},
		input: func(ss testgrpc.TestService_StreamingInputCallServer) error {
			ids <- hale.Identify(ss.Context())
			in, err := ss.Recv()
			if err != nil {
				return err
			}
			if in.ExpectCompressed.GetValue() {
				panic("stream")
			}
			return ss.SendAndClose(&testgrpc.StreamingInputCallResponse{})
		},
		duplex: func(ss testgrpc.TestService_FullDuplexCallServer) error {
			ids <- hale.Identify(ss.Context())
			in, err := ss.Recv()
			if err != nil {
				return err
			}
			if err := ss.Send(&testgrpc.StreamingOutputCallResponse{}); err != nil {
				return err
			}
			return end(code(in))
		},
	}
}

func ask(code int32) *testgrpc.StreamingOutputCallRequest {
	return &testgrpc.StreamingOutputCallRequest{ResponseParameters: []*testgrpc.ResponseParameters{{Size: code}}}
}

// drain reads a stream to its end.
func drain(recv func() error) error {
	for {
		switch err := recv(); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
	}
}

// Streams of all kinds are tasks and spans, and are counted at both ends by their code
// when they end. A panic ends one and not the service.
func TestStreams(t *testing.T) {
	rt, far := newRuntime(t), newRuntime(t)
	told := panics(rt)
	ids := make(chan hale.Identity, 1)
	c := client(t, start(t, rt, echo(ids)), far)
	kinds := map[string]func(code int32) error{
		outputMethod: func(code int32) error {
			ss, err := c.StreamingOutputCall(t.Context(), ask(code))
			if err != nil {
				return err
			}
			return drain(func() error { _, err := ss.Recv(); return err })
		},
		inputMethod: func(code int32) error {
			ss, err := c.StreamingInputCall(t.Context())
			if err != nil {
				return err
			}
			if err := ss.Send(&testgrpc.StreamingInputCallRequest{ExpectCompressed: &testgrpc.BoolValue{Value: code < 0}}); err != nil {
				return err
			}
			_, err = ss.CloseAndRecv()
			return err
		},
		duplexMethod: func(code int32) error {
			ss, err := c.FullDuplexCall(t.Context())
			if err != nil {
				return err
			}
			if err := ss.Send(ask(code)); err != nil {
				return err
			}
			return drain(func() error { _, err := ss.Recv(); return err })
		},
	}
	for name, call := range kinds {
		for _, code := range []int32{-1, 0} {
			if err := call(code); status.Code(err) != map[bool]codes.Code{true: codes.Internal, false: codes.OK}[code < 0] {
				t.Errorf("%s %d: %v", name, code, err)
			}
			if id := <-ids; id.Name != name || id.Operation != name || id.Request == "" {
				t.Errorf("%s: %+v", name, id)
			}
		}
		for _, side := range []struct {
			rt   *hale.Runtime
			kind observe.OperationKind
		}{{rt, observe.Server}, {far, observe.Client}} {
			wants(t, side.rt, side.kind, name, observe.Outcome{Name: "Internal", Count: 1, Failed: true}, observe.Outcome{Name: "OK", Count: 1})
			if st := stat(side.rt, side.kind, name); st.Time != 0 {
				t.Errorf("%s %s is timed: %v", side.kind, name, st.Time)
			}
		}
	}
	if err := kinds[duplexMethod](int32(codes.NotFound)); status.Code(err) != codes.NotFound {
		t.Error(err)
	}
	<-ids
	until(t, "three panics are told of", func() bool { return told() == 3 })
}

// A stream that is open is in flight for nobody, and its client's leaving is no failure
// of anybody's.
func TestLongStream(t *testing.T) {
	rt, far := newRuntime(t), newRuntime(t)
	open := make(chan struct{})
	c := client(t, start(t, rt, &service{output: func(_ *testgrpc.StreamingOutputCallRequest, ss testgrpc.TestService_StreamingOutputCallServer) error {
		close(open)
		<-ss.Context().Done()
		return ss.Context().Err()
	}}), far)
	ctx, cancel := context.WithCancel(t.Context())
	ss, err := c.StreamingOutputCall(ctx, ask(0))
	if err != nil {
		t.Fatal(err)
	}
	<-open
	for _, rt := range []*hale.Runtime{rt, far} {
		if st := rt.Operations(); len(st) != 1 || st[0].InFlight != 0 || st[0].Started != 0 {
			t.Errorf("%+v", st)
		}
	}
	cancel() // and reads no more
	wants(t, rt, observe.Server, outputMethod, observe.Outcome{Name: "Canceled", Count: 1})
	wants(t, far, observe.Client, outputMethod, observe.Outcome{Name: "Canceled", Count: 1})
	if _, err := ss.Recv(); status.Code(err) != codes.Canceled {
		t.Error(err)
	}
}

// A stream's deadline is the caller's failure at both ends.
func TestStreamDeadline(t *testing.T) {
	rt, far := newRuntime(t), newRuntime(t)
	c := client(t, start(t, rt, &service{duplex: func(ss testgrpc.TestService_FullDuplexCallServer) error {
		<-ss.Context().Done()
		return ss.Context().Err()
	}}), far)
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	ss, err := c.FullDuplexCall(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ss.Recv(); status.Code(err) != codes.DeadlineExceeded {
		t.Error(err)
	}
	wants(t, rt, observe.Server, duplexMethod, observe.Outcome{Name: "DeadlineExceeded", Count: 1, Failed: true})
	wants(t, far, observe.Client, duplexMethod, observe.Outcome{Name: "DeadlineExceeded", Count: 1, Failed: true})
}

// However many names a client makes up, they are one operation.
func TestUnknownMethods(t *testing.T) {
	rt, far := newRuntime(t), newRuntime(t)
	addr := start(t, rt, &service{}, grpc.UnknownServiceHandler(func(any, grpc.ServerStream) error {
		return status.Error(codes.Unimplemented, "unknown")
	}))
	cc := dial(t, addr, halegrpc.DialOptions(far)...)
	const flood = 1500
	for i := range flood {
		err := cc.Invoke(t.Context(), fmt.Sprintf("/made.up/Method%d", i), &testgrpc.Empty{}, &testgrpc.Empty{})
		if status.Code(err) != codes.Unimplemented {
			t.Fatal(err)
		}
	}
	wants(t, rt, observe.Server, "(unmatched)", observe.Outcome{Name: "Unimplemented", Count: flood, Failed: true})
	wants(t, far, observe.Client, "other methods", observe.Outcome{Name: "Unimplemented", Count: flood - 256, Failed: true})
	if n := len(rt.Operations()); n != 1 {
		t.Errorf("%d operations", n)
	}
	if n := len(far.Operations()); n != 257 {
		t.Errorf("%d operations of the client", n)
	}
}

// Where nobody serves unknown methods, gRPC answers.
func TestUnknownMethodWithoutHandler(t *testing.T) {
	rt := newRuntime(t)
	cc := dial(t, start(t, rt, &service{}))
	if err := cc.Invoke(t.Context(), "/made.up/Method", &testgrpc.Empty{}, &testgrpc.Empty{}); status.Code(err) != codes.Unimplemented {
		t.Error(err)
	}
	if ops := rt.Operations(); len(ops) != 0 {
		t.Errorf("%+v", ops)
	}
}
