package detect

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
)

// learnedOf returns what is worth keeping of each operation that keep says so of.
func learnedOf[S, L any](r roster[S], keep func(*S) (L, bool)) roster[L] {
	var out roster[L]
	for i := range r {
		if l, ok := keep(&r[i].Is); ok {
			out = append(out, rostered[L]{Name: r[i].Name, Kind: r[i].Kind, Domain: r[i].Domain, Unseen: r[i].Unseen, Is: l})
		}
	}
	return out
}

// inheritedBy turns what an earlier process learned into what a detector knows.
func inheritedBy[S, L any](in roster[L], take func(L) S, check func(*S) error) (roster[S], error) {
	if err := in.ordered(); err != nil {
		return nil, err
	}
	var out roster[S]
	for _, e := range in.inherited() {
		s := take(e.Is)
		if err := check(&s); err != nil {
			return nil, &StateError{Field: "operations", Err: fmt.Errorf("%.80q: %w", e.Name, err)}
		}
		out = append(out, rostered[S]{Name: e.Name, Kind: e.Kind, Domain: e.Domain, Unseen: e.Unseen, Is: s})
	}
	return out, nil
}

// latencyLearned is what outlives a restart of [Latency]. Nothing is learned from
// what is slow, so nothing has to be left out.
type latencyLearned struct {
	Usual [3]norm  `json:"usual"`
	Cost  spending `json:"cost"`
	Slots int      `json:"slots"`
	Rate  float64  `json:"rate"`
}

// Baseline implements [Learner].
func (d *Latency) Baseline() (json.RawMessage, error) {
	return json.Marshal(learnedOf(d.state.Operations, func(s *latencyOp) (latencyLearned, bool) {
		return latencyLearned{s.Usual, s.Cost, min(s.Slots, memory), s.Rate}, s.Slots >= learnedSlots
	}))
}

// SetBaseline implements [Learner].
func (d *Latency) SetBaseline(raw json.RawMessage) error {
	var in roster[latencyLearned]
	if err := decode(raw, &in); err != nil {
		return err
	}
	ops, err := inheritedBy(in, func(l latencyLearned) latencyOp {
		return latencyOp{Usual: l.Usual, Cost: l.Cost, Slots: l.Slots, Rate: l.Rate}
	}, (*latencyOp).check)
	if err == nil {
		d.state = latencyState{Operations: ops}
	}
	return err
}

// stalledLearned is what outlives a restart of [Stalled].
type stalledLearned struct {
	Lives    lives    `json:"lives"`
	Rate     float64  `json:"rate"`
	InFlight float64  `json:"in_flight"`
	Calls    []string `json:"calls,omitempty"`
}

// Baseline implements [Learner].
func (d *Stalled) Baseline() (json.RawMessage, error) {
	return json.Marshal(learnedOf(d.state.Operations, func(s *stalledOp) (stalledLearned, bool) {
		return stalledLearned{s.Lives, s.Rate, s.InFlight, s.Calls}, s.Learned >= knownAfter && s.Lives != nil
	}))
}

// SetBaseline implements [Learner]. The rates of another time of day are only a
// beginning: they are learned anew within minutes.
func (d *Stalled) SetBaseline(raw json.RawMessage) error {
	var in roster[stalledLearned]
	if err := decode(raw, &in); err != nil {
		return err
	}
	ops, err := inheritedBy(in, func(l stalledLearned) stalledOp {
		return stalledOp{Lives: l.Lives, Rate: l.Rate, InFlight: l.InFlight, Calls: slices.Clone(l.Calls)}
	}, (*stalledOp).check)
	if err == nil {
		d.state = stalledState{Operations: ops}
	}
	return err
}

// spansLearned is what outlives a restart of [Spans].
type spansLearned struct {
	Lives   lives    `json:"lives"`
	High    [2]int64 `json:"high"`
	Learned float64  `json:"learned"`
	Share   float64  `json:"share"`
	Minutes int      `json:"minutes"`
}

// Baseline implements [Learner].
func (d *Spans) Baseline() (json.RawMessage, error) {
	return json.Marshal(learnedOf(d.state.Operations, func(s *spansOp) (spansLearned, bool) {
		a := &s.Outlived
		return spansLearned{s.Lives, s.High, min(s.Learned, learnWaiting.Seconds()), a.Share, min(a.Minutes, shareMinutes)}, s.Lives != nil
	}))
}

// SetBaseline implements [Learner].
func (d *Spans) SetBaseline(raw json.RawMessage) error {
	var in roster[spansLearned]
	if err := decode(raw, &in); err != nil {
		return err
	}
	ops, err := inheritedBy(in, func(l spansLearned) spansOp {
		return spansOp{Lives: l.Lives, High: l.High, Learned: l.Learned, Outlived: apart{Share: l.Share, Minutes: l.Minutes}}
	}, (*spansOp).check)
	if err == nil {
		d.state = spansState{Operations: ops}
	}
	return err
}

// creepLearned is what outlives a restart of [Creep]: where an operation and its load
// have been.
type creepLearned struct {
	P90  float64 `json:"p90"`
	Load float64 `json:"load"`
}

type creepBaseline struct {
	Load       float64              `json:"load"` // of the service
	Operations roster[creepLearned] `json:"operations"`
}

// most returns the highest that a ring has seen.
func (r *ring) most() float64 {
	if len(r.Points) == 0 {
		return r.Before
	}
	return max(r.Before, slices.Max(r.Points))
}

// Baseline implements [Learner]. Of an operation that creeps, it is where that was
// before its last points.
func (d *Creep) Baseline() (json.RawMessage, error) {
	return json.Marshal(creepBaseline{d.state.Load[0].most(), learnedOf(d.state.Operations, func(s *creepOp) (creepLearned, bool) {
		l := creepLearned{s.P90[0].most(), s.Load[0].most()}
		if !s.Since.IsZero() || s.Hits != [creepScales]int{} {
			l.P90 = s.P90[0].Before
		}
		return l, l.P90 > 0
	})})
}

// SetBaseline implements [Learner].
func (d *Creep) SetBaseline(raw json.RawMessage) error {
	var in creepBaseline
	if err := decode(raw, &in); err != nil {
		return err
	}
	ops, err := inheritedBy(in.Operations, func(l creepLearned) (s creepOp) {
		for i := range creepScales {
			s.P90[i].Before, s.Load[i].Before = l.P90, l.Load
		}
		return s
	}, (*creepOp).check)
	if err != nil {
		return err
	}
	if !(in.Load >= 0) || math.IsInf(in.Load, 0) || in.Load > 1e12 {
		return &StateError{Field: "load", Err: errRange}
	}
	d.state = creepState{Operations: ops}
	for i := range creepScales {
		d.state.Load[i].Before = in.Load
	}
	return nil
}
