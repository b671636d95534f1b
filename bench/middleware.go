package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel/propagation"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/halehttp"
)

// Names of what a handler can stand behind.
const (
	halehttpName = "halehttp"
	otelhttpName = "otelhttp+promhttp"
	nethttpName  = "net/http"
)

// middlewareContest is serving a short request without a network: by the handler
// alone, behind halehttp with its task, span, trace context, request ID and counts,
// and behind what others give for the last but one and the last.
func middlewareContest(requests int) contest {
	const name = "middleware"
	return contest{
		name: name,
		open: func() ([]contestant, error) {
			rt, closer, err := newRuntime()
			if err != nil {
				return nil, err
			}
			peer, stop, err := behindOtel(short())
			if err != nil {
				closer()
				return nil, err
			}
			serve := func(name string, h http.Handler, close func()) contestant {
				return contestant{name: name, close: close, measure: func() (reading, error) { return serving(h, requests) }}
			}
			return []contestant{
				serve(halehttpName, behindHale(rt, short()), closer),
				serve(otelhttpName, peer, stop),
				serve(nethttpName, short(), func() {}),
			}, nil
		},
		rows: func(r results) []row {
			x, y := r.of(halehttpName, allocations), r.of(otelhttpName, allocations)
			against := r.ratio(name+" processor time", halehttpName, otelhttpName, cpu, 0.5)
			return []row{
				against,
				r.ratio(name, halehttpName, otelhttpName, nanos, 0),
				{name: name + " allocations " + halehttpName + " / " + otelhttpName, values: x.over(y), unit: times, target: 0.5, note: fmt.Sprintf("medians %.0f / %.0f", x.median(), y.median())},
				{name: name + " allocations " + halehttpName + " - " + nethttpName, values: x.less(r.of(nethttpName, allocations)), unit: allocs},
				r.ratio(name+" processor time", halehttpName, nethttpName, cpu, 0),
				r.ratio(name+" processor time", otelhttpName, nethttpName, cpu, 0),
			}
		},
	}
}

// short is a service with one route that answers at once.
func short() *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /orders/{id}", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		_, _ = io.WriteString(w, r.PathValue("id")) // the sink fails never
	})
	return mux
}

func behindHale(rt *hale.Runtime, mux *http.ServeMux) http.Handler {
	return halehttp.Middleware(rt)(mux)
}

// behindOtel is the handler as it is usually instrumented: a span by OpenTelemetry's
// SDK, which is sampled and goes to a processor that does nothing, trace context and
// baggage, and Prometheus' three metrics. OpenTelemetry's own metrics have no
// provider, so they cost hardly anything.
func behindOtel(mux *http.ServeMux) (http.Handler, func(), error) {
	provider := sdktrace.NewTracerProvider(sdktrace.WithSampler(sdktrace.AlwaysSample()), sdktrace.WithSpanProcessor(nowhere{}))
	traced := otelhttp.NewHandler(mux, "serve", otelhttp.WithTracerProvider(provider),
		otelhttp.WithPropagators(propagation.NewCompositeTextMapPropagator(propagation.TraceContext{}, propagation.Baggage{})))
	labels := []string{"code", "method"}
	took := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "http_request_duration_seconds", Buckets: prometheus.DefBuckets}, labels)
	count := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "http_requests_total"}, labels)
	inFlight := prometheus.NewGauge(prometheus.GaugeOpts{Name: "http_requests_in_flight"})
	registry := prometheus.NewRegistry()
	if err := errors.Join(registry.Register(took), registry.Register(count), registry.Register(inFlight)); err != nil {
		return nil, nil, err
	}
	h := promhttp.InstrumentHandlerInFlight(inFlight, promhttp.InstrumentHandlerDuration(took, promhttp.InstrumentHandlerCounter(count, traced)))
	return h, func() { _ = provider.Shutdown(context.Background()) }, nil
}

// nowhere is a span processor that does nothing.
type nowhere struct{}

func (nowhere) OnStart(context.Context, sdktrace.ReadWriteSpan) {}
func (nowhere) OnEnd(sdktrace.ReadOnlySpan)                     {}
func (nowhere) Shutdown(context.Context) error                  { return nil }
func (nowhere) ForceFlush(context.Context) error                { return nil }

// serving measures n requests, one after another, that a proxy in front gave a
// request ID and a trace.
func serving(h http.Handler, n int) (reading, error) {
	r, err := http.NewRequest(http.MethodGet, "http://shop.example/orders/7", http.NoBody)
	if err != nil {
		return reading{}, err
	}
	r.Header.Set("X-Request-Id", "6f0e2b7c9d1a4e58")
	r.Header.Set("Traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
	w := &sink{header: http.Header{}}
	m := tight(n, func(n int) {
		for range n {
			clear(w.header)
			h.ServeHTTP(w, r)
		}
	})
	if want := n + n/10; w.wrote != want {
		return m, fmt.Errorf("%d of %d requests were answered", w.wrote, want)
	}
	return m, nil
}

// sink is a response writer that can do what that of HTTP/1 can and keeps nothing.
type sink struct {
	header http.Header
	wrote  int
}

func (s *sink) Header() http.Header         { return s.header }
func (s *sink) WriteHeader(int)             {}
func (s *sink) Write(b []byte) (int, error) { s.wrote++; return len(b), nil }
func (s *sink) WriteString(t string) (int, error) {
	s.wrote++
	return len(t), nil
}
func (s *sink) Flush()                                {}
func (s *sink) ReadFrom(src io.Reader) (int64, error) { s.wrote++; return io.Copy(io.Discard, src) }

func (s *sink) Hijack() (net.Conn, *bufio.ReadWriter, error) { return nil, nil, errors.ErrUnsupported }
