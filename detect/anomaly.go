package detect

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/hale-go/hale/internal/anomaly"
	"github.com/hale-go/hale/observe"
)

// Anomaly finds metrics that do what they never did before: those that the service
// gives with Runtime.Measure, and what is known of every process: requests,
// the share that fails, goroutines, live heap, processor time, open files. It looks
// at means of ten seconds, needs half an hour to know a metric, and knows nothing of
// what matters: so it only suspects. See package internal/anomaly for the method, and
// bench/nab for how good it is.
//
// A metric takes about 800 bytes, and a point about 0.3 µs.
type Anomaly struct{ state anomalyState }

type anomalyState struct {
	Series []anomalySeries `json:"series,omitempty"`              // sorted by name
	Slot   int64           `json:"slot,omitempty" sound:"signed"` // number of the open slot of ten seconds
	CPU    time.Duration   `json:"cpu,omitempty"`                 // processor time as of the last turn
	At     time.Time       `json:"at,omitzero"`                   // of that turn
}

type anomalySeries struct {
	Name   string         `json:"name"`
	Scorer anomaly.Scorer `json:"scorer"`
	Alarm  anomaly.Alarm  `json:"alarm"`
	Score  float64        `json:"score" sound:"signed"`
	Sum    float64        `json:"sum" sound:"signed"` // of the open slot
	N      int            `json:"n"`
	Before float64        `json:"before" sound:"signed"` // means of the last slots, smoothed over about five minutes
	Value  float64        `json:"value" sound:"signed"`  // mean of the last slot
	Since  time.Time      `json:"since,omitzero"`
	Idle   int            `json:"idle,omitempty"` // slots without a value
	Unseen int            `json:"unseen,omitempty"`
}

// caution is by how much the score must exceed the threshold that does well on the
// benchmark, which forgives more false alarms than a person does.
const caution = 10.0 / 3

// mostReading bounds a value, so that the sum of a slot is one that a state may have.
const mostReading = mostNumber / 1e6

// maxAnomalies bounds the metrics that are looked at.
const maxAnomalies = 280

// NewAnomaly returns the detector.
func NewAnomaly() *Anomaly { return &Anomaly{} }

// Detect implements [Detector].
func (d *Anomaly) Detect(t observe.Turn) []Finding {
	st := &d.state
	slot := slotOf(t.Time)
	if slot != st.Slot {
		if st.Slot != 0 {
			d.close(t.Time)
		}
		st.Slot = slot
	}
	d.process(t)
	for _, r := range t.Sample.Readings {
		d.add(r.Name, r.Value)
	}
	var out []Finding
	for i := range st.Series {
		s := &st.Series[i]
		if s.Since.IsZero() {
			continue
		}
		out = append(out, Finding{
			Kind: KindAnomaly, Subject: observe.Subject{Name: s.Name, Domain: "metric"}, Confidence: Suspected, Active: true,
			Level: min(s.Score/(caution*anomaly.Threshold), 1e6), Unit: inTimes, Since: s.Since, TimeToVisible: 2 * slotLength,
			Evidence: []Evidence{{Metrics, cutText(fmt.Sprintf("%s is %.4g, which it never was in this way before; it was about %.4g (score %.2f, from %.1f on it is told)", s.Name, s.Value, s.Before, s.Score, caution*anomaly.Threshold))}},
		})
	}
	return worst(out, maxFindings)
}

// process adds what is known of every process.
func (d *Anomaly) process(t observe.Turn) {
	st, sample := &d.state, &t.Sample
	var ended, failed uint64
	for i := range sample.Operations {
		if o := &sample.Operations[i]; o.Kind == observe.Server {
			ended += o.Ended
			failed += o.Failed
		}
	}
	if ended > 0 || slices.ContainsFunc(st.Series, func(s anomalySeries) bool { return s.Name == "process.requests" }) {
		d.add("process.requests", float64(ended))
		if ended > 0 {
			d.add("process.failures", float64(min(failed, ended))/float64(ended))
		}
	}
	if sample.Goroutines > 0 {
		d.add("process.goroutines", float64(sample.Goroutines))
	}
	r := sample.Resources
	if r == nil {
		return
	}
	if r.Collector != nil {
		d.add("process.live_heap", float64(r.Collector.Live))
	}
	if r.Files != nil {
		d.add("process.open_files", float64(r.Files.Open))
	}
	if p := r.Process; p != nil {
		if passed := t.Time.Sub(st.At); !st.At.IsZero() && passed > 0 && p.CPU >= st.CPU {
			d.add("process.processors", (p.CPU-st.CPU).Seconds()/passed.Seconds())
		}
		st.CPU, st.At = p.CPU, t.Time
	}
}

