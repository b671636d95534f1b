package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/halehttp"
)

// The routes, which are also the names of the tasks that serve them.
const (
	routeHome      = "GET /{$}"
	routePlace     = "POST /orders"
	routeOrders    = "GET /orders"
	routeReco      = "GET /recommendations"
	routeThumbnail = "GET /thumbnails/{id}"
)

func (s *service) routes() http.Handler {
	mux := http.NewServeMux()
	s.handle(mux, routeHome, s.home)
	s.handle(mux, routePlace, s.placeOrder)
	s.handle(mux, routeOrders, s.listOrders)
	s.handle(mux, routeReco, s.recommend)
	s.handle(mux, routeThumbnail, s.thumbnail)
	shop := http.NewServeMux()
	shop.Handle("/", halehttp.Middleware(s.rt)(mux))
	s.catalogRoutes(shop) // not below Middleware: that would refuse them before Degraded is asked
	return shop
}

func (s *service) home(ctx context.Context, w http.ResponseWriter, _ *http.Request) error {
	if hit, _ := s.faults[faultStorm].strikes(); hit {
		for n := range 20 { // without a pause
			s.log.WarnContext(ctx, "the banner is not to be had, trying again", "attempt", n)
		}
	}
	if hit, _ := s.faults[faultFiles].strikes(); hit {
		if err := s.files.forget(); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(w, "Tea shop. %d orders so far.\n", s.store.placed.Load())
	return err
}

func (s *service) placeOrder(ctx context.Context, w http.ResponseWriter, r *http.Request) error {
	var o order
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<16)).Decode(&o); err != nil {
		return badRequest{err}
	}
	o.Key = hale.RequestID(ctx)
	var err error
	if o.Payment, err = s.payments.charge(ctx, o.Key, hale.Fallback(chargeLater)); err != nil {
		return err
	}
	if o, err = s.store.place(ctx, o); err != nil {
		return err
	}
	s.log.InfoContext(ctx, "order placed", "order", o.ID)
	w.WriteHeader(http.StatusCreated)
	return json.NewEncoder(w).Encode(o)
}

func (s *service) listOrders(_ context.Context, w http.ResponseWriter, _ *http.Request) error {
	if hit, _ := s.faults[faultErrors].strikes(); hit {
		return errIndex
	}
	orders, err := s.store.latest(10)
	if err != nil {
		return err
	}
	return json.NewEncoder(w).Encode(orders)
}

// errIndex is what the fault of errors comes to.
var errIndex = errors.New("orders: the index is corrupt")

func (s *service) recommend(ctx context.Context, w http.ResponseWriter, _ *http.Request) error {
	items, err := s.reco.Page(ctx, 0)
	if err != nil {
		return err
	}
	return json.NewEncoder(w).Encode(items)
}

func (s *service) thumbnail(ctx context.Context, w http.ResponseWriter, r *http.Request) error {
	id, err := strconv.Atoi(r.PathValue("id"))
	if err != nil {
		return badRequest{err}
	}
	img, err := hale.Submit(ctx, s.thumbs, func(ctx context.Context) ([]byte, error) { return s.render(ctx, id) })
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "image/png")
	_, err = w.Write(img)
	return err
}

// badRequest is an error that is the client's.
type badRequest struct{ error }

// Unwrap returns what is wrong with the request.
func (e badRequest) Unwrap() error { return e.error }

// statusOf says what a client is told about an error.
func statusOf(err error) int {
	var bad badRequest
	switch {
	case errors.As(err, &bad):
		return http.StatusBadRequest
	case errors.Is(err, hale.ErrQuarantined), errors.Is(err, hale.ErrFull), errors.Is(err, hale.ErrClosed):
		return http.StatusServiceUnavailable
	case errors.Is(err, hale.ErrAbandoned), errors.Is(err, hale.ErrBudget):
		return http.StatusGatewayTimeout
	default: // panics too
		return http.StatusInternalServerError
	}
}
