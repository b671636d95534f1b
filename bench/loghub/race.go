package main

import (
	"runtime"
	"slices"
	"time"
)

// laps is how often a turn groups all samples, each time from nothing.
const laps = 4

// times are what the miners took.
type times struct {
	wall   [][]time.Duration // by miner and sample, the median over the rounds, for one lap
	ratios []float64         // of the processor time, the second miner's over the first's, by round
}

// race lets the miners take turns: in each round all group the same lines, on a
// heap that was just collected, and who begins changes from round to round. One
// round before is not counted. A turn's processor time is that of the whole
// process, so that the collector's work counts for whoever made it.
func race(samples []sample, rounds int) times {
	walls := make([][][]time.Duration, len(miners)) // by miner, sample, round
	for k := range walls {
		walls[k] = make([][]time.Duration, len(samples))
	}
	var out times
	for round := range rounds + 1 {
		cpu := make([]time.Duration, len(miners))
		for turn := range miners {
			k := (turn + round) % len(miners)
			runtime.GC()
			before := now()
			for range laps {
				for i, s := range samples {
					start := time.Now()
					miners[k].group(s.lines)
					if round > 0 {
						walls[k][i] = append(walls[k][i], time.Since(start))
					}
				}
			}
			cpu[k] = now() - before
		}
		if round > 0 {
			out.ratios = append(out.ratios, float64(cpu[1])/float64(max(cpu[0], 1)))
		}
	}
	for k := range walls {
		var medians []time.Duration
		for _, w := range walls[k] {
			slices.Sort(w)
			medians = append(medians, max(w[len(w)/2], 1))
		}
		out.wall = append(out.wall, medians)
	}
	return out
}

var start = time.Now()

// now is the processor time, or the time where that is not known.
func now() time.Duration {
	if t := processorTime(); t > 0 {
		return t
	}
	return time.Since(start)
}

// spread returns the least, the median and the most of some figures.
func spread(x []float64) (low, mid, high float64) {
	x = slices.Sorted(slices.Values(x))
	return x[0], (x[len(x)/2] + x[(len(x)-1)/2]) / 2, x[len(x)-1]
}
