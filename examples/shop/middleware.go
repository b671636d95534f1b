package main

import (
	"context"
	"net/http"

	"github.com/hale-go/hale"
)

// handler serves a request. It writes nothing before it returns an error.
type handler func(ctx context.Context, w http.ResponseWriter, r *http.Request) error

// handle serves a route. That each request is a task and a span, that a panic is
// contained and a quarantine answered, is halehttp's work; see routes.
func (s *service) handle(mux *http.ServeMux, route string, h handler) {
	mux.Handle(route, s.handler(route, h))
}

// handler answers what the handler of a route returns.
func (s *service) handler(route string, h handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx := r.Context()
		err := h(ctx, w, r)
		if err == nil {
			return
		}
		s.log.ErrorContext(ctx, "request failed", "route", route, "error", err, "hint", hale.Hint(err))
		code := statusOf(err)
		if code == http.StatusServiceUnavailable {
			w.Header().Set("Retry-After", "1")
		}
		http.Error(w, http.StatusText(code), code)
	})
}