func (d *Anomaly) add(name string, v float64) {
	if !(math.Abs(v) <= 1e100) { // also catches NaN
		return
	}
	st := &d.state
	i, ok := slices.BinarySearchFunc(st.Series, name, func(s anomalySeries, name string) int { return compare(s.Name, name) })
	if !ok {
		if len(st.Series) >= maxAnomalies {
			old := 0 // the one that was not given for longest makes room
			for j := range st.Series {
				if st.Series[j].Idle > st.Series[old].Idle {
					old = j
				}
			}
			if st.Series[old].Idle < slotsKept {
				return
			}
			st.Series = slices.Delete(st.Series, old, old+1)
			if old < i {
				i--
			}
		}
		st.Series = slices.Insert(st.Series, i, anomalySeries{Name: name})
	}
	s := &st.Series[i]
	s.Unseen = 0
	s.Sum += max(-mostReading, min(v, mostReading))
	s.N++
}

// close ends a slot.
func (d *Anomaly) close(now time.Time) {
	for i := range d.state.Series {
		s := &d.state.Series[i]
		if s.N == 0 {
			if s.Idle++; s.Idle >= slotsKept { // for five minutes nobody has given it
				s.Since, s.Alarm = time.Time{}, anomaly.Alarm{}
			}
			continue
		}
		s.Idle = 0
		s.Value = s.Sum / float64(s.N)
		s.Sum, s.N = 0, 0
		if math.IsInf(s.Value, 0) || math.IsNaN(s.Value) {
			continue
		}
		s.Score = s.Scorer.Push(now, s.Value)
		s.Alarm.Push(s.Score / caution)
		switch up := s.Alarm.Up; {
		case up && !s.material():
			s.Since = time.Time{}
		case up && s.Since.IsZero():
			s.Since = now
		case !up:
			s.Since = time.Time{}
			if s.Before == 0 {
				s.Before = s.Value
			}
			s.Before += (s.Value - s.Before) / slotsKept
		}
	}
}

// leastChange is by how much what is known of every process must change.
var leastChange = map[string]float64{
	"process.requests": 5, "process.failures": .02, "process.goroutines": 20, "process.live_heap": 16 << 20,
	"process.open_files": 20, "process.processors": .2,
}

// material reports whether the change matters: a tenth at least.
func (s *anomalySeries) material() bool {
	return math.Abs(s.Value-s.Before) >= max(math.Abs(s.Before)/10, leastChange[s.Name])
}

// State implements [Stateful].
func (d *Anomaly) State() (json.RawMessage, error) { return json.Marshal(d.state) }

// SetState implements [Stateful].
func (d *Anomaly) SetState(raw json.RawMessage) error {
	return restore(&d.state, raw, (*anomalyState).check)
}

func (s *anomalyState) check() error {
	for i := range s.Series {
		if one := &s.Series[i]; one.Score < 0 || one.Name == "" {
			return &StateError{Field: fmt.Sprintf("series[%d]", i), Err: fmt.Errorf("%w: the score of %.80q is %v", errRange, one.Name, one.Score)}
		}
	}
	return inOrder("series", s.Series, maxAnomalies, func(a, b *anomalySeries) int { return compare(a.Name, b.Name) })
}

// Baseline implements [Learner]: what each metric did.
func (d *Anomaly) Baseline() (json.RawMessage, error) {
	var out anomalyState
	for _, s := range d.state.Series {
		out.Series = append(out.Series, anomalySeries{Name: s.Name, Scorer: s.Scorer, Before: s.Before, Unseen: s.Unseen})
	}
	return json.Marshal(out)
}

// SetBaseline implements [Learner].
func (d *Anomaly) SetBaseline(raw json.RawMessage) error {
	var in, out anomalyState
	if err := decode(raw, &in); err != nil {
		return err
	}
	last := ""
	for _, s := range in.Series {
		if s.Name <= last || s.Unseen < 0 || math.IsNaN(s.Before) || math.IsInf(s.Before, 0) {
			return &StateError{Field: "series", Err: fmt.Errorf("%.80q is out of order or has a number that cannot be", s.Name)}
		}
		if last = s.Name; s.Unseen < maxUnseen && len(out.Series) < maxAnomalies/2 {
			out.Series = append(out.Series, anomalySeries{Name: s.Name, Scorer: s.Scorer, Before: s.Before, Unseen: s.Unseen + 1})
		}
	}
	d.state = out
	return nil
}
