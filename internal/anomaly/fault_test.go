package anomaly_test

import (
	"math/rand/v2"
	"testing"
)

// TestFaults injects a fault into series that were healthy for ten days, over many
// seeds. Found means that an alarm begins in the hours after the fault begins.
func TestFaults(t *testing.T) {
	const begin, seeds = 10 * day, 40
	flat := func(r *rand.Rand) source { return func(int) float64 { return 50 + 5*r.NormFloat64() } }
	daily := func(r *rand.Rand) source { return func(i int) float64 { return cycle(i) + 3*r.NormFloat64() } }
	for _, fault := range []struct {
		name    string
		healthy func(*rand.Rand) source
		broken  func(r *rand.Rand, i int, healthy float64) float64
		within  int // points
		least   int // seeds of 40 in which it must be found
	}{
		{"spike of eight sigma", flat, func(_ *rand.Rand, i int, v float64) float64 {
			if i == begin {
				return v + 40
			}
			return v
		}, 1, 36},
		{"shift by three sigma", flat, func(_ *rand.Rand, _ int, v float64) float64 { return v + 15 }, 24, 40},
		{"shift by one and a half sigma", flat, func(_ *rand.Rand, _ int, v float64) float64 { return v - 7.5 }, 48, 40},
		{"three times the variance", flat, func(_ *rand.Rand, _ int, v float64) float64 { return 50 + 3*(v-50) }, 24, 40},
		{"flat line after noise", flat, func(*rand.Rand, int, float64) float64 { return 50 }, 48, 40},
		{"death of the daily cycle", daily, func(r *rand.Rand, _ int, _ float64) float64 { return 50 + 3*r.NormFloat64() }, day, 40},
		{"night level by day", daily, func(r *rand.Rand, _ int, _ float64) float64 { return 32 + 3*r.NormFloat64() }, day, 40},
		{"slow leak", flat, func(_ *rand.Rand, i int, v float64) float64 { return v + 0.05*float64(i-begin) }, 2 * day, 40},
	} {
		t.Run(fault.name, func(t *testing.T) {
			t.Parallel()
			found, delay := 0, 0
			for seed := range uint64(seeds) {
				r := rand.New(rand.NewPCG(seed, 11))
				next := fault.healthy(r)
				for _, i := range alarms(begin+fault.within, func(i int) float64 {
					v := next(i)
					if i >= begin {
						v = fault.broken(r, i, v)
					}
					return v
				}) {
					if i >= begin {
						found++
						delay += i - begin
						break
					}
				}
			}
			t.Logf("found in %d of %d, after %.1f points at the mean", found, seeds, float64(delay)/float64(max(found, 1)))
			if found < fault.least {
				t.Errorf("found in %d of %d, want %d", found, seeds, fault.least)
			}
		})
	}
}
