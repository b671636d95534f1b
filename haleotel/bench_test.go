package haleotel_test

import (
	"context"
	"fmt"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/haleotel"
	"github.com/hale-go/hale/observe"
)

func nothing(context.Context) error { return nil }

// BenchmarkTracer is what a span of hale's costs with tracers, beside a span of the
// SDK by itself.
func BenchmarkTracer(b *testing.B) {
	sdk := sdktrace.NewTracerProvider()
	b.Run("span of the SDK", func(b *testing.B) {
		tracer := sdk.Tracer("other")
		b.ReportAllocs()
		for b.Loop() {
			_, s := tracer.Start(context.Background(), "GET /", trace.WithSpanKind(trace.SpanKindServer))
			s.End()
		}
	})
	for name, opts := range map[string][]hale.Option{
		"none": nil,
		"noop": {hale.WithTracer(haleotel.NewTracer(noop.NewTracerProvider()))},
		"SDK":  {hale.WithTracer(haleotel.NewTracer(sdk))},
	} {
		rt := newRuntime(b, opts...)
		op := rt.Operation(observe.Server, "GET /", "")
		b.Run("operation/"+name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_ = op.Do(context.Background(), nothing)
			}
		})
		b.Run("task/"+name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_ = rt.Do(context.Background(), "cart.load", nothing)
			}
		})
		b.Run("request/"+name, func(b *testing.B) { // an operation that a task serves
			b.ReportAllocs()
			for b.Loop() {
				_ = op.Do(context.Background(), func(ctx context.Context) error { return rt.Do(ctx, "GET /", nothing) })
			}
		})
	}
}

// BenchmarkSpanProcessor is what the processor adds to a span of the SDK: compare
// with "none".
func BenchmarkSpanProcessor(b *testing.B) {
	attrs := trace.WithAttributes(attribute.String("http.request.method", "GET"), attribute.String("server.address", "pay.local"))
	for _, with := range []string{"none", "processor"} {
		provider := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(idle{}))
		if with == "processor" {
			provider = sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(haleotel.NewSpanProcessor(newRuntime(b))))
		}
		tracer := provider.Tracer("other")
		b.Run("server/"+with, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, s := tracer.Start(context.Background(), "GET /", trace.WithSpanKind(trace.SpanKindServer))
				s.End()
			}
		})
		ctx, parent := tracer.Start(context.Background(), "GET /", trace.WithSpanKind(trace.SpanKindServer))
		b.Run("client/"+with, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, s := tracer.Start(ctx, "GET", trace.WithSpanKind(trace.SpanKindClient), attrs)
				s.End()
			}
		})
		parent.End()
		b.Run("parallel/"+with, func(b *testing.B) {
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					_, s := tracer.Start(context.Background(), "GET /", trace.WithSpanKind(trace.SpanKindServer))
					s.End()
				}
			})
		})
		b.Run("names of users/"+with, func(b *testing.B) {
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				i++
				_, s := tracer.Start(context.Background(), fmt.Sprint("GET /", i), trace.WithSpanKind(trace.SpanKindServer))
				s.End()
			}
		})
	}
}

// idle is a processor that does nothing: without any, the SDK saves itself work.
type idle struct{}

func (idle) OnStart(context.Context, sdktrace.ReadWriteSpan) {}
func (idle) OnEnd(sdktrace.ReadOnlySpan)                     {}
func (idle) ForceFlush(context.Context) error                { return nil }
func (idle) Shutdown(context.Context) error                  { return nil }
