package detect_test

import (
	"flag"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/hale-go/hale/detect"
)

var (
	healthyHours = flag.Int("healthyhours", usualHours, "hours of TestHealthyServiceIsLeftAlone")
	healthySeeds = flag.Int("healthyseeds", usualHealthy, "seeds of TestHealthyServiceIsLeftAlone")
	faultSeeds   = flag.Int("faultseeds", usualFaults, "seeds of TestFaultsAreFound")
)

// builtins are the detectors that a runtime has, by the names that it gives them.
func builtins() []detect.Named {
	return append([]detect.Named{
		{Name: "leak", Detector: detect.NewLeak(detect.LeakConfig{Window: 10 * time.Second})},
		{Name: "growth", Detector: detect.NewGrowth(detect.LeakConfig{Window: 10 * time.Second})},
		{Name: "overdue", Detector: detect.NewOverdue(detect.OverdueConfig{})},
		{Name: "stuck", Detector: detect.NewStuck()},
		{Name: "panic_loop", Detector: detect.NewPanicLoop(detect.PanicLoopConfig{})},
		{Name: "abandoned", Detector: detect.NewAbandoned(detect.AbandonedConfig{})},
		{Name: "error_rate", Detector: detect.NewErrorRate(detect.ErrorRateConfig{})},
		{Name: "burn_rate", Detector: detect.NewBurnRate([]detect.Objective{{Operation: "*", Target: .95}})},
		{Name: "log_pattern", Detector: detect.NewLogPattern()},
		{Name: "log_volume", Detector: detect.NewLogVolume(detect.LogVolumeConfig{})},
		{Name: "log_form", Detector: detect.NewLogForm()},
		{Name: "saturation", Detector: detect.NewSaturation()},
		{Name: "exhaustion", Detector: detect.NewExhaustion()},
		{Name: "anomaly", Detector: detect.NewAnomaly()},
	}, slowness()...)
}

// accusation is a finding and when it was made.
type accusation struct {
	key              string
	first, confirmed time.Duration // confirmed is 0 if it never was
	text             string
}

// watch runs a service under all detectors and returns what they found, in order.
// With a deploy they start over with what was learned, as a process does.
func watch(tb testing.TB, w *service, until time.Duration) (out []accusation) {
	p := detect.NewPanel(0, builtins()...)
	open := map[string]int{} // index in out
	for time.Duration(w.second)*time.Second < until {
		turn := w.turn()
		if w.restarts {
			learned, err := p.Baselines()
			if err != nil {
				tb.Fatal(err)
			}
			p = detect.NewPanel(0, builtins()...)
			if err := p.SetBaselines(learned); err != nil {
				tb.Fatal(err)
			}
			clear(open)
		}
		findings, events := p.Detect(&turn)
		if len(events) > 0 {
			tb.Fatalf("events %+v", events)
		}
		at := time.Duration(w.second) * time.Second
		still := map[string]bool{}
		for _, f := range withUnits(findings) {
			key := f.Key()
			still[key] = true
			i, ok := open[key]
			if !ok {
				i = len(out)
				open[key] = i
				out = append(out, accusation{key: key, first: at, text: f.Evidence[0].Text})
			}
			if f.Confidence == detect.Confirmed && out[i].confirmed == 0 {
				out[i].confirmed = at
				out[i].text = fmt.Sprint(f.Evidence)
			}
		}
		for key := range open {
			if !still[key] {
				delete(open, key)
			}
		}
	}
	return out
}

// Thirty hours of a service that is well, for each seed: nothing is confirmed.
func TestHealthyServiceIsLeftAlone(t *testing.T) {
	suspected := make([]int, *healthySeeds)
	for seed := range *healthySeeds {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			for _, a := range watch(t, newService(*firstSeed+uint64(seed)), time.Duration(*healthyHours)*time.Hour) {
				if suspected[seed]++; a.confirmed > 0 {
					t.Errorf("%v: confirmed %s: %s", a.confirmed, a.key, a.text)
				} else {
					t.Logf("%v: suspected %s: %s", a.first, a.key, a.text)
				}
			}
		})
	}
	t.Cleanup(func() {
		t.Logf("%d seeds of %d hours: suspected %v times", *healthySeeds, *healthyHours, suspected)
	})
}

