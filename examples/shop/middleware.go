package main

import (
	"context"
	"crypto/rand"
	"errors"
	"net/http"

	"github.com/hale-go/hale"
)

// handler serves a request. It writes nothing before it returns an error.
type handler func(ctx context.Context, w http.ResponseWriter, r *http.Request) error

// handle serves a route under hale's care: each request is a task named after
// the route, a panic is contained and answered, and so is a quarantine.
func (s *service) handle(mux *http.ServeMux, route string, h handler) {
	mux.HandleFunc(route, func(w http.ResponseWriter, r *http.Request) {
		id := r.Header.Get("X-Request-Id")
		if id == "" {
			id = rand.Text()
		}
		ctx := hale.WithRequestID(r.Context(), id)
		w.Header().Set("X-Request-Id", hale.RequestID(ctx)) // made printable
		err := hale.Do(ctx, route, func(ctx context.Context) error { return h(ctx, w, r.WithContext(ctx)) })
		if err == nil {
			return
		}
		if errors.Is(err, http.ErrAbortHandler) {
			panic(http.ErrAbortHandler) // net/http drops the connection
		}
		s.log.WarnContext(ctx, "request failed", "route", route, "error", err, "hint", hale.Hint(err))
		code := statusOf(err)
		if code == http.StatusServiceUnavailable {
			w.Header().Set("Retry-After", "1")
		}
		http.Error(w, http.StatusText(code), code)
	})
}
