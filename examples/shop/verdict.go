package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hale-go/hale/diagnose"
	"github.com/hale-go/hale/isolate"
	"github.com/hale-go/hale/observe"
)

// record is all that a run of the demo saw: what hale said, what the requests
// came to, and the state at the end.
type record struct {
	Start   time.Time
	Courses []course // in the order in which they began; they may overlap
	Events  []observe.Event
	Lost    uint64 // events that nobody saw
	Final   shopStatus

	// Of the last act.
	Successions []succession
	LastEvents  []observe.Event
	Obituaries  []obituary
	Pages       []page // of the export, since the start
	Last        shopStatus

	Load tallies // of all
}

// row is one line of the verdict's table.
type row struct {
	Fault                    string
	Outcome                  diagnose.Outcome
	Wrong                    bool // not what was promised
	Detect, Isolate, Recover time.Duration
	Before, During, After    int // requests that failed
}

// verdict is what a run comes to.
type verdict struct {
	Rows     []row
	Notes    []string // figures that a table has no place for
	Problems []string // empty: everything is as promised

	Requests, Failed int // in all
}

func (v *verdict) problem(format string, args ...any) {
	v.Problems = append(v.Problems, fmt.Sprintf(format, args...))
}

// err is what the demo ends with.
func (v verdict) err() error {
	if len(v.Problems) > 0 {
		return errVerdict
	}
	return nil
}

// judge says whether each fault came to what is promised, and whether anything
// that was not hurt was touched.
func judge(r record) verdict {
	var v verdict
	if len(r.Courses) == 0 || len(r.Successions) == 0 {
		v.problem("no fault was tried")
	}
	for i := range r.Courses {
		v.course(r, i)
	}
	for i := range r.Successions {
		v.succession(r, i)
	}
	v.bystanders(r)
	v.heirs(r)
	v.export(r)
	v.requests(r)
	v.final(r.Final)
	v.final(r.Last)
	return v
}

// course judges one fault.
func (v *verdict) course(r record, n int) {
	c := r.Courses[n]
	begun, verified := c.Steps[stepBegun], c.Steps[stepVerified]
	out := row{
		Fault: c.Fault, Outcome: c.Outcome, Wrong: c.Outcome != c.Want,
		Detect: c.after(stepConfirmed), Isolate: c.after(c.cutOff()), Recover: c.after(stepVerified),
	}
	if out.Wrong {
		v.problem("%s: the outcome is %q, promised is %q", c.Fault, c.Outcome, c.Want)
	}
	if c.Is != "" && c.Was != c.Is {
		v.problem("%s: hale took it for %q, it is %q", c.Fault, c.Was, c.Is)
	}
	steps := []step{stepConfirmed, c.cutOff(), c.goal(), stepVerified}
	if c.Contract {
		steps = append(steps, stepContract)
	}
	for _, s := range steps {
		if !c.reached(s) {
			v.problem("%s: it never was %s", c.Fault, s)
		}
	}
	for _, p := range c.Problems {
		v.problem("%s: %s", c.Fault, p)
	}
	for _, f := range r.Load.Failures {
		other := r.died(f)
		for i, d := range r.Courses {
			other = other || (i != n && d.accounts(f))
		}
		switch {
		case other:
		case c.during(f):
			out.During++
		case f.Ended.Before(begun):
			out.Before++
		case f.Began.After(verified):
			out.After++
		}
	}
	if out.Before > 0 {
		v.problem("%s: %d requests failed before it", c.Fault, out.Before)
	}
	if out.After > 0 {
		v.problem("%s: %d requests failed after it", c.Fault, out.After)
	}
	v.Rows = append(v.Rows, out)
	v.shed(r, c)
	v.calm(r, c)
}

// during reports whether a request was under way while the fault lasted.
func (c course) during(f failure) bool {
	end := c.Steps[stepVerified]
	if end.IsZero() {
		end = c.Ended
	}
	return !f.Ended.Before(c.Steps[stepBegun]) && !f.Began.After(end)
}

// accounts reports whether the fault is the reason for a failure.
func (c course) accounts(f failure) bool { return slices.Contains(c.Routes, f.Route) && c.during(f) }

// died reports whether a request failed because its process died.
func (r record) died(f failure) bool {
	return slices.ContainsFunc(r.Successions, func(s succession) bool { return s.accounts(f) })
}

