package halegrpc_test

import (
	"context"
	"log/slog"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	testgrpc "google.golang.org/grpc/interop/grpc_testing"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/halegrpc"
	"github.com/hale-go/hale/observe"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	unaryMethod  = "grpc.testing.TestService/UnaryCall"
	outputMethod = "grpc.testing.TestService/StreamingOutputCall"
	inputMethod  = "grpc.testing.TestService/StreamingInputCall"
	duplexMethod = "grpc.testing.TestService/FullDuplexCall"
)

// newRuntime returns a quiet runtime that is closed, and must close cleanly, at the
// test's end.
func newRuntime(t testing.TB, opts ...hale.Option) *hale.Runtime {
	t.Helper()
	rt, err := hale.New(append([]hale.Option{hale.WithLogger(slog.New(slog.DiscardHandler))}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := rt.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return rt
}

// service is a server's side, by functions.
type service struct {
	testgrpc.UnimplementedTestServiceServer
	unary  func(context.Context, *testgrpc.SimpleRequest) (*testgrpc.SimpleResponse, error)
	output func(*testgrpc.StreamingOutputCallRequest, testgrpc.TestService_StreamingOutputCallServer) error
	input  func(testgrpc.TestService_StreamingInputCallServer) error
	duplex func(testgrpc.TestService_FullDuplexCallServer) error
}

func (s *service) UnaryCall(ctx context.Context, in *testgrpc.SimpleRequest) (*testgrpc.SimpleResponse, error) {
	return s.unary(ctx, in)
}

func (s *service) StreamingOutputCall(in *testgrpc.StreamingOutputCallRequest, ss testgrpc.TestService_StreamingOutputCallServer) error {
	return s.output(in, ss)
}

func (s *service) StreamingInputCall(ss testgrpc.TestService_StreamingInputCallServer) error {
	return s.input(ss)
}

func (s *service) FullDuplexCall(ss testgrpc.TestService_FullDuplexCallServer) error {
	return s.duplex(ss)
}

// start starts a server over TCP under rt's care and returns its address. It is
// stopped at the test's end.
func start(t testing.TB, rt *hale.Runtime, s testgrpc.TestServiceServer, opts ...grpc.ServerOption) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := grpc.NewServer(append(halegrpc.ServerOptions(rt), opts...)...)
	testgrpc.RegisterTestServiceServer(srv, s)
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := srv.Serve(ln); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() { srv.Stop(); wg.Wait() })
	return ln.Addr().String()
}

// dial returns a connection that is closed at the test's end.
func dial(t testing.TB, addr string, opts ...grpc.DialOption) *grpc.ClientConn {
	t.Helper()
	cc, err := grpc.NewClient(addr, append(opts, grpc.WithTransportCredentials(insecure.NewCredentials()))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cc.Close() })
	return cc
}

// client returns a client under rt's care, nil for without.
func client(t testing.TB, addr string, rt *hale.Runtime) testgrpc.TestServiceClient {
	t.Helper()
	return testgrpc.NewTestServiceClient(dial(t, addr, halegrpc.DialOptions(rt)...))
}

// until waits for what happens on a goroutine of the server's.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("never: " + what)
		}
	}
}

// stat returns what an operation did since the runtime was made.
func stat(rt *hale.Runtime, kind observe.OperationKind, name string) observe.OperationStat {
	for _, st := range rt.Operations() {
		if st.Name == name && st.Kind == kind {
			return st
		}
	}
	return observe.OperationStat{}
}

// wants waits until an operation has had these outcomes, and no others.
func wants(t *testing.T, rt *hale.Runtime, kind observe.OperationKind, name string, outcomes ...observe.Outcome) {
	t.Helper()
	want := uint64(0)
	for _, o := range outcomes {
		want += o.Count
	}
	until(t, name+" ends", func() bool { return stat(rt, kind, name).Ended >= want })
	if st := stat(rt, kind, name); !slices.Equal(st.Outcomes, outcomes) || st.InFlight != 0 {
		t.Errorf("%s %s: outcomes %+v, want %+v; %d in flight", kind, name, st.Outcomes, outcomes, st.InFlight)
	}
}

// panics counts the panics that a runtime tells of.
func panics(rt *hale.Runtime) func() int {
	var mu sync.Mutex
	n := 0
	rt.Subscribe(1<<10, func(e observe.Event) {
		if e.Kind == observe.EventPanic {
			mu.Lock()
			n++
			mu.Unlock()
		}
	})
	return func() int { mu.Lock(); defer mu.Unlock(); return n }
}
