package anomaly

import "math"

const (
	// nearEdge is the share of the range that counts as a visit to its edge.
	nearEdge = 0.2
	// forget is the memory of an edge that is not visited, in points: the edge
	// moves inwards by age/forget of the range in as many points, and never faster
	// than the whole range in forget points.
	forget = 10_000
	// lately and restless say when an edge is that of a trend: a record on an edge
	// that moved restless times, lately (in points, a decay), counts half.
	lately   = 300
	restless = 30
	// notable is the excess over the range, as a share of it, from which novelty
	// grows with its logarithm instead of linearly.
	notable = 0.08
	// maxExcess bounds the excess over a range that was a point.
	maxExcess = 1e6
	// resolution is the smallest difference between two values, as a share of
	// them, that is more than rounding.
	resolution = 1e-9
)

// span is the range of values that one view of a series has shown.
type span struct {
	lo, hi           float64
	loAge, hiAge     float64 // points since a value near the edge
	loMoves, hiMoves float64 // records lately
}

// width is how far the edges are apart.
func (s *span) width() float64 { return s.hi - s.lo }

// start makes v the whole range.
func (s *span) start(v float64) { *s = span{lo: v, hi: v} }

// push returns how new v is, 0 within the range, and takes v into the range. What
// is new is measured by the width of the range, or by least where that is more. The
// range at most doubles with a point, so that one absurd value does not blind it.
func (s *span) push(v, least float64) float64 {
	w := s.width()
	s.loMoves *= 1 - 1.0/lately
	s.hiMoves *= 1 - 1.0/lately
	scale := max(w, least, resolution*math.Abs(v))
	reach := scale // of an edge, with this point
	if w == 0 {
		reach = math.MaxFloat64
	}
	novelty := 0.0
	switch {
	case v > s.hi:
		novelty = newness(v-s.hi, scale, s.hiMoves)
		s.hi += min(v-s.hi, reach)
		s.hiMoves++
	case v < s.lo:
		novelty = newness(s.lo-v, scale, s.loMoves)
		s.lo -= min(s.lo-v, reach)
		s.loMoves++
	}
	s.loAge++
	s.hiAge++
	if v >= s.hi-nearEdge*w {
		s.hiAge = 0
	}
	if v <= s.lo+nearEdge*w {
		s.loAge = 0
	}
	s.hi -= w * min(s.hiAge, forget) * (1.0 / (forget * forget))
	s.lo += w * min(s.loAge, forget) * (1.0 / (forget * forget))
	return novelty
}

// newness of a value that is excess beyond an edge of a range of that scale; the
// edge moved that often lately.
func newness(excess, scale, moves float64) float64 {
	e := maxExcess
	if scale > 0 {
		e = min(excess/scale, maxExcess)
	}
	return math.Log1p(e/notable) / (1 + moves/restless)
}
