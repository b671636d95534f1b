package anomaly

import (
	"math"
	"time"
)

const (
	// Threshold is the score from which a point is anomalous, the same for all
	// series: in the middle of those that do well on the Numenta benchmark, to which
	// a false alarm costs a ninth of a miss. Who wakes people takes a multiple. A
	// single value that leaves the known range by an eleventh of it gets there.
	// Stationary noise gets there once or twice in 10,000 points when 5,000 are
	// known, and five times in the first 5,000; TestQuiet measures it.
	Threshold = 0.75
	// Warmup is the number of points that a scorer learns from before it scores.
	Warmup = 150

	// keep is the share of the score that is left a point later.
	keep = 0.9
	// restScale is the least range, as a share of that of the series, by which a
	// distance from what is usual at that hour is measured.
	restScale = 0.5
	// activeWeight is the weight of the activity beside that of a level.
	activeWeight = 0.75
	// stepMemory is that of the activity, in points.
	stepMemory = 16
	// still is the activity, as a share of the range, below which a series is flat.
	still = 1e-3
	// huge bounds the values, so that no difference of two overflows.
	huge = 1e300
)

// Scorer scores the points of one series. It looks at no point but those pushed,
// needs no configuration and takes the same decisions for the same points. It
// holds less than a kilobyte, which does not grow. The zero value is ready and
// knows nothing. It is not safe for concurrent use.
//
// A Scorer is a [json.Marshaler] and a [json.Unmarshaler] of all its state.
type Scorer struct {
	n       float64 // points taken
	ignored uint64

	score  float64
	last   float64 // value
	step   float64 // mean step
	level  views
	rest   views // of the distance from what is usual at that hour
	active span
	day    profile
}

// Ignored is the number of values that were not finite.
func (s *Scorer) Ignored() uint64 { return s.ignored }

// Push takes the value of the series at t and returns its anomaly score: 0 where
// nothing is new, [Threshold] and more where it is anomalous. It is 0 for the first
// [Warmup] points. Of t only the hour of the day is used, so points may come at any
// pace, and out of order. A value that is not finite is counted, leaves everything
// as it was and gets the score of the point before; one beyond ±1e300 is taken as
// that. Push does not allocate; BenchmarkPush measures its time.
func (s *Scorer) Push(t time.Time, v float64) float64 {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		s.ignored++
		return s.score
	}
	v = max(-huge, min(v, huge))
	s.n++
	if s.n == 1 {
		s.last = v
	}
	found := s.level.push(v, s.n, 0)
	if rest, share, known := s.day.push(t, v, s.n); known > 0 {
		found += share * s.rest.push(rest, known, restScale*s.level.span[0].width())
	}
	s.step += rate(stepMemory, s.n) * (math.Abs(v-s.last) - s.step)
	s.last = v
	if s.n > stepMemory {
		found += activeWeight * s.active.push(s.activity(), 0) * trust(s.n)
	} else {
		s.active.start(s.activity())
	}
	s.score = keep*s.score + found
	return s.score
}

// activity is the logarithm of the mean step as a share of the known range.
func (s *Scorer) activity() float64 {
	if w := s.level.span[0].width(); w > 0 {
		return math.Log(min(s.step/w, 1) + still)
	}
	return math.Log(still)
}
