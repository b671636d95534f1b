package halegrpc

import (
	"context"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/observe"
)

// server serves calls under hale's care.
type server struct {
	rt      *hale.Runtime
	methods table
}

func newServer(rt *hale.Runtime) *server {
	return &server{rt: rt, methods: table{rt: rt, kind: observe.Server, most: maxServed, rest: "(other methods)"}}
}

// ServerOptions returns what puts the calls of a [grpc.Server] under rt's care; see the
// package. Give it before the options with other interceptors. A nil runtime, or one
// that was not made by [hale.New], serves without care. A call takes about 20 allocations
// more than without.
func ServerOptions(rt *hale.Runtime) []grpc.ServerOption {
	s := newServer(rt)
	return []grpc.ServerOption{grpc.ChainUnaryInterceptor(s.unary), grpc.ChainStreamInterceptor(s.stream)}
}

// UnaryServerInterceptor returns the one of [ServerOptions] for unary calls, for
// servers that order their interceptors themselves. It may be used by any number of
// servers.
func UnaryServerInterceptor(rt *hale.Runtime) grpc.UnaryServerInterceptor { return newServer(rt).unary }

// StreamServerInterceptor returns the one of [ServerOptions] for streams of all kinds.
func StreamServerInterceptor(rt *hale.Runtime) grpc.StreamServerInterceptor {
	return newServer(rt).stream
}

func (s *server) unary(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (resp any, err error) {
	op := s.methods.at(info.FullMethod)
	if op == nil || hale.SpanOf(ctx).Operation() == op { // there is another of these around this one
		return handler(ctx, req)
	}
	c := call{server: s, op: op, came: ctx}
	if to := grpc.ServerTransportStreamFromContext(ctx); to != nil { // nil in a test that calls the interceptor by itself
		c.answer = unaryAnswer{to}
	}
	err = c.serve(op.Start, func(ctx context.Context) (err error) {
		resp, err = handler(ctx, req)
		return err
	})
	return resp, err
}

func (s *server) stream(srv any, ss grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
	method := info.FullMethod
	if srv == nil { // of an UnknownServiceHandler: the name is the client's
		method = unmatched
	}
	op := s.methods.at(method)
	if op == nil || hale.SpanOf(ss.Context()).Operation() == op {
		return handler(srv, ss)
	}
	c := call{server: s, op: op, came: ss.Context(), answer: ss}
	return c.serve(op.Open, func(ctx context.Context) error { return handler(srv, &stream{ss, ctx}) })
}

// stream is a [grpc.ServerStream] with a context of hale's. It is handed to user code
// and therefore never used again.
type stream struct {
	grpc.ServerStream
	ctx context.Context
}

// Context returns the task's.
func (s *stream) Context() context.Context { return s.ctx }

// call is one call that is served.
type call struct {
	*server
	op     *hale.Operation
	came   context.Context // ends with the client
	answer metadataSetter  // nil: there is no place for it
}

// metadataSetter is what a [grpc.ServerStream] and the stream below a unary call have
// in common.
type metadataSetter interface {
	SetHeader(metadata.MD) error
	SetTrailer(metadata.MD)
}

// unaryAnswer is the stream below a unary call.
type unaryAnswer struct{ grpc.ServerTransportStream }

// SetTrailer leaves out what cannot be sent any more.
func (a unaryAnswer) SetTrailer(md metadata.MD) { _ = a.ServerTransportStream.SetTrailer(md) }

// serve runs a call's handler as a task in a span, and returns what to answer with.
func (c *call) serve(start func(context.Context) (context.Context, *hale.Span), handler func(context.Context) error) error {
	ctx := incoming(c.came, c.rt)
	if c.answer != nil {
		_ = c.answer.SetHeader(metadata.MD{requestIDKey: {ascii(hale.RequestID(ctx))}}) // an error: headers were sent already
	}
	ctx, span := start(ctx)
	defer span.Finish(outcomePanic, true) // of one that ended by Goexit and not by what follows
	var (
		began, called = time.Now(), false
		result        error
		code          codes.Code
		stopped       bool // by hale
	)
	err := c.rt.Do(ctx, c.op.Name(), func(ctx context.Context) error {
		called = true
		result = handler(ctx)
		code = codeOf(result) // here, since the error's own methods may panic
		stopped = ctx.Err() != nil && c.came.Err() == nil
		return nil
	})
	switch {
	case err != nil && !called: // what hale itself turned away is no failure of the method, which would keep it so
		span.Finish(codes.Unavailable.String(), false)
		return c.turnAway()
	case err != nil:
		span.Finish(codes.Internal.String(), true)
		return status.Error(codes.Internal, "internal error")
	case stopped && (code == codes.Canceled || code == codes.DeadlineExceeded):
		code, result = codes.Unavailable, c.turnAway()
	}
	if gone := left(c.came, began); gone != codes.OK {
		code = gone
	}
	span.Finish(code.String(), serverFailed(code))
	return result
}

// turnAway asks the client to come back later.
func (c *call) turnAway() error {
	if c.answer != nil {
		c.answer.SetTrailer(metadata.MD{pushbackKey: {pushback}})
	}
	return unavailable()
}
