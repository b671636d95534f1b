package halehttp

import (
	"context"
	"net/http"
	"strings"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/observe"
)

// surrounding is what a handler of this package tells those within it, by the
// request's context. It holds nothing of the request but text: a context lives as long
// as what was started with it.
type surrounding struct {
	rt        *hale.Runtime
	span      *hale.Span
	routed    *hale.Operation // by [Route], if it was
	domain    observe.Domain  // whose walls it went through
	id        string          // the request's
	uri, addr string          // as the server read them: nobody changes them on the way to a handler
}

type aroundKey struct{}

// aroundOf returns what is around a handler that serves the same request, nil for
// none. A handler may well make another request and have it served in its context.
func aroundOf(ctx context.Context, rt *hale.Runtime, r *http.Request) *surrounding {
	s, _ := ctx.Value(aroundKey{}).(*surrounding)
	if s == nil || s.rt != rt || s.uri != r.RequestURI || s.addr != r.RemoteAddr {
		return nil
	}
	return s
}

// is reports whether the request is counted as one of op.
func (s *surrounding) is(op *hale.Operation) bool { return s.span.Operation() == op }

// catchAll reports whether the request is counted under a name that stands for many
// routes.
func (s *surrounding) catchAll() bool { return s.span.Operation().CatchAll() }

// yields makes the name that is around a catch-all where a handler within knows more
// of the request: it is around a mux, and there may be others.
func (s *surrounding) yields(in *server, to route) {
	if in.fixed != nil || (in.mux == nil && !to.given) || !to.matched || s.is(to.op) || s.catchAll() || to.op.CatchAll() {
		return
	}
	if at := s.span.Operation(); at != s.routed {
		at.SetCatchAll()
	}
}

// asks reports whether s finds the route of a request itself.
func (s *server) asks() bool { return s.fixed == nil && (s.mux != nil || s.name != nil) }

// named reports whether the request is counted under the name that was found for it
// here: what is within may have known better.
func (w *writer) named() bool {
	at := w.span
	if at == nil {
		at = w.around
	}
	return at.Operation() == w.to.op
}

// nameless tells once that a request was served under no name because nobody can be
// asked for it.
func (s *server) nameless(w *writer) {
	to := w.to
	if !to.matched && s.mux == nil && s.name == nil && w.span.Operation() == to.op && !s.told.Swap(true) {
		s.rt.ReportMisuse(to.op.Name(), "the handler within halehttp.Middleware cannot be asked for routes, so that all requests share this name: put Middleware right around the mux, or give halehttp.Route or halehttp.Handler")
	}
}

// misnamed marks a name under which requests are served by several patterns: there is
// a mux within, and the name stands for all of its routes. It tells that once.
func (s *server) misnamed(to route, served string) {
	if served == "" || served == to.pattern || !to.matched || (to.given && s.fixed == nil) {
		return
	}
	if barePath(served) == barePath(to.pattern) || !s.several(to.op, served) {
		return
	}
	to.op.SetCatchAll()
	s.rt.ReportMisuse(to.op.Name(), "requests of this name are served by several routes of a mux within, such as "+served+": put halehttp.Middleware right around that mux too, or give its routes halehttp.Handler")
}

// several remembers by which pattern requests of a name were served first, and reports
// the first time that it is another one.
func (s *server) several(op *hale.Operation, served string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch first, known := s.served[op]; {
	case !known:
		if s.served == nil {
			s.served = map[*hale.Operation]string{}
		}
		s.served[op] = strings.Clone(served)
	case first != "" && first != served:
		s.served[op] = "" // that is told
		return true
	}
	return false
}

// barePath returns a pattern without its method.
func barePath(pattern string) string {
	if i := strings.IndexByte(pattern, ' '); i >= 0 {
		return pattern[i+1:]
	}
	return pattern
}
