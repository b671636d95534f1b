package detect

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"
)

// Learner is a [Detector] that learns what is usual at each site, and whose
// knowledge is worth keeping over a restart of the process: durations, the size
// of pools. What is wrong now is no part of it.
//
// Baseline returns what was learned, a few bytes for each site, as JSON.
// SetBaseline is called before the first turn, with what an earlier process
// returned; data of a form that it does not know gives an error and changes
// nothing. Neither is called while another of its methods is. One that hangs is
// disabled.
type Learner interface {
	Detector
	Baseline() (json.RawMessage, error)
	SetBaseline(json.RawMessage) error
}

// maxUnseen is in how many processes in a row a site may be unused before it is
// forgotten: code changes its names with each release.
const maxUnseen = 8

// maxBaselines bounds what the baselines of all detectors may take together, in bytes.
const maxBaselines = 12 << 20

// Baselines returns what the panel's detectors have learned, by their names. Of one
// that does not give it now, or gives more than there is room for, it is what was last
// known. The [PanelError] tells which, beside what all others have learned; of those that were
// disabled it says nothing.
func (p *Panel) Baselines() (map[string]json.RawMessage, error) {
	out := map[string]json.RawMessage{}
	lost := PanelError{}
	room := maxBaselines
	for _, s := range p.slots {
		d, ok := s.Detector.(Learner)
		if !ok {
			continue
		}
		if s.disabled == "" && !s.overran { // else it may still be running
			raw, err := p.ask(s, d.Baseline)
			if err == nil && len(raw) > room {
				err = fmt.Errorf("%d bytes, there is room for %d", len(raw), room)
			}
			switch {
			case err == nil:
				s.learned = slices.Clone(raw) // it may be a buffer that is used again
			case !s.overran:
				lost[s.Name] = fmt.Errorf("its baseline: %w", err)
			}
		}
		if n := len(s.learned); n > 0 && n <= room {
			out[s.Name] = s.learned
			room -= n
		}
	}
	return out, lost.orNil()
}

// SetBaselines gives detectors what earlier ones of their names had learned. The
// [PanelError] tells which refused theirs; the others have theirs.
func (p *Panel) SetBaselines(in map[string]json.RawMessage) error {
	refused := PanelError{}
	for _, s := range p.slots {
		d, ok := s.Detector.(Learner)
		raw, known := in[s.Name]
		if !ok || !known {
			continue
		}
		_, err := p.ask(s, func() (json.RawMessage, error) { return nil, d.SetBaseline(slices.Clone(raw)) })
		if err != nil && !s.overran {
			refused[s.Name] = fmt.Errorf("its baseline: %w", err)
			continue
		}
		s.learned = raw
	}
	return refused.orNil()
}

// leakBaseline is what outlives a restart of [Leak].
type leakBaseline struct {
	Codes []leakLearned `json:"codes,omitempty"` // sorted by key
	Names []nameLearned `json:"names,omitempty"` // sorted by name
}

type leakLearned struct {
	Key string `json:"key"`
	// Plateau is how many orphans of the code there were when their number had
	// not set a record for long: a pool may grow to that again.
	Plateau int  `json:"plateau,omitempty"`
	Ends    bool `json:"ends,omitempty"`
	Late    bool `json:"late,omitempty"`
	Unseen  int  `json:"unseen,omitempty"`
}

type nameLearned struct {
	Name    string `json:"name"`
	Windows int    `json:"windows"` // in use
	Unseen  int    `json:"unseen,omitempty"`
}

// plateauAfter is for how many windows a code must not have set a record: five
// minutes with the default time between snapshots.
const plateauAfter = 30

// Baseline implements [Learner]. What is accused or suspected is left out: a
// leak must not become usual by a restart.
func (d *Leak) Baseline() (json.RawMessage, error) {
	confirmed := map[string]bool{}
	for i := range d.state.Series {
		if s := &d.state.Series[i]; s.Confirmed {
			confirmed[s.Code] = true
		}
	}
	var b leakBaseline
	for i := range d.state.Codes {
		c := &d.state.Codes[i]
		l := leakLearned{Key: c.Key, Ends: c.Ends, Late: c.Late, Unseen: c.Unseen}
		if c.Unseen > 0 || (c.Still >= plateauAfter && !confirmed[c.Key] && !d.suspicious(c)) {
			l.Plateau = c.Most
		}
		if l != (leakLearned{Key: c.Key}) {
			b.Codes = append(b.Codes, l)
		}
	}
	for _, n := range d.state.Names {
		b.Names = append(b.Names, nameLearned{n.Name, min(d.state.Windows-n.First, maxK), n.Unseen})
	}
	return json.Marshal(b)
}

// SetBaseline implements [Learner].
func (d *Leak) SetBaseline(raw json.RawMessage) error {
	var b leakBaseline
	if err := decode(raw, &b); err != nil {
		return err
	}
	s := leakState{}
	last := ""
	for _, l := range b.Codes {
		if l.Key <= last || l.Plateau < 0 || l.Unseen < 0 {
			return &StateError{Field: "codes", Err: fmt.Errorf("%.80q is out of order or has a negative number", l.Key)}
		}
		if last = l.Key; l.Unseen < maxUnseen && len(s.Codes) < maxSeries/2 {
			s.Codes = append(s.Codes, leakCode{Key: l.Key, Most: l.Plateau, Ends: l.Ends, Late: l.Late, Still: plateauAfter, Unseen: l.Unseen + 1})
		}
	}
	last = ""
	for _, n := range b.Names {
		if n.Name <= last || n.Windows < 0 || n.Unseen < 0 {
			return &StateError{Field: "names", Err: fmt.Errorf("%.80q is out of order or has a negative number", n.Name)}
		}
		if last = n.Name; n.Unseen < maxUnseen && len(s.Names) < maxSeries/2 {
			s.Names = append(s.Names, leakName{Name: n.Name, First: -min(n.Windows, maxK), Unseen: n.Unseen + 1})
		}
	}
	d.state = s
	return nil
}

// Baseline implements [Learner].
func (d *Overdue) Baseline() (json.RawMessage, error) {
	var b overdueState
	for _, n := range d.state.Names {
		if n.Lives != nil {
			b.Names = append(b.Names, overdueName{Name: n.Name, Lives: n.Lives, Unseen: n.Unseen})
		}
	}
	return json.Marshal(b)
}

// SetBaseline implements [Learner].
func (d *Overdue) SetBaseline(raw json.RawMessage) error {
	fresh := Overdue{cfg: d.cfg}
	if err := fresh.SetState(raw); err != nil {
		return err
	}
	last := ""
	var kept []overdueName
	for _, n := range fresh.state.Names {
		if n.Name <= last {
			return &StateError{Field: "names", Err: fmt.Errorf("%.80q is %w", n.Name, errOrder)}
		}
		last = n.Name
		n.First, n.Since = time.Time{}, time.Time{}
		if n.Unseen++; n.Unseen > 0 && n.Unseen <= maxUnseen && len(kept) < maxSeries/2 {
			kept = append(kept, n)
		}
	}
	d.state.Names = kept
	return nil
}
