package halegrpc

import (
	"context"

	"google.golang.org/grpc"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/observe"
)

// client makes calls under hale's care.
type client struct {
	rt      *hale.Runtime
	methods table
}

func newClient(rt *hale.Runtime) *client {
	return &client{rt: rt, methods: table{rt: rt, kind: observe.Client, most: maxCalled, rest: "other methods"}}
}

// DialOptions returns what makes each call of a [grpc.ClientConn] a [hale.Span] of the
// method that it calls, and sends the request ID and the trace along; see the package.
// Of methods, 256 are told apart, and the others are "other methods". What the caller
// set as x-request-id stays. gRPC's own retries are within the span. It starts no
// goroutine. A nil runtime, or one that was not made by [hale.New], calls without care. A
// call takes about 10 allocations more than without.
func DialOptions(rt *hale.Runtime) []grpc.DialOption {
	c := newClient(rt)
	return []grpc.DialOption{grpc.WithChainUnaryInterceptor(c.unary), grpc.WithChainStreamInterceptor(c.stream)}
}

// UnaryClientInterceptor returns the one of [DialOptions] for unary calls, for
// connections that order their interceptors themselves. It may be used by any number
// of connections.
func UnaryClientInterceptor(rt *hale.Runtime) grpc.UnaryClientInterceptor { return newClient(rt).unary }

// StreamClientInterceptor returns the one of [DialOptions] for streams of all kinds.
func StreamClientInterceptor(rt *hale.Runtime) grpc.StreamClientInterceptor {
	return newClient(rt).stream
}

func (c *client) unary(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
	op := c.methods.at(method)
	if op == nil {
		return invoke(ctx, method, req, reply, cc, opts...)
	}
	ctx, span := op.Start(ctx)
	defer span.Finish(outcomePanic, true) // of one that ended by a panic or Goexit and not by what follows
	err := invoke(outgoing(ctx, c.rt), method, req, reply, cc, opts...)
	called(ctx, span, err)
	return err
}

func (c *client) stream(ctx context.Context, desc *grpc.StreamDesc, cc *grpc.ClientConn, method string, open grpc.Streamer, opts ...grpc.CallOption) (grpc.ClientStream, error) {
	op := c.methods.at(method)
	if op == nil {
		return open(ctx, desc, cc, method, opts...)
	}
	ctx, span := op.Open(ctx)
	opened := false
	defer func() {
		if !opened {
			span.Finish(outcomePanic, true)
		}
	}()
	finish := grpc.OnFinish(func(err error) { called(ctx, span, err) })
	cs, err := open(outgoing(ctx, c.rt), desc, cc, method, append(opts[:len(opts):len(opts)], finish)...)
	opened = true
	if err != nil {
		called(ctx, span, err)
	}
	return cs, err
}
