package halehttp_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/halehttp"
)

// quiet returns a runtime for an example.
func quiet() *hale.Runtime {
	rt, err := hale.New(hale.WithLogger(slog.New(slog.DiscardHandler)))
	if err != nil {
		panic(err)
	}
	return rt
}

func Example() {
	rt := quiet()
	defer rt.Close()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /orders/{id}", func(w http.ResponseWriter, r *http.Request) {
		if r.PathValue("id") == "0" {
			panic("an order without a number")
		}
		fmt.Fprintf(w, "order %s, asked for by %s", r.PathValue("id"), hale.RequestID(r.Context()))
	})
	srv := httptest.NewServer(halehttp.Middleware(rt)(mux))
	defer srv.Close()
	for _, id := range []string{"7", "0"} {
		req, err := http.NewRequest(http.MethodGet, srv.URL+"/orders/"+id, http.NoBody)
		if err != nil {
			panic(err)
		}
		req.Header.Set("X-Request-Id", "r-"+id)
		resp, err := srv.Client().Do(req)
		if err != nil {
			panic(err)
		}
		body, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		fmt.Printf("%d %s\n", resp.StatusCode, body)
	}
	// Output:
	// 200 order 7, asked for by r-7
	// 500 Internal Server Error
}

func ExampleHandler() {
	rt := quiet()
	defer rt.Close()
	// For a router that Middleware cannot ask for its patterns: each route by itself.
	export := func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, hale.Identify(r.Context()).Name) }
	h := halehttp.Handler(rt, "GET /export", http.HandlerFunc(export))
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/export", http.NoBody))
	fmt.Println(w.Body)
	// Output: GET /export
}

func ExampleRoute() {
	rt := quiet()
	defer rt.Close()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /orders/{id}", func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, hale.Identify(r.Context()).Name) })
	// Something stands between hale and the mux, so it is told how to ask.
	h := halehttp.Middleware(rt, halehttp.Route(func(r *http.Request) string {
		_, pattern := mux.Handler(r)
		return pattern
	}))(http.MaxBytesHandler(mux, 1<<20))
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/orders/7", http.NoBody))
	fmt.Println(w.Body)
	// Output: GET /orders/{id}
}

func ExampleTransport() {
	rt := quiet()
	defer rt.Close()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, r.Header.Get("X-Request-Id")) }))
	defer srv.Close()
	client := &http.Client{Transport: halehttp.Transport(rt, srv.Client().Transport, halehttp.Named(func(*http.Request) string { return "payments.quote" }))}
	req, err := http.NewRequestWithContext(hale.WithRequestID(context.Background(), "r-7"), http.MethodGet, srv.URL, http.NoBody)
	if err != nil {
		panic(err)
	}
	resp, err := client.Do(req)
	if err != nil {
		panic(err)
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	fmt.Printf("%s: %s\n", rt.Operations()[0].Name, body)
	// Output: payments.quote: r-7
}
