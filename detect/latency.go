package detect

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/hale-go/hale/observe"
)

// LatencyConfig says what is too slow whatever is usual.
type LatencyConfig struct {
	// Thresholds are limits by the name of the operation, such as "GET /orders/{id}";
	// "*" is for those that are not named. A name that no operation has is told of as
	// misuse: after five minutes where it is nearly that of one, else after an hour.
	// Default: none, what is usual is learned.
	Thresholds map[string]Threshold `json:"thresholds,omitempty" yaml:"thresholds,omitempty"`
}

// Threshold is how long an operation may take. 0 sets no limit.
type Threshold struct {
	P95 time.Duration `json:"p95,omitempty" yaml:"p95,omitempty"` // for 95 of 100 requests
	P99 time.Duration `json:"p99,omitempty" yaml:"p99,omitempty"` // for 99 of 100
}

// of returns the limit of a judged quantile in milliseconds, 0 for none.
func (t Threshold) of(i int) float64 {
	return milliseconds([3]time.Duration{0, t.P95, t.P99}[i])
}

// Latency finds operations that became slow. It compares the median, P95 and P99 of
// each operation with what is usual for it, in slots of ten seconds and over the
// last six of them; an operation that is rarely done has longer slots, of 8 requests
// or more. Slow is what is beyond five standard deviations of the operation's own
// slots, 1.5 times what is usual and 5 ms more than it, in both windows; or beyond a
// [Threshold]. Two slots in a row are suspected, three of twice what is usual (six,
// if only P99 is) confirmed. It ends when half as many requests are over the limit,
// or no slot has been for a minute.
//
// Whose time it is, the operation's own or that of one it calls, comes from spans.
// Where what it calls is slow too, that is confirmed and the caller only suspected.
// Where half of all operations are slow, at least four of themselves, they share the
// reason: one finding about the service stands for all. A machine that is
// starved and load beyond all that was usual raise the limits in proportion.
//
// What is usual is learned from twelve slots on and moves within an hour; nothing is
// learned from what is slow, for a day, nor in the first three minutes of a process,
// in which only thresholds count. Operations whose median is 30 s or more, such as
// streams, have only thresholds too. The level is how many times its limit a quantile
// is. A turn costs about 0.4 µs for each operation.
type Latency struct {
	cfg   LatencyConfig
	state latencyState
	looks []look // at the operations, in this turn
}

type latencyState struct {
	Begun      time.Time         `json:"begun,omitzero"` // the first turn
	Slot       time.Time         `json:"slot,omitzero"`  // when the last slots were closed
	Slowdown   float64           `json:"slowdown,omitempty"`
	Operations roster[latencyOp] `json:"operations,omitempty"`
	Service    *Finding          `json:"service,omitempty"` // that all are slow
}

const (
	latencySlot = 10 * time.Second
	coldFor     = 3 * time.Minute // of a process
	suspectAt   = 2               // slots
	confirmAt   = 3
	tailAt      = 6                // slots, where only P99 is slow
	quietSlot   = time.Minute      // without a slot, nobody knows whether it goes on
	quietLong   = 30 * time.Minute // and then it is history
	acceptable  = 24 * time.Hour   // after which what is slow has become usual
	fewestAll   = 4                // operations that are slow together
	maxDeep     = 8                // callees of callees
)

// NewLatency returns the detector.
func NewLatency(cfg LatencyConfig) *Latency {
	cfg.Thresholds = maps.Clone(cfg.Thresholds)
	return &Latency{cfg: cfg}
}

// slowdownOf returns by how much the machine made everything slower; 1 is not at all.
func slowdownOf(s *observe.Sample) float64 {
	if !(s.Slowdown > 1) { // NaN is not
		return 1
	}
	return min(s.Slowdown, 1000)
}

