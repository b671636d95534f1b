package detect_test

import (
	"testing"
	"time"

	"github.com/hale-go/hale/detect"
	"github.com/hale-go/hale/haletest"
	"github.com/hale-go/hale/observe"
)

func TestBuiltinDetectorsKeepTheContract(t *testing.T) {
	for i, c := range []struct {
		name  string
		kind  detect.Kind // what it finds in the generated series
		fresh func() detect.Detector
	}{
		{"leak", detect.KindLeak, func() detect.Detector { return detect.NewLeak(detect.LeakConfig{}) }},
		{"stuck", detect.KindStuck, func() detect.Detector { return detect.NewStuck() }},
		{"panic loop", detect.KindPanicLoop, func() detect.Detector { return detect.NewPanicLoop(detect.PanicLoopConfig{}) }},
		{"abandoned", detect.KindAbandoned, func() detect.Detector { return detect.NewAbandoned(detect.AbandonedConfig{}) }},
		{"error rate", detect.KindErrorRate, func() detect.Detector { return detect.NewErrorRate(detect.ErrorRateConfig{}) }},
		{"business errors", detect.KindBusinessErrors, func() detect.Detector { return detect.NewErrorRate(detect.ErrorRateConfig{}) }},
		{"burn rate", "", func() detect.Detector {
			return detect.NewBurnRate([]detect.Objective{{Operation: "*", Target: 0.9}, {Operation: "GET /orders/{id}", Target: 0.99, Latency: 50 * time.Millisecond}})
		}},
		{"growth", "", func() detect.Detector { return detect.NewGrowth(detect.LeakConfig{}) }},
		{"overdue", "", func() detect.Detector { return detect.NewOverdue(detect.OverdueConfig{}) }},
		{"log pattern", "", func() detect.Detector { return detect.NewLogPattern() }},
		{"log volume", "", func() detect.Detector { return detect.NewLogVolume(detect.LogVolumeConfig{}) }},
		{"saturation", "", func() detect.Detector { return detect.NewSaturation() }},
		{"anomaly", "", func() detect.Detector { return detect.NewAnomaly() }},
		{"exhaustion", "", func() detect.Detector { return detect.NewExhaustion() }},
		{"log form", "", func() detect.Detector { return detect.NewLogForm() }},
	} {
		if i%everyContract != 0 {
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			var opts []haletest.DetectorOption
			if c.kind != "" {
				opts = append(opts, haletest.Finds(c.kind))
			}
			haletest.Detector(t, c.fresh, opts...)
		})
	}
}

func TestDetectorsOfSlownessKeepTheContract(t *testing.T) {
	for i, c := range []struct {
		name  string
		kind  detect.Kind
		turns []observe.Turn // in which it is found
		fresh func() detect.Detector
	}{
		{"latency", detect.KindSlow, slowQuotes(slowAt+8, 20), func() detect.Detector { return detect.NewLatency(detect.LatencyConfig{}) }},
		{"creep", detect.KindCreep, creepingSearch(12*16, 12*6, .15), func() detect.Detector { return detect.NewCreep() }},
		{"stalled", detect.KindStalled, stalledQuotes(220, 200), func() detect.Detector { return detect.NewStalled() }},
		{"spans", detect.KindUnfinished, leakedSpans(110, 80), func() detect.Detector { return detect.NewSpans() }},
	} {
		if i%everyContract != 0 {
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			haletest.Detector(t, c.fresh, haletest.Finds(c.kind, c.turns...))
		})
	}
}
