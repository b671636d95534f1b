package halehttp_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/halehttp"
	"github.com/hale-go/hale/isolate"
	"github.com/hale-go/hale/observe"
)

func withDomains(domains map[string]hale.DomainConfig) hale.Option {
	return hale.WithConfig(hale.Config{Domains: domains})
}

func domainOf(t *testing.T, rt *hale.Runtime, name observe.Domain) observe.DomainStat {
	t.Helper()
	for _, d := range rt.Domains() {
		if d.Name == name {
			return d
		}
	}
	t.Fatalf("no domain %s", name)
	return observe.DomainStat{}
}

// serve has a handler answer one request, without a network.
func serve(h http.Handler, path string) *httptest.ResponseRecorder {
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, path, http.NoBody))
	return rec
}

// A route's requests are turned away by the walls of its domain, and those of another
// are not.
func TestDomain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := newRuntime(t, withDomains(map[string]hale.DomainConfig{
			"reco":     {Bulkhead: &isolate.BulkheadConfig{Limit: 2, MaxWait: hale.NoWait}},
			"payments": {Breaker: &isolate.BreakerConfig{Failures: 2, Of: 2, Open: 30 * time.Second}},
			"mail":     {Rate: &isolate.RateConfig{Calls: 1}},
		}))
		block := make(chan struct{})
		mux := http.NewServeMux()
		mux.Handle("GET /reco", halehttp.Handler(rt, "GET /reco", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			<-block
			fmt.Fprint(w, hale.Identify(r.Context()).Domain)
		}), halehttp.Domain("reco")))
		down := true
		mux.Handle("GET /pay", halehttp.Handler(rt, "GET /pay", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			if down {
				w.WriteHeader(http.StatusBadGateway)
			}
		}), halehttp.Domain("payments")))
		mux.Handle("GET /mail", halehttp.Handler(rt, "GET /mail", http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}), halehttp.Domain("mail")))
		h := halehttp.Middleware(rt)(mux)

		var wg sync.WaitGroup
		for range 2 {
			wg.Go(func() {
				if rec := serve(h, "/reco"); rec.Code != 200 || rec.Body.String() != "reco" {
					t.Errorf("got %d %q, want the domain", rec.Code, rec.Body)
				}
			})
		}
		synctest.Wait()
		if rec := serve(h, "/reco"); rec.Code != 503 || rec.Header().Get("Retry-After") != "1" {
			t.Errorf("a full domain answered %d with Retry-After %q", rec.Code, rec.Header().Get("Retry-After"))
		}
		for range 2 {
			if rec := serve(h, "/pay"); rec.Code != 502 {
				t.Errorf("beside it got %d, want the handler's own 502", rec.Code)
			}
		}
		if rec := serve(h, "/pay"); rec.Code != 503 || rec.Header().Get("Retry-After") < "27" {
			t.Errorf("an open breaker answered %d with Retry-After %q", rec.Code, rec.Header().Get("Retry-After"))
		}
		if rec := serve(h, "/mail"); rec.Code != 200 {
			t.Errorf("the first of a second was answered with %d", rec.Code)
		}
		if rec := serve(h, "/mail"); rec.Code != 429 {
			t.Errorf("too many requests were answered with %d", rec.Code)
		}
		down = false
		time.Sleep(time.Minute)
		for range 3 {
			if rec := serve(h, "/pay"); rec.Code != 200 {
				t.Errorf("after it recovered got %d", rec.Code)
			}
			time.Sleep(time.Second)
		}
		close(block)
		wg.Wait()
		if d := domainOf(t, rt, "reco"); d.InUse != 0 || d.Full != 1 {
			t.Errorf("%+v, want none in use and 1 refused", d)
		}
		if st := stat(rt, "GET /pay"); st.Failed != 2 || st.Ended != 6 || st.Domain != "payments" {
			t.Errorf("%+v, want the 2 failures of the handler only", st)
		}
	})
}

// Whatever a handler does, its place is free again.
func TestDomainLosesNoPlace(t *testing.T) {
	rt := newRuntime(t, withDomains(map[string]hale.DomainConfig{"shop": {Bulkhead: &isolate.BulkheadConfig{Limit: 1, MaxWait: hale.NoWait}}}))
	mux := http.NewServeMux()
	mux.HandleFunc("GET /panic", func(http.ResponseWriter, *http.Request) { panic("no") })
	mux.HandleFunc("GET /late", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "x"); panic("no") })
	mux.HandleFunc("GET /abort", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	mux.Handle("GET /inner", halehttp.Handler(rt, "GET /inner", http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}), halehttp.Domain("shop")))
	mux.Handle("GET /deep", halehttp.Middleware(rt, halehttp.Domain("shop"))(halehttp.Handler(rt, "GET /deeper", http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}), halehttp.Domain("shop"))))
	h := halehttp.Middleware(rt, halehttp.Domain("shop"))(mux)
	for range 3 {
		for _, path := range []string{"/panic", "/late", "/abort", "/inner", "/deep", "/nowhere"} {
			func() {
				defer func() { _ = recover() }() // as the server does
				if rec := serve(h, path); rec.Code == 503 {
					t.Errorf("%s was refused", path)
				}
			}()
		}
	}
	if d := domainOf(t, rt, "shop"); d.InUse != 0 || d.Full != 0 {
		t.Errorf("%+v, want none in use and none refused", d)
	}
}

func TestDomainTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := newRuntime(t, withDomains(map[string]hale.DomainConfig{"shop": {Timeout: time.Second, Breaker: &isolate.BreakerConfig{Failures: 1, Of: 1}}}))
		var cause error
		h := halehttp.Handler(rt, "GET /slow", http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			<-r.Context().Done()
			cause = context.Cause(r.Context())
		}), halehttp.Domain("shop"))
		began := time.Now()
		if rec := serve(h, "/slow"); rec.Code != 503 || !errors.Is(cause, hale.ErrTimeout) || time.Since(began) != time.Second {
			t.Errorf("got %d after %v, the handler saw %v", rec.Code, time.Since(began), cause)
		}
		if rec := serve(h, "/slow"); rec.Code != 503 || rec.Header().Get("Retry-After") == "" {
			t.Errorf("the breaker did not open: %d %v", rec.Code, rec.Header())
		}
	})
}

func TestDegraded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := newRuntime(t, withDomains(map[string]hale.DomainConfig{"reco": {Breaker: &isolate.BreakerConfig{Failures: 1, Of: 1}}}))
		mode := "works"
		h := halehttp.Handler(rt, "GET /reco", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			if mode == "fails" {
				w.WriteHeader(http.StatusInternalServerError)
				return
			}
			fmt.Fprint(w, "full")
		}), halehttp.Domain("reco"), halehttp.Degraded(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if mode == "panics" {
				panic("degraded")
			}
			fmt.Fprint(w, "less|", hale.Identify(r.Context()).Name)
		})))
		want := func(code int, body string) {
			t.Helper()
			if rec := serve(h, "/reco"); rec.Code != code || !strings.HasPrefix(rec.Body.String(), body) {
				t.Errorf("got %d %q, want %d %q", rec.Code, rec.Body, code, body)
			}
		}
		want(200, "full")
		if err := rt.Degrade("reco", 1, "", 0); err != nil {
			t.Fatal(err)
		}
		want(200, "less|GET /reco (degraded)")
		if err := rt.RestoreNow("reco", ""); err != nil {
			t.Fatal(err)
		}
		want(200, "full")
		mode = "fails"
		want(500, "")
		mode = "works"
		want(200, "less") // the breaker is open
		mode = "panics"
		want(500, "")
		mode = "works"
		time.Sleep(time.Minute)
		want(200, "full")
		if st := stat(rt, "GET /reco"); st.Failed != 2 {
			t.Errorf("%+v, want 2 failures: the handler's and that of the degraded one", st)
		}
	})
}

// A Handler's degraded handler answers also where the Middleware around it is what turns
// the request away.
func TestDegradedBelowMiddleware(t *testing.T) {
	rt := newRuntime(t, withDomains(map[string]hale.DomainConfig{"reco": {Breaker: &isolate.BreakerConfig{Failures: 1, Of: 1}}}))
	mux := http.NewServeMux()
	mux.Handle("GET /reco", halehttp.Handler(rt, "GET /reco", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusInternalServerError)
	}), halehttp.Domain("reco"), halehttp.Degraded(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "less") }))))
	h := halehttp.Middleware(rt)(mux)
	if rec := serve(h, "/reco"); rec.Code != 500 {
		t.Errorf("got %d", rec.Code)
	}
	if rec := serve(h, "/reco"); rec.Code != 200 || rec.Body.String() != "less" {
		t.Errorf("refused: %d %q", rec.Code, rec.Body)
	}
}

// A stream lasts as long as somebody wants it: that is not slow.
func TestStreamsAreNotSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := newRuntime(t, withDomains(map[string]hale.DomainConfig{"feed": {Breaker: &isolate.BreakerConfig{Of: 2, Slow: 1, SlowAfter: time.Second}}}))
		h := halehttp.Handler(rt, "GET /feed", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/event-stream")
			_ = http.NewResponseController(w).Flush()
			time.Sleep(time.Minute)
		}), halehttp.Domain("feed"))
		for range 4 {
			if rec := serve(h, "/feed"); rec.Code != 200 {
				t.Errorf("got %d", rec.Code)
			}
		}
	})
}
