package halehttp_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/hale-go/hale/halehttp"
	"github.com/hale-go/hale/observe"
)

var nothing = http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})

// Names are patterns, never paths.
func TestNames(t *testing.T) {
	mux := http.NewServeMux()
	for _, pattern := range []string{"GET /orders/{id}", "/any/", "shop.example/home", "POST shop.example/cart", "/tree/{x}/", "CONNECT /ws"} {
		mux.Handle(pattern, nothing)
	}
	for _, c := range []struct {
		name, method, target string
		opts                 []halehttp.Option
		next                 http.Handler
		want                 string
	}{
		{"pattern", "GET", "/orders/7", nil, mux, "GET /orders/{id}"},
		{"HEAD of a GET", "HEAD", "/orders/7", nil, mux, "GET /orders/{id}"},
		{"no method in the pattern", "PUT", "/any/x/y", nil, mux, "PUT /any/"},
		{"HEAD of no method", "HEAD", "/any/x", nil, mux, "GET /any/"},
		{"a method of no route", "OPTIONS", "/any/x", nil, mux, "OTHER /any/"},
		{"no method in the request", "", "/any/x", nil, mux, "GET /any/"},
		{"host", "GET", "http://shop.example/home", nil, mux, "GET shop.example/home"},
		{"host and method", "POST", "http://shop.example/cart", nil, mux, "POST shop.example/cart"},
		{"no standard method", "BREW", "/any/x", nil, mux, "OTHER /any/"},
		{"lower case", "get", "/any/x", nil, mux, "OTHER /any/"},
		{"method not allowed", "PUT", "/orders/7", nil, mux, "PUT (unmatched)"},
		{"not found", "GET", "/nowhere", nil, mux, "GET (unmatched)"},
		{"redirect to a slash", "GET", "/tree/7", nil, mux, "GET /tree/{x}/"},
		{"redirect to a clean path", "GET", "/any//x", nil, mux, "GET /any/"},
		{"CONNECT that is redirected", "CONNECT", "http://x/tree/8", nil, mux, "OTHER (unmatched)"},
		{"CONNECT", "CONNECT", "http://x/ws", nil, mux, "CONNECT /ws"},
		{"no mux", "GET", "/orders/7", nil, nothing, "GET (unmatched)"},
		{"Route", "GET", "/orders/7", []halehttp.Option{halehttp.Route(func(*http.Request) string { return "/o/:id" })}, nothing, "GET /o/:id"},
		{"Route with a method", "GET", "/orders/7", []halehttp.Option{halehttp.Route(func(*http.Request) string { return "ANY /o" })}, nothing, "ANY /o"},
		{"Route of one word", "GET", "/orders/7", []halehttp.Option{halehttp.Route(func(*http.Request) string { return "order" })}, nothing, "GET order"},
		{"Route that does not know", "GET", "/orders/7", []halehttp.Option{halehttp.Route(func(*http.Request) string { return "" })}, mux, "GET /orders/{id}"},
		{"Route that panics", "GET", "/orders/7", []halehttp.Option{halehttp.Route(func(*http.Request) string { panic("x") })}, mux, "GET /orders/{id}"},
		{"a router that panics", "GET", "/orders/7", nil, badRouter{}, "GET (unmatched)"},
	} {
		rt := newRuntime(t)
		r := httptest.NewRequest("GET", c.target, http.NoBody)
		r.Method = c.method
		halehttp.Middleware(rt, c.opts...)(c.next).ServeHTTP(httptest.NewRecorder(), r)
		if got := names(rt); !slices.Equal(got, []string{c.want}) {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
	rt := newRuntime(t)
	around := http.NewServeMux()
	around.Handle("/in/{x}", halehttp.Middleware(rt)(nothing))
	around.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/in/7", http.NoBody))
	if got := names(rt); !slices.Equal(got, []string{"GET /in/{x}"}) {
		t.Errorf("within a mux: %q", got)
	}
}

// badRouter is one whose question for a handler fails.
type badRouter struct{}

func (badRouter) Handler(*http.Request) (http.Handler, string) { panic("x") }
func (badRouter) ServeHTTP(http.ResponseWriter, *http.Request) {}

// A flood of paths, methods and hosts makes few names; so does a Route that gives
// paths, as few as can be told apart.
func TestFlood(t *testing.T) {
	rt := newRuntime(t)
	mux := http.NewServeMux()
	mux.Handle("GET /orders/{id}", nothing)
	mux.Handle("/tree/{x}/", nothing)
	h := halehttp.Middleware(rt)(mux)
	for i := range 10_000 {
		path := []string{"/", "/orders/", "/tree/", "//tree/"}[i%4] + fmt.Sprintf("%x", rand.Uint64())
		r := httptest.NewRequest(http.MethodGet, path, http.NoBody)
		r.Host = fmt.Sprint("h", i)
		r.Method = []string{"GET", "POST", "CONNECT", fmt.Sprint("M", i)}[i/4%4]
		h.ServeHTTP(httptest.NewRecorder(), r)
	}
	got := names(rt)
	for _, name := range got {
		if !strings.HasSuffix(name, " (unmatched)") && !strings.HasSuffix(name, " /tree/{x}/") && name != "GET /orders/{id}" {
			t.Errorf("name %q", name)
		}
	}
	if len(got) > 9 {
		t.Errorf("%d names: %q", len(got), got)
	}
	bad := halehttp.Middleware(rt, halehttp.Route(func(r *http.Request) string { return r.URL.Path }))(nothing)
	for i := range 1200 {
		bad.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, fmt.Sprint("/p", i), http.NoBody))
	}
	if n := len(names(rt)); n > 1030 {
		t.Errorf("%d names", n)
	}
}

