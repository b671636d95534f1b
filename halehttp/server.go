package halehttp

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/observe"
)

// server is a handler under hale's care.
type server struct {
	rt   *hale.Runtime
	next http.Handler

	fixed  *hale.Operation            // of a [Handler]
	name   func(*http.Request) string // see [Route]
	mux    matcher                    // next, if it can be asked
	routes table
	told   atomic.Bool // that requests have no name

	mu     sync.Mutex
	served map[*hale.Operation]string // by which other pattern, at first; as many as there are routes

	timeout  time.Duration
	declared []hale.TaskOption
	domain   observe.Domain // of its routes; "": each has its own
	degraded http.Handler   // that answers what is refused; nil: hale does
}

// Middleware returns what puts a handler under rt's care; see the package. The handler
// should be the service's [http.ServeMux] itself, which is asked for the pattern of
// each request, as is anything with its method Handler; nil means
// [http.DefaultServeMux], as it does to [http.Server]. Where something else stands
// around the mux, put Middleware between the two, or give [Route]. Without either,
// requests are named "GET (unmatched)", or by the pattern of a mux that stands around
// the middleware, and that is told once.
//
// Within another Middleware or a [Handler] of rt it counts nothing a second time. Where
// it asks a mux or has Route, and knows the route, the request is given that name, and
// its task is in the other's, unless Route chose the other's and it is no catch-all.
//
// A nil runtime, or one that was not made by [hale.New], serves without care. What it
// returns may serve any number of requests at once. It takes 14 allocations for each,
// and about a fifth of the time that otelhttp and promhttp take together; the row
// "middleware" of bench measures that.
func Middleware(rt *hale.Runtime, opts ...Option) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler { return newServer(rt, next, opts) }
}

// Handler puts the handler of one route under rt's care as [Middleware] does, under
// the name route, such as "GET /orders/{id}". It is for routers that cannot be asked,
// and for routes with options of their own: within a [Middleware] that gives the
// request the same name, as one that is right around the mux does, it only adds those.
// The name is taken to be of one route, unless it is that of a subtree, such as
// "GET /api/", or h is a mux or a Middleware around one: those may have many routes, and
// are never quarantined as one. A subtree that is one route is told by a name that is
// none: that of a file server below "GET /files/" may be "GET /files".
func Handler(rt *hale.Runtime, route string, h http.Handler, opts ...Option) http.Handler {
	s := newServer(rt, h, opts)
	if s.fixed = rt.Operation(observe.Server, route, s.domain); s.fixed == nil {
		return s.next
	}
	if within, _ := s.next.(*server); s.mux != nil || catchAll(route) || (within != nil && within.asks()) {
		s.fixed.SetCatchAll()
	}
	if s.name != nil {
		rt.ReportMisuse(route, "halehttp.Route is for Middleware: a Handler has its name already")
	}
	return s
}

func newServer(rt *hale.Runtime, next http.Handler, opts []Option) *server {
	if next == nil {
		next = http.DefaultServeMux
	}
	s := &server{rt: rt, next: next}
	s.mux, _ = next.(matcher)
	s.routes = table{rt: rt, kind: observe.Server, most: maxRoutes, rest: "(other routes)"}
	for _, opt := range opts {
		if opt != nil {
			opt(s)
		}
	}
	return s
}

