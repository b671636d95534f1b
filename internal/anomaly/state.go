package anomaly

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
)

// StateError says what is wrong with a saved state.
type StateError struct {
	Field string // Field is the part of the state that is wrong, "" for its syntax.
	Err   error
}

// Error names the field and the reason.
func (e *StateError) Error() string {
	if e.Field == "" {
		return "anomaly: state: " + e.Err.Error()
	}
	return "anomaly: state: " + e.Field + ": " + e.Err.Error()
}

// Unwrap returns the reason.
func (e *StateError) Unwrap() error { return e.Err }

// Hint returns the mend.
func (e *StateError) Hint() string {
	return fmt.Sprintf("start with a new scorer: it learns again what is usual in %d points", Warmup)
}

// saved is the state as it is written. Lists, since a JSON list that is too short
// for an array would go unnoticed.
type saved struct {
	N       float64      `json:"n"`
	Ignored uint64       `json:"ignored"`
	Score   float64      `json:"score"`
	Last    float64      `json:"last"`
	Step    float64      `json:"step"`
	Level   savedViews   `json:"level"`
	Rest    savedViews   `json:"rest"`
	Active  []float64    `json:"active"`
	Day     savedProfile `json:"day"`
}

type savedViews struct {
	Level []float64   `json:"level"`
	Span  [][]float64 `json:"span"` // of each: edges, ages, moves
}

type savedProfile struct {
	Usual   []float64 `json:"usual"`
	Seen    uint32    `json:"seen"`
	Hour    int       `json:"hour"`
	Mean    float64   `json:"mean"`
	Count   float64   `json:"count"`
	Known   float64   `json:"known"`
	Slow    float64   `json:"slow"`
	ByHour  float64   `json:"by_hour"`
	ByLevel float64   `json:"by_level"`
}

// MarshalJSON returns all of the state. Its receiver is a value, so that scorers in
// a map are not saved as an empty object.
func (s Scorer) MarshalJSON() ([]byte, error) {
	d := &s.day
	w := saved{
		N: s.n, Ignored: s.ignored, Score: s.score, Last: s.last, Step: s.step,
		Level: s.level.list(), Rest: s.rest.list(), Active: s.active.list(),
		Day: savedProfile{
			Usual: d.usual[:], Seen: d.seen, Hour: d.hour, Mean: d.mean, Count: d.count,
			Known: d.known, Slow: d.slow, ByHour: d.byHour, ByLevel: d.byLevel,
		},
	}
	return json.Marshal(w)
}

// UnmarshalJSON takes the state that MarshalJSON wrote: the scorer goes on exactly
// as the one that was saved. An error is a [*StateError], and the scorer is as it
// was before.
func (s *Scorer) UnmarshalJSON(raw []byte) error {
	var w saved
	in := json.NewDecoder(bytes.NewReader(raw))
	in.DisallowUnknownFields()
	if err := in.Decode(&w); err != nil {
		return &StateError{Err: err}
	}
	c := check{}
	t := Scorer{n: c.count("n", w.N), ignored: w.Ignored}
	t.score = c.between("score", w.Score, 0, 1e6)
	t.last = c.between("last", w.Last, -huge, huge)
	t.step = c.between("step", w.Step, 0, 2*huge)
	t.level, t.rest = c.views("level", w.Level), c.views("rest", w.Rest)
	t.active = c.span("active", w.Active)
	d := &t.day
	copy(d.usual[:], c.list("day.usual", w.Day.Usual, hours, huge))
	d.seen, d.hour = w.Day.Seen, w.Day.Hour
	if d.seen >= 1<<hours {
		c.fail("day.seen", fmt.Errorf("has hours that are not in a day"))
	}
	if d.hour < 0 || d.hour >= hours {
		c.fail("day.hour", fmt.Errorf("%d is not in a day", d.hour))
	}
	d.mean = c.between("day.mean", w.Day.Mean, -huge, huge)
	d.count = c.count("day.count", w.Day.Count)
	d.known = c.count("day.known", w.Day.Known)
	d.slow = c.between("day.slow", w.Day.Slow, -huge, huge)
	d.byHour = c.between("day.by_hour", w.Day.ByHour, 0, 2*huge)
	d.byLevel = c.between("day.by_level", w.Day.ByLevel, 0, 2*huge)
	if c.err != nil {
		return c.err
	}
	*s = t
	return nil
}

// list returns the span as it is written.
func (s *span) list() []float64 {
	return []float64{s.lo, s.hi, s.loAge, s.hiAge, s.loMoves, s.hiMoves}
}

// list returns the views as they are written.
func (w *views) list() savedViews {
	out := savedViews{Level: w.level[:]}
	for k := range w.span {
		out.Span = append(out.Span, w.span[k].list())
	}
	return out
}

// check keeps the first thing that is wrong with a state.
type check struct{ err error }

func (c *check) fail(field string, err error) {
	if c.err == nil {
		c.err = &StateError{Field: field, Err: err}
	}
}

// between returns v if it is in the closed range. JSON holds finite numbers only.
func (c *check) between(field string, v, lo, hi float64) float64 {
	if v < lo || v > hi {
		c.fail(field, fmt.Errorf("%g is not between %g and %g", v, lo, hi))
	}
	return v
}

// count returns v if it is a number of points.
func (c *check) count(field string, v float64) float64 {
	if v != math.Trunc(v) {
		c.fail(field, fmt.Errorf("%g is not whole", v))
	}
	return c.between(field, v, 0, 1<<53)
}

// list returns v if it has n numbers between ±limit.
func (c *check) list(field string, v []float64, n int, limit float64) []float64 {
	if len(v) != n {
		c.fail(field, fmt.Errorf("%d numbers, not %d", len(v), n))
	}
	for _, x := range v {
		c.between(field, x, -limit, limit)
	}
	return v
}

// span returns the span that was written as v.
func (c *check) span(field string, v []float64) span {
	if v = c.list(field, v, 6, 4*huge); len(v) != 6 {
		return span{}
	}
	if v[0] > v[1] {
		c.fail(field, errors.New("the edges are the wrong way round"))
	}
	for _, x := range v[2:] {
		c.between(field, x, 0, 1<<53)
	}
	return span{lo: v[0], hi: v[1], loAge: v[2], hiAge: v[3], loMoves: v[4], hiMoves: v[5]}
}

// views returns the views that were written as v.
func (c *check) views(field string, v savedViews) (w views) {
	copy(w.level[:], c.list(field+".level", v.Level, scales, 2*huge))
	if len(v.Span) != scales {
		c.fail(field+".span", fmt.Errorf("%d ranges, not %d", len(v.Span), scales))
		return w
	}
	for k := range w.span {
		w.span[k] = c.span(fmt.Sprintf("%s.span[%d]", field, k), v.Span[k])
	}
	return w
}
