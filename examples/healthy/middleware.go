package healthy

import (
	"context"
	"errors"
	"log/slog"
	"net/http"

	"github.com/hale-go/hale"
)

// handler is an HTTP handler that may fail. It writes nothing when it does.
type handler func(w http.ResponseWriter, r *http.Request) error

// task makes every request a task that is named by its route, so that whatever
// it starts is attributed to it.
func (s *Service) task(pattern string, h handler) {
	s.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		err := s.rt.Do(r.Context(), pattern, func(ctx context.Context) error {
			return h(w, r.WithContext(ctx))
		})
		switch {
		case err == nil:
		case errors.Is(err, http.ErrAbortHandler):
			panic(http.ErrAbortHandler) // the server's own way to give up a connection
		case r.Context().Err() != nil: // the client has gone: nobody reads an answer
		case errors.Is(err, hale.ErrQuarantined):
			http.Error(w, "this route is cut off for now", http.StatusServiceUnavailable)
		default:
			slog.ErrorContext(r.Context(), "request failed", "route", pattern, "error", err)
			http.Error(w, "internal error", http.StatusInternalServerError)
		}
	})
}
