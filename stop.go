package hale

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/hale-go/hale/observe"
)

// maxStopNamed bounds how many tasks a [StopError] names.
const maxStopNamed = 10

// StopError names the tasks that went on after they were told to stop. They are
// abandoned: their goroutines may still run.
type StopError struct {
	By    string        // By is who gave up: "hale" or "supervisor orders".
	After time.Duration // After is how long they could have been waited for, with those below.
	Count int           // Count is how many did not stop.
	Tasks []Unstopped   // Tasks are the first ten of them.
}

// Unstopped is a task that did not stop.
type Unstopped struct {
	ID   observe.TaskID
	Site observe.Site // Site is the function that it runs.
	// Blocked is where it hangs, as far as one look at the goroutines could tell. It
	// is known of supervised tasks, which have a label of their own, in a process with
	// at most 1000 goroutines: looking costs too much where there are more.
	Blocked observe.Site
}

// Error names the tasks, each with its function and where it hangs.
func (e *StopError) Error() string {
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
	if len(e.Tasks) == 0 {
		return ""
	}
	at := e.Tasks[0].Blocked
	if at.IsZero() {
		at = e.Tasks[0].Site
	}
	return "make what " + at.String() + " waits for watch ctx.Done(), or give the task a longer Grace and StopTimeout"
}

// stopError returns the error that names those tasks and what came up from below;
// nil if nothing is left.
func (rt *Runtime) stopError(by string, after time.Duration, tasks []*Task, below []*StopError) error {
	e := &StopError{By: by, After: after, Count: len(tasks)}
	for _, t := range tasks[:min(len(tasks), maxStopNamed)] {
		e.Tasks = append(e.Tasks, Unstopped{ID: t.scope.id(), Site: siteOf(t.entry())})
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

// locate finds out where tasks with a label of their own hang.
func (rt *Runtime) locate(tasks []Unstopped) {
	if len(tasks) == 0 || runtime.NumGoroutine() > maxLocate || !rt.turnMu.TryLock() {
		return // a turn that hangs must not hold a stop up
	}
	defer rt.turnMu.Unlock()
	rt.guard("capturer", func() bool {
		snap := rt.capturer.Capture(time.Now())
		rt.pacer.Done(snap.Time, snap.CPU) // of what snapshots may cost
		for _, g := range snap.Groups {
			i := slices.IndexFunc(tasks, func(t Unstopped) bool { return t.ID == g.Task })
			if i >= 0 && (tasks[i].Blocked.IsZero() || g.Entry.Function == tasks[i].Site.Function) {
				tasks[i].Blocked = g.Blocked
			}
		}
		return true
	})
}

// stop ends a run of the supervisor: it stops the children, the last one first.
func (s *Supervisor) stop(cause error) error {
	children := s.list()
	begun, limit := time.Now(), s.stopLimit()
	runs := make([]*Task, len(children))
	inOrder := s.cfg.StopTimeout / 2
	for i, c := range slices.Backward(children) {
		t, grace, below := c.dismiss(cause)
		runs[i] = t
		if below { // it ends by itself: time that its own children need is not taken from these
			awaitTask(t, grace)
			continue
		}
		from := time.Now()
		awaitTask(t, min(grace, inOrder))
		inOrder -= time.Since(from)
	}
	var stuck []*Task
	var below []*StopError
	for i, c := range children {
		awaitTask(runs[i], limit-time.Since(begun))
		if !c.leave(runs[i]) {
			stuck = append(stuck, runs[i])
		}
		if e := stopErrorOf(runs[i].Err()); e != nil {
			below = append(below, e)
		}
	}
	return s.rt.stopError("supervisor "+s.name, limit, stuck, below)
}

// stopErrorOf finds what did not stop below a supervisor in the error of its run.
func stopErrorOf(err error) *StopError {
	look := func() *StopError { e, _ := find[*StopError](err); return e }
	if tame(err) {
		return look()
	}
	e, _ := ask(look) // the methods of an error are anybody's
	return e
}

// stopLimit is how long the supervisor's stop may take: its own StopTimeout, and
// those of the supervisors below it.
func (s *Supervisor) stopLimit() time.Duration {
	limit := s.cfg.StopTimeout
	for _, c := range s.list() {
		c.mu.Lock()
		below, grace := c.subtree, c.options.grace
		c.mu.Unlock()
		if below != nil {
			limit += grace + below.stopLimit()
		}
	}
	return limit
}

// graceLocked is how long the current run may take to return when it is stopped:
// what was declared, and for a supervisor what its children need.
func (c *child) graceLocked() time.Duration {
	if c.subtree != nil {
		return c.options.grace + c.subtree.stopLimit()
	}
	return c.options.grace
}

// runs notes that the run t runs a supervisor.
func (c *child) runs(t *Task, s *Supervisor) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.run == t {
		c.subtree = s
	}
}

// ran notes that a supervisor has ended.
func (c *child) ran(s *Supervisor) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.subtree == s {
		c.subtree = nil
	}
}

