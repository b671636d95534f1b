package diagnose

import (
	"slices"
	"time"

	"github.com/hale-go/hale/detect"
	"github.com/hale-go/hale/observe"
)

// Phase is how far an incident has come.
type Phase string

// The phases, in their usual order.
const (
	Detected   Phase = "detected"   // suspected
	Diagnosed  Phase = "diagnosed"  // confirmed: fault, subject and root cause are known
	Isolating  Phase = "isolating"  // a contract or a remedy cuts the faulty part off
	Recovering Phase = "recovering" // it is cut off; work is let back in with care
	Verified   Phase = "verified"   // measured: the symptom is gone; see Outcome
	Escalated  Phase = "escalated"  // nothing that may be done helped: a person is needed
	Dismissed  Phase = "dismissed"  // the suspicion ended before it was confirmed, or follows from another incident
)

// Closed reports whether the incident is over.
func (p Phase) Closed() bool { return p == Verified || p == Dismissed }

// Outcome says what healing came to.
type Outcome string

// The outcomes.
const (
	// Contained: the symptom stopped growing and others are unharmed, but what
	// it left behind, such as leaked goroutines, stays until the process ends.
	Contained Outcome = "contained"
	// Recovered: nothing is left of it.
	Recovered Outcome = "recovered"
)

// Step is one line of an incident's history.
type Step struct {
	Time   time.Time `json:"time"`
	Phase  Phase     `json:"phase"`
	Detail string    `json:"detail"`
}

// maxSteps bounds an incident's history; the first and the latest are kept.
const maxSteps = 64

// maxDependants bounds how many findings about others an incident keeps.
const maxDependants = 32

// Incident is one fault of one subject, from suspicion to verification.
type Incident struct {
	ID      string          `json:"id"`  // "inc-1"; counts in the order of opening
	Key     string          `json:"key"` // equal for incidents with one cause
	Fault   Fault           `json:"fault"`
	Subject observe.Subject `json:"subject"` // the name that is at fault
	// Tasks are the tasks that are affected, where the findings name them.
	Tasks []observe.TaskID `json:"tasks,omitempty"`

	Phase   Phase   `json:"phase"`
	Outcome Outcome `json:"outcome,omitempty"`
	Root    string  `json:"root"` // root cause: what, where and on what grounds

	Findings []detect.Finding `json:"findings"` // the latest; those of the last turn that had any
	// Dependants are the latest findings about others that follow from this fault:
	// who is affected, and by what. At most 32.
	Dependants []detect.Finding  `json:"dependants,omitempty"`
	Confidence detect.Confidence `json:"confidence"`
	Active     bool              `json:"active"`           // the symptom goes on
	Level      float64           `json:"level"`            // the worst of its findings' in Unit; 0: nothing is left
	Unit       string            `json:"unit,omitempty"`   // of Level; stays while a finding has it
	Reflex     bool              `json:"reflex,omitempty"` // only contracts' own business so far

	From          time.Time     `json:"from,omitzero"` // start of the time that Active speaks of; zero: this turn
	TimeToVisible time.Duration `json:"time_to_visible"`
	Worst         float64       `json:"worst"` // highest level in Unit so far; Root is from then

	Opened time.Time `json:"opened"`
	Closed time.Time `json:"closed,omitzero"`
	Steps  []Step    `json:"steps"`
}

// Advance moves the incident to a phase and notes why. It reports whether the
// phase changed.
func (i *Incident) Advance(now time.Time, p Phase, detail string) bool {
	changed := i.Phase != p
	i.Phase = p
	if p.Closed() {
		i.Closed = now
	}
	if len(i.Steps) == maxSteps {
		i.Steps = slices.Delete(i.Steps, maxSteps/2, maxSteps/2+1)
	}
	i.Steps = append(i.Steps, Step{Time: now, Phase: p, Detail: detail})
	return changed
}

// At returns when the incident first reached a phase; zero if it has not.
func (i *Incident) At(p Phase) time.Time {
	for _, s := range i.Steps {
		if s.Phase == p {
			return s.Time
		}
	}
	return time.Time{}
}

// Channels returns how many independent kinds of signal the evidence is from.
func (i *Incident) Channels() int {
	var seen []detect.Channel
	for _, f := range i.Findings {
		for _, e := range f.Evidence {
			if !slices.Contains(seen, e.Channel) {
				seen = append(seen, e.Channel)
			}
		}
	}
	return len(seen)
}

// Clone returns a copy that shares nothing that changes.
func (i *Incident) Clone() Incident {
	c := *i
	c.Steps = slices.Clone(i.Steps)
	c.Tasks = slices.Clone(i.Tasks)
	c.Findings = slices.Clone(i.Findings)
	c.Dependants = slices.Clone(i.Dependants)
	return c
}
