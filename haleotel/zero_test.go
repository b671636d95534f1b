package haleotel_test

import (
	"errors"
	"testing"

	"go.opentelemetry.io/otel/sdk/trace"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/haleotel"
	"github.com/hale-go/hale/observe"
)

// Zero values and nil measure nothing, and panic nowhere.
func TestZeroValues(t *testing.T) {
	for name, p := range map[string]*haleotel.SpanProcessor{"nil": nil, "zero": {}, "of nobody": haleotel.NewSpanProcessor(nil)} {
		provider := trace.NewTracerProvider(trace.WithSpanProcessor(p))
		_, span := provider.Tracer("a").Start(t.Context(), "b")
		span.End()
		p.OnStart(t.Context(), nil)
		p.OnEnd(nil)
		if err := errors.Join(p.ForceFlush(t.Context()), p.Shutdown(t.Context()), provider.Shutdown(t.Context())); err != nil || p.Dropped() != 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
	tracer := haleotel.NewTracer(nil, nil, haleotel.WithPropagator(nil))
	rt, err := hale.New(hale.WithTracer(tracer))
	if err != nil {
		t.Fatal(err)
	}
	_, span := rt.Operation(observe.Server, "a", "").Start(t.Context())
	span.End(nil)
	if err := rt.Close(); err != nil {
		t.Error(err)
	}
}