// dismiss tells the child that its supervisor ends. It returns the run that is to
// be waited for, nil if there is none, its grace, and whether it is a supervisor.
func (c *child) dismiss(cause error) (t *Task, grace time.Duration, below bool) {
	c.mu.Lock()
	t = c.run
	switch {
	case t != nil:
	case c.under != nil:
		c.endLocked(cause, false)
	default: // it never began
		c.concludeLocked(cause)
	}
	grace, below = c.graceLocked(), c.subtree != nil
	c.mu.Unlock()
	if t != nil {
		t.scope.cancel(cause)
	}
	return t, grace, below
}

// leave ends the child with its run, which it gives up if it goes on. It reports
// whether that run had returned.
func (c *child) leave(t *Task) bool {
	if t == nil {
		return true
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.run != t {
		return true
	}
	gaveUp := t.abandon()
	c.run = nil
	c.endLocked(t.Err(), c.stopped != nil)
	return !gaveUp
}

// awaitTask waits until the task has ended, for at most limit.
func awaitTask(t *Task, limit time.Duration) {
	if t == nil || limit <= 0 {
		return
	}
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-t.Done():
	case <-timer.C:
	}
}

// oversee makes Close end a supervisor that nothing of the runtime's runs.
func (rt *Runtime) oversee(s *Supervisor) bool {
	rt.poolMu.Lock()
	defer rt.poolMu.Unlock()
	if rt.closed.Load() {
		return false
	}
	if rt.supervisors == nil {
		rt.supervisors = map[*Supervisor]struct{}{}
	}
	rt.supervisors[s] = struct{}{}
	return true
}

// remember makes Close end the handles of children whose supervisor does not run,
// and forget leaves that to its run.
func (rt *Runtime) remember(s *Supervisor) {
	rt.poolMu.Lock()
	defer rt.poolMu.Unlock()
	if rt.idle == nil {
		rt.idle = map[*Supervisor]struct{}{}
	}
	rt.idle[s] = struct{}{}
}

func (rt *Runtime) forget(s *Supervisor) {
	rt.poolMu.Lock()
	defer rt.poolMu.Unlock()
	delete(rt.idle, s)
}

// endIdle ends the children of supervisors that do not run.
func (rt *Runtime) endIdle(cause error) {
	rt.poolMu.Lock()
	idle := rt.idle
	rt.idle = nil
	rt.poolMu.Unlock()
	for s := range idle {
		for _, c := range s.list() {
			c.stop(cause)
		}
	}
}

func (rt *Runtime) release(s *Supervisor) {
	rt.poolMu.Lock()
	defer rt.poolMu.Unlock()
	delete(rt.supervisors, s)
}

// endSupervisors ends the runs of the supervisors at the top.
func (rt *Runtime) endSupervisors(cause error) {
	rt.poolMu.Lock()
	defer rt.poolMu.Unlock()
	for s := range rt.supervisors {
		s.mu.Lock()
		if s.cancel != nil {
			s.cancel(cause)
		}
		s.mu.Unlock()
	}
}
