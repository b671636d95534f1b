package main

import (
	"math"
	"runtime/metrics"
	"time"
)

// stops measures how long the world is stopped, for anything but a collection:
// from the moment at which the first goroutine is held to that at which all go
// on. The runtime keeps it as a histogram whose classes are a fourth of a power of
// two wide, so that a figure may be up to a fourth too high.
type stops struct {
	sample []metrics.Sample
	before []uint64
}

// newStops begins to measure. Reading stops nothing.
func newStops() *stops {
	s := &stops{sample: []metrics.Sample{{Name: "/sched/pauses/total/other:seconds"}}}
	metrics.Read(s.sample)
	s.before = append(s.before, s.sample[0].Value.Float64Histogram().Counts...)
	return s
}

// longest returns the upper bound of the longest stop since the begin, 0 if
// there was none.
func (s *stops) longest() time.Duration {
	metrics.Read(s.sample)
	h := s.sample[0].Value.Float64Histogram()
	longest := 0.0
	for i, n := range h.Counts {
		if n > s.before[i] {
			longest = h.Buckets[i+1]
			if math.IsInf(longest, 1) {
				longest = h.Buckets[i]
			}
		}
	}
	return time.Duration(longest * float64(time.Second))
}
