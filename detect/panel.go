package detect

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/hale-go/hale/internal/aside"
	"github.com/hale-go/hale/observe"
)

// Detector finds one kind of fault.
//
// Detect is called once for each turn, one call at a time, and returns what is
// wrong now, in any order. It must be pure: the findings follow from the turns
// it was given and from nothing else, so no clock, no randomness, no input and
// no output; and they must not depend on map order. It must not block, must not
// keep or change the turn, and must bound what it remembers. One that runs
// longer than its turn is disabled for good; one that panics three times in a
// row too. Within a runtime that is told by an [observe.EventDetectorDisabled].
type Detector interface {
	Detect(observe.Turn) []Finding
}

// Stateful is a [Detector] that remembers. Its state is taken into recordings,
// so that a replay can start in the middle of a service's life. State returns
// everything that later findings depend on, and SetState continues from it. One
// that hangs in either is disabled.
type Stateful interface {
	Detector
	State() (json.RawMessage, error)
	SetState(json.RawMessage) error
}

// Named is a detector and the name that it is reported and disabled under.
type Named struct {
	Name     string
	Detector Detector
}

// maxPanics is how many times in a row a detector may panic.
const maxPanics = 3

// Panel runs detectors. It is used by one goroutine at a time.
type Panel struct {
	limit   time.Duration
	slots   []*slot
	overrun *atomic.Int64 // goroutines of disabled detectors that still run
}

type slot struct {
	Named
	panics   int
	disabled string          // why; "" while it runs
	overran  bool            // it did so outside of Detect, and is still to be disabled
	learned  json.RawMessage // its baseline as it was last given or had
}

// NewPanel returns a panel that gives each detector at most limit a turn; 0
// sets no limit, for replays.
func NewPanel(limit time.Duration, detectors ...Named) *Panel {
	p := &Panel{limit: limit, overrun: new(atomic.Int64)}
	for _, d := range detectors {
		p.slots = append(p.slots, &slot{Named: d})
	}
	return p
}

// With returns a panel that goes on where this one is, with fresh detectors in place of
// those of their names. They take over the state of these where it fits, and start with
// none where it does not. The detectors that stay are shared: only one of the two panels
// may go on.
func (p *Panel) With(fresh map[string]func() Detector) *Panel {
	next := &Panel{limit: p.limit, overrun: p.overrun}
	for _, was := range p.slots {
		s := new(*was)
		next.slots = append(next.slots, s)
		made := fresh[s.Name]
		if made == nil || s.disabled != "" {
			continue
		}
		s.Detector, s.panics, s.overran = made(), 0, false
		from, remembers := was.Detector.(Stateful)
		to, takes := s.Detector.(Stateful)
		if !remembers || !takes || was.overran {
			continue
		}
		state, err := p.ask(was, from.State)
		if err == nil {
			_, err = p.ask(s, func() (json.RawMessage, error) { return nil, to.SetState(state) })
		}
		if err != nil { // it may have taken a part of it
			s.Detector, s.overran = made(), false
		}
	}
	return next
}

// Overrun returns how many goroutines of disabled detectors still run. It may
// be called from any goroutine.
func (p *Panel) Overrun() int { return int(p.overrun.Load()) }

// overranText is the same in a replay, which knows no time.
const overranText = "overran its turn"

// Detect runs every detector on the turn. The findings are sorted by key. The
// events tell of detectors that were disabled and of findings that were
// dropped; the names of those that overran are added to the turn, so that a
// replay of it disables them too.
func (p *Panel) Detect(t *observe.Turn) ([]Finding, []observe.Event) {
	var all []Finding
	var events []observe.Event
	tell := func(kind observe.EventKind, s *slot, detail string) {
		events = append(events, observe.Event{Time: t.Time, Kind: kind, Subject: observe.Subject{Name: s.Name}, Detail: detail})
	}
	for _, s := range p.slots {
		if s.overran && s.disabled == "" && !slices.Contains(t.Disabled, s.Name) {
			t.Disabled = append(t.Disabled, s.Name)
		}
		if s.disabled == "" && slices.Contains(t.Disabled, s.Name) {
			s.disabled = overranText
			tell(observe.EventDetectorDisabled, s, s.disabled)
		}
		if s.disabled != "" {
			continue
		}
		findings, err := p.run(s, *t)
		switch {
		case errors.Is(err, aside.ErrOverran):
			s.disabled = overranText
			t.Disabled = append(t.Disabled, s.Name)
			tell(observe.EventDetectorDisabled, s, s.disabled)
			continue
		case err != nil:
			if s.panics++; s.panics == maxPanics {
				s.disabled = err.Error()
				tell(observe.EventDetectorDisabled, s, fmt.Sprintf("panicked %d times in a row: %s", maxPanics, err))
			}
			continue
		}
		s.panics = 0
		good, garbage := sift(s.Name, findings)
		if garbage != nil {
			tell(observe.EventDetectorGarbage, s, garbage.Error())
		}
		all = append(all, good...)
	}
	slices.SortStableFunc(all, func(a, b Finding) int {
		return strings.Compare(a.Key()+"\x00"+a.Detector, b.Key()+"\x00"+b.Detector)
	})
	return all, events
}

// run gives the detector its turn. One that overruns is left behind: its
// goroutine cannot be stopped, only counted.
func (p *Panel) run(s *slot, t observe.Turn) ([]Finding, error) {
	return aside.Call(p.limit, p.overrun, func() []Finding { return s.Detector.Detect(t) })
}

// askLimits is for how many times the limit of a turn a detector's other methods
// may run: what was learned may be megabytes, and is given while a process starts.
const askLimits = 5

