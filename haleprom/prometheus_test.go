package haleprom_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/haleprom"
	"github.com/hale-go/hale/internal/promtest"
	"github.com/hale-go/hale/observe"
)

// A real Prometheus scrapes a service and answers questions about it: how many
// requests, how long, what is wrong, and the trace of a slow one.
func TestPrometheus(t *testing.T) {
	rt, reg := newRuntime(t), prometheus.NewRegistry()
	if _, err := haleprom.Register(rt, reg, haleprom.WithGuideNames(), haleprom.WithSummaries(0.5, 0.99)); err != nil {
		t.Fatal(err)
	}
	looping, stop := context.WithCancel(t.Context())
	loop := make(chan error, 1)
	go func() { loop <- rt.Run(looping) }()
	t.Cleanup(func() {
		stop()
		if err := <-loop; err != nil {
			t.Error(err)
		}
	})
	service := httptest.NewServer(served(rt, reg))
	t.Cleanup(service.Close)
	server, err := promtest.Start(time.Second, strings.TrimPrefix(service.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
	})
	// value is 0 for no series. It waits until ok says yes: the next scrape comes in a second.
	until := func(expr string, ok func(v float64) bool) {
		t.Helper()
		deadline := time.Now().Add(30 * time.Second)
		for ; ; time.Sleep(100 * time.Millisecond) {
			got, err := server.Query(t.Context(), expr)
			if err != nil {
				t.Fatal(err)
			}
			if len(got) == 1 && ok(got[0].Value) {
				return
			}
			if time.Now().After(deadline) {
				targets, err := server.Targets(t.Context())
				t.Errorf("%s: %+v; targets %+v, %v", expr, got, targets, err)
				return
			}
		}
	}
	is := func(want float64) func(float64) bool { return func(v float64) bool { return v == want } }
	get := func(path string, n int) (traceparents []string) {
		t.Helper()
		for range n {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, service.URL+path, http.NoBody)
			if err != nil {
				t.Fatal(err)
			}
			resp, err := service.Client().Do(req)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			traceparents = append(traceparents, resp.Header.Get("Traceparent"))
		}
		return traceparents
	}

	until(`http_requests_total{path="/orders/{id}"} or vector(-1)`, is(-1)) // nothing yet
	get("/orders/7", 40)
	get("/missing", 5)
	slow := get("/slow", 1)[0]
	until(`http_requests_total{method="GET",path="/orders/{id}",status="200"}`, is(40))
	until(`sum by (status) (http_requests_total{status="404"})`, is(5))
	until(`histogram_quantile(0.99, sum by (le) (http_request_duration_seconds_bucket{path="/slow"}))`, func(v float64) bool { return v > 0.25 })
	until(`hale_operation_latency_seconds{operation="GET /slow",quantile="0.5"}`, func(v float64) bool { return v > 0.28 })
	until(`http_request_duration_seconds_count{path="/slow"}`, is(1))
	until(`hale_observer_up`, is(1))
	until(`hale_goroutines > bool 5`, is(1))
	until(`business_logic_errors_total{error_type="declined"}`, is(1))

	get("/panics", 1)
	until(`hale_incidents{fault="panic"}`, is(1))
	until(`hale_incidents_opened_total{fault="panic"}`, is(1))
	until(`active_business_goroutines`, is(0))
	until(`hale_tasks_panicked_total{task="orders.audit"}`, is(1))

	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(100 * time.Millisecond) {
		got, err := server.Exemplars(t.Context(), `http_request_duration_seconds_bucket{path="/slow"}`, 10)
		if err != nil {
			t.Fatal(err)
		}
		if len(got) == 1 && strings.Contains(slow, got[0].Labels["trace_id"]+"-"+got[0].Labels["span_id"]) && got[0].Value > 0.28 && got[0].Series["le"] >= "0.5" {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("exemplars %+v, want that of %s", got, slow)
		}
	}
}

// served is a small service, with its metrics.
func served(rt *hale.Runtime, reg *prometheus.Registry) http.Handler {
	mux := http.NewServeMux()
	route := func(pattern string, status int, do func(ctx context.Context)) {
		op := rt.Operation(observe.Server, pattern, "")
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			ctx, span := op.Start(r.Context())
			do(ctx)
			w.Header().Set("Traceparent", hale.TraceOf(ctx).Traceparent())
			w.WriteHeader(status)
			span.Finish(fmt.Sprint(status), status >= 500)
		})
	}
	route("GET /orders/{id}", 200, func(context.Context) {})
	route("GET /missing", 404, func(context.Context) {})
	route("GET /slow", 200, func(ctx context.Context) {
		hale.ReportErrorAs(ctx, errBroken, "declined")
		time.Sleep(300 * time.Millisecond)
	})
	route("GET /panics", 500, func(ctx context.Context) {
		_ = rt.Do(ctx, "orders.audit", func(context.Context) error { panic("no number") })
	})
	mux.Handle("GET /metrics", promhttp.HandlerFor(reg, promhttp.HandlerOpts{EnableOpenMetrics: true, ErrorHandling: promhttp.HTTPErrorOnError}))
	return mux
}
