package halehttp_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/halehttp"
)

// FuzzRequest serves what a client made up, by a handler that makes a request in turn.
func FuzzRequest(f *testing.F) {
	const trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	f.Add("GET", "/orders/7", "id", trace, "a=1", "user=7", uint16(1))
	f.Add("", "*", strings.Repeat("x", 100_000), trace+"-", strings.Repeat("a=1,", 1000), strings.Repeat("b", 9000), uint16(5000))
	f.Add("BREW\x00", "//tree/../x", "a\r\nSet-Cookie: x\x7f\xff\u2028", strings.Repeat("0", 10_000), "\x00", "\u00e9\n", uint16(300))
	rt := newRuntime(f)
	next := roundTrip(func(r *http.Request) (*http.Response, error) {
		size := 0
		for key, values := range r.Header {
			for _, v := range values {
				size += len(key) + len(v)
				if i := strings.IndexFunc(v, func(c rune) bool { return c < ' ' || c == 0x7f }); i >= 0 {
					f.Errorf("%s: %q goes out", key, v)
				}
			}
		}
		if size > 10_000 {
			f.Errorf("%d bytes of headers go out", size)
		}
		return nil, errBroken
	})
	tr := halehttp.Transport(rt, next)
	mux := http.NewServeMux()
	mux.HandleFunc("/tree/{x}/", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("/{path...}", func(_ http.ResponseWriter, r *http.Request) {
		out := httptest.NewRequest(http.MethodGet, "http://api.example/", http.NoBody)
		_, _ = tr.RoundTrip(out.WithContext(r.Context())) //nolint:bodyclose // there is none
		if id := hale.RequestID(r.Context()); id == "" || len(id) > 128 {
			f.Errorf("request ID %q", id)
		}
	})
	h := halehttp.Middleware(rt)(mux)
	f.Fuzz(func(t *testing.T, method, path, id, parent, state, baggage string, n uint16) {
		r := httptest.NewRequest(http.MethodGet, "/", http.NoBody)
		r.Method, r.URL.Path, r.URL.RawPath, r.RequestURI = method, path, "", path
		r.Header = http.Header{"X-Request-Id": {id}, "Traceparent": {parent}}
		for range n {
			r.Header.Add("Tracestate", state)
			r.Header.Add("Baggage", baggage)
			r.Header.Add("X-Request-Id", id)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code >= 500 {
			t.Errorf("%d %s", w.Code, w.Body)
		}
		if got := w.Header().Get("X-Request-Id"); got == "" || len(got) > 128 || strings.ContainsAny(got, "\r\n\x00") {
			t.Errorf("%q goes back", got)
		}
		if n := len(rt.Operations()); n > 25 {
			t.Errorf("%d names", n)
		}
	})
}

// FuzzRoute names requests by what a service's own function makes of them.
func FuzzRoute(f *testing.F) {
	for _, name := range []string{"", "/orders/{id}", "GET /orders/{id}", " ", "\x00#\xff", strings.Repeat("é", 300)} {
		f.Add(name, "GET")
	}
	rt := newRuntime(f)
	f.Fuzz(func(t *testing.T, name, method string) {
		r := httptest.NewRequest(http.MethodGet, "http://x/", http.NoBody)
		r.Method = method
		named := ""
		halehttp.Middleware(rt, halehttp.Route(func(*http.Request) string { return name }))(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			named = hale.Identify(r.Context()).Name
		})).ServeHTTP(httptest.NewRecorder(), r)
		if named == "" || len(named) > 128 || strings.ContainsAny(named, "\x00\n#") {
			t.Errorf("%q for %q", named, name)
		}
		called := func(*http.Request) string { return name }
		_, _ = halehttp.Transport(rt, broken{}, halehttp.Named(called)).RoundTrip(r) //nolint:bodyclose // there is none
	})
}