// Detect implements [Detector].
func (d *Latency) Detect(t observe.Turn) []Finding {
	st := &d.state
	if st.Begun.IsZero() || t.Time.Before(st.Slot) {
		st.Begun, st.Slot = t.Time, t.Time
	}
	st.Slowdown = max(st.Slowdown, slowdownOf(&t.Sample))
	st.Operations.each(t.Sample.Operations, func(e *rostered[latencyOp], o *observe.OperationStat) {
		if e.Is.Opened.IsZero() {
			e.Is.Opened = t.Time
		}
		if o != nil && o.Ended > 0 {
			e.Is.take(o)
		}
	})
	if t.Time.Sub(st.Slot) >= latencySlot-latencySlot/16 {
		d.closeSlots(t.Time)
		st.Slot, st.Slowdown = t.Time, 0
	}
	var out []Finding
	for i := range st.Operations {
		e := &st.Operations[i]
		if f := e.Is.Finding; f != nil && (len(out) == 0 || out[len(out)-1].Subject.Name != e.Name) && len(out) < maxFindings-1 {
			out = append(out, *f)
		}
	}
	if st.Service != nil {
		out = append(out, *st.Service)
	}
	return out
}

// closeSlots judges all operations of which enough was seen.
func (d *Latency) closeSlots(now time.Time) {
	st := &d.state
	warm := now.Sub(st.Begun) < coldFor
	d.looks = slices.Grow(d.looks[:0], len(st.Operations))[:len(st.Operations)]
	clear(d.looks)
	for i := range st.Operations {
		e := &st.Operations[i]
		s := &e.Is
		if !s.ready(now) {
			s.rest(now)
			continue
		}
		l := s.close(now, max(st.Slowdown, 1), d.threshold(e.Name))
		d.looks[i] = l
		switch {
		case l.over >= 0 && warm && !l.static[l.over]: // caches are cold
		case l.over >= 0:
			s.Calm = 0
			if s.Hits++; s.Since.IsZero() {
				s.Since = now
			}
			s.Callee = blameFor(l.sums.each(l.n), s.Cost).Callee
		case s.Finding != nil && !l.free && s.Calm < longSlots:
			s.Hits = 0
			s.Calm++
		default:
			s.Hits, s.Since, s.Callee, s.Finding = 0, time.Time{}, "", nil
			if !warm && st.Slowdown < factor {
				s.learn(l)
			}
		}
		if !s.Since.IsZero() && now.Sub(s.Since) > acceptable { // it is as it is
			s.Hits, s.Since, s.Callee, s.Finding, s.Slots = 0, time.Time{}, "", nil, 0
		}
	}
	shared := d.together(now)
	for i := range st.Operations {
		if l := d.looks[i]; l.shut {
			d.tell(&st.Operations[i], l, shared)
		}
	}
	d.tellService(now, warm, shared)
}

func (d *Latency) threshold(name string) Threshold {
	if t, ok := d.cfg.Thresholds[name]; ok {
		return t
	}
	return d.cfg.Thresholds["*"]
}

// rest is for an operation of which too little is seen to go on with.
func (s *latencyOp) rest(now time.Time) {
	if s.Finding == nil {
		return
	}
	switch idle := now.Sub(s.Closed); {
	case idle > max(quietLong, 4*s.Took):
		s.Hits, s.Since, s.Callee, s.Finding = 0, time.Time{}, "", nil
	case idle > max(quietSlot, slowSlot, 2*s.Took):
		s.Finding.Active, s.Finding.Level = false, 0 // slow requests of the past leave nothing behind
	}
}

// cause returns the operation that makes another slow: what that calls, as far down
// as it is slow itself. It is nil if that is nobody else.
func (d *Latency) cause(e *rostered[latencyOp]) *rostered[latencyOp] {
	var at *rostered[latencyOp]
	first := e.Name
	for range maxDeep {
		if e.Is.Callee == "" {
			break
		}
		if e.Is.Callee == first { // they call one another: none is deeper
			return nil
		}
		next := d.state.Operations.named(e.Is.Callee)
		if next == nil || (next.Is.Hits == 0 && next.Is.Finding == nil) {
			break
		}
		at, e = next, next
	}
	return at
}

