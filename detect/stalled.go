package detect

import (
	"encoding/json"
	"fmt"
	"math"
	"math/bits"
	"slices"
	"time"

	"github.com/hale-go/hale/observe"
)

// Stalled finds operations that take requests in and do not get them done. Either
// none has ended for twice as long as nearly all take, and for 5 s, although 20 were
// to be expected and three wait for that long. Or three times as many as usual are in
// flight, and ten more, while less than half of the usual number ends: by Little's
// law they take six times as long, of which [Latency] hears only when they end. The
// first is suspected at once and confirmed after 5 s, the second after 5 and 15 s.
//
// Operations that nobody asks have nothing in flight, and those whose spans stay for
// long, such as streams, usually end at no rate that could break off: neither is
// found. Where an operation that it calls stalls too, the caller is only suspected;
// where half of all that are in use stall, at least four of themselves, one finding
// about the service stands for all. A turn costs about 0.2 µs for each
// operation.
type Stalled struct{ state stalledState }

type stalledState struct {
	Last       time.Time         `json:"last,omitzero"`
	Begun      time.Time         `json:"begun,omitzero"`
	Operations roster[stalledOp] `json:"operations,omitempty"`
	Since      time.Time         `json:"since,omitzero"` // when all began to stall
}

// stalledOp is what is known of an operation; rates are a second.
type stalledOp struct {
	Lives    lives     `json:"lives,omitempty"`
	Rate     float64   `json:"rate"`      // of ends, usually
	Quick    float64   `json:"quick"`     // of ends, in the last ten seconds
	InFlight float64   `json:"in_flight"` // usually
	Learned  float64   `json:"learned"`   // seconds
	LastEnd  time.Time `json:"last_end,omitzero"`
	Calls    []string  `json:"calls,omitempty"`

	Doubt bool      `json:"doubt,omitempty"` // it may be about to stall
	Rule  stall     `json:"rule,omitempty"`
	Since time.Time `json:"since,omitzero"`
	Now   int64     `json:"now,omitempty"` // in flight
	Old   uint32    `json:"old,omitempty"` // of them, for longer than nearly all
}

// stall is in which way an operation stalls.
type stall int

const (
	flows   stall = iota
	stopped       // nothing ends
	choked        // little ends
)

const (
	leastSilence = 5 * time.Second
	expectedEnds = 20. // that did not come
	fewestOld    = 3
	learnRates   = 10 * time.Minute
	quickRates   = 10 * time.Second
	knownAfter   = 60. // seconds
	maxCalls     = 8
)

// NewStalled returns the detector.
func NewStalled() *Stalled { return &Stalled{} }

// part is the weight of a time in a mean over a longer one.
func part(dt, over time.Duration) float64 { return 1 - math.Exp(-dt.Seconds()/over.Seconds()) }

// Detect implements [Detector].
func (d *Stalled) Detect(t observe.Turn) []Finding {
	st := &d.state
	dt := min(max(t.Time.Sub(st.Last), time.Millisecond), time.Minute)
	if st.Last.IsZero() || t.Time.Before(st.Last) {
		st.Begun, dt = t.Time, time.Second
	}
	st.Last = t.Time
	p := pace{now: t.Time, dt: dt, quick: part(dt, quickRates), slow: part(dt, learnRates), slowdown: slowdownOf(&t.Sample)}
	st.Operations.each(t.Sample.Operations, func(e *rostered[stalledOp], o *observe.OperationStat) {
		if o == nil {
			o = &observe.OperationStat{}
		}
		e.Is.follow(o, p)
	})
	return d.findings(t.Time)
}

// pace is what a turn tells all operations.
type pace struct {
	now         time.Time
	dt          time.Duration
	quick, slow float64 // weights
	slowdown    float64
}

// follow takes what an operation did in a turn.
func (s *stalledOp) follow(o *observe.OperationStat, p pace) {
	ended := float64(min(o.Ended, mostCoarse))
	s.Quick += p.quick * (ended/p.dt.Seconds() - s.Quick)
	s.Now = min(max(o.InFlight, 0), mostCoarse)
	if o.Ended > 0 || s.LastEnd.IsZero() || s.LastEnd.After(p.now) {
		s.LastEnd = p.now
	}
	for i := range o.Calls {
		if len(s.Calls) < maxCalls && !slices.Contains(s.Calls, o.Calls[i].Name) {
			s.Calls = append(s.Calls, o.Calls[i].Name)
		}
	}
	s.judge(o, p)
	if s.Rule != flows && p.now.Sub(s.Since) > acceptable { // it is as it is
		*s = stalledOp{LastEnd: p.now, Calls: s.Calls}
	}
	if s.Rule != flows || s.Doubt {
		return
	}
	s.Lives.learn(longestOf(o.Latency))
	// At first the mean of what there was, so that it does not begin from nothing.
	w := max(p.slow, min(p.dt.Seconds()/(s.Learned+p.dt.Seconds()), 1))
	s.Rate += w * (ended/p.dt.Seconds() - s.Rate)
	s.InFlight += w * (float64(s.Now) - s.InFlight)
	s.Learned = min(s.Learned+p.dt.Seconds(), 1e6)
}

