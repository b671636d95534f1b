package hale

import (
	"fmt"
	"strings"
	"time"

	"github.com/hale-go/hale/observe"
)

// maxStopNamed bounds how many tasks a [StopError] names.
const maxStopNamed = 10

// lookAgain is for how long a look tells where tasks are that do not stop.
const lookAgain = 250 * time.Millisecond

// byHale is what the report of [Runtime.Close] is by.
const byHale = "hale"

// StopError names the tasks and units of pools that went on after they were told
// to stop. They are abandoned: their goroutines may still run.
type StopError struct {
	By    string        // By is who gave up: "hale" or "supervisor orders".
	After time.Duration // After is how long they could have been waited for, with those below.
	Count int           // Count is how many did not stop.
	Tasks []Unstopped   // Tasks are the first ten of them, tasks before units.
}

// Unstopped is a task, or a unit of a pool, that did not stop.
type Unstopped struct {
	ID observe.TaskID // ID has the pool's name for a unit.
	// Site is the function that it runs. For a unit it is known where Blocked is.
	Site observe.Site
	// Blocked is where it hangs, as far as one look at the goroutines could tell, in a
	// process with at most 1000 of them: looking costs too much where there are more.
	// Supervised tasks have a label of their own to be found by. For other tasks, and
	// for units, it is known where all that are alive of their name run one function and
	// hang at one place, and zero otherwise.
	Blocked observe.Site
	Wait    observe.WaitKind // Wait is what it waits for there; "running" where it does not.
}

// Error names the tasks, each with its function and where it hangs.
func (e *StopError) Error() string {
	if e == nil {
		return noError
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s: did not stop within %v: ", e.By, e.After)
	for i, t := range e.Tasks {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(t.ID.String())
		if !t.Site.IsZero() {
			b.WriteString(" [" + t.Site.String() + "]")
		}
		b.WriteString(t.at(" "))
	}
	if more := e.Count - len(e.Tasks); more > 0 {
		fmt.Fprintf(&b, " and %d more", more)
	}
	return b.String()
}

// Hint says what to look at first.
func (e *StopError) Hint() string {
	if e == nil || len(e.Tasks) == 0 {
		return ""
	}
	t := e.Tasks[0]
	at := t.ID.String()
	switch {
	case !t.Blocked.IsZero():
		at = t.Blocked.String()
	case !t.Site.IsZero():
		at = t.Site.String()
	}
	hint := "make what " + at + " waits for watch ctx.Done()"
	if e.By != byHale { // how long Close waits is fixed
		hint += ", or give the task a longer Grace and StopTimeout"
	}
	return hint
}

// stopError returns the error that names those tasks and units, and what came up
// from below; nil if nothing is left.
func (rt *Runtime) stopError(by string, after time.Duration, tasks []*Task, units []*unit, below []*StopError) error {
	e := &StopError{By: by, After: after, Count: len(tasks) + len(units)}
	var own []sought
	told := time.Now().Add(-min(after, lookAgain)) // they were by then: those that stop at once share a look
	for _, t := range tasks[:min(len(tasks), maxStopNamed)] {
		own = append(own, sought{Unstopped{ID: t.scope.id(), Site: siteOf(t.entry())}, told})
	}
	for _, u := range units[:min(len(units), maxStopNamed-len(own))] {
		own = append(own, sought{Unstopped{ID: u.id()}, told})
	}
	rt.locator.find(rt, own, true)
	for _, s := range own {
		e.Tasks = append(e.Tasks, s.Unstopped)
	}
	for _, b := range below {
		e.Count += b.Count
		e.Tasks = append(e.Tasks, b.Tasks[:min(len(b.Tasks), maxStopNamed-len(e.Tasks))]...)
	}
	if e.Count == 0 {
		return nil
	}
	return e
}
