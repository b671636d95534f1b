package haleprom_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/haleprom"
	"github.com/hale-go/hale/observe"
)

func quiet() *hale.Runtime {
	rt, err := hale.New(hale.WithLogger(slog.New(slog.DiscardHandler)))
	if err != nil {
		panic(err)
	}
	return rt
}

func ExampleRegister() {
	rt := quiet()
	defer rt.Close()
	reg := prometheus.NewRegistry()
	if _, err := haleprom.Register(rt, reg, haleprom.WithGuideNames()); err != nil {
		fmt.Println(err, hale.Hint(err))
		return
	}
	metrics := promhttp.HandlerFor(reg, promhttp.HandlerOpts{EnableOpenMetrics: true}) // with exemplars

	// Package halehttp does this for each request.
	_, span := rt.Operation(observe.Server, "GET /orders/{id}", "").Start(context.Background())
	span.Finish("200", false)

	w := httptest.NewRecorder()
	metrics.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", http.NoBody))
	for line := range strings.Lines(w.Body.String()) {
		if strings.HasPrefix(line, "http_requests_total") {
			fmt.Print(line)
		}
	}
	// Output: http_requests_total{method="GET",path="/orders/{id}",status="200"} 1
}

func ExampleMeasure() {
	rt := quiet()
	defer rt.Close()
	reg := prometheus.NewRegistry()
	depth := prometheus.NewGauge(prometheus.GaugeOpts{Name: "queue_depth", Help: "Orders that wait."})
	reg.MustRegister(depth)
	stop, err := haleprom.Measure(rt, reg, "queue_depth")
	if err != nil {
		fmt.Println(err, hale.Hint(err))
		return
	}
	defer stop()
	depth.Set(7)
	if err := rt.Step(context.Background()); err != nil { // or rt.Run
		fmt.Println(err)
	}
	fmt.Println(rt.Status().Sample.Readings)
	// Output: [{queue_depth 7}]
}

func ExampleNewVar() {
	rt := quiet()
	defer rt.Close()
	v := haleprom.NewVar(rt) // expvar.Publish("hale", v)
	fmt.Println(v.String()[:17])
	// Output: {"observer":"off"
}
