package halehttp

import (
	"context"
	"net/http"
	"time"

	"github.com/hale-go/hale"
)

// Option is a choice for [Middleware] and [Handler].
type Option func(*server)

// Route names requests by f, for routers that [Middleware] cannot ask. It is called
// before the request is served and returns its pattern, one of few, such as
// "/orders/{id}": never a path. A pattern without a method is given the request's. One
// that ends in a slash or a wildcard for the rest, "/api/*", is a catch-all; see the
// package.
// Where f returns "" or panics, the name is found as without it. A [Handler] has its
// name already: with one, that is told once.
func Route(f func(*http.Request) string) Option { return func(s *server) { s.name = f } }

// Timeout gives handlers a context that ends after d: with
// [context.DeadlineExceeded], whose cause is [hale.ErrBudget]. The request's task has
// d as its budget, so that a handler which ignores it is found. Nothing is buffered: a
// handler that was stopped before it wrote anything is answered with 503 when it
// returns.
//
// A handler that waits for a slow client cannot see its context. So half a second after
// d its reads of the body fail and so do writes of the answer, where the server supports
// deadlines, as that of net/http does for HTTP/1 and HTTP/2. An answer that begins later
// has half a second. An earlier limit of the server's own stays, as do deadlines that a
// handler sets by [http.ResponseController], and a connection that is taken over has
// none.
//
// It holds for streams and long downloads too: where there are some, give it to the
// other routes, by [Handler]. Default: none; 0 and less mean that.
func Timeout(d time.Duration) Option {
	return func(s *server) {
		s.timeout, s.declared = max(d, 0), nil
		if d > 0 {
			s.declared = []hale.TaskOption{hale.Budget(d)}
		}
	}
}

// limit gives ctx the timeout, if there is one.
func (s *server) limit(ctx context.Context) (context.Context, context.CancelFunc) {
	if s.timeout == 0 {
		return ctx, nil
	}
	return context.WithTimeoutCause(ctx, s.timeout, hale.ErrBudget)
}

// TransportOption is a choice for [Transport].
type TransportOption func(*transport)

// Named names the operation that a request calls by f, such as "payments.quote": one
// of few, never a path. Where f returns "", the host is the name.
func Named(f func(*http.Request) string) TransportOption { return func(t *transport) { t.name = f } }
