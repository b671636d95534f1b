package diagnose

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/hale-go/hale/detect"
	"github.com/hale-go/hale/observe"
)

// Bounds of what a diagnoser keeps.
const (
	maxOpen    = 256 // further faults wait until one is closed
	maxHistory = 256
)

// Diagnoser groups findings into incidents. It is used by one goroutine at a
// time, and what it does follows from what it is given.
type Diagnoser struct{ state diagnoserState }

type diagnoserState struct {
	Next    int         `json:"next"`
	Open    []*Incident `json:"open,omitempty"` // in order of opening
	History []*Incident `json:"-"`              // for readers: no diagnosis depends on it
}

// New returns a diagnoser without incidents.
func New() *Diagnoser { return &Diagnoser{} }

// NumberAfter makes the incidents of a fresh diagnoser continue the numbers of a
// former one, so that an ID means one incident.
func (d *Diagnoser) NumberAfter(former *Diagnoser) { d.state.Next = former.state.Next }

// keyOf is equal for findings that share a cause: the same fault of the same
// name, whichever of its tasks shows it.
func keyOf(f detect.Finding) string {
	about := f.Subject
	if about.Name != "" {
		about.Task = observe.TaskID{}
	}
	cause := faultOf(f.Kind)
	if cause == PanicLoop {
		cause = Panic // of which a loop begins
	}
	return string(cause) + " " + about.String()
}

// Diagnose takes the findings of a turn and returns the open incidents, which
// the caller may advance. An incident whose phase says that it is closed is
// taken to the history by the next call.
func (d *Diagnoser) Diagnose(now time.Time, findings []detect.Finding) []*Incident {
	st := &d.state
	st.Open = slices.DeleteFunc(st.Open, func(i *Incident) bool {
		if !i.Phase.Closed() {
			return false
		}
		if len(st.History) == maxHistory {
			st.History = slices.Delete(st.History, 0, 1)
		}
		st.History = append(st.History, i)
		return true
	})
	groups := map[string][]detect.Finding{}
	var order []string // in which findings were given, so that nothing depends on the map's order
	for _, f := range findings {
		key := keyOf(f)
		if groups[key] == nil {
			order = append(order, key)
		}
		groups[key] = append(groups[key], f)
	}
	for _, i := range st.Open {
		i.update(now, groups[i.Key])
		delete(groups, i.Key)
	}
	for _, key := range order {
		if fs := groups[key]; fs != nil && len(st.Open) < maxOpen && worthOpening(fs) {
			st.Next++
			i := &Incident{ID: "inc-" + strconv.Itoa(st.Next), Key: key, Fault: faultOf(fs[0].Kind), Opened: now}
			i.Advance(now, Detected, fs[0].Evidence[0].Text)
			i.update(now, fs)
			st.Open = append(st.Open, i)
		}
	}
	return st.Open
}

// worthOpening leaves out what is only the rest of a former fault.
func worthOpening(fs []detect.Finding) bool {
	return slices.ContainsFunc(fs, func(f detect.Finding) bool { return f.Active })
}

// update takes the findings of a turn; none means that the symptom is gone.
func (i *Incident) update(now time.Time, fs []detect.Finding) {
	i.Active, i.Level, i.From = false, 0, time.Time{}
	if len(fs) == 0 {
		switch {
		case i.Phase != Detected:
		case i.Fault == Panic: // no mere suspicion: it happened
			i.Outcome = Recovered
			i.Advance(now, Verified, "contained, and not seen again; recovered: the symptom is gone")
		default:
			i.Advance(now, Dismissed, "the suspicion did not hold")
		}
		return
	}
	i.Findings = slices.Clone(fs)
	i.Tasks = i.Tasks[:0:0]
	i.TimeToVisible = 0
	top, own := fs[0], false
	for _, f := range fs {
		i.Active = i.Active || f.Active
		i.Level = max(i.Level, f.Level)
		i.TimeToVisible = max(i.TimeToVisible, f.TimeToVisible)
		if i.Fault == Panic {
			i.Fault = faultOf(f.Kind)
		}
		own = own || (f.Active && !f.Reflex && f.Confidence == detect.Confirmed)
		if !f.From.IsZero() && (i.From.IsZero() || f.From.Before(i.From)) {
			i.From = f.From
		}
		if f.Confidence > top.Confidence {
			top = f
		}
		if !f.Subject.Task.IsZero() && f.Confidence == detect.Confirmed {
			i.Tasks = append(i.Tasks, f.Subject.Task)
		}
	}
	i.Reflex = i.Active && !own
	worst := i.Level > i.Worst || top.Confidence > i.Confidence || i.Root == ""
	i.Worst = max(i.Worst, i.Level)
	i.Confidence = max(i.Confidence, top.Confidence)
	i.Subject = top.Subject
	if i.Subject.Name != "" {
		i.Subject.Task = observe.TaskID{}
	}
	if worst { // evidence that fades must not replace what explains the incident
		i.Root = fmt.Sprintf("%s of %s", i.Fault, i.Subject)
		if site := i.Subject.Site.String(); site != "" {
			i.Root += " at " + site
		}
		i.Root += ": " + top.Evidence[0].Text
	}
	if i.Phase == Detected && i.Confidence == detect.Confirmed {
		i.Advance(now, Diagnosed, i.Root)
	}
}

// Open returns the open incidents.
func (d *Diagnoser) Open() []*Incident { return d.state.Open }

// Incidents returns copies of all incidents that are kept, in order of opening.
func (d *Diagnoser) Incidents() []Incident {
	out := make([]Incident, 0, len(d.state.History)+len(d.state.Open))
	for _, list := range [][]*Incident{d.state.History, d.state.Open} {
		for _, i := range list {
			out = append(out, i.Clone())
		}
	}
	slices.SortStableFunc(out, func(a, b Incident) int { return a.Opened.Compare(b.Opened) })
	return out
}

// State returns what later diagnoses depend on.
func (d *Diagnoser) State() (json.RawMessage, error) { return json.Marshal(d.state) }

// SetState continues from what State returned. The history is not part of it.
func (d *Diagnoser) SetState(raw json.RawMessage) error {
	d.state = diagnoserState{}
	return json.Unmarshal(raw, &d.state)
}
