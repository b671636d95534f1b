package haleotel_test

import (
	"io"
	"log/slog"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.uber.org/goleak"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/observe"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newRuntime(t testing.TB, opts ...hale.Option) *hale.Runtime {
	t.Helper()
	quiet := hale.WithLogger(slog.New(slog.NewTextHandler(io.Discard, nil)))
	rt, err := hale.New(append([]hale.Option{quiet}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := rt.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return rt
}

// recorded returns a provider and what it recorded.
func recorded(t testing.TB, opts ...sdktrace.TracerProviderOption) (*sdktrace.TracerProvider, *tracetest.SpanRecorder) {
	t.Helper()
	spans := tracetest.NewSpanRecorder()
	provider := sdktrace.NewTracerProvider(append(opts, sdktrace.WithSpanProcessor(spans))...)
	t.Cleanup(func() { _ = provider.Shutdown(t.Context()) })
	return provider, spans
}

// byName returns the spans that ended, which have a name each.
func byName(t *testing.T, spans *tracetest.SpanRecorder) map[string]sdktrace.ReadOnlySpan {
	t.Helper()
	out := map[string]sdktrace.ReadOnlySpan{}
	for _, s := range spans.Ended() {
		if _, twice := out[s.Name()]; twice {
			t.Errorf("two spans %q", s.Name())
		}
		out[s.Name()] = s
	}
	return out
}

func attr(attrs []attribute.KeyValue, key string) string {
	for _, a := range attrs {
		if string(a.Key) == key {
			return a.Value.String()
		}
	}
	return ""
}

// operations returns what rt counted since it was made, by name.
func operations(rt *hale.Runtime) map[string]observe.OperationStat {
	out := map[string]observe.OperationStat{}
	for _, st := range rt.Operations() {
		out[st.Name] = st
	}
	return out
}
