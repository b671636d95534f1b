// Package halegrpc puts the gRPC calls that a service serves and makes under hale's
// care.
//
//	srv := grpc.NewServer(halegrpc.ServerOptions(rt)...)
//	conn, err := grpc.NewClient(target, append(halegrpc.DialOptions(rt), creds)...)
//
// Each call that is served has a request ID, which comes in and goes out in the
// metadata as x-request-id; continues the trace that its sender is in, by W3C Trace
// Context and Baggage; is a [hale.Span] of its method's operation, and a task of the
// same name. So what it starts is attributed to it, and its panic is contained and
// answered with the code Internal. Each call that is made hands the ID and the trace
// on, and is a span of the operation that it calls. Deadlines and cancellations pass
// through untouched.
//
// Give these interceptors before others, so that they stand around them.
//
// # Names
//
// An operation is named by the full method without its first slash, such as
// "shop.Orders/Place". What an [grpc.UnknownServiceHandler] serves is "(unmatched)",
// whatever it was called by; that name stands for many, and is never quarantined. Without such a handler, gRPC itself answers calls of
// unknown methods, and no interceptor hears of them. Health checks and reflection are
// methods like any other.
//
// # How a call ends
//
// The outcome of a span is the code, such as "NotFound". A code that gRPC does not know
// is "Unknown".
//
// On servers these are failures, as OpenTelemetry has it: Unknown, DeadlineExceeded,
// Unimplemented, Internal, Unavailable, DataLoss.
//
//   - A client that gave up: Canceled, whatever the handler returned, and no failure.
//     One whose deadline passed: DeadlineExceeded. The news of that and the server's
//     own clock run a race, so a client that gives up in the last tenth of its time
//     counts as that too.
//   - A panic: Internal, a failure. The client is told no more than that.
//   - A handler that stopped because hale cancelled it: Unavailable, a failure.
//   - A method in quarantine, or a runtime that is closed: Unavailable, and no failure
//     of the method. The client is told to come back in a second, by
//     [errdetails.RetryInfo] and by the trailer grpc-retry-pushback-ms, which gRPC's
//     own retries obey.
//
// On clients, every code but OK is a failure, except that a caller who gave up is
// Canceled and none.
//
// # Streams
//
// Only unary calls are timed. A stream lasts as long as its ends want it to, so it is
// counted when it ends, by its code, and is never slow or in flight for ever; see
// [hale.Operation.Open]. Its span, its task and its place in the trace last as long as
// the stream.
package halegrpc
