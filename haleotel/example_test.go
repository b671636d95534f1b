package haleotel_test

import (
	"context"
	"fmt"
	"log"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/haleotel"
	"github.com/hale-go/hale/observe"
)

// hale's spans and tasks as OpenTelemetry's.
func ExampleNewTracer() {
	exporter := tracetest.NewInMemoryExporter() // in a service: OTLP, or stdout
	provider := sdktrace.NewTracerProvider(sdktrace.WithSyncer(exporter))
	rt, err := hale.New(hale.WithTracer(haleotel.NewTracer(provider)))
	if err != nil {
		log.Fatal(err)
	}
	defer rt.Close()

	route := rt.Operation(observe.Server, "GET /cart", "")
	_ = route.Do(context.Background(), func(ctx context.Context) error {
		return hale.Go(ctx, "cart.load", func(context.Context) error { return context.DeadlineExceeded }).Wait()
	})

	for _, s := range exporter.GetSpans() {
		fmt.Println(s.Name, s.SpanKind, s.Status.Code, s.Status.Description, "in a span:", s.Parent.IsValid())
	}
	// Output:
	// cart.load internal Error timeout in a span: true
	// GET /cart server Error timeout in a span: false
}

// Spans that other instrumentation makes, measured by hale.
func ExampleNewSpanProcessor() {
	rt, err := hale.New()
	if err != nil {
		log.Fatal(err)
	}
	defer rt.Close()
	provider := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(haleotel.NewSpanProcessor(rt)))

	tracer := provider.Tracer("a library") // such as otelhttp and otelsql
	began := time.Now()
	ctx, route := tracer.Start(context.Background(), "GET /cart", trace.WithSpanKind(trace.SpanKindServer), trace.WithTimestamp(began))
	_, query := tracer.Start(ctx, "SELECT cart", trace.WithSpanKind(trace.SpanKindClient), trace.WithTimestamp(began))
	query.End(trace.WithTimestamp(began.Add(80 * time.Millisecond)))
	route.End(trace.WithTimestamp(began.Add(100 * time.Millisecond)))

	for _, op := range rt.Operations() {
		fmt.Println(op.Kind, op.Name, op.Time, "of it below", op.Below)
	}
	// Output:
	// server GET /cart 100ms of it below 80ms
	// client SELECT cart 80ms of it below 0s
}
