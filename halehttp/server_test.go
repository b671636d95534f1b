package halehttp_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/halehttp"
	"github.com/hale-go/hale/heal"
	"github.com/hale-go/hale/observe"
)

// A request is a task and a span of its route, with a request ID.
func TestRequest(t *testing.T) {
	protocols(t, func(t *testing.T, start func(http.Handler) *httptest.Server) {
		rt := newRuntime(t)
		mux := http.NewServeMux()
		mux.HandleFunc("GET /orders/{id}", func(w http.ResponseWriter, r *http.Request) {
			id := hale.Identify(r.Context())
			fmt.Fprint(w, r.PathValue("id"), "|", id.Name, "|", id.Operation, "|", id.Request, "|", r.Pattern)
		})
		srv := start(halehttp.Middleware(rt)(mux))
		const route = "GET /orders/{id}"
		for _, c := range []struct{ sent, want string }{{"abc-1", "abc-1"}, {"", ""}, {"a\tb", "a_b"}} {
			a := get(t, srv, "/orders/7", "X-Request-Id", c.sent)
			got := a.header.Get("X-Request-Id")
			if (c.want != "" && got != c.want) || (c.want == "" && len(got) != 32) {
				t.Errorf("request ID %q went out for %q", got, c.sent)
			}
			if want := "7|" + route + "|" + route + "|" + got + "|" + route; a.body != want {
				t.Errorf("the handler saw %q, want %q", a.body, want)
			}
		}
		wants(t, rt, route, observe.Outcome{Name: "200", Count: 3})
		if st := stat(rt, route); st.Kind != observe.Server || string(st.Domain) != route || st.Latency.Count() != 3 {
			t.Errorf("%+v", st)
		}
	})
}

// A status is an outcome, and a failure from 500 on. The first one counts.
func TestStatus(t *testing.T) {
	rt := newRuntime(t)
	mux := http.NewServeMux()
	mux.HandleFunc("/{code}", func(w http.ResponseWriter, r *http.Request) {
		code, err := strconv.Atoi(r.PathValue("code"))
		if err != nil {
			t.Error(err)
		}
		w.WriteHeader(http.StatusEarlyHints) // no answer
		w.WriteHeader(code)
		w.WriteHeader(http.StatusTeapot) // too late
	})
	srv := start(t, halehttp.Middleware(rt)(mux), false)
	for _, code := range []int{204, 404, 499, 500, 599, 999, 7} {
		if a := get(t, srv, fmt.Sprint("/", code)); a.code != code && code != 7 {
			t.Errorf("%d, want %d", a.code, code)
		}
	}
	wants(t, rt, "GET /{code}",
		observe.Outcome{Name: "204", Count: 1}, observe.Outcome{Name: "404", Count: 1}, observe.Outcome{Name: "499", Count: 1},
		observe.Outcome{Name: "500", Count: 2, Failed: true}, // net/http panics at 7
		observe.Outcome{Name: "599", Count: 1, Failed: true}, observe.Outcome{Name: "999", Count: 1, Failed: true})
}

// A panic before the answer is 500; after it, nobody must take the half for the
// whole.
func TestPanic(t *testing.T) {
	protocols(t, func(t *testing.T, start func(http.Handler) *httptest.Server) {
		rt := newRuntime(t)
		told := panics(rt)
		mux := http.NewServeMux()
		mux.HandleFunc("GET /before", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			w.Header().Set("Content-Length", "3")
			w.WriteHeader(http.StatusProcessing)
			panic("before")
		})
		mux.HandleFunc("GET /after", func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, "half")
			_ = http.NewResponseController(w).Flush()
			panic("after")
		})
		mux.HandleFunc("GET /abort", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
		mux.HandleFunc("GET /refused", func(http.ResponseWriter, *http.Request) { panic(hale.ErrQuarantined) })
		srv := start(halehttp.Middleware(rt)(mux))
		for _, path := range []string{"/before", "/refused"} {
			a := get(t, srv, path)
			if a.code != 500 || a.body != "Internal Server Error\n" || a.header.Get("Content-Encoding") != "" || a.header.Get("X-Request-Id") == "" {
				t.Errorf("%s: %+v", path, a)
			}
		}
		resp, err := srv.Client().Get(srv.URL + "/after")
		if err != nil {
			t.Fatal(err)
		}
		if body, err := io.ReadAll(resp.Body); err == nil {
			t.Errorf("half an answer passes for a whole one: %q", body)
		}
		resp.Body.Close()
		if resp, err := srv.Client().Get(srv.URL + "/abort"); err == nil {
			t.Errorf("an aborted handler was answered: %s", resp.Status)
			resp.Body.Close()
		}
		wants(t, rt, "GET /before", observe.Outcome{Name: "500", Count: 1, Failed: true})
		wants(t, rt, "GET /refused", observe.Outcome{Name: "500", Count: 1, Failed: true})
		wants(t, rt, "GET /after", observe.Outcome{Name: "panic", Count: 1, Failed: true})
		until(t, "three panics are told of", func() bool { return told() == 3 })
		until(t, "the aborted one ends", func() bool { return stat(rt, "GET /abort").Ended > 0 })
		if st := stat(rt, "GET /abort"); st.Ended != st.Failed || st.Outcomes[0].Name != "aborted" {
			t.Errorf("%+v", st) // a client of HTTP/1 tries again
		}
	})
}

