package haleprom_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/haleprom"
	"github.com/hale-go/hale/observe"
)

// BenchmarkScrape gathers the metrics of a service with 200 operations and 200 names of
// tasks.
func BenchmarkScrape(b *testing.B) {
	rt := newRuntime(b)
	for i := range 200 {
		op := rt.Operation(observe.Server, fmt.Sprintf("GET /%d", i), "")
		for n := range 300 {
			span := rt.ForeignSpan(op)
			span.Begin()
			took := time.Duration(n*n) * 37 * time.Microsecond
			span.End(hale.ForeignEnd{
				Took: took, Outcome: []string{"200", "404", "500"}[n%3], Failed: n%3 == 2,
				Trace: observe.TraceContext{TraceID: [16]byte{1}, SpanID: [8]byte{2}, Flags: 1},
			})
		}
		rt.ForeignSpan(op).Call("orders.query", time.Millisecond, false)
		_ = rt.Do(context.Background(), op.Name(), func(context.Context) error { return nil })
	}
	step(b, rt)
	reg := prometheus.NewRegistry()
	c, err := haleprom.Register(rt, reg)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("gather", func(b *testing.B) { gather(b, reg) })
	b.Run("collect", func(b *testing.B) { // without what the registry does with it
		ch := make(chan prometheus.Metric, 10_000)
		b.ReportAllocs()
		for b.Loop() {
			for c.Collect(ch); len(ch) > 0; {
				<-ch
			}
		}
	})
}

// BenchmarkScrapePeer gathers as many series of metrics of the Prometheus client's own.
func BenchmarkScrapePeer(b *testing.B) {
	reg := prometheus.NewRegistry()
	for m := range 10 {
		counter := prometheus.NewCounterVec(prometheus.CounterOpts{Name: fmt.Sprintf("peer_%d_total", m), Help: "Peer."}, []string{"operation", "kind", "outcome"})
		reg.MustRegister(counter)
		for i := range 385 {
			counter.WithLabelValues(fmt.Sprintf("GET /%d", i), "server", "200").Inc()
		}
	}
	for m := range 2 {
		histogram := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: fmt.Sprintf("peer_%d_seconds", m), Help: "Peer."}, []string{"operation", "kind"})
		reg.MustRegister(histogram)
		for i := range 200 {
			for n := range 300 {
				seconds := (time.Duration(n*n) * 37 * time.Microsecond).Seconds()
				histogram.WithLabelValues(fmt.Sprintf("GET /%d", i), "server").(prometheus.ExemplarObserver).
					ObserveWithExemplar(seconds, prometheus.Labels{"trace_id": strings.Repeat("1", 32), "span_id": strings.Repeat("1", 16)})
			}
		}
	}
	gather(b, reg)
}

func gather(b *testing.B, reg *prometheus.Registry) {
	b.Helper()
	series := len(scrape(b, reg))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := reg.Gather(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(series), "series")
}