// bystanders looks for anything that hale said or did about a name that was not
// hurt at the time.
func (v *verdict) bystanders(r record) {
	if r.Lost > 0 {
		v.problem("%d events were lost: nobody can say what they were about", r.Lost)
	}
	v.strange(r.Events, func(e observe.Event) bool {
		return slices.ContainsFunc(r.Courses, func(c course) bool { return c.explains(e) })
	})
	for _, i := range r.Final.Incidents {
		if !slices.ContainsFunc(r.Courses, func(c course) bool { return c.Incident == i.ID || c.suspected(i) }) {
			v.problem("%s is about nothing that was hurt: %s of %s", i.ID, i.Fault, i.Subject)
		}
	}
}

// strange tells of events that no fault accounts for, once of each kind.
func (v *verdict) strange(events []observe.Event, explained func(observe.Event) bool) {
	told := map[string]bool{}
	for _, e := range events {
		what := strings.TrimSpace(string(e.Kind)+" "+e.State()) + " of " + e.Subject.Name
		if !told[what] && !explained(e) {
			told[what] = true
			v.problem("nothing had hurt it, and yet: %s: %s", what, e.Detail)
		}
	}
}

// explains reports whether the fault accounts for an event. The last words
// about it may come after it is over.
func (c course) explains(e observe.Event) bool {
	suffers := e.Kind == observe.EventFinding && (slices.Contains(c.Routes, e.Subject.Name) || slices.Contains(c.Suffers, e.Subject.Name))
	if !c.about(e) && !suffers || e.Time.Before(c.Steps[stepBegun]) {
		return false
	}
	verified := c.Steps[stepVerified]
	lastWords := e.Kind == observe.EventReturned || (e.Kind == observe.EventFinding && e.Cleared) || e.Phase == string(diagnose.Dismissed)
	return lastWords || verified.IsZero() || !e.Time.After(verified)
}

// suspected reports whether an incident was no more than a suspicion about what was
// hurt at the time, beside the one that told what it was.
func (c course) suspected(i diagnose.Incident) bool {
	return i.Phase == diagnose.Dismissed && i.Subject.Name == c.Subject && !i.Opened.Before(c.Steps[stepBegun]) && !i.Opened.After(c.Steps[stepVerified])
}

// requests looks for failures on routes that were not hurt, and for routes that
// had no load.
func (v *verdict) requests(r record) {
	for _, st := range streams {
		if r.Load.Routes[st.route].OK == 0 {
			v.problem("%s: not one request was answered", st.route)
		}
		v.Requests += r.Load.Routes[st.route].all()
		v.Failed += r.Load.Routes[st.route].Failed
	}
	type stray struct {
		n     int
		first failure
	}
	strays := map[string]stray{}
	for _, f := range r.Load.Failures {
		hurt := r.died(f) || slices.ContainsFunc(r.Courses, func(c course) bool { return c.accounts(f) })
		if !hurt {
			s := strays[f.Route]
			if s.n++; s.n == 1 {
				s.first = f
			}
			strays[f.Route] = s
		}
	}
	for _, st := range streams {
		if s := strays[st.route]; s.n > 0 {
			v.problem("%s: %d requests failed while nothing hurt it, the first %.1fs after the start: %s",
				st.route, s.n, s.first.Began.Sub(r.Start).Seconds(), s.first.Why)
		}
	}
}

// final looks for what was left behind.
func (v *verdict) final(f shopStatus) {
	if f.Observer != "up" {
		v.problem("hale's observer is %q at the end", f.Observer)
	}
	if f.Abandoned > 0 || f.Overrun > 0 {
		v.problem("at the end %d bodies are abandoned and %d of hale's own calls hang", f.Abandoned, f.Overrun)
	}
	for _, ts := range f.Sample.Tasks {
		if ts.Quarantined {
			v.problem("%s is still quarantined at the end", ts.Name)
		}
	}
	for _, w := range f.Walls {
		if w.Breaker != "" && w.Breaker != isolate.Closed.String() {
			v.problem("the breaker of %s is %s at the end", w.Name, w.Breaker)
		}
	}
	for _, d := range f.Degraded {
		v.problem("%s is degraded to level %d at the end", d.Name, d.Level)
	}
	for _, i := range f.Incidents {
		if !i.Phase.Closed() {
			v.problem("%s is still %s at the end", i.ID, i.Phase)
		}
	}
}
