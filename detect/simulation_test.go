package detect_test

import (
	"flag"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hale-go/hale/detect"
	"github.com/hale-go/hale/observe"
)

var (
	firstSeed = flag.Uint64("firstseed", 0, "first seed of the simulations")
	seeds     = flag.Uint64("seeds", usualSeeds, "seeds of TestSimulation for each shape of load")
)

// outcome is what a run came to.
type outcome struct {
	found  time.Duration // since the leak began; 0: not found
	leaked int           // by then
	rule   string
	wrong  []string // what was accused without a reason
}

// simulate runs two hours of a service under detectors that look every 10 s.
func simulate(s shape, seed uint64, leaks, lifetimes bool) outcome {
	w := newWorld(s, seed, leaks)
	cfg := detect.LeakConfig{Window: 10 * time.Second}
	detectors := []detect.Detector{detect.NewGrowth(cfg)}
	if lifetimes {
		detectors = append(detectors, detect.NewLeak(cfg))
	}
	var out outcome
	accused := map[string]bool{}
	for w.now < 2*time.Hour && out.found == 0 {
		w.step()
		if w.now%(10*time.Second) != 0 {
			continue
		}
		sample, snap := w.look(lifetimes)
		now := t0.Add(w.now)
		sample.Time, snap.Time = now, now
		for _, d := range detectors {
			for _, f := range d.Detect(observe.Turn{Time: now, Sample: sample, Snapshot: snap}) {
				if f.Confidence != detect.Confirmed {
					continue
				}
				if strings.Contains(f.Evidence[0].Text, "app.(*client).watch") {
					if out.found == 0 {
						out.found, out.leaked, out.rule = w.now-w.leak, w.leaked, f.Evidence[0].Text
					}
				} else if entry := f.Subject.Site.Function; !accused[entry] {
					accused[entry] = true
					out.wrong = append(out.wrong, fmt.Sprintf("%v: %s", w.now, f.Evidence[0].Text))
				}
			}
		}
	}
	return out
}

// Seven shapes of load, twelve seeds of each, with a leak of 0.1 % of the
// requests and without. go test -v -run Simulation prints the table.
func TestSimulation(t *testing.T) {
	for _, mode := range []struct {
		name      string
		lifetimes bool
		median    time.Duration // at most
	}{{"counts alone", false, 4 * time.Minute}, {"lifetimes", true, time.Minute}} {
		t.Run(mode.name, func(t *testing.T) {
			t.Parallel()
			var all []time.Duration
			runs, falsely, missed := 0, 0, 0
			t.Logf("%-24s %5s %8s %8s %8s %8s", "shape", "found", "median", "worst", "leaked", "falsely")
			for _, s := range append(slices.Clone(shapes), healthyShapes...) {
				var times []time.Duration
				leaked, wrong := 0, 0
				for seed := *firstSeed; seed < *firstSeed+*seeds; seed++ {
					outcomes := []outcome{simulate(s, seed, false, mode.lifetimes)}
					if s.traits == "" || s.traits == "workers" {
						outcomes = append(outcomes, simulate(s, seed, true, mode.lifetimes))
					}
					for i, o := range outcomes {
						runs++
						if len(o.wrong) > 0 {
							wrong++
							t.Logf("seed %d, leak %v: falsely accused at %s", seed, i == 1, strings.Join(o.wrong, "; "))
						}
					}
					if len(outcomes) == 1 {
						continue
					}
					if o := outcomes[1]; o.found > 0 {
						times = append(times, o.found)
						leaked = max(leaked, o.leaked)
					} else {
						missed++
					}
				}
				falsely += wrong
				all = append(all, times...)
				t.Logf("%-24s %5d %8v %8v %8d %8d", s.name, len(times), middle(times), longest(times), leaked, wrong)
			}
			t.Logf("%d runs, %d accuse falsely; %d of %d leaks found, median %v, worst %v", runs, falsely, len(all), len(all)+missed, middle(all), longest(all))
			if missed > 0 || middle(all) > mode.median || falsely*20 > runs {
				t.Errorf("missed %d, median %v (at most %v), %d of %d runs accuse falsely (at most 5 %%)", missed, middle(all), mode.median, falsely, runs)
			}
		})
	}
}

func middle(d []time.Duration) time.Duration {
	if len(d) == 0 {
		return 0
	}
	d = slices.Sorted(slices.Values(d))
	return d[len(d)/2]
}

func longest(d []time.Duration) time.Duration {
	if len(d) == 0 {
		return 0
	}
	return slices.Max(d)
}
