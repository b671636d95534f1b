package hale_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/detect"
)

func TestThresholdsAreChecked(t *testing.T) {
	for _, c := range []struct {
		name  string
		limit detect.Threshold
		mend  string // "" is none
	}{
		{"GET /a", detect.Threshold{P95: time.Second}, ""},
		{"*", detect.Threshold{P95: time.Second, P99: time.Second}, ""},
		{"", detect.Threshold{P95: time.Second}, "name an operation"},
		{"GET /a", detect.Threshold{}, "give P95, P99 or both"},
		{"GET /a", detect.Threshold{P99: -1}, "up to 24h"},
		{"GET /a", detect.Threshold{P95: time.Second, P99: time.Millisecond}, "no less than P95"},
	} {
		rt, err := hale.New(hale.WithConfig(hale.Config{Latency: detect.LatencyConfig{Thresholds: map[string]detect.Threshold{c.name: c.limit, "GET /z": {P99: time.Second}}}}))
		if c.mend == "" {
			if err != nil {
				t.Fatal(err)
			}
			if err := rt.Close(); err != nil {
				t.Error(err)
			}
			continue
		}
		var bad *hale.ConfigError
		if !errors.As(err, &bad) || !strings.Contains(bad.Mend, c.mend) || !strings.Contains(bad.Field, "Thresholds") {
			t.Errorf("%q %+v: %v", c.name, c.limit, err)
		}
	}
}
