package main

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.opentelemetry.io/otel/exporters/stdout/stdouttrace"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/haleprom"
)

// traces is where the shop's spans go: a file, a line of JSON for each. A real
// service sends them to a collector; see examples/traces.
type traces struct {
	provider *sdktrace.TracerProvider
	file     *os.File
}

func openTraces(dir string) (*traces, error) {
	// A successor goes on in the same file.
	file, err := os.OpenFile(filepath.Join(dir, "traces.jsonl"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	exporter, err := stdouttrace.New(stdouttrace.WithWriter(file))
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return &traces{sdktrace.NewTracerProvider(sdktrace.WithBatcher(exporter)), file}, nil
}

func (t *traces) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	return errors.Join(t.provider.Shutdown(ctx), t.file.Close())
}

// metrics returns the handler that Prometheus scrapes.
func metrics(rt *hale.Runtime) (http.Handler, error) {
	reg := prometheus.NewRegistry()
	if err := reg.Register(collectors.NewGoCollector()); err != nil {
		return nil, err
	}
	if _, err := haleprom.Register(rt, reg); err != nil {
		return nil, err
	}
	return promhttp.HandlerFor(reg, promhttp.HandlerOpts{EnableOpenMetrics: true}), nil
}