// ask calls one of a detector's other methods as run does. One that overruns
// is disabled in the next turn.
func (p *Panel) ask(s *slot, f func() (json.RawMessage, error)) (json.RawMessage, error) {
	type answer struct {
		raw json.RawMessage
		err error
	}
	out, err := aside.Call(askLimits*p.limit, p.overrun, func() answer {
		raw, err := f()
		if err != nil { // its text is the user's code too
			err = asText(err)
		}
		return answer{raw, err}
	})
	switch {
	case errors.Is(err, aside.ErrOverran):
		s.overran = true
		return nil, err
	case errors.Is(err, aside.ErrGoexit):
		return nil, err
	case err != nil:
		return nil, fmt.Errorf("panic: %w", err)
	}
	if out.err == nil && len(out.raw) > 0 && !json.Valid(out.raw) { // it would spoil the others'
		return nil, errNoJSON
	}
	return out.raw, out.err
}

// asText returns an error that calls nobody's code. Where a [StateError] says which
// field is wrong, that is kept.
func asText(err error) error {
	if bad, ok := errors.AsType[*StateError](err); ok && bad != nil {
		return &StateError{Field: cutText(bad.Field), Err: fmt.Errorf("%.200s", bad.Err.Error())}
	}
	return fmt.Errorf("%.200s", err.Error())
}

var errNoJSON = errors.New("it is no JSON")

// sift drops findings that make no sense and all past the limit.
func sift(name string, in []Finding) (good []Finding, garbage error) {
	if n := len(in); n > maxFindings { // the gravest stay
		in, garbage = worst(slices.Clone(in), maxFindings), fmt.Errorf("%w: %d findings in one turn, %d are kept", errGarbage, n, maxFindings)
	}
	for _, f := range in {
		if err := f.check(); err != nil {
			garbage = err
			continue
		}
		f.Detector = name
		f.Evidence = slices.Clone(f.Evidence) // a detector may use its slice again
		for i := range f.Evidence {
			f.Evidence[i].Text = mended(f.Evidence[i].Text)
		}
		good = append(good, f)
	}
	return good, garbage
}

// worst keeps the gravest findings: what is confirmed first, then by level, among
// those of one unit.
func worst(out []Finding, most int) []Finding {
	if len(out) <= most {
		return out
	}
	slices.SortStableFunc(out, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(b.Confidence, a.Confidence), cmp.Compare(b.Level, a.Level))
	})
	type ranked struct {
		Finding
		rank int // among those of its confidence and unit
	}
	type class struct {
		confidence Confidence
		unit       string
	}
	ranks := map[class]int{}
	all := make([]ranked, len(out))
	for i, f := range out {
		k := class{f.Confidence, f.Unit}
		all[i] = ranked{f, ranks[k]}
		ranks[k]++
	}
	slices.SortStableFunc(all, func(a, b ranked) int {
		return cmp.Or(cmp.Compare(b.Confidence, a.Confidence), cmp.Compare(a.rank, b.rank))
	})
	for i := range all {
		out[i] = all[i].Finding
	}
	return out[:most]
}

// slotState is what a checkpoint keeps of one detector.
type slotState struct {
	Name     string          `json:"name"`
	Panics   int             `json:"panics,omitempty"`
	Disabled string          `json:"disabled,omitempty"`
	State    json.RawMessage `json:"state,omitempty"`
	Lost     string          `json:"lost,omitempty"` // why the state is missing
}

// maxState is how many bytes the state of one detector may have. It is asked for every
// few seconds and kept with what a replay needs; 1024 operations take less than 1 MB.
const maxState = 8 << 20

// State returns the state of all detectors. Those that do not give theirs are left
// without, and the [PanelError] tells which, beside the state of all others: in a replay
// from there they start afresh.
func (p *Panel) State() (json.RawMessage, error) {
	var out []slotState
	lost := PanelError{}
	for _, s := range p.slots {
		st := slotState{Name: s.Name, Panics: s.panics, Disabled: s.disabled}
		if d, ok := s.Detector.(Stateful); ok && s.disabled == "" && !s.overran {
			raw, err := p.ask(s, d.State)
			if len(raw) > maxState {
				raw, err = nil, fmt.Errorf("takes %d bytes, of which %d are too many", len(raw), maxState)
			}
			if err != nil && !s.overran { // the turn disables that one, also in a replay
				st.Lost = mended(err.Error())
				lost[s.Name] = fmt.Errorf("its state: %w", err)
			}
			st.State = raw
		}
		out = append(out, st)
	}
	raw, err := json.Marshal(out)
	if err != nil {
		return nil, err
	}
	return raw, lost.orNil()
}

// Lost returns which detectors' state is missing in what State returned, and why.
func Lost(state json.RawMessage) (out []string) {
	var in []slotState
	_ = json.Unmarshal(state, &in) // SetState tells what is wrong with it
	for _, st := range in {
		if st.Lost != "" {
			out = append(out, st.Name+": "+st.Lost)
		}
	}
	return out
}

// SetState continues from what State returned. Detectors are matched by name;
// those that the state does not know start afresh.
func (p *Panel) SetState(raw json.RawMessage) error {
	var in []slotState
	if err := json.Unmarshal(raw, &in); err != nil {
		return fmt.Errorf("detect: state: %w", err)
	}
	for _, st := range in {
		for _, s := range p.slots {
			if s.Name != st.Name {
				continue
			}
			s.panics, s.disabled = st.Panics, st.Disabled
			d, ok := s.Detector.(Stateful)
			if !ok || len(st.State) == 0 {
				continue
			}
			if _, err := p.ask(s, func() (json.RawMessage, error) { return nil, d.SetState(st.State) }); err != nil {
				return fmt.Errorf("detect: state of %s: %w", s.Name, err)
			}
		}
	}
	return nil
}
