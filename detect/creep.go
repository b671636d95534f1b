package detect

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/hale-go/hale/observe"
)

// Creep finds operations that become slower over hours, which [Latency] takes for
// what is usual. P90 of each operation is read every five minutes, and the lowest of
// three, of twelve, is a point: 24 points of a quarter of an hour, and of an hour.
//
// An operation creeps when its points rise with a clear trend (Mann and Kendall, at
// 3.5 standard deviations of the residual of the service's load), by 30 % and 5 ms
// (Theil and Sen), like a ramp and not like a step, to 15 % above where they have
// ever been, while neither the load of the service nor that of the operation is
// higher than before. What comes back with each day is not above where it has been;
// on a first day, the load's rise explains it. Two tests in a row are suspected;
// four of 50 % confirmed (two, of points of an hour). An operation of less than 60
// requests in five minutes is not judged. A turn costs about 0.1 µs for each
// operation, one that ends a quarter of an hour 20 µs more.
type Creep struct{ state creepState }

type creepState struct {
	Slot       time.Time         `json:"slot,omitzero"` // when the last five minutes ended
	Begun      time.Time         `json:"begun,omitzero"`
	Ended      float64           `json:"ended,omitempty"` // of all operations in this slot
	Load       [creepScales]ring `json:"load"`
	Operations roster[creepOp]   `json:"operations,omitempty"`
}

// creepOp is what is known of an operation.
type creepOp struct {
	Open coarse            `json:"open,omitempty"`
	P90  [creepScales]ring `json:"p90"` // milliseconds
	Load [creepScales]ring `json:"load"`
	Hits [creepScales]int  `json:"hits"`
	Big  [creepScales]int  `json:"big"` // hits in a row of what is enough to confirm
	Skip int               `json:"skip,omitempty"`

	From      float64   `json:"from,omitempty"` // where the trend began
	To        float64   `json:"to,omitempty"`   // the highest since
	Scale     int       `json:"scale,omitempty"`
	Quiet     int       `json:"quiet,omitempty"` // slots since it last rose
	Since     time.Time `json:"since,omitzero"`
	Confirmed bool      `json:"confirmed,omitempty"`
}

const (
	creepScales   = 2
	creepSlot     = 5 * time.Minute
	creepPoints   = 24
	fewestPoints  = 16
	fewestOfSlot  = 60 // requests
	creepGrowth   = .3 // of where it began
	creepConfirms = .5
	newHigh       = 1.15 // times of where it has ever been
	creepQuiet    = 12   // slots
)

// creepCoarser is how many points of a scale make one of the next.
var creepCoarser = [creepScales]int{3, 4}

// creepNeeds is how many tests in a row confirm.
var creepNeeds = [creepScales]int{4, 2}

// NewCreep returns the detector.
func NewCreep() *Creep { return &Creep{} }

// Detect implements [Detector].
func (d *Creep) Detect(t observe.Turn) []Finding {
	st := &d.state
	if st.Slot.IsZero() || t.Time.Before(st.Slot) {
		st.Slot, st.Begun = t.Time, t.Time
	}
	st.Operations.each(t.Sample.Operations, func(e *rostered[creepOp], o *observe.OperationStat) {
		if o != nil && o.Ended > 0 && slowdownOf(&t.Sample) < factor {
			e.Is.Open.add(o.Latency)
			st.Ended = min(st.Ended+float64(min(o.Ended, mostCoarse)), 1e12)
		}
	})
	if took := t.Time.Sub(st.Slot); took >= creepSlot {
		d.close(t.Time, took)
		st.Slot, st.Ended = t.Time, 0
	}
	var out []Finding
	for i := range st.Operations {
		e := &st.Operations[i]
		if e.Is.Since.IsZero() || len(out) >= maxFindings || (len(out) > 0 && out[len(out)-1].Subject.Name == e.Name) {
			continue
		}
		out = append(out, e.Is.finding(e.subject()))
	}
	return out
}

// close ends the slot of all operations. The first one of a process is a cold one.
func (d *Creep) close(now time.Time, took time.Duration) {
	st := &d.state
	cold := !st.Begun.Before(now.Add(-took))
	var done [creepScales]bool
	if !cold {
		done = addScaled(&st.Load, round3(st.Ended/took.Seconds()), nil, higher)
	}
	for i := range st.Operations {
		e := &st.Operations[i]
		s := &e.Is
		n := s.Open.total()
		if n < fewestOfSlot || cold || took > 2*creepSlot {
			s.Skip++
			if s.Skip > 2*creepQuiet { // what is known is of another time
				s.Since, s.Confirmed, s.Hits, s.Big = time.Time{}, false, [creepScales]int{}, [creepScales]int{}
			}
			clear(s.Open)
			continue
		}
		s.Skip = 0
		v := round3(s.Open.quantile(.9, n))
		clear(s.Open)
		addScaled(&s.Load, round3(n/took.Seconds()), &done, higher)
		s.follow(v, addScaled(&s.P90, v, &done, lower), now, &st.Load)
	}
}

// addScaled takes a value into the rings of all scales. done says at which scales it
// completes a point, nil that the rings' own number of values does.
func addScaled(rings *[creepScales]ring, v float64, done *[creepScales]bool, pick func(a, b float64) float64) (closed [creepScales]bool) {
	for i := range rings {
		r := &rings[i]
		if done != nil {
			closed[i] = done[i]
		} else {
			closed[i] = r.N+1 >= creepCoarser[i]
		}
		if r.add(v, closed[i], creepPoints, pick); !closed[i] {
			break
		}
		v = r.last()
	}
	return closed
}

