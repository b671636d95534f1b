package hale

import (
	"fmt"
	"runtime"
	"strings"
	"time"

	"github.com/hale-go/hale/observe"
)

// maxStopNamed bounds how many tasks a [StopError] names.
const maxStopNamed = 10

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
	// for units, it is known where all that are alive of their name and function hang
	// at one place, and zero otherwise.
	Blocked observe.Site
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
		if !t.Blocked.IsZero() {
			b.WriteString(" at " + t.Blocked.String())
		}
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
	for _, t := range tasks[:min(len(tasks), maxStopNamed)] {
		e.Tasks = append(e.Tasks, Unstopped{ID: t.scope.id(), Site: siteOf(t.entry())})
	}
	for _, u := range units[:min(len(units), maxStopNamed-len(e.Tasks))] {
		e.Tasks = append(e.Tasks, Unstopped{ID: u.id()})
	}
	rt.locate(e.Tasks)
	for _, b := range below {
		e.Count += b.Count
		e.Tasks = append(e.Tasks, b.Tasks[:min(len(b.Tasks), maxStopNamed-len(e.Tasks))]...)
	}
	if e.Count == 0 {
		return nil
	}
	return e
}

// maxLocate is how many goroutines there may be for a look at where tasks hang,
// which takes up to 13 µs for each.
const maxLocate = 1000

// locate finds out where tasks and units hang.
func (rt *Runtime) locate(tasks []Unstopped) {
	if len(tasks) == 0 || runtime.NumGoroutine() > maxLocate || !rt.turnMu.TryLock() {
		return // a turn that hangs must not hold a stop up
	}
	defer rt.turnMu.Unlock()
	rt.guard("capturer", func() bool {
		snap := rt.capturer.Capture(time.Now())
		rt.pacer.Done(snap.Time, snap.CPU) // of what snapshots may cost
		for i := range tasks {
			tasks[i].locate(snap.Groups)
		}
		return true
	})
}

// locate takes the place from the goroutines under the task's own label, and else
// from those of its name, if all of them that run its function hang at one place:
// which of them is the task cannot be told.
func (t *Unstopped) locate(groups []observe.Group) {
	var shared []observe.Group
	for _, g := range groups {
		switch {
		case g.Task == t.ID:
			if t.Blocked.IsZero() || g.Entry.Function == t.Site.Function {
				t.Blocked = g.Blocked
			}
		case !g.Task.IsZero(), g.Name != t.ID.Name, g.Ended >= 0:
		case t.Site.IsZero(), g.Entry.Function == t.Site.Function:
			shared = append(shared, g)
		}
	}
	if !t.Blocked.IsZero() || len(shared) == 0 {
		return
	}
	first := shared[0]
	for _, g := range shared {
		if g.Blocked != first.Blocked || g.Entry != first.Entry {
			return
		}
	}
	t.Blocked = first.Blocked
	if t.Site.IsZero() {
		t.Site = first.Entry
	}
}
