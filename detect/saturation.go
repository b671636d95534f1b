package detect

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/hale-go/hale/observe"
)

// Saturation finds resources that are used up: open files, memory and threads close
// to their limits are confirmed when they stay so. Processors that are all busy, a
// quota that throttles and a collector that takes a large part of the time are only
// suspected: a service may be meant to work that hard, and what suffers is found by
// other detectors.
type Saturation struct{ state saturationState }

type saturationState struct {
	Last    useOfCPU   `json:"last,omitzero"`
	Recent  []cpuShare `json:"recent,omitempty"` // of the last turns
	Reached []reached  `json:"reached,omitempty"`
}

// useOfCPU are counters as of the last turn.
type useOfCPU struct {
	Time               time.Time
	CPU, GC            time.Duration
	Periods, Throttled uint64
}

// cpuShare is what a turn saw.
type cpuShare struct {
	Busy, GC, Throttled float64
}

// reached is a resource that is used up.
type reached struct {
	Name      string    `json:"name"`
	Since     time.Time `json:"since"`
	Confirmed bool      `json:"confirmed,omitempty"`
}

const (
	saturatedFor = 10 * time.Second // so long a limit must be near to be confirmed
	cpuTurns     = 30               // turns over which processor time is looked at
	highBusy     = .95
	highGC       = .25
	highThrottle = .25
	maxReached   = 16 // of the few that are known
)

// NewSaturation returns the detector.
func NewSaturation() *Saturation { return &Saturation{} }

// Detect implements [Detector].
func (d *Saturation) Detect(t observe.Turn) []Finding {
	var out []Finding
	for _, u := range usages(t.Sample) {
		if since, sure := d.reached(u.name, t.Time, u.share(), u.high, u.high-.1); !since.IsZero() {
			c := Suspected
			if sure {
				c = Confirmed
			}
			out = append(out, d.finding(u.subject(), c, since, 100*u.share(), u.String()))
		}
	}
	return append(out, d.processors(t)...)
}

func (d *Saturation) finding(about observe.Subject, c Confidence, since time.Time, level float64, text string) Finding {
	return Finding{
		Kind: KindSaturation, Subject: about, Confidence: c, Active: true, Level: level, Unit: inPercent, Since: since,
		TimeToVisible: 2 * time.Second, Evidence: []Evidence{{Metrics, cutText(text)}},
	}
}

// reached says since when a share is above high, with hysteresis, and whether that
// has lasted.
func (d *Saturation) reached(name string, now time.Time, share, high, low float64) (since time.Time, sure bool) {
	st := &d.state
	i := slices.IndexFunc(st.Reached, func(r reached) bool { return r.Name == name })
	switch {
	case i < 0 && share >= high:
		st.Reached = append(st.Reached, reached{Name: name, Since: now})
		return now, false
	case i < 0:
		return time.Time{}, false
	case share < low:
		st.Reached = slices.Delete(st.Reached, i, i+1)
		return time.Time{}, false
	}
	r := &st.Reached[i]
	r.Confirmed = r.Confirmed || (share >= high && now.Sub(r.Since) >= saturatedFor)
	return r.Since, r.Confirmed
}

// processors looks at the processor time of the last turns.
func (d *Saturation) processors(t observe.Turn) []Finding {
	r := t.Sample.Resources
	if r == nil || r.Process == nil || r.Processors <= 0 {
		return nil
	}
	st := &d.state
	now := useOfCPU{Time: t.Time, CPU: r.Process.CPU}
	if r.Collector != nil {
		now.GC = r.Collector.Time
	}
	if r.Throttling != nil {
		now.Periods, now.Throttled = r.Throttling.Periods, r.Throttling.Throttled
	}
	last := st.Last
	st.Last = now
	passed := now.Time.Sub(last.Time).Seconds()
	if last.Time.IsZero() || passed <= 0 || now.CPU < last.CPU || now.GC < last.GC || now.Periods < last.Periods || now.Throttled < last.Throttled {
		return nil // the first turn, or counters that began anew
	}
	share := cpuShare{Busy: (now.CPU - last.CPU).Seconds() / passed / r.Processors}
	if used := now.CPU - last.CPU; used > 0 {
		share.GC = min(float64(now.GC-last.GC)/float64(used), 1)
	}
	if n := now.Periods - last.Periods; n > 0 {
		share.Throttled = float64(now.Throttled-last.Throttled) / float64(n)
	}
	if st.Recent = append(st.Recent, share); len(st.Recent) > cpuTurns {
		st.Recent = slices.Delete(st.Recent, 0, 1)
	}
	if len(st.Recent) < cpuTurns {
		return nil
	}
	var all cpuShare
	for _, s := range st.Recent {
		all.Busy += s.Busy / cpuTurns
		all.GC += s.GC * s.Busy / cpuTurns
		all.Throttled += s.Throttled / cpuTurns
	}
	var out []Finding
	tell := func(name, text string, share, high float64) {
		if since, _ := d.reached(name, t.Time, share, high, high*.8); !since.IsZero() {
			out = append(out, d.finding(observe.Subject{Name: name, Domain: "process"}, Suspected, since, 100*share, fmt.Sprintf(text, 100*share, r.Processors)))
		}
	}
	tell("process.cpu", "%.0f%% of the time of %.3g processors was used in the last 30 turns", all.Busy, highBusy)
	tell("process.gc", "the collector took %.0f%% of the time of %.3g processors in the last 30 turns", all.GC, highGC)
	tell("process.throttling", "in %.0f%% of the last periods the quota of %.3g processors was used up", all.Throttled, highThrottle)
	return out
}

// State implements [Stateful].
func (d *Saturation) State() (json.RawMessage, error) { return json.Marshal(d.state) }

// SetState implements [Stateful].
func (d *Saturation) SetState(raw json.RawMessage) error {
	return restore(&d.state, raw, func(s *saturationState) error {
		for i, one := range s.Recent {
			at := fmt.Sprintf("recent[%d]", i)
			if err := cmp.Or(within(at+".Busy", one.Busy, 0, 1e12), within(at+".GC", one.GC, 0, 1), within(at+".Throttled", one.Throttled, 0, 1e12)); err != nil {
				return err
			}
		}
		return cmp.Or(atMost("recent", len(s.Recent), cpuTurns), atMost("reached", len(s.Reached), maxReached))
	})
}