// Clients that send all methods to all routes take nobody the name: not a route, not
// what is called.
func TestFloodOfMethods(t *testing.T) {
	const routes = 240
	rt := newRuntime(t)
	told := misuses(rt)
	mux := http.NewServeMux()
	for i := range routes {
		mux.HandleFunc(fmt.Sprint("/r", i), func(w http.ResponseWriter, r *http.Request) {
			if r.Method != http.MethodGet {
				w.WriteHeader(http.StatusMethodNotAllowed)
			}
		})
	}
	mux.Handle("POST /late", nothing)
	h := halehttp.Middleware(rt)(mux)
	ask := func(method, path string) {
		h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(method, path, http.NoBody))
	}
	for i := range routes - 1 {
		for _, method := range []string{"HEAD", "POST", "PUT", "PATCH", "DELETE", "CONNECT", "OPTIONS", "TRACE", "X"} {
			ask(method, fmt.Sprint("/r", i))
		}
	}
	for i := range routes {
		ask(http.MethodGet, fmt.Sprint("/r", i))
	}
	for range 2 {
		ask(http.MethodPut, "/r239")
		ask(http.MethodPost, "/late")
	}
	for name, want := range map[string]uint64{"GET /r0": 2, "GET /r238": 2, "GET /r239": 1, "POST /r0": 1, "OTHER /r0": 4, "OTHER /r238": 8, "OTHER /r239": 2, "POST /late": 2} {
		if st := stat(rt, name); st.Ended != want {
			t.Errorf("%s: %d, want %d", name, st.Ended, want)
		}
	}
	for name, want := range map[string]bool{"OTHER /r238": true, "OTHER /r0": false, "GET /r238": false} {
		if rt.Operation(observe.Server, name, "").CatchAll() != want {
			t.Errorf("%s is a catch-all: %v", name, !want)
		}
	}
	client := halehttp.Transport(rt, broken{})
	for i := range 100 {
		_, _ = client.RoundTrip(httptest.NewRequest(http.MethodGet, fmt.Sprintf("http://h%d.example", i), http.NoBody)) //nolint:bodyclose // there is none
	}
	got := names(rt)
	for i := range routes {
		if !slices.Contains(got, fmt.Sprint("GET /r", i)) {
			t.Errorf("route %d has no name of its own", i)
		}
	}
	for i := range 100 {
		if !slices.Contains(got, fmt.Sprintf("h%d.example", i)) {
			t.Errorf("host %d has no name of its own", i)
		}
	}
	if got := told(); len(got) != 1 || !strings.Contains(got[0], "OTHER") {
		t.Errorf("told %q", got)
	}
}

// However many muxes a service has, and whatever names they have, calls have names.
func TestFloodOfServers(t *testing.T) {
	rt := newRuntime(t)
	for i := range 10 {
		route := halehttp.Route(func(r *http.Request) string { return fmt.Sprint(i, r.URL.Path) })
		h := halehttp.Middleware(rt, route)(nothing)
		for j := range 200 {
			h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, fmt.Sprint("/p", j), http.NoBody))
		}
	}
	if op := rt.Operation(observe.Server, "GET /late", ""); op.Name() != "hale.other" {
		t.Errorf("named %s: all names should be taken", op.Name())
	}
	if op := rt.Operation(observe.Client, "payments", ""); op.Name() != "payments" {
		t.Errorf("a call is named %s", op.Name())
	}
}
