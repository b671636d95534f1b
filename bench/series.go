package main

import (
	"math"
	"slices"
)

// series is one figure for each round.
type series []float64

func (s series) median() float64 { return s.at(0.5) }

// at returns the quantile q, from 0 (least) to 1 (most), interpolated; NaN for
// an empty series.
func (s series) at(q float64) float64 {
	if len(s) == 0 {
		return math.NaN()
	}
	sorted := slices.Sorted(slices.Values(s))
	place := q * float64(len(sorted)-1)
	low := int(place)
	high := min(low+1, len(sorted)-1)
	return sorted[low] + (sorted[high]-sorted[low])*(place-float64(low))
}

// over divides round by round: what slows the machine down in one round is in
// both figures.
func (s series) over(base series) series {
	out := make(series, 0, len(s))
	for i := range min(len(s), len(base)) {
		out = append(out, s[i]/base[i])
	}
	return out
}

// less subtracts round by round.
func (s series) less(base series) series {
	out := make(series, 0, len(s))
	for i := range min(len(s), len(base)) {
		out = append(out, s[i]-base[i])
	}
	return out
}
