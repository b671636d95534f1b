// Package halehttp puts the HTTP requests that a service serves and makes under
// hale's care. It needs nothing but the standard library and hale.
//
//	srv := &http.Server{Handler: halehttp.Middleware(rt)(mux)}
//	client := &http.Client{Transport: halehttp.Transport(rt, nil)}
//
// Each request that is served has a request ID, which comes in and goes out as
// X-Request-Id; continues the trace that its sender is in; is a [hale.Span] of the
// route's operation, and a task that is named after the route. So what it starts is
// attributed to it, its panic is contained and answered with 500, and a route that is
// in quarantine is answered with 503. Each request that is made hands the ID and the
// trace on, and is a span of the operation that it calls.
//
// # Names
//
// A route is named by its pattern, "GET /orders/{id}", never by a path. [Middleware]
// asks the [http.ServeMux] that it is given; see [Route] and [Handler] for other
// routers. Where a mux leads to another mux, it is asked too. What matches no pattern is
// "GET (unmatched)". Where [http.StripPrefix] takes a prefix off before the mux, the name
// has it all the same.
//
// A pattern without a method has a name for each of GET, POST, PUT, PATCH and DELETE,
// where HEAD counts as GET, as it does to a mux. All others, OPTIONS among them, are
// "OTHER". It is clients who choose the method: once half of the 768 names of a
// Middleware are taken, further such patterns are told apart by GET and OTHER only, and
// the latter are catch-alls; that is told once.
//
// Some names stand for many routes: "GET (unmatched)", and subtrees, "GET /files/" or
// "GET /files/{path...}", below which there may be one handler or a whole mux that
// nobody can ask. They are catch-alls, which are never quarantined; see
// [hale.Operation.SetCatchAll]: else one route that panics would get all of them cut
// off. Give the handler of a subtree that is one route a [Handler] whose name is none,
// such as "GET /files". Where requests of a name turn out to be served by several
// patterns, or by a Middleware within that knows better, it is a catch-all from then
// on. The former the log tells once, with what to put right. It cannot be seen where
// what is between hands on a copy of the request, as [http.StripPrefix] and
// [http.TimeoutHandler] do: put a Middleware right around the mux below those.
//
// # How a request ends
//
// The outcome of a span is the status, such as "404". From 500 on it is a failure.
//
//   - A client that gave up before there was an answer: "canceled", no failure.
//   - A panic before there was an answer: "500". After it, the connection is aborted,
//     so that nobody takes half an answer for a whole one: "panic", a failure.
//   - [http.ErrAbortHandler] goes on as a panic: "aborted", a failure.
//   - A route in quarantine, or a runtime that is closed: "503" and Retry-After, and no
//     failure of the route.
//   - A stream, which is a response of type text/event-stream once it is flushed, and
//     a connection that was taken over, a WebSocket, end their span at that point,
//     with its status: "200" or "101". The task lives on. So they are never slow, nor
//     in flight for ever.
//
// # What handlers see
//
// The [http.ResponseWriter] that a handler gets is an [http.Flusher], [http.Hijacker]
// or [http.Pusher] exactly when the server's is one, and has Unwrap for
// [http.ResponseController]. It is an [io.ReaderFrom], by which files are sent without
// a copy where the server's can. An [http.MaxBytesReader] that is given it tells the
// handler that there was too much, and does not close the connection, since the server
// knows only its own writer there. Nothing that a handler is given is used again for
// another request.
package halehttp
