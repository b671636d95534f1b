package detect

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/hale-go/hale/observe"
)

// Exhaustion predicts when a resource is used up that grows steadily, while the load
// does not: open files, memory, threads. It looks at half a minute and at a quarter
// of an hour. The trend is that of Mann, Kendall, Theil and Sen, on what the load
// does not explain, must look like a ramp and not like a step, and lead to where the
// resource has never been. While there is clearly more load than there was, nothing
// is said: what follows it does so late.
type Exhaustion struct{ state exhaustionState }

type exhaustionState struct {
	Series []exhaustionSeries `json:"series,omitempty"` // sorted by name
	Load   [2][]float64       `json:"load"`             // by scale, as the points of the series
	Times  [2][]float64       `json:"times"`            // of the points, in seconds
	Points uint64             `json:"points"`           // fast ones so far
	Sum    float64            `json:"sum"`              // of the load within the slow point
}

type exhaustionSeries struct {
	Name   string       `json:"name"`
	Points [2][]float64 `json:"points"`
	Low    float64      `json:"low"`    // least within the slow point
	Before [2]float64   `json:"before"` // highest value before the points of the scale
	Last   [2]float64   `json:"last"`   // highest within the slow point, and within the one before
	Hits   [2]int       `json:"hits"`
	Misses int          `json:"misses,omitempty"`
	Since  time.Time    `json:"since,omitzero"`
	Sure   bool         `json:"sure,omitempty"`
	Text   string       `json:"text,omitempty"`
}

const (
	trendPoints = 30
	slowPoints  = 30                     // fast points that make one of the slow scale
	pointEvery  = 900 * time.Millisecond // of the fast scale, at most
	sureZ       = 4.                     // standard deviations of a trend
	missesClear = 5
	moreLoad    = 1.3 // times what there was is clearly more
	never       = 1.1 // times where it was before is where it has never been
)

// What is ahead within so long counts; by scale.
var (
	aheadSure = [2]time.Duration{2 * time.Minute, 30 * time.Minute}
	aheadHits = [2]int{3, 2}
)

// NewExhaustion returns the detector.
func NewExhaustion() *Exhaustion { return &Exhaustion{} }

// Detect implements [Detector].
func (d *Exhaustion) Detect(t observe.Turn) []Finding {
	st := &d.state
	at := float64(t.Time.UnixMilli()) / 1000
	if n := len(st.Times[0]); n > 0 && at-st.Times[0][n-1] < pointEvery.Seconds() {
		return d.findings(usages(t.Sample))
	}
	st.Points++
	slow := st.Points%slowPoints == 0
	load := 0.
	for i := range t.Sample.Operations {
		if o := &t.Sample.Operations[i]; o.Kind == observe.Server {
			load += float64(o.Started) + float64(max(o.InFlight, 0))
		}
	}
	st.Load[0], st.Times[0] = point(st.Load[0], load), point(st.Times[0], at)
	if st.Sum += load; slow {
		st.Load[1], st.Times[1], st.Sum = point(st.Load[1], st.Sum/slowPoints), point(st.Times[1], at), 0
	}
	known := usages(t.Sample)
	st.Series = slices.DeleteFunc(st.Series, func(s exhaustionSeries) bool { // its limit is not known any more
		return !slices.ContainsFunc(known, func(u usage) bool { return u.name == s.Name })
	})
	for _, u := range known {
		s := st.at(u.name)
		if len(s.Points[0]) == 0 || st.Points%slowPoints == 1 {
			s.Low = u.grows
		}
		s.Low = min(s.Low, u.grows)
		s.Last[0] = max(s.Last[0], u.grows)
		s.Points[0] = point(s.Points[0], u.grows)
		if slow {
			if len(s.Points[1]) == trendPoints {
				s.Before[1] = max(s.Before[1], s.Points[1][0])
			}
			s.Points[1] = point(s.Points[1], s.Low)
			s.Before[0] = max(s.Before[0], s.Last[1])
			s.Last = [2]float64{0, s.Last[0]}
		}
		d.test(s, u, t.Time, slow)
	}
	return d.findings(known)
}

func (d *Exhaustion) findings(known []usage) []Finding {
	var out []Finding
	for _, u := range known {
		s := d.state.at(u.name)
		if s.Since.IsZero() {
			continue
		}
		f := Finding{
			Kind: KindExhaustion, Subject: u.subject(), Confidence: Suspected, Active: true, Level: 100 * u.share(), Unit: inPercent, Since: s.Since,
			TimeToVisible: trendPoints * time.Second / 2, Evidence: []Evidence{{Metrics, cutText(s.Text)}},
		}
		if s.Sure {
			f.Confidence = Confirmed
		}
		out = append(out, f)
	}
	return out
}

