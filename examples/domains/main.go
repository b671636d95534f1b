// Domains is a small service with two fault domains, which hale.yaml declares: the
// calls of another service, with a fallback, and the requests that it serves, some of
// which may be answered with less.
package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"log"
	"net/http"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/config"
	"github.com/hale-go/hale/halehttp"
)

//go:embed hale.yaml
var settings []byte

func main() {
	cfg, err := config.Decode("hale.yaml", settings)
	if err != nil {
		log.Fatal(err, "\nhint: ", hale.Hint(err))
	}
	rt, err := hale.New(hale.WithConfig(cfg))
	if err != nil {
		log.Fatal(err, "\nhint: ", hale.Hint(err))
	}
	hale.SetDefault(rt)
	hale.Go(context.Background(), "hale.loop", rt.Run)
	log.Fatal(http.ListenAndServe("localhost:8080", routes(rt, warehouse)))
}

// counter asks how many there are of something.
type counter func(context.Context) (string, error)

// warehouse stands for a service of somebody else's.
func warehouse(context.Context) (string, error) { return "7 kettles", nil }

func routes(rt *hale.Runtime, count counter) http.Handler {
	page := func(w http.ResponseWriter, r *http.Request) {
		n, err := hale.Call(r.Context(), "stock.count", count, hale.Fallback(unknown)) // in the domain "stock"
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		fmt.Fprintln(w, n)
	}
	noTips := func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "no tips today") }
	mux := http.NewServeMux()
	mux.Handle("GET /stock", halehttp.Handler(rt, "GET /stock", http.HandlerFunc(page), halehttp.Domain("shop")))
	mux.Handle("GET /tips", halehttp.Handler(rt, "GET /tips", http.HandlerFunc(page), halehttp.Domain("shop.tips"),
		halehttp.Degraded(http.HandlerFunc(noTips))))
	return mux
}

// unknown answers for the warehouse when that does not; err says why.
func unknown(_ context.Context, err error) (string, error) {
	if errors.Is(err, hale.ErrOpen) {
		return "ask again later", nil // it was not asked, not even once
	}
	return "unknown", nil
}
