package detect

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math/bits"
	"slices"
	"strings"
	"time"

	"github.com/hale-go/hale/observe"
)

// Walls finds what the walls of fault domains tell: names whose breaker is open, which
// means that what they call is down, and domains that turn calls away for want of room.
//
// A breaker is found when it opens, and until it has been closed, or nobody has called what
// it would let through, for 10 s. It is dealing with the fault itself, as the developer
// declared it; one that has not been closed for 2 minutes does not suffice. A full domain
// is suspected when it turns calls away, and confirmed when it has done so in five of the
// last ten samples and is as full as it may be; it has cleared when it turned none away
// for 10 s. Its bulkhead is dealing with it, as declared, unless the calls are not equally
// critical, so that some can be shed for the sake of others, or it has been full for
// 2 minutes.
type Walls struct{ state wallsState }

type wallsState struct {
	Open []openBreaker `json:"open,omitempty"` // sorted by name
	Full []fullDomain  `json:"full,omitempty"` // sorted by name
}

// openBreaker is a name whose breaker is open or was until a moment ago.
type openBreaker struct {
	Name    string         `json:"name"`
	Domain  observe.Domain `json:"domain"`
	Since   time.Time      `json:"since"`
	Last    time.Time      `json:"last"`              // when it was last not closed
	Times   uint64         `json:"times,omitempty"`   // that it opened
	Refused uint64         `json:"refused,omitempty"` // calls
}

// fullDomain is a domain that turns calls away or did until a moment ago.
type fullDomain struct {
	Name      observe.Domain `json:"name"`
	Since     time.Time      `json:"since"`
	Last      time.Time      `json:"last"`   // when it last turned one away
	Recent    uint16         `json:"recent"` // a bit for each of the last samples: it turned some away
	Refused   uint64         `json:"refused"`
	Confirmed bool           `json:"confirmed,omitempty"`
	Mixed     bool           `json:"mixed,omitempty"` // its calls are not equally critical
	Rate      float64        `json:"rate,omitempty"`  // of refusals a sample, as a mean of the last few
}

const (
	wallsQuiet     = 10 * time.Second
	breakerAlone   = 2 * time.Minute // that a breaker is left to itself
	fullAlone      = 2 * time.Minute // and a bulkhead, if nothing can be shed
	fullSamples    = 5
	fullLook       = 10 // samples
	fullWeight     = .2
	maxWallsTold   = 1024 // of each list; more than are shown at once
	breakerVisible = 2 * time.Second
)

// NewWalls returns the detector.
func NewWalls() *Walls { return &Walls{} }

// Detect implements [Detector].
func (d *Walls) Detect(t observe.Turn) []Finding {
	return worst(append(d.breakers(t), d.domains(t)...), maxFindings)
}

// breakers looks at who is not closed. Samples hold no closed ones.
func (d *Walls) breakers(t observe.Turn) []Finding {
	st := &d.state
	for _, w := range t.Sample.Walls {
		if w.Breaker != "open" && w.Opened == 0 && w.Open == 0 { // nobody asks for it
			continue
		}
		i, known := slices.BinarySearchFunc(st.Open, w.Name, func(o openBreaker, name string) int { return strings.Compare(o.Name, name) })
		if !known {
			if len(st.Open) >= maxWallsTold {
				continue
			}
			st.Open = slices.Insert(st.Open, i, openBreaker{Name: w.Name, Domain: w.Domain, Since: t.Time})
		}
		o := &st.Open[i]
		o.Last = t.Time
		o.Times += w.Opened
		o.Refused += w.Open
	}
	st.Open = slices.DeleteFunc(st.Open, func(o openBreaker) bool { return t.Time.Sub(o.Last) >= wallsQuiet })
	out := make([]Finding, 0, len(st.Open))
	for _, o := range st.Open {
		text := fmt.Sprintf("the breaker of %.100s has been open for %v", o.Name, t.Time.Sub(o.Since).Round(time.Second))
		if o.Times > 1 {
			text += fmt.Sprintf(", its probes failed %d times", o.Times-1)
		}
		if o.Last.Before(t.Time) {
			text = fmt.Sprintf("the breaker of %.100s was open until %v ago", o.Name, t.Time.Sub(o.Last).Round(time.Second))
		}
		if o.Refused > 0 {
			text += fmt.Sprintf(", %d calls were turned away", o.Refused)
		}
		out = append(out, Finding{
			Kind: KindOpenBreaker, Subject: observe.Subject{Name: o.Name, Domain: o.Domain}, Confidence: Confirmed,
			Active: true, Level: 1, Unit: inBreakers, Since: o.Since, TimeToVisible: breakerVisible,
			Reflex:   t.Time.Sub(o.Since) < breakerAlone,
			Evidence: []Evidence{{Metrics, text}},
		})
	}
	return out
}

