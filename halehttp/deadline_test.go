package halehttp_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hale-go/hale/halehttp"
)

// deadlined is a writer that notes the deadlines that are set.
type deadlined struct {
	*httptest.ResponseRecorder
	read, write time.Time
}

func (d *deadlined) SetReadDeadline(t time.Time) error  { d.read = t; return nil }
func (d *deadlined) SetWriteDeadline(t time.Time) error { d.write = t; return nil }

// Deadlines are half a second after the timeout, only where there is one and something
// to wait for, and never later than what the server or the handler chose.
func TestDeadlines(t *testing.T) {
	answer := func(after time.Duration) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { time.Sleep(after); w.WriteHeader(http.StatusOK) }
	}
	own := func(w http.ResponseWriter, _ *http.Request) {
		if err := http.NewResponseController(w).SetWriteDeadline(time.Now().Add(time.Hour)); err != nil {
			panic(err)
		}
	}
	const limit, end = time.Second, 1500 * time.Millisecond
	for _, c := range []struct {
		name        string
		handler     http.HandlerFunc
		body        string
		server      *http.Server
		timeout     time.Duration
		read, write time.Duration // after the start; 0: none
		closes      bool
	}{
		{name: "no timeout", handler: answer(0), body: "x"},
		{name: "no body", timeout: limit, handler: answer(0), write: end},
		{name: "body", timeout: limit, handler: answer(0), body: "x", read: end, write: end},
		{name: "writes nothing", timeout: limit, handler: func(http.ResponseWriter, *http.Request) {}, body: "x", read: end, write: end},
		{name: "writes", timeout: limit, handler: func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(nil) }, write: end},
		{name: "answers within the half second", timeout: limit, handler: answer(limit + 100*time.Millisecond), body: "x", read: end, write: end + 100*time.Millisecond},
		{name: "ignores it, without a body", timeout: limit, handler: answer(time.Minute), write: time.Minute + end - limit},
		{name: "ignores it", timeout: limit, handler: answer(time.Minute), body: "x", read: end, write: time.Minute + end - limit, closes: true},
		{name: "has its own", timeout: limit, handler: own, write: time.Hour},
		{name: "only hints", timeout: limit, handler: func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusEarlyHints)
			if d := w.(interface{ Unwrap() http.ResponseWriter }).Unwrap().(*deadlined); !d.write.IsZero() {
				panic("a hint is no answer")
			}
		}, write: end},
		{name: "the server's are sooner", timeout: limit, handler: answer(0), body: "x", server: &http.Server{ReadTimeout: limit, WriteTimeout: limit}},
		{name: "the server's are later", timeout: limit, handler: answer(0), body: "x", server: &http.Server{ReadTimeout: time.Minute, WriteTimeout: time.Minute}, read: end, write: end},
		{name: "ignores it, and the server has one", timeout: limit, handler: answer(time.Minute), server: &http.Server{WriteTimeout: time.Hour}, write: end},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				rt := newRuntime(t)
				r := httptest.NewRequest(http.MethodPost, "/", http.NoBody)
				if c.body != "" {
					r = httptest.NewRequest(http.MethodPost, "/", strings.NewReader(c.body))
				}
				if c.server != nil {
					r = r.WithContext(context.WithValue(r.Context(), http.ServerContextKey, c.server))
				}
				w := &deadlined{ResponseRecorder: httptest.NewRecorder()}
				start := time.Now()
				halehttp.Handler(rt, "POST /", c.handler, halehttp.Timeout(c.timeout)).ServeHTTP(w, r)
				for what, d := range map[string]struct {
					got  time.Time
					want time.Duration
				}{"read": {w.read, c.read}, "write": {w.write, c.write}} {
					if d.want == 0 != d.got.IsZero() || (d.want > 0 && d.got.Sub(start) != d.want) {
						t.Errorf("%s deadline %v after the start, want %v", what, d.got.Sub(start), d.want)
					}
				}
				if got := w.Header().Get("Connection") == "close"; got != c.closes {
					t.Errorf("closes the connection: %v, want %v", got, c.closes)
				}
			})
		})
	}
}

// A handler of a route within a middleware has the shorter of both timeouts.
func TestDeadlinesOfBoth(t *testing.T) {
	for _, c := range []struct{ around, within, want time.Duration }{
		{time.Second, time.Minute, time.Second},
		{time.Minute, time.Second, time.Second},
		{time.Second, 0, time.Second},
		{0, time.Second, time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			rt := newRuntime(t)
			mux := http.NewServeMux()
			mux.Handle("POST /", halehttp.Handler(rt, "POST /", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }), halehttp.Timeout(c.within)))
			w := &deadlined{ResponseRecorder: httptest.NewRecorder()}
			start := time.Now()
			halehttp.Middleware(rt, halehttp.Timeout(c.around))(mux).ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/", strings.NewReader("x")))
			if want := c.want + 500*time.Millisecond; w.read.Sub(start) != want || w.write.Sub(start) != want {
				t.Errorf("%v around %v: read %v, write %v, want %v", c.around, c.within, w.read.Sub(start), w.write.Sub(start), want)
			}
		})
	}
}
