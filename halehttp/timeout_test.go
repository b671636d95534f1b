package halehttp_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/halehttp"
	"github.com/hale-go/hale/observe"
)

// A timeout is the handler's deadline and its task's budget; what was stopped before
// it wrote anything is answered.
func TestTimeout(t *testing.T) {
	rt := newRuntime(t)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /slow", func(_ http.ResponseWriter, r *http.Request) {
		if _, ok := r.Context().Deadline(); !ok {
			t.Error("no deadline")
		}
		<-r.Context().Done()
		if err := r.Context().Err(); !errors.Is(err, context.DeadlineExceeded) && !errors.Is(context.Cause(r.Context()), hale.ErrBudget) {
			t.Errorf("%v, because of %v", err, context.Cause(r.Context()))
		}
	})
	mux.HandleFunc("GET /says", func(w http.ResponseWriter, r *http.Request) {
		<-r.Context().Done()
		http.Error(w, "later", http.StatusGatewayTimeout)
	})
	mux.HandleFunc("GET /quick", func(_ http.ResponseWriter, _ *http.Request) {})
	srv := start(t, halehttp.Middleware(rt, nil, halehttp.Timeout(20*time.Millisecond))(mux), false)
	for path, want := range map[string]int{"/slow": 503, "/says": 504, "/quick": 200} {
		if a := get(t, srv, path); a.code != want {
			t.Errorf("%s: %d, want %d", path, a.code, want)
		}
		wants(t, rt, "GET "+path, observe.Outcome{Name: fmt.Sprint(want), Count: 1, Failed: want >= 500})
	}
}

// A handler that goes on past its timeout is told of.
func TestIgnoresTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := newRuntime(t)
		var overdue atomic.Int32
		rt.Subscribe(100, func(e observe.Event) {
			if e.Kind == observe.EventOverdue && e.Subject.Name == "GET /deaf" {
				overdue.Add(1)
			}
		})
		deaf := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { time.Sleep(time.Minute) })
		w := httptest.NewRecorder()
		halehttp.Handler(rt, "GET /deaf", deaf, halehttp.Timeout(time.Second)).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", http.NoBody))
		synctest.Wait()
		if overdue.Load() == 0 || w.Code != http.StatusServiceUnavailable {
			t.Errorf("told of %d times, answered %d", overdue.Load(), w.Code)
		}
	})
}
