package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/failsafe-go/failsafe-go/adaptivelimiter"

	"github.com/hale-go/hale/internal/surge"
	"github.com/hale-go/hale/isolate"
)

// phases names the phases of a simulated dependency.
var phases = [surge.Phases]string{"normal", "slow", "recovered"}

// mostLimit is the most that either adaptive limit grows to by default.
const mostLimit = 200

// adaptiveContest is the goodput behind a limit that follows the dependency, in share of
// what the best limit that does not move reaches in the same phase. Each round is a run
// of each shape with a seed of its own, in simulated time.
func adaptiveContest(name string, deaf bool, phase time.Duration) contest {
	const ours, failsafe = "isolate.Adaptive", "failsafe-go"
	return contest{
		name:   name,
		rounds: 2,
		open: func() ([]contestant, error) {
			of := func(name, limit string) contestant {
				seed := 0
				return contestant{name: name, close: func() {}, measure: func() (reading, error) {
					seed++
					return measureInChild("adaptive", limit, seed, deaf, phase.Nanoseconds())
				}}
			}
			return []contestant{of(ours, "isolate"), of(failsafe, "failsafe")}, nil
		},
		rows: func(r results) []row {
			var rows []row
			for _, phase := range phases {
				rows = append(rows,
					row{name: name + " " + phase + " " + ours + " / best fixed", values: r.of(ours, value(phase)), unit: times, target: 0.9, sense: atLeast, note: "mean over the shapes"},
					row{name: name + " " + phase + " " + ours + ", worst shape", values: r.of(ours, value(phase+" worst")), unit: times, target: 0.9, sense: atLeast},
					row{name: name + " " + phase + " " + failsafe + " / best fixed", values: r.of(failsafe, value(phase)), unit: times},
					row{name: name + " " + phase + " " + failsafe + ", worst shape", values: r.of(failsafe, value(phase+" worst")), unit: times},
				)
			}
			return append(rows,
				row{name: name + " " + ours + ", share of all at 0.9x", values: r.of(ours, value("enough")), unit: times},
				row{name: name + " " + failsafe + ", share of all at 0.9x", values: r.of(failsafe, value("enough")), unit: times},
			)
		},
	}
}

// adaptiveShapes are dependencies of all sizes and those who call them.
func adaptiveShapes(deaf bool, phase time.Duration) []surge.Shape {
	var out []surge.Shape
	for _, d := range []struct {
		workers int
		service time.Duration
	}{{5, 5 * time.Millisecond}, {5, 50 * time.Millisecond}, {20, 50 * time.Millisecond}, {100, 50 * time.Millisecond}} {
		for _, jitter := range []float64{0.3, 1} {
			for _, load := range []float64{0.5, 1, 3} {
				s := surge.Shape{Workers: d.workers, Service: d.service, Jitter: jitter, Load: load, Deadline: 20 * d.service, Deaf: deaf, Phase: phase}
				out = append(out, s)
				if load == 3 {
					s.Closed = true
					out = append(out, s)
				}
			}
		}
	}
	return out
}

// adaptiveChild runs all shapes behind a limit. failsafe-go's reads the clock, so that
// the simulated time must be its clock's: this is what bubbles of testing/synctest are
// for, which only a test can open. Hence the child, which is one.
func adaptiveChild(words []string) (map[string]float64, error) {
	if len(words) != 4 {
		return nil, errors.New("adaptive: want a limit, a seed, deaf or not, and a phase")
	}
	seed, err := strconv.ParseUint(words[1], 10, 64)
	if err != nil {
		return nil, err
	}
	phase, err := strconv.ParseInt(words[3], 10, 64)
	if err != nil {
		return nil, err
	}
	shapes := adaptiveShapes(words[2] == "true", time.Duration(phase))
	if words[0] == "isolate" {
		return goodputs(shapes, seed, func(s surge.Shape) (surge.Result, error) {
			a, err := isolate.NewAdaptive(isolate.AdaptiveConfig{}, nil)
			if err != nil {
				return surge.Result{}, err
			}
			return surge.Run(s, seed, surge.Held(a.Limit, a.Record)), nil
		})
	}
	inTest(func(t *testing.T) {
		values, err := goodputs(shapes, seed, func(s surge.Shape) (r surge.Result, err error) {
			synctest.Test(t, func(*testing.T) { r = surge.Run(s, seed, failsafeLimit()) })
			return r, nil
		})
		if err == nil {
			err = json.NewEncoder(os.Stdout).Encode(values)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
			os.Exit(1)
		}
		os.Exit(0)
	})
	return nil, errors.New("adaptive: the test returned")
}

// inTest calls fn in a test, which must not return.
func inTest(fn func(t *testing.T)) {
	testing.Main(func(string, string) (bool, error) { return true, nil }, []testing.InternalTest{{Name: "bubble", F: fn}}, nil, nil)
}

// goodputs compares all runs with the best fixed limits.
func goodputs(shapes []surge.Shape, seed uint64, run func(surge.Shape) (surge.Result, error)) (map[string]float64, error) {
	values, enough := map[string]float64{}, 0
	for i, s := range shapes {
		r, err := run(s)
		if err != nil {
			return nil, err
		}
		best, _ := surge.Best(s, seed, 1, mostLimit)
		for p, phase := range phases {
			share := r.Goodput[p] / max(best.Goodput[p], 1e-9)
			values[phase] += share / float64(len(shapes))
			if worst := phase + " worst"; i == 0 || share < values[worst] {
				values[worst] = share
			}
			if share >= 0.9 {
				enough++
			}
		}
	}
	values["enough"] = float64(enough) / float64(len(shapes)*len(phases))
	return values, nil
}

// failsafeLimit is failsafe-go's adaptive limiter with its defaults, whose bounds are
// isolate's too.
func failsafeLimit() surge.Limit {
	f, start := adaptivelimiter.NewWithDefaults[any](), time.Now()
	return surge.Limit{
		Clock: func(at time.Duration) { time.Sleep(at - time.Since(start)) },
		Admit: func() (func(time.Duration, bool), bool) {
			p, ok := f.TryAcquirePermit()
			if !ok {
				return nil, false
			}
			return func(_ time.Duration, dropped bool) {
				if dropped {
					p.Drop()
				} else {
					p.Record()
				}
			}, true
		},
	}
}
