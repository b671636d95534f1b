package diagnose

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hale-go/hale/detect"
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

	Settling []settling `json:"settling,omitempty"` // what followed from incidents that are over
}

// New returns a diagnoser without incidents.
func New() *Diagnoser { return &Diagnoser{} }

// NumberAfter makes the incidents of a fresh diagnoser continue the numbers of a
// former one, so that an ID means one incident.
func (d *Diagnoser) NumberAfter(former *Diagnoser) { d.state.Next = former.state.Next }

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
		st.settle(now, i)
		return true
	})
	st.Settling = slices.DeleteFunc(st.Settling, func(s settling) bool { return !now.Before(s.Until) })
	sorted := sortOut(findings, st.Open, st.Settling)
	for _, i := range st.Open {
		i.update(now, sorted.groups[i.Key], sorted.moved[i.Key])
		delete(sorted.groups, i.Key)
	}
	for _, key := range sorted.order {
		g := sorted.groups[key]
		if g == nil || len(st.Open) >= maxOpen || !g.worthOpening() {
			continue
		}
		st.Next++
		i := &Incident{ID: "inc-" + strconv.Itoa(st.Next), Key: key, Fault: g.fault, Opened: now}
		i.Advance(now, Detected, g.shown()[0].Evidence[0].Text)
		i.update(now, g, "")
		st.Open = append(st.Open, i)
	}
	return st.Open
}

// update takes the findings of a turn; none means that the symptom is gone, or
// that it follows from something else.
func (i *Incident) update(now time.Time, g *group, moved string) {
	i.Active, i.Level, i.From = false, 0, time.Time{}
	symptoms := g.symptoms()
	if len(symptoms) == 0 {
		switch {
		case i.Phase != Detected:
		case moved != "":
			i.Advance(now, Dismissed, "it follows from "+moved)
		case i.Fault == Panic: // no mere suspicion: it happened
			i.Outcome = Recovered
			i.Advance(now, Verified, "contained, and not seen again; recovered: the symptom is gone")
		default:
			i.Advance(now, Dismissed, "it ended before it was confirmed")
		}
		return
	}
	shown := g.shown()
	i.Findings = slices.Clone(shown)
	i.depend(g)
	i.Tasks = i.Tasks[:0:0]
	i.TimeToVisible = 0
	top, own := shown[0], false
	for _, f := range symptoms {
		i.Active = i.Active || f.Active
		i.TimeToVisible = max(i.TimeToVisible, f.TimeToVisible)
		own = own || (f.Active && !f.Reflex && f.Confidence == detect.Confirmed)
		if !f.From.IsZero() && (i.From.IsZero() || f.From.Before(i.From)) {
			i.From = f.From
		}
	}
	i.measure(shown)
	for _, f := range shown {
		if i.Fault == Panic {
			i.Fault = faultOf(f.Kind)
		}
		if f.Confidence > top.Confidence {
			top = f
		}
	}
	for _, f := range g.own {
		if !f.Subject.Task.IsZero() && f.Confidence == detect.Confirmed {
			i.Tasks = append(i.Tasks, f.Subject.Task)
		}
	}
	sure := top.Confidence
	for _, f := range g.followers {
		sure = max(sure, f.Confidence)
	}
	i.Reflex = i.Active && !own
	worst := i.Level > i.Worst || sure > i.Confidence || i.Root == ""
	i.Worst = max(i.Worst, i.Level)
	i.Confidence = max(i.Confidence, sure)
	i.Subject = about(g.subject)
	if len(g.own) > 0 {
		i.Subject = about(top.Subject)
	}
	if worst { // evidence that fades must not replace what explains the incident
		i.explain(top)
	}
	if i.Phase == Detected && i.Confidence == detect.Confirmed {
		i.Advance(now, Diagnosed, i.Root)
	}
}

// measure takes the level of the findings that have the incident's unit. It changes
// to another unit when none of that is there any more, since remedies are judged by
// how the level changes.
func (i *Incident) measure(shown []detect.Finding) {
	lasts := func(f detect.Finding) bool { return f.Unit == i.Unit && f.Level > 0 }
	if at := slices.IndexFunc(shown, func(f detect.Finding) bool { return f.Level > 0 }); !slices.ContainsFunc(shown, lasts) && at >= 0 {
		for k, f := range shown {
			if f.Level > 0 && f.Confidence > shown[at].Confidence {
				at = k
			}
		}
		i.Unit, i.Worst = shown[at].Unit, 0
	}
	for _, f := range shown {
		if f.Unit == i.Unit {
			i.Level = max(i.Level, f.Level)
		}
	}
}

// explain says what the root cause is.
func (i *Incident) explain(top detect.Finding) {
	i.Root = fmt.Sprintf("%s of %s", i.Fault, i.Subject)
	if site := i.Subject.Site.String(); site != "" {
		i.Root += " at " + site
	}
	i.Root += ": " + top.Evidence[0].Text
	var names []string
	for _, f := range i.Dependants {
		if name := f.Subject.String(); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return
	}
	more := ""
	if n := len(names); n > maxNamed {
		names, more = names[:maxNamed], fmt.Sprintf(" and %d more", n-maxNamed)
	}
	i.Root += "; affected: " + strings.Join(names, ", ") + more
}

// maxNamed is how many of those affected the root cause names.
const maxNamed = 5

// depend notes the findings about others that follow from the incident.
func (i *Incident) depend(g *group) {
	for _, f := range slices.Concat(g.followers, g.others) {
		at, known := slices.BinarySearchFunc(i.Dependants, f.Key(), func(d detect.Finding, key string) int { return strings.Compare(d.Key(), key) })
		switch {
		case known:
			i.Dependants[at] = f
		case len(i.Dependants) < maxDependants:
			i.Dependants = slices.Insert(i.Dependants, at, f)
		}
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
	var s diagnoserState
	if err := json.Unmarshal(raw, &s); err != nil {
		return err
	}
	if slices.Contains(s.Open, nil) {
		return errors.New("diagnose: state with an incident that is null")
	}
	d.state = s
	return nil
}
