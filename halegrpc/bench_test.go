package halegrpc_test

import (
	"context"
	"testing"

	"google.golang.org/grpc"
	testgrpc "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/metadata"

	"github.com/hale-go/hale/halegrpc"
)

// transport is a stream below a unary call that keeps nothing.
type transport struct{ grpc.ServerTransportStream }

func (transport) SetHeader(metadata.MD) error { return nil }

func BenchmarkServer(b *testing.B) {
	serve := halegrpc.UnaryServerInterceptor(newRuntime(b))
	ctx := grpc.NewContextWithServerTransportStream(metadata.NewIncomingContext(b.Context(), metadata.MD{
		":authority": {"shop"}, "content-type": {"application/grpc"}, "user-agent": {"grpc-go"},
		"x-request-id": {"6f0e2b7c9d1a4e58"}, "traceparent": {"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"},
	}), transport{})
	info := &grpc.UnaryServerInfo{FullMethod: "/" + unaryMethod}
	handler := func(context.Context, any) (any, error) { return nil, nil }
	b.ReportAllocs()
	for b.Loop() {
		if _, err := serve(ctx, nil, info, handler); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkClient(b *testing.B) {
	call := halegrpc.UnaryClientInterceptor(newRuntime(b))
	invoke := func(context.Context, string, any, any, *grpc.ClientConn, ...grpc.CallOption) error { return nil }
	b.ReportAllocs()
	for b.Loop() {
		if err := call(b.Context(), "/"+unaryMethod, nil, nil, nil, invoke); err != nil {
			b.Fatal(err)
		}
	}
}

// Both ends over TCP, with hale and without.
func BenchmarkCall(b *testing.B) {
	for _, side := range []string{"bare", "hale"} {
		b.Run(side, func(b *testing.B) {
			s := &service{unary: func(context.Context, *testgrpc.SimpleRequest) (*testgrpc.SimpleResponse, error) {
				return &testgrpc.SimpleResponse{}, nil
			}}
			var c testgrpc.TestServiceClient
			if side == "bare" {
				c = client(b, start(b, nil, s), nil)
			} else {
				rt := newRuntime(b)
				c = client(b, start(b, rt, s), rt)
			}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := c.UnaryCall(b.Context(), &testgrpc.SimpleRequest{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