// A handler that ends its goroutine ends its span.
func TestGoexit(t *testing.T) {
	rt := newRuntime(t)
	h := halehttp.Handler(rt, "GET /exit", http.HandlerFunc(func(http.ResponseWriter, *http.Request) { runtime.Goexit() }))
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/exit", http.NoBody))
	}()
	<-ended
	wants(t, rt, "GET /exit", observe.Outcome{Name: "panic", Count: 1, Failed: true})
}

// A route that panics again and again is cut off, and that is no failure of its own.
func TestQuarantine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := newRuntime(t, hale.WithConfig(hale.Config{Policy: heal.Policy{Act: heal.Contain}}))
		mux := http.NewServeMux()
		mux.HandleFunc("GET /poison", func(http.ResponseWriter, *http.Request) { panic("poison") })
		mux.HandleFunc("GET /well", func(http.ResponseWriter, *http.Request) {})
		h := halehttp.Middleware(rt)(mux)
		ask := func(path string) *httptest.ResponseRecorder {
			w := httptest.NewRecorder()
			h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, http.NoBody))
			return w
		}
		var w *httptest.ResponseRecorder
		for range 60 {
			for range 5 {
				w = ask("/poison")
			}
			time.Sleep(time.Second)
			if err := rt.Step(t.Context()); err != nil {
				t.Fatal(err)
			}
			if w.Code == http.StatusServiceUnavailable {
				break
			}
		}
		if w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" || w.Header().Get("X-Request-Id") == "" {
			t.Fatalf("%d %v", w.Code, w.Header())
		}
		if w := ask("/well"); w.Code != http.StatusOK {
			t.Errorf("another route: %d", w.Code)
		}
		for _, o := range stat(rt, "GET /poison").Outcomes {
			if o.Failed != (o.Name == "500") {
				t.Errorf("%+v", o)
			}
		}
	})
}

// While a service closes, requests are turned away.
func TestClosed(t *testing.T) {
	rt := newRuntime(t)
	h := halehttp.Handler(rt, "GET /", http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	if err := rt.Close(); err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	if h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", http.NoBody)); w.Code != http.StatusServiceUnavailable {
		t.Errorf("%d", w.Code)
	}
}

// Without a runtime, handlers are called as they are.
func TestNoRuntime(t *testing.T) {
	for name, rt := range map[string]*hale.Runtime{"nil": nil, "not made": {}} {
		boom := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("boom") })
		for _, h := range []http.Handler{halehttp.Middleware(rt)(boom), halehttp.Handler(rt, "GET /", boom)} {
			func() {
				defer func() {
					if v := recover(); v != "boom" {
						t.Errorf("%s: a panic that nobody tells of: %v", name, v)
					}
				}()
				h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", http.NoBody))
			}()
		}
		if _, err := halehttp.Transport(rt, broken{}).RoundTrip(httptest.NewRequest(http.MethodGet, "/", http.NoBody)); !errors.Is(err, errBroken) { //nolint:bodyclose // there is none
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The client's end is no failure of the service, and the answer that was there before
// it is the outcome.
func TestClientGone(t *testing.T) {
	protocols(t, func(t *testing.T, start func(http.Handler) *httptest.Server) {
		rt := newRuntime(t)
		mux := http.NewServeMux()
		entered := make(chan struct{})
		wait := func(first, last func(http.ResponseWriter)) http.HandlerFunc {
			return func(w http.ResponseWriter, r *http.Request) {
				first(w)
				entered <- struct{}{}
				<-r.Context().Done()
				last(w)
			}
		}
		nothing := func(http.ResponseWriter) {}
		fails := func(w http.ResponseWriter) { http.Error(w, "it failed", http.StatusInternalServerError) }
		sends := func(w http.ResponseWriter) {
			_, _ = io.WriteString(w, "x")
			_ = http.NewResponseController(w).Flush()
		}
		mux.HandleFunc("GET /silent", wait(nothing, nothing))
		mux.HandleFunc("GET /fails", wait(nothing, fails))
		mux.HandleFunc("GET /aborts", wait(nothing, func(http.ResponseWriter) { panic(http.ErrAbortHandler) }))
		mux.HandleFunc("GET /sent", wait(sends, nothing))
		mux.HandleFunc("GET /failed", wait(fails, nothing))
		srv := start(halehttp.Middleware(rt)(mux))
		for path, want := range map[string]observe.Outcome{
			"/silent": {Name: "canceled", Count: 1}, "/fails": {Name: "canceled", Count: 1}, "/aborts": {Name: "canceled", Count: 1},
			"/sent": {Name: "200", Count: 1}, "/failed": {Name: "500", Count: 1, Failed: true},
		} {
			ctx, cancel := context.WithCancel(t.Context())
			req, err := http.NewRequestWithContext(ctx, http.MethodGet, srv.URL+path, http.NoBody)
			if err != nil {
				t.Fatal(err)
			}
			gone := make(chan struct{})
			go func() {
				defer close(gone)
				if resp, err := srv.Client().Do(req); err == nil {
					_, _ = io.Copy(io.Discard, resp.Body)
					resp.Body.Close()
				}
			}()
			<-entered
			cancel()
			<-gone
			wants(t, rt, "GET "+path, want)
		}
	})
}

// The ID that a backend answers a proxy with does not go out a second time, and one
// that a handler sets instead goes out.
func TestOneRequestID(t *testing.T) {
	rt := newRuntime(t)
	for name, h := range map[string]func(w http.ResponseWriter){
		"Write":       func(w http.ResponseWriter) { _, _ = io.WriteString(w, "x") },
		"WriteHeader": func(w http.ResponseWriter) { w.WriteHeader(http.StatusNotFound) },
		"nothing":     func(http.ResponseWriter) {},
		"panic":       func(http.ResponseWriter) { panic("x") },
	} {
		w := httptest.NewRecorder()
		r := httptest.NewRequest(http.MethodGet, "/", http.NoBody)
		r.Header.Set("X-Request-Id", "mine")
		halehttp.Handler(rt, "GET /proxy", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Add("X-Request-Id", "backend's")
			h(w)
		})).ServeHTTP(w, r)
		if got := w.Result().Header["X-Request-Id"]; len(got) != 1 || got[0] != "mine" {
			t.Errorf("%s: %q", name, got)
		}
		w = httptest.NewRecorder()
		halehttp.Handler(rt, "GET /own", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-Request-Id", "own")
			h(w)
		})).ServeHTTP(w, r)
		if got := w.Result().Header["X-Request-Id"]; len(got) != 1 || got[0] != "own" {
			t.Errorf("%s: %q", name, got)
		}
	}
}