// judge says whether it stalls.
func (s *stalledOp) judge(o *observe.OperationStat, p pace) {
	usual, known := s.Lives.usual()
	limit := time.Duration(float64(max(leastSilence, min(2*usual, time.Hour))) * p.slowdown)
	silence := p.now.Sub(s.LastEnd)
	s.Old = waitingFor(o.Waiting, limit)
	known = known && s.Learned >= knownAfter
	s.Doubt = known && s.Old >= fewestOld && silence >= limit/2
	was := s.Rule
	switch {
	case !known || s.Now < fewestOld:
		s.Rule = flows
	case s.Old >= fewestOld && silence >= limit && s.Rate*silence.Seconds() >= expectedEnds*p.slowdown:
		s.Rule = stopped
	case float64(s.Now) >= 3*s.InFlight+10 && s.Quick < s.Rate/2/p.slowdown && s.Rate >= 1:
		s.Rule = max(s.Rule, choked)
	case s.Rule == stopped && s.Quick < s.Rate/4: // it has hardly begun again
	case s.Rule == choked && s.Quick < s.Rate*3/4 && float64(s.Now) >= 1.5*s.InFlight+5:
	default:
		s.Rule = flows
	}
	if s.Rule == flows {
		s.Since = time.Time{}
	} else if was == flows {
		s.Since = p.now
	}
}

// waitingFor returns how many have waited for about d or longer: to a power of two
// seconds below it, and to a minute at most.
func waitingFor(waiting []uint32, d time.Duration) uint32 {
	i := min(max(bits.Len64(uint64(max(d/time.Second, 1)))-1, 0), 6)
	if i >= len(waiting) {
		return 0
	}
	return waiting[i]
}

// cause returns the operation that an operation waits for, as far down as they
// stall, or nil.
func (d *Stalled) cause(e *rostered[stalledOp]) *rostered[stalledOp] {
	var at *rostered[stalledOp]
	first := e.Name
	for range maxDeep {
		var next *rostered[stalledOp]
		for _, name := range e.Is.Calls {
			if c := d.state.Operations.named(name); c != nil && c.Name != e.Name && (c.Is.Doubt || c.Is.Rule != flows) {
				next = c
				break
			}
		}
		if next == nil {
			break
		}
		if next.Name == first { // they call one another: none is deeper
			return nil
		}
		at, e = next, next
	}
	return at
}

func (d *Stalled) findings(now time.Time) []Finding {
	st := &d.state
	busy, all, own := 0, 0, 0
	var out []Finding
	last := "" // served and called under one name, it is told once
	for i := range st.Operations {
		e := &st.Operations[i]
		s := &e.Is
		if s.Rate >= .2 && s.Learned >= knownAfter {
			busy++
		}
		if s.Rule == flows || last == e.Name {
			continue
		}
		held := now.Sub(s.Since)
		f := Finding{
			Kind: KindStalled, Subject: e.subject(), Confidence: Suspected, Active: true,
			Level: float64(s.Now), Unit: inSpans, Since: s.Since, TimeToVisible: quickRates,
			Evidence: []Evidence{{Metrics, cutText(s.text(e.Name, now))}},
		}
		sureAt := leastSilence
		if s.Rule == choked {
			if sureAt = 3 * leastSilence; held < leastSilence {
				continue
			}
		}
		if cause := d.cause(e); cause != nil {
			f.Cause = cause.subject()
			f.Evidence = append(f.Evidence, Evidence{Traces, cutText(fmt.Sprintf("it calls %s, which stalls too", cause.Name))})
		} else {
			own++
			if held >= sureAt && now.Sub(st.Begun) >= coldFor {
				f.Confidence = Confirmed
			}
		}
		last = e.Name
		if all++; len(out) < maxFindings-1 {
			out = append(out, f)
		}
	}
	if own < fewestAll || 2*all < busy {
		st.Since = time.Time{}
		return out
	}
	if st.Since.IsZero() {
		st.Since = now
	}
	text := fmt.Sprintf("%d of %d operations that are in use stall at once: they wait for something that they share", all, busy)
	service := Finding{
		Kind: KindStalled, Subject: allOperations, Confidence: Suspected, Active: true, Level: float64(all), Unit: inOperations,
		Since: st.Since, TimeToVisible: quickRates, Evidence: []Evidence{{Metrics, text}},
	}
	for i := range out {
		if out[i].Confidence == Confirmed {
			out[i].Confidence, service.Confidence = Suspected, Confirmed
		}
		if out[i].Cause.IsZero() {
			out[i].Cause = service.Subject
		}
		out[i].Evidence = append(out[i].Evidence, Evidence{Metrics, text})
	}
	return append(out, service)
}

func (s *stalledOp) text(name string, now time.Time) string {
	usual, _ := s.Lives.usual()
	if s.Rule == stopped {
		return fmt.Sprintf("no span of %s has ended for %v, usually %.3g a second do: %d are in flight, %d of them for longer than nearly all take (%v)",
			name, now.Sub(s.LastEnd).Round(time.Second), s.Rate, s.Now, s.Old, usual)
	}
	return fmt.Sprintf("%d spans of %s are in flight, usually %.3g, and %.3g a second end, usually %.3g", s.Now, name, s.InFlight, s.Quick, s.Rate)
}

// State implements [Stateful].
func (d *Stalled) State() (json.RawMessage, error) { return json.Marshal(d.state) }

// SetState implements [Stateful].
func (d *Stalled) SetState(raw json.RawMessage) error {
	return restore(&d.state, raw, func(s *stalledState) error { return s.Operations.check((*stalledOp).check) })
}

func (s *stalledOp) check() error {
	for _, v := range []float64{s.Rate, s.Quick, s.InFlight, s.Learned} {
		if v < 0 || v > 1e15 {
			return errRange
		}
	}
	if len(s.Calls) > maxCalls || s.Rule < flows || s.Rule > choked {
		return errRange
	}
	return s.Lives.check()
}