// round3 keeps three digits: more are noise, and take room in a state.
func round3(v float64) float64 {
	if !(v > 0) {
		return 0
	}
	p := math.Pow(10, 2-math.Floor(math.Log10(v)))
	return math.Round(min(v, 1e12)*p) / p
}

// follow judges an operation after a slot.
func (s *creepOp) follow(v float64, done [creepScales]bool, now time.Time, load *[creepScales]ring) {
	if !s.Since.IsZero() {
		switch s.Quiet++; {
		case v > s.To:
			s.To, s.Quiet = v, 0
		case v < (s.From+s.To)/2:
			s.Since, s.Confirmed = time.Time{}, false
			s.Hits, s.Big = [creepScales]int{}, [creepScales]int{}
		}
	}
	for i := range creepScales {
		if !done[i] {
			return
		}
		from, to, ok := s.rises(i, &load[i])
		if !ok {
			s.Hits[i], s.Big[i] = 0, 0
			if !s.Confirmed && s.Hits == [creepScales]int{} {
				s.Since = time.Time{}
			}
			continue
		}
		s.Hits[i]++
		if s.Big[i]++; to < (1+creepConfirms)*from {
			s.Big[i] = 0
		}
		if s.Hits[i] >= 2 && s.Since.IsZero() {
			s.Since, s.From, s.To, s.Scale, s.Quiet = now, from, to, i, 0
		}
		if s.Big[i] >= creepNeeds[i] {
			s.Confirmed = true
		}
	}
}

// rises tests the points of a scale and returns where the trend begins and ends.
func (s *creepOp) rises(scale int, load *ring) (from, to float64, ok bool) {
	r, own := &s.P90[scale], &s.Load[scale]
	y := r.Points
	n := len(y)
	if n < fewestPoints || len(load.Points) < n || len(own.Points) < n {
		return 0, 0, false
	}
	if median(slices.Clone(y[n-3:])) < newHigh*max(r.Before, slices.Max(y[:n/2])) {
		return 0, 0, false
	}
	x, z := load.Points[len(load.Points)-n:], own.Points[len(own.Points)-n:]
	for _, l := range []struct {
		points []float64
		before float64
	}{{x, load.Before}, {z, own.Before}} {
		if slices.Max(l.points[n/2:]) > 1.1*max(l.before, slices.Max(l.points[:n/2])) {
			return 0, 0, false
		}
	}
	rest := residual(y, x)
	grown := theilSen(rest) * float64(n-1)
	to = median(slices.Clone(y[n-3:]))
	from = to - grown
	if from <= 0 {
		from = slices.Min(y)
	}
	if grown < leastMs || grown < creepGrowth*from || mannKendall(rest) < surely || !ramp(rest) || !ramp(y) {
		return 0, 0, false
	}
	return from, to, true
}

func (s *creepOp) finding(subject observe.Subject) Finding {
	f := Finding{
		Kind: KindCreep, Subject: subject, Confidence: Suspected, Active: s.Quiet < creepQuiet, Unit: inTimes,
		Since: s.Since, TimeToVisible: 2 * creepSlot,
	}
	if f.Active && s.From > 0 {
		f.Level = s.To / s.From
	}
	if s.Confirmed {
		f.Confidence = Confirmed
	}
	each := creepSlot * time.Duration(creepCoarser[0])
	if s.Scale > 0 {
		each *= time.Duration(creepCoarser[1])
	}
	points := s.P90[s.Scale].Points
	f.Evidence = []Evidence{{Metrics, cutText(fmt.Sprintf("P90 of %s has risen from %s to %s over %v, like a ramp, to where it has never been, while there are no more requests than before: %s",
		subject.Name, ms(s.From), ms(s.To), time.Duration(len(points))*each, risen(points)))}}
	return f
}

// risen writes some of the points.
func risen(points []float64) (out string) {
	step := max(len(points)/6, 1)
	for i := 0; i < len(points); i += step {
		if i > 0 {
			out += " → "
		}
		out += ms(points[i])
	}
	return out
}

// State implements [Stateful].
func (d *Creep) State() (json.RawMessage, error) { return json.Marshal(d.state) }

// SetState implements [Stateful].
func (d *Creep) SetState(raw json.RawMessage) error {
	return restore(&d.state, raw, func(s *creepState) error {
		if err := s.Operations.check((*creepOp).check); err != nil {
			return err
		}
		return checkRings(&s.Load)
	})
}

func (s *creepOp) check() error {
	if s.Scale < 0 || s.Scale >= creepScales {
		return errRange
	}
	if err := checkRings(&s.Load); err != nil {
		return err
	}
	return checkRings(&s.P90)
}

func checkRings(rings *[creepScales]ring) error {
	for _, r := range rings {
		ok := len(r.Points) <= creepPoints && r.Before >= 0 && r.Before <= 1e12 && r.Open >= 0 && r.Open <= 1e12 && r.N >= 0
		for _, v := range r.Points {
			ok = ok && v >= 0 && v <= 1e12
		}
		if !ok {
			return errRange
		}
	}
	return nil
}
