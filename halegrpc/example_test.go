package halegrpc_test

import (
	"context"
	"fmt"
	"log/slog"
	"net"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	testgrpc "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/status"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/halegrpc"
)

func Example() {
	rt, err := hale.New(hale.WithLogger(slog.New(slog.DiscardHandler)))
	if err != nil {
		panic(err)
	}
	defer rt.Close()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	srv := grpc.NewServer(halegrpc.ServerOptions(rt)...)
	testgrpc.RegisterTestServiceServer(srv, &service{unary: func(ctx context.Context, in *testgrpc.SimpleRequest) (*testgrpc.SimpleResponse, error) {
		if in.ResponseSize == 0 {
			panic("a response without a size")
		}
		return &testgrpc.SimpleResponse{Username: hale.RequestID(ctx)}, nil
	}})
	go func() { _ = srv.Serve(ln) }() // nil after Stop
	defer srv.Stop()

	conn, err := grpc.NewClient(ln.Addr().String(), append(halegrpc.DialOptions(rt), grpc.WithTransportCredentials(insecure.NewCredentials()))...)
	if err != nil {
		panic(err)
	}
	defer conn.Close()
	c := testgrpc.NewTestServiceClient(conn)
	ctx := hale.WithRequestID(context.Background(), "r-7")
	for _, size := range []int32{1, 0} {
		out, err := c.UnaryCall(ctx, &testgrpc.SimpleRequest{ResponseSize: size})
		fmt.Printf("%s %q\n", status.Code(err), out.GetUsername())
	}
	// Output:
	// OK "r-7"
	// Internal ""
}
