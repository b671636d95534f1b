package haleprom_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"go.uber.org/goleak"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/haleprom"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var errBroken = errors.New("broken")

// newRuntime returns a quiet runtime that is closed at the test's end.
func newRuntime(t testing.TB, opts ...hale.Option) *hale.Runtime {
	t.Helper()
	rt, err := hale.New(append([]hale.Option{hale.WithLogger(slog.New(slog.DiscardHandler))}, opts...)...)
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

// register registers rt's metrics with a registry that checks what it is given.
func register(t testing.TB, rt *hale.Runtime, opts ...haleprom.Option) (*prometheus.Registry, *haleprom.Collector) {
	t.Helper()
	reg := prometheus.NewPedanticRegistry()
	c, err := haleprom.Register(rt, reg, opts...)
	if err != nil {
		t.Fatal(err)
	}
	return reg, c
}

// step takes a turn.
func step(t testing.TB, rt *hale.Runtime) {
	t.Helper()
	if err := rt.Step(context.Background()); err != nil {
		t.Fatal(err)
	}
}

// scrape returns all series by name and labels, as in hale_tasks{domain="a",task="b"}.
// Histograms and summaries are there by their counts.
func scrape(t testing.TB, g prometheus.Gatherer) map[string]float64 {
	t.Helper()
	families, err := g.Gather()
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			out[f.GetName()+labels(m)] = value(m)
		}
	}
	return out
}

func labels(m *dto.Metric) string {
	text := ""
	for _, l := range m.GetLabel() {
		text += "," + l.GetName() + "=" + l.GetValue()
	}
	if text == "" {
		return ""
	}
	return "{" + text[1:] + "}"
}

func value(m *dto.Metric) float64 {
	switch {
	case m.GetHistogram() != nil:
		return float64(m.GetHistogram().GetSampleCount())
	case m.GetSummary() != nil:
		return float64(m.GetSummary().GetSampleCount())
	case m.GetCounter() != nil:
		return m.GetCounter().GetValue()
	}
	return m.GetGauge().GetValue()
}

// family returns the metric of a name, nil if there is none.
func family(t testing.TB, g prometheus.Gatherer, name string) *dto.MetricFamily {
	t.Helper()
	families, err := g.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name {
			return f
		}
	}
	return nil
}

// wants checks series by name and labels.
func wants(t testing.TB, got, want map[string]float64) {
	t.Helper()
	for series, v := range want {
		if g, ok := got[series]; !ok || g != v {
			t.Errorf("%s = %v (there: %v), want %v", series, g, ok, v)
		}
	}
}
