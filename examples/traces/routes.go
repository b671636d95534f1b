package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/observe"
)

// handler serves a request and returns what went wrong.
type handler func(ctx context.Context, w http.ResponseWriter, r *http.Request) error

// route serves a pattern as an operation and, in it, as a task of the same name,
// which have one span together.
func (s *service) route(pattern string, h handler) {
	op := s.rt.Operation(observe.Server, pattern, "")
	s.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		ctx, span := op.Start(s.rt.Extract(r.Context(), r.Header.Get))
		err := s.rt.Do(ctx, pattern, func(ctx context.Context) error { return h(ctx, w, r) })
		if err != nil {
			s.logger.ErrorContext(ctx, "request failed", "error", err)
			http.Error(w, "it failed", http.StatusInternalServerError)
		}
		span.End(err)
	})
}

// quote is what payments does. It cannot price a broken cart.
func quote(ctx context.Context, _ http.ResponseWriter, r *http.Request) error {
	return hale.Go(ctx, "payments.price", func(context.Context) error {
		if r.PathValue("cart") == "broken" {
			panic("no price")
		}
		return nil
	}).Wait()
}

// checkout is what the other service does: it asks for a quote on a goroutine of its
// own, which the request waits for.
func (s *service) checkout(payments string) handler {
	call := s.rt.Operation(observe.Client, "payments.quote", "")
	return func(ctx context.Context, w http.ResponseWriter, r *http.Request) error {
		err := hale.Go(ctx, "checkout.price", func(ctx context.Context) error {
			return call.Do(ctx, func(ctx context.Context) error { return s.post(ctx, payments+"/quote/"+r.PathValue("cart")) })
		}).Wait()
		if err != nil {
			return err
		}
		s.logger.InfoContext(ctx, "checked out")
		_, err = fmt.Fprintln(w, "thank you")
		return err
	}
}

// errPayments is what a caller of payments gets that cannot be served.
var errPayments = errors.New("payments failed")

// post sends a request that tells the trace it belongs to.
func (s *service) post(ctx context.Context, url string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, http.NoBody)
	if err != nil {
		return err
	}
	s.rt.Inject(ctx, req.Header.Set)
	resp, err := s.client.Do(req)
	if err != nil {
		return err
	}
	if resp.StatusCode >= http.StatusInternalServerError {
		err = fmt.Errorf("%w: %s", errPayments, resp.Status)
	}
	return errors.Join(err, resp.Body.Close())
}