// What goes wrong is found in time, at the right subject, and nothing else is
// confirmed. go test -v -run FaultsAreFound prints how long it takes.
func TestFaultsAreFound(t *testing.T) {
	for _, c := range faultCases {
		if c.from+c.within > mostOfFault {
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var took []time.Duration
			for seed := range uint64(*faultSeeds) {
				f := c.fault
				f.from = c.from
				var found time.Duration
				for _, a := range watch(t, newService(seed+100, f), c.from+c.within) {
					switch {
					case slices.Contains(c.want, a.key) && a.confirmed > 0:
						if found == 0 || a.confirmed < found {
							found = a.confirmed
						}
						if a.confirmed < c.from {
							t.Errorf("seed %d: confirmed %s before it began", seed, a.key)
						}
						t.Logf("seed %d: %v: %s", seed, a.confirmed-c.from, a.text)
					case a.confirmed > 0 && !slices.Contains(c.also, a.key):
						t.Errorf("seed %d: %v after the fault: also confirmed %s: %s", seed, a.confirmed-c.from, a.key, a.text)
					case a.first >= c.from:
						t.Logf("seed %d: %v after the fault: suspected %s: %s", seed, a.first-c.from, a.key, a.text)
					}
				}
				if len(c.want) > 0 && found == 0 {
					t.Errorf("seed %d: none of %q was confirmed within %v", seed, c.want, c.within)
				} else if found > 0 {
					took = append(took, found-c.from)
				}
			}
			t.Logf("%s: found after %v (median), %v (worst) of %d seeds", c.name, middle(took), longest(took), *faultSeeds)
		})
	}
}

var faultCases = []struct {
	name   string
	fault  fault
	from   time.Duration
	within time.Duration
	want   []string // keys of which one must be confirmed; none: nobody looks for it yet
	also   []string // keys that may be confirmed beside it
}{
	{"slow dependency", fault{of: "payments.quote", slow: 10}, 25 * time.Minute, 2 * time.Minute, []string{"slow_operation payments.quote"}, nil},
	{"slow by two and a half", fault{of: "db.orders", slow: 2.5}, 25 * time.Minute, 3 * time.Minute, []string{"slow_operation db.orders"}, nil},
	{"slow of itself", fault{of: "GET /search", slow: 4}, 25 * time.Minute, 2 * time.Minute, []string{"slow_operation GET /search"}, nil},
	{"slow and rare", fault{of: "GET /report", slow: 10}, 4 * time.Hour, 4 * time.Hour, []string{"slow_operation GET /report"}, nil},
	{"everything slow", fault{slow: 4}, 25 * time.Minute, 3 * time.Minute, []string{"slow_operation all operations"}, nil},
	{"slow creep", fault{of: "GET /search", creep: .2}, 4 * time.Hour, 12 * time.Hour, []string{"slow_creep GET /search"}, nil},
	{"stall of a dependency", fault{of: "payments.quote", stalls: true}, 25 * time.Minute, time.Minute, []string{"stalled_operation payments.quote"}, []string{"log_volume POST /order", "exhaustion_ahead process.files", "saturation process.files"}},
	{"stall of an operation", fault{of: "GET /products", stalls: true}, 25 * time.Minute, time.Minute, []string{"stalled_operation GET /products"}, []string{"log_volume GET /products", "exhaustion_ahead process.files", "saturation process.files"}},
	{"everything stalls", fault{stalls: true}, 25 * time.Minute, time.Minute, []string{"stalled_operation all operations"}, []string{"log_volume GET /products", "log_volume GET /cart", "log_volume POST /order", "log_volume GET /search", "log_volume GET /products/{id}", "log_volume POST /cart", "exhaustion_ahead process.files", "saturation process.files"}},
	{"leaked spans", fault{of: "GET /cart", leaks: .002}, 25 * time.Minute, 20 * time.Minute, []string{"unfinished_spans GET /cart"}, []string{"goroutine_leak GET /cart"}},
	{"error burst", fault{of: "POST /order", failing: .5}, 25 * time.Minute, time.Minute, []string{"error_rate POST /order"}, []string{"log_pattern POST /order"}},
	{"open files", fault{files: .5}, 25 * time.Minute, 20 * time.Minute, []string{"exhaustion_ahead process.files"}, []string{"saturation process.files"}},
	{"log storm", fault{of: "GET /cart", logStorm: 200}, 25 * time.Minute, time.Minute, []string{"log_volume GET /cart"}, []string{"log_pattern GET /cart"}},
	{"silence", fault{of: "GET /products", mute: true}, 25 * time.Minute, 10 * time.Minute, []string{"log_volume GET /products"}, nil},
	{"nobody asks", fault{of: "GET /products", silent: true}, 25 * time.Minute, 10 * time.Minute, nil, nil},
}