// A route's own handler within a middleware adds its options, and counts nothing
// twice.
func TestHandlerWithinMiddleware(t *testing.T) {
	rt := newRuntime(t)
	mux := http.NewServeMux()
	mux.Handle("GET /slow", halehttp.Handler(rt, "GET /slow", http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		<-r.Context().Done()
	}), halehttp.Timeout(time.Millisecond)))
	mux.Handle("GET /panics", halehttp.Handler(rt, "GET /panics", http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("x") })))
	var outer, inner string
	other := halehttp.Handler(rt, "orders.other", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		inner = hale.RequestID(r.Context())
		w.WriteHeader(http.StatusNotFound)
	}))
	mux.HandleFunc("GET /other", func(w http.ResponseWriter, r *http.Request) {
		outer = hale.RequestID(r.Context())
		other.ServeHTTP(w, r)
	})
	h := halehttp.Middleware(rt)(mux)
	for name, want := range map[string]observe.Outcome{
		"GET /slow": {Name: "503", Count: 1, Failed: true}, "GET /panics": {Name: "500", Count: 1, Failed: true}, "GET /other": {Name: "404", Count: 1},
	} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, strings.TrimPrefix(name, "GET "), http.NoBody))
		if fmt.Sprint(w.Code) != want.Name {
			t.Errorf("%s: %d", name, w.Code)
		}
		wants(t, rt, name, want)
	}
	wants(t, rt, "orders.other", observe.Outcome{Name: "404", Count: 1})
	if st := stat(rt, "GET /other"); len(st.Calls) != 1 || outer != inner {
		t.Errorf("calls %+v, request IDs %q and %q", st.Calls, outer, inner)
	}
}

// The request that came is given back what the server and others look for in it.
func TestHandBack(t *testing.T) {
	rt := newRuntime(t)
	mux := http.NewServeMux()
	mux.HandleFunc("POST /form", func(_ http.ResponseWriter, r *http.Request) {
		if err := r.ParseMultipartForm(1 << 10); err != nil {
			t.Error(err)
		}
		panic("after it")
	})
	body := "--x\r\nContent-Disposition: form-data; name=\"f\"; filename=\"f\"\r\n\r\nhello\r\n--x--\r\n"
	r := httptest.NewRequest(http.MethodPost, "/form", strings.NewReader(body))
	r.Header.Set("Content-Type", "multipart/form-data; boundary=x")
	halehttp.Middleware(rt)(mux).ServeHTTP(httptest.NewRecorder(), r)
	if r.Pattern != "POST /form" || r.MultipartForm == nil {
		t.Errorf("pattern %q, form %v", r.Pattern, r.MultipartForm)
	}
}

// Handlers of old take it for granted that the writer tells of a closed connection.
func TestCloseNotifier(t *testing.T) {
	rt := newRuntime(t)
	srv := httptest.NewServer(halehttp.Middleware(rt)(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_ = w.(http.CloseNotifier).CloseNotify() //nolint:staticcheck // it is what is tested
		_, _ = io.WriteString(w, "ok")
	})))
	defer srv.Close()
	resp, err := srv.Client().Get(srv.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if body, _ := io.ReadAll(resp.Body); resp.StatusCode != http.StatusOK || string(body) != "ok" {
		t.Errorf("%s %s", resp.Status, body)
	}
}
