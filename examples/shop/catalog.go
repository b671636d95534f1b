package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/hale-go/hale/halehttp"
	"github.com/hale-go/hale/observe"
)

// The routes that ask the catalog: for the checkout, for a page that somebody looks at,
// and for what somebody might type next. hale.yaml says how critical each is.
const (
	routeStock   = "GET /stock/{id}"
	routeProduct = "GET /products/{id}"
	routeSuggest = "GET /suggestions"
)

// domainCatalog is the fault domain of all three.
const domainCatalog = "catalog"

// catalogAsk is how long the catalog's database takes.
const catalogAsk = 60 * time.Millisecond

// catalogRoutes adds the routes that share the domain "catalog".
func (s *service) catalogRoutes(mux *http.ServeMux) {
	ask := func(ctx context.Context, w http.ResponseWriter, r *http.Request) error {
		if err := rest(ctx, catalogAsk); err != nil {
			return err
		}
		return json.NewEncoder(w).Encode(map[string]string{"for": r.URL.Path})
	}
	noSuggestions := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set(headerDegraded, "1")
		_, _ = io.WriteString(w, "[]\n") // an error: the client has gone
	})
	handle := func(route string, opts ...halehttp.Option) {
		mux.Handle(route, halehttp.Handler(s.rt, route, s.handler(route, ask), opts...))
	}
	handle(routeStock, halehttp.Domain("catalog.checkout"))
	handle(routeProduct, halehttp.Domain("catalog"))
	handle(routeSuggest, halehttp.Domain("catalog.suggest"), halehttp.Degraded(noSuggestions))
}

// headerDegraded is in answers with which the client got less than it asked for.
const headerDegraded = "X-Degraded"

// domainStat returns what is known of a fault domain.
func domainStat(s shopStatus, name observe.Domain) observe.DomainStat {
	for _, d := range s.Domains {
		if d.Name == name {
			return d
		}
	}
	return observe.DomainStat{}
}

func catalogFree(since, now shopStatus) (string, bool) {
	d := domainStat(now, domainCatalog)
	text := fmt.Sprintf("%d of %d places are taken, %d requests wait, %d were turned away", d.InUse, d.Limit, d.Waiting, d.Full)
	return text, d.Limit > 0 && d.Waiting == 0 && d.Full > 0 && now.Time.After(since.Time)
}