// ServeHTTP serves a request as a task and a span of its route.
func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	to := s.route(r)
	if to.op == nil {
		s.next.ServeHTTP(w, r)
		return
	}
	wide, x := widen(w)
	x.inner, x.request, x.to = w, r, to
	ctx := r.Context()
	around := aroundOf(ctx, s.rt, r)
	if around != nil {
		around.yields(s, to)
		x.inside = around.domain == to.op.Domain()
	}
	switch {
	case around == nil, s.fixed != nil && !around.is(to.op) && !around.catchAll():
		ctx = s.rt.Extract(ctx, func(key string) string { return field(r.Header, key) })
		ctx = withRequestID(ctx, r.Header)
		x.id[0] = hale.RequestID(ctx)
		w.Header()[requestIDHeader] = x.id[:]
		ctx, x.span = to.op.Start(ctx)
		defer x.span.Finish(outcomePanic, true) // of one that ended by a panic or Goexit and not by what follows
		ctx = context.WithValue(ctx, aroundKey{}, &surrounding{rt: s.rt, span: x.span, routed: to.byRoute(), domain: to.op.Domain(), id: x.id[0], uri: r.RequestURI, addr: r.RemoteAddr})
		if s.task(ctx, wide, x) {
			s.nameless(x)
			x.returned()
		}
	case to.matched && !around.is(to.op) && around.catchAll(): // this one knows the route
		x.id[0], x.span = around.id, around.span
		x.span.Rename(to.op)
		s.task(ctx, wide, x)
	default: // the one around has all of that
		x.id[0], x.around = around.id, around.span
		s.serve(ctx, wide, x)
	}
}

// task serves a request as a task, and reports whether the handler returned. If not,
// it answers and ends the span.
func (s *server) task(ctx context.Context, wide http.ResponseWriter, x *writer) bool {
	wall := x.to.op.Wall() // the task is to be in the domain of the operation
	declared := s.declared
	if limit := wall.Budget(); limit > 0 && s.timeout == 0 && !x.inside { // one that ignores the domain's timeout is found
		declared = []hale.TaskOption{hale.Budget(limit)}
	}
	err := s.rt.Do(ctx, x.to.op.Name(), func(ctx context.Context) error {
		s.serve(ctx, wide, x)
		return nil
	}, declared...)
	switch {
	case err == nil:
		return true
	case x.began:
		x.broke(err)
	default: // quarantined or closed
		s.refuse(ctx, wide, x, err)
		return true
	}
	return false
}

// serve serves a request within its time.
func (s *server) serve(ctx context.Context, wide http.ResponseWriter, x *writer) {
	x.began = true
	ctx, cancel := s.limit(ctx)
	if cancel != nil {
		defer cancel()
		x.bound(ctx)
	}
	s.within(ctx, wide, x)
}

// call calls the handler.
func (s *server) call(ctx context.Context, wide http.ResponseWriter, x *writer) {
	r := x.request.WithContext(ctx)
	defer s.handBack(x, r)
	s.next.ServeHTTP(wide, r)
	if x.status == 0 && !x.hijacked && ctx.Err() != nil { // stopped before it wrote anything
		x.fail(http.StatusServiceUnavailable)
	}
}

// handBack gives the request that came what a mux and a handler set in its copy:
// middleware around this one wants the pattern, and the server removes the files of a
// form.
func (s *server) handBack(w *writer, r *http.Request) {
	if w.named() {
		s.misnamed(w.to, r.Pattern)
	}
	if w.request.Pattern == "" {
		w.request.Pattern = r.Pattern
	}
	if w.request.MultipartForm == nil {
		w.request.MultipartForm = r.MultipartForm
	}
}

// returned ends the span of a handler that returned.
func (w *writer) returned() {
	w.answer(http.StatusOK) // as the server will, where there was none
	w.finish(w.span.Finish)
}

// broke ends the span of a handler that panicked, and answers in its place.
func (w *writer) broke(err error) {
	p, _ := errors.AsType[*hale.PanicError](err)
	switch {
	case p != nil && p.Value == any(http.ErrAbortHandler):
		if w.left() {
			w.span.Finish(outcomeCanceled, false)
		}
		w.span.Finish(outcomeAborted, true)
		panic(http.ErrAbortHandler) // net/http drops the connection
	case w.hijacked: // it is the handler's own
	case w.status != 0:
		w.span.Finish(outcomePanic, true)
		panic(http.ErrAbortHandler)
	default:
		w.fail(http.StatusInternalServerError)
		w.span.Finish("500", true)
	}
}