// together returns how many operations are slow, of how many that are judged, if it
// is so many that they share the reason; else 0.
func (d *Latency) together(now time.Time) (shared [2]int) {
	own := 0
	for i := range d.state.Operations {
		e := &d.state.Operations[i]
		if e.Is.Slots < learnedSlots || now.Sub(e.Is.Closed) > 2*slowSlot {
			continue
		}
		shared[1]++
		if e.Is.Hits > 0 {
			shared[0]++
			if d.cause(e) == nil {
				own++
			}
		}
	}
	if own < fewestAll || 2*shared[0] < shared[1] {
		return [2]int{}
	}
	return shared
}

func together(shared [2]int) string {
	return fmt.Sprintf("%d of %d operations are slow at once: load, or something that they share", shared[0], shared[1])
}

// tell makes or renews the finding about an operation whose slot was closed.
func (d *Latency) tell(e *rostered[latencyOp], l look, shared [2]int) {
	s := &e.Is
	switch {
	case l.over < 0 && s.Finding != nil:
		s.Finding.Active, s.Finding.Level = false, 0 // slow requests of the past leave nothing behind
		return
	case l.over < 0, s.Hits < suspectAt && s.Finding == nil, s.Hits == 0:
		return
	}
	f := Finding{
		Kind: KindSlow, Subject: e.subject(), Confidence: Suspected, Active: true, Level: l.q[l.over] / l.limit[l.over], Unit: inTimes,
		Since: s.Since, TimeToVisible: min(2*max(latencySlot, l.took), time.Hour),
		Evidence: []Evidence{{Metrics, cutText(s.text(e.Name, l))}},
	}
	need := confirmAt
	if l.over == 2 {
		need = tailAt
	}
	b := blameFor(l.sums.each(l.n), s.Cost)
	f.Evidence = append(f.Evidence, Evidence{Traces, cutText(b.Text)})
	cause := d.cause(e)
	switch {
	case cause != nil:
		f.Cause = cause.subject()
		f.Evidence[1].Text = cutText(fmt.Sprintf("%s: %s is slow itself", b.Text, cause.Name))
		need = math.MaxInt // that one is confirmed
	case b.Callee != "" && b.More >= factor:
		f.Cause = observe.Subject{Name: b.Callee}
		if known := d.state.Operations.named(b.Callee); known != nil {
			f.Cause = known.subject()
		}
		need += confirmAt // it may turn out to be slow itself
	}
	if shared[0] > 0 {
		need = math.MaxInt
		if f.Cause.IsZero() {
			f.Cause = allOperations
		}
		f.Evidence = append(f.Evidence, Evidence{Metrics, together(shared)})
	}
	big := l.static[l.over] || l.q[l.over] >= sure*l.usual[l.over]*l.load
	if s.Hits >= need && big || (need < math.MaxInt && s.Finding != nil && s.Finding.Confidence == Confirmed) {
		f.Confidence = Confirmed
	}
	s.Finding = &f
}

// tellService makes, renews or drops the finding about all operations together.
func (d *Latency) tellService(now time.Time, warm bool, shared [2]int) {
	st := &d.state
	if shared[0] == 0 {
		st.Service = nil
		return
	}
	f := Finding{
		Kind: KindSlow, Subject: allOperations, Confidence: Suspected, Active: true, Level: float64(shared[0]), Unit: inOperations,
		Since: now, TimeToVisible: 2 * latencySlot,
	}
	steady := 0
	for i := range st.Operations {
		if s := &st.Operations[i].Is; s.Hits >= tailAt {
			steady++
		}
	}
	if st.Service != nil {
		f.Since, f.Confidence = st.Service.Since, st.Service.Confidence
	}
	if 2*steady >= shared[1] && steady >= fewestAll && !warm {
		f.Confidence = Confirmed
	}
	f.Evidence = []Evidence{{Metrics, together(shared)}}
	st.Service = &f
}

// State implements [Stateful].
func (d *Latency) State() (json.RawMessage, error) { return json.Marshal(d.state) }

// SetState implements [Stateful].
func (d *Latency) SetState(raw json.RawMessage) error {
	return restore(&d.state, raw, func(s *latencyState) error { return s.Operations.check((*latencyOp).check) })
}
