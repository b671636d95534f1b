package main

import (
	"context"
	"io"
	"log/slog"

	"go.opentelemetry.io/contrib/bridges/otelslog"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/exporters/stdout/stdouttrace"
	otellog "go.opentelemetry.io/otel/log"
	"go.opentelemetry.io/otel/log/noop"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/hale-go/hale"
)

// telemetry is a service's side of OpenTelemetry. No global of it is set.
type telemetry struct {
	traces *sdktrace.TracerProvider
	logs   otellog.LoggerProvider // of the service's choice, such as sdk/log with OTLP
}

// newTelemetry exports spans to a collector by OTLP over HTTP, or prints them.
func newTelemetry(ctx context.Context, name, to string, out io.Writer) (*telemetry, error) {
	var exporter sdktrace.SpanExporter
	var err error
	if to == "stdout" {
		exporter, err = stdouttrace.New(stdouttrace.WithWriter(out))
	} else {
		exporter, err = otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(to+"/v1/traces"))
	}
	if err != nil {
		return nil, err
	}
	return &telemetry{
		logs: noop.NewLoggerProvider(),
		traces: sdktrace.NewTracerProvider(sdktrace.WithBatcher(exporter),
			sdktrace.WithResource(resource.NewSchemaless(attribute.String("service.name", name)))),
	}, nil
}

// logger writes records with hale's IDs to out and hands them to OpenTelemetry, which
// knows their trace by their context.
func (t *telemetry) logger(out io.Writer) *slog.Logger {
	bridge := otelslog.NewHandler("example", otelslog.WithLoggerProvider(t.logs))
	return slog.New(hale.LogHandler(slog.NewMultiHandler(slog.NewJSONHandler(out, nil), bridge)))
}

// close exports what waits.
func (t *telemetry) close(ctx context.Context) error { return t.traces.Shutdown(ctx) }
