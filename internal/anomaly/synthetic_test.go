package anomaly_test

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/hale-go/hale/internal/anomaly"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// day is the number of points in a day: one each five minutes.
const day = 288

var epoch = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// at is the time of point i.
func at(i int) time.Time { return epoch.Add(time.Duration(i) * 5 * time.Minute) }

// source makes point i of a series. It may keep what it needs in its closure.
type source func(i int) float64

// noise returns the sources of healthy series, each a fresh one from r.
func noise() map[string]func(r *rand.Rand) source {
	return map[string]func(r *rand.Rand) source{
		"normal":  func(r *rand.Rand) source { return func(int) float64 { return 50 + 5*r.NormFloat64() } },
		"uniform": func(r *rand.Rand) source { return func(int) float64 { return r.Float64() } },
		"correlated": func(r *rand.Rand) source {
			v := 0.0
			return func(int) float64 { v = 0.9*v + r.NormFloat64(); return v }
		},
		"counts": func(r *rand.Rand) source { return func(int) float64 { return poisson(r, 3) } },
		"daily cycle": func(r *rand.Rand) source {
			return func(i int) float64 { return cycle(i) + 3*r.NormFloat64() }
		},
		"slow ramp": func(r *rand.Rand) source {
			return func(i int) float64 { return 0.01*float64(i) + 3*r.NormFloat64() }
		},
		"exponential": func(r *rand.Rand) source { return func(int) float64 { return r.ExpFloat64() } },
		"log-normal":  func(r *rand.Rand) source { return func(int) float64 { return math.Exp(r.NormFloat64()) } },
		"student t4": func(r *rand.Rand) source {
			return func(int) float64 {
				chi := 0.0
				for range 4 {
					z := r.NormFloat64()
					chi += z * z
				}
				return r.NormFloat64() / math.Sqrt(chi/4)
			}
		},
	}
}

// cycle is the daily cycle of a load, between 30 and 70.
func cycle(i int) float64 { return 50 + 20*math.Sin(2*math.Pi*float64(i)/day) }

func poisson(r *rand.Rand, mean float64) float64 {
	n, p := 0.0, r.Float64()
	for p > math.Exp(-mean) {
		n++
		p *= r.Float64()
	}
	return n
}

// alarms pushes n points and returns those at which an alarm begins.
func alarms(n int, next source) []int {
	var s anomaly.Scorer
	var a anomaly.Alarm
	var out []int
	for i := range n {
		if a.Push(s.Push(at(i), next(i))) {
			out = append(out, i)
		}
	}
	return out
}

// TestQuiet measures false alarms in 10,000 points of healthy series, over many
// seeds: from the end of the warm-up on, and when 5,000 points are known.
func TestQuiet(t *testing.T) {
	const seeds, points, settled = 20, 20_000, 5_000
	// The bounds are what was measured and about a third.
	bounds := map[string]struct{ all, late float64 }{
		"normal":      {5.1, 2},
		"uniform":     {4, 1.6},
		"correlated":  {4.8, 1.8},
		"counts":      {5.5, 2.6},
		"daily cycle": {1.4, 0.4},
		"slow ramp":   {11, 1.3},
		"exponential": {6.4, 2.9},
		"log-normal":  {5.8, 3.1},
		"student t4":  {7.3, 3},
	}
	for name, fresh := range noise() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			all, late := 0, 0
			for seed := range uint64(seeds) {
				for _, i := range alarms(points, fresh(rand.New(rand.NewPCG(seed, 7)))) {
					all++
					if i >= settled {
						late++
					}
				}
			}
			per := func(alarms, points int) float64 { return 10_000 * float64(alarms) / float64(seeds*points) }
			got, then := per(all, points-anomaly.Warmup), per(late, points-settled)
			t.Logf("in 10,000 points: %.2f false alarms, %.2f after %d points", got, then, settled)
			if got > bounds[name].all || then > bounds[name].late {
				t.Errorf("more than %.2f and %.2f", bounds[name].all, bounds[name].late)
			}
		})
	}
}