// point adds a point to the last ones.
func point(points []float64, v float64) []float64 {
	if len(points) == trendPoints {
		points = slices.Delete(points, 0, 1)
	}
	return append(points, v)
}

func (st *exhaustionState) at(name string) *exhaustionSeries {
	i, ok := slices.BinarySearchFunc(st.Series, name, func(s exhaustionSeries, name string) int { return compare(s.Name, name) })
	if !ok {
		st.Series = slices.Insert(st.Series, i, exhaustionSeries{Name: name})
	}
	return &st.Series[i]
}

// test looks at the scales that have a new point.
func (d *Exhaustion) test(s *exhaustionSeries, u usage, now time.Time, slow bool) {
	any := false
	for scale := range s.Points {
		if scale == 1 && !slow {
			any = any || s.Hits[1] > 0
			continue
		}
		left, rate, ok := d.ahead(scale, s.Points[scale], u)
		ok = ok && u.grows > never*s.Before[scale] && !d.busier()
		if !ok || left > aheadSure[scale]*2 {
			s.Hits[scale] = 0
			continue
		}
		any = true
		s.Hits[scale]++
		if s.Since.IsZero() {
			s.Since = now
		}
		s.Sure = s.Sure || (s.Hits[scale] >= aheadHits[scale] && left <= aheadSure[scale])
		s.Text = fmt.Sprintf("%s; it grows by %s a minute while the load does not, and is used up in %v",
			u, u.format(60*rate), left.Round(time.Second))
	}
	if any {
		s.Misses = 0
	} else if s.Misses++; s.Misses >= missesClear {
		s.Since, s.Sure, s.Text = time.Time{}, false, ""
	}
}

// busier reports whether there is clearly more load than there was.
func (d *Exhaustion) busier() bool {
	now, before := d.state.Load[0], d.state.Load[1]
	if len(before) < 4 {
		before = now[:len(now)/2]
	}
	return mean(now[len(now)-5:]) > moreLoad*mean(before)
}

// ahead returns in what time the resource is used up, and by how much it grows in a
// second.
func (d *Exhaustion) ahead(scale int, y []float64, u usage) (left time.Duration, rate float64, ok bool) {
	if len(y) < trendPoints/2 || u.share() >= 1 {
		return 0, 0, false
	}
	if y[len(y)-1]-y[0] < u.least/2 { // most of the time: what follows takes some 10 µs
		return 0, 0, false
	}
	load, times := d.state.Load[scale], d.state.Times[scale]
	load, times = load[len(load)-len(y):], times[len(times)-len(y):]
	rest := residual(y, load)
	if rate = theilSen(rest); rate <= 0 {
		return 0, 0, false
	}
	rise := rate * float64(len(y)-1)
	if rise < max(u.least, .03*u.limit) && rise < .2*(u.limit-u.used) || rise < u.least {
		return 0, 0, false
	}
	half := len(rest) / 2
	first, second := theilSen(rest[:half]), theilSen(rest[half:])
	if min(first, second) < rate/3 || !ramp(rest) || mannKendall(rest) < sureZ {
		return 0, 0, false
	}
	rate *= float64(len(y)-1) / (times[len(times)-1] - times[0])
	return time.Duration(min((u.limit-u.used)/rate, 1e6) * float64(time.Second)), rate, true
}

// State implements [Stateful].
func (d *Exhaustion) State() (json.RawMessage, error) { return json.Marshal(d.state) }

// SetState implements [Stateful].
func (d *Exhaustion) SetState(raw json.RawMessage) error {
	return restore(&d.state, raw, (*exhaustionState).check)
}

func (s *exhaustionState) check() error {
	for scale, times := range s.Times {
		if len(s.Load[scale]) != len(times) || len(times) > trendPoints || len(times) > len(s.Times[0]) {
			return &StateError{Field: fmt.Sprintf("load[%d]", scale), Err: errors.New("as many as its times, and no more than are kept, must be known")}
		}
		if err := inOrder(fmt.Sprintf("times[%d]", scale), times, trendPoints, func(a, b *float64) int { return cmp.Compare(*a, *b) }); err != nil {
			return err
		}
	}
	for i, one := range s.Series {
		for scale, points := range one.Points {
			if len(points) > len(s.Times[scale]) {
				return &StateError{Field: fmt.Sprintf("series[%d].points[%d]", i, scale), Err: errors.New("points of which nobody knows the time or the load")}
			}
		}
	}
	return nil
}
