package halehttp_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/diagnose"
	"github.com/hale-go/hale/halehttp"
	"github.com/hale-go/hale/isolate"
)

func TestRefuse(t *testing.T) {
	for _, c := range []struct {
		err   error
		code  int
		after string
	}{
		{nil, 200, ""},
		{errors.New("no such thing"), 200, ""},
		{&isolate.RefusedError{At: "a", Err: hale.ErrOpen, RetryAfter: 2500 * time.Millisecond}, 503, "3"},
		{fmt.Errorf("the price: %w", &isolate.RefusedError{At: "a", Err: hale.ErrFull}), 503, "1"},
		{&isolate.RefusedError{At: "a", Err: hale.ErrRateLimited}, 429, "1"},
		{hale.ErrQuarantined, 503, "1"},
		{&isolate.RetryError{Tries: 1, Err: errors.New("made"), Refused: &isolate.RefusedError{Err: hale.ErrOpen}}, 200, ""},
	} {
		rec := httptest.NewRecorder()
		if did := halehttp.Refuse(rec, c.err); did != (c.code != 200) || rec.Code != c.code || rec.Header().Get("Retry-After") != c.after {
			t.Errorf("%v: %v, %d, Retry-After %q", c.err, did, rec.Code, rec.Header().Get("Retry-After"))
		}
	}
}

// running is a runtime that turns until end is called.
func running(t *testing.T, domains map[string]hale.DomainConfig) (rt *hale.Runtime, end func()) {
	t.Helper()
	rt = newRuntime(t, withDomains(domains))
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { _ = rt.Run(ctx) })
	return rt, func() { cancel(); wg.Wait() }
}

// A route that cannot be served because hale turns away what it calls has no incident of
// its own, and what fails by itself has.
func TestRefusedCallsAreOneIncident(t *testing.T) {
	for name, want := range map[string][]diagnose.Fault{"down": {diagnose.DependencyDown}, "broken": {diagnose.ErrorBurst}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				rt, end := running(t, map[string]hale.DomainConfig{"payments": {Breaker: &isolate.BreakerConfig{}}})
				bad := false
				route := halehttp.Handler(rt, "GET /quote", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					_, err := hale.Call(r.Context(), "payments.quote", func(context.Context) (int, error) {
						if bad && name == "down" {
							return 0, errors.New("no connection")
						}
						return 1, nil
					})
					switch {
					case halehttp.Refuse(w, err):
					case err != nil || bad && name == "broken":
						http.Error(w, "it failed", http.StatusBadGateway)
					}
				}))
				for i := range 60 * 50 {
					bad = i > 20*50
					serve(route, "/quote")
					time.Sleep(20 * time.Millisecond)
				}
				var got []diagnose.Fault
				for _, inc := range rt.Incidents() {
					got = append(got, inc.Fault)
				}
				if fmt.Sprint(got) != fmt.Sprint(want) {
					t.Errorf("incidents of %v, want %v", got, want)
				}
				end()
			})
		})
	}
}

// A handler that ignores the end of its domain's timeout is found.
func TestHandlerIgnoresTimeoutOfDomain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt, end := running(t, map[string]hale.DomainConfig{"reco": {Timeout: 100 * time.Millisecond, Grace: 100 * time.Millisecond, Bulkhead: &isolate.BulkheadConfig{Limit: 4}}})
		release := make(chan struct{})
		route := halehttp.Handler(rt, "GET /reco", http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }), halehttp.Domain("reco"))
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() { serve(route, "/reco") })
		}
		time.Sleep(20 * time.Second)
		if inc := rt.Incidents(); len(inc) != 1 || inc[0].Fault != diagnose.StuckTask || len(inc[0].Tasks) != 4 {
			t.Errorf("%+v, want the four that are stuck", inc)
		}
		close(release)
		wg.Wait()
		end()
	})
}

// What a degraded handler answers is a fallback.
func TestDegradedIsCounted(t *testing.T) {
	rt := newRuntime(t, withDomains(map[string]hale.DomainConfig{"reco": {Rate: &isolate.RateConfig{Calls: 1, Per: time.Hour}}}))
	ok := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	route := halehttp.Handler(rt, "GET /reco", ok, halehttp.Domain("reco"), halehttp.Degraded(ok))
	for range 4 {
		serve(route, "/reco")
	}
	for _, w := range rt.Walls() {
		if w.FellBack != 3 {
			t.Errorf("%+v, want three fallbacks", w)
		}
	}
}