// domains looks at who turns calls away.
func (d *Walls) domains(t observe.Turn) []Finding {
	st := &d.state
	for i := range st.Full {
		st.Full[i].Recent <<= 1
		st.Full[i].Rate *= 1 - fullWeight
	}
	for _, s := range t.Sample.Domains {
		if s.Full == 0 {
			continue
		}
		i, known := slices.BinarySearchFunc(st.Full, s.Name, func(f fullDomain, name observe.Domain) int { return cmp.Compare(f.Name, name) })
		if !known {
			if len(st.Full) >= maxWallsTold {
				continue
			}
			st.Full = slices.Insert(st.Full, i, fullDomain{Name: s.Name, Since: t.Time})
		}
		f := &st.Full[i]
		f.Last = t.Time
		f.Recent |= 1
		f.Refused += s.Full
		f.Rate += fullWeight * float64(s.Full)
		f.Mixed = f.Mixed || s.Mixed
		f.Confirmed = f.Confirmed || (bits.OnesCount16(f.Recent&(1<<fullLook-1)) >= fullSamples && s.InUse >= s.Limit)
	}
	st.Full = slices.DeleteFunc(st.Full, func(f fullDomain) bool { return t.Time.Sub(f.Last) >= wallsQuiet })
	out := make([]Finding, 0, len(st.Full))
	for _, f := range st.Full {
		c := Suspected
		if f.Confirmed {
			c = Confirmed
		}
		active, level := t.Time.Sub(f.Last) < wallsQuiet/2, f.Rate
		if !active {
			level = 0
		}
		out = append(out, Finding{
			Kind: KindFullDomain, Subject: observe.Subject{Name: string(f.Name), Domain: f.Name}, Confidence: c,
			Active: active, Level: level, Unit: inRefusedRate, Since: f.Since, TimeToVisible: wallsQuiet,
			Reflex:   !f.Mixed && t.Time.Sub(f.Since) < fullAlone,
			Evidence: []Evidence{{Metrics, fmt.Sprintf("the bulkhead of domain %.100s is full: %d calls were turned away in %v", f.Name, f.Refused, max(f.Last.Sub(f.Since), time.Second).Round(time.Second))}},
		})
	}
	return out
}

// State implements [Stateful].
func (d *Walls) State() (json.RawMessage, error) { return json.Marshal(d.state) }

// SetState implements [Stateful].
func (d *Walls) SetState(raw json.RawMessage) error {
	return restore(&d.state, raw, func(s *wallsState) error {
		for i, f := range s.Full {
			if err := within(fmt.Sprintf("full[%d].rate", i), f.Rate, 0, 1e19); err != nil {
				return err
			}
		}
		if err := atMost("open", len(s.Open), maxWallsTold); err != nil {
			return err
		}
		return atMost("full", len(s.Full), maxWallsTold)
	})
}

// brokenOff reports whether the breaker of a name is not closed.
func brokenOff(s observe.Sample, name string) bool {
	i, found := slices.BinarySearchFunc(s.Walls, name, func(w observe.WallStat, name string) int { return strings.Compare(w.Name, name) })
	return found && s.Walls[i].Breaker != ""
}
