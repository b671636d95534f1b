package hale_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/detect"
	"github.com/hale-go/hale/observe"
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

// The error names the objective and the field that cannot be meant.
func TestObjectivesThatCannotBeMeant(t *testing.T) {
	good := detect.Objective{Operation: "GET /a", Target: 0.99}
	for field, cfg := range map[string]hale.Config{
		"Config.Objectives[1].Target":    {Objectives: []detect.Objective{good, {Operation: "*", Target: 99.9}}},
		"Config.Objectives[0].Operation": {Objectives: []detect.Objective{{Target: 0.9}, good}},
		"Config.Objectives[1].Kind":      {Objectives: []detect.Objective{good, {Operation: "GET /a", Kind: "srever", Target: 0.9}}},
		"Config.Objectives[0].Latency":   {Objectives: []detect.Objective{{Operation: "GET /a", Target: 0.9, Latency: -1}}},
		"Config.Objectives[1]":           {Objectives: []detect.Objective{good, {Operation: "GET /a", Kind: observe.Server, Target: 0.9}}},
		"Config.Objectives":              {Objectives: make([]detect.Objective, 65)},
		"Config.ErrorRate.MinErrors":     {ErrorRate: detect.ErrorRateConfig{MinErrors: -1}},
		"Config.ErrorRate.MinReported":   {ErrorRate: detect.ErrorRateConfig{MinReported: -1}},
	} {
		var bad *hale.ConfigError
		if _, err := hale.New(hale.WithConfig(cfg)); !errors.As(err, &bad) || bad.Field != field || bad.Mend == "" {
			t.Errorf("%v, want one about %s", err, field)
		}
	}
	if _, err := hale.New(hale.WithConfig(hale.Config{Objectives: []detect.Objective{good, {Operation: "GET /a", Kind: observe.Client, Target: 0.9}}})); err != nil {
		t.Errorf("an objective for each kind: %v", err)
	}
}
