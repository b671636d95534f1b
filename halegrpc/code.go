package halegrpc

import (
	"context"
	"errors"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/hale-go/hale"
)

// outcomePanic is the outcome of a call that ended by [runtime.Goexit], or of one that
// was made and whose sender panicked.
const outcomePanic = "panic"

// codeOf returns the code that gRPC makes of an error.
func codeOf(err error) codes.Code {
	if err == nil {
		return codes.OK
	}
	st, ok := status.FromError(err)
	if !ok {
		st = status.FromContextError(err)
	}
	if st.Code() > codes.Unauthenticated { // the last one that there is
		return codes.Unknown
	}
	return st.Code()
}

// serverFailed reports whether a code is the server's fault.
func serverFailed(c codes.Code) bool {
	switch c {
	case codes.Unknown, codes.DeadlineExceeded, codes.Unimplemented, codes.Internal, codes.Unavailable, codes.DataLoss:
		return true
	}
	return false
}

// left returns how the client gave up on a call that began at began, OK if it did not.
func left(ctx context.Context, began time.Time) codes.Code {
	err := ctx.Err()
	if err == nil {
		return codes.OK
	}
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) < deadline.Sub(began)/10 {
		return codes.DeadlineExceeded
	}
	return status.FromContextError(err).Code()
}

// called ends the span of a call that was made in ctx.
func called(ctx context.Context, span *hale.Span, err error) {
	code := codes.Unknown
	defer func() { // an error's own methods may panic
		_ = recover()
		span.Finish(code.String(), code != codes.OK)
	}()
	code = codeOf(err)
	if code != codes.Canceled || ctx.Err() == nil {
		return
	}
	if errors.Is(context.Cause(ctx), hale.ErrBudget) {
		code = codes.DeadlineExceeded
		return
	}
	span.Finish(code.String(), false)
}

const (
	retryDelay  = time.Second
	pushbackKey = "grpc-retry-pushback-ms" // gRFC A6
	pushback    = "1000"
)

// unavailable is the answer for what hale turned away or stopped.
func unavailable() error {
	st := status.New(codes.Unavailable, "temporarily unavailable")
	if detailed, err := st.WithDetails(&errdetails.RetryInfo{RetryDelay: durationpb.New(retryDelay)}); err == nil {
		st = detailed
	}
	return st.Err()
}
