package hale

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/hale-go/hale/internal/starve"
	"github.com/hale-go/hale/observe"
)

// watch is what a task with a heartbeat or a budget declared.
type watch struct {
	// silent is true while the task has not beaten since the last scan. The watcher
	// sets it and a beat takes it away, so that all other beats only read.
	silent                   atomic.Bool
	late                     atomic.Bool // cancelled for its budget or heartbeat
	heartbeat, budget, grace time.Duration

	// The watcher's own, guarded by its scanning mutex.
	beaten    bool          // ever
	quiet     time.Duration // since the scan that saw a beat
	ran       time.Duration // since the watcher first saw the task
	cancelled time.Duration // since the task was, for it
	known     bool          // the watcher saw the task before
	told      bool          // that it goes on past its grace
	done      bool          // nothing more to do for it
}

func newWatch(o contract) *watch {
	w := &watch{heartbeat: o.heartbeat, budget: o.budget, grace: o.grace}
	w.silent.Store(true)
	return w
}

// every returns how often the task must be looked at.
func (w *watch) every() time.Duration {
	d := w.grace
	for _, limit := range []time.Duration{w.heartbeat, w.budget} {
		if limit > 0 {
			d = min(d, limit)
		}
	}
	return min(max(d/8, time.Millisecond), 250*time.Millisecond)
}

// watcher times the tasks that declared a heartbeat or a budget. It counts time
// by its own scans, so that beating needs no clock and starvation of the
// watcher is never held against a task. Between scans there is a timer and no
// goroutine, and none of either without a task to watch: a short task with a
// budget starts no goroutine, and leaves nothing behind in a synctest bubble.
type watcher struct {
	rt *Runtime

	scanning sync.Mutex    // one scan at a time
	meter    *starve.Meter // made with the first task; what it saw while there was none stretches one scan at most

	mu    sync.Mutex
	tasks map[*Task]struct{}
	every time.Duration // shortest of all tasks; kept until there is none
	timer *time.Timer   // nil: no task to watch
	armed uint64        // counts timers, so that one which comes too late is told
	last  time.Time     // scan, or the begin of watching
	due   time.Time     // next scan
}

func (w *watcher) add(t *Task) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.tasks == nil {
		w.tasks, w.meter = map[*Task]struct{}{}, starve.NewMeter()
	}
	w.tasks[t] = struct{}{}
	every := t.watch().every()
	if w.timer != nil && every >= w.every {
		return
	}
	w.disarm() // its interval is too long for this task
	w.every, w.last = every, time.Now()
	w.arm(w.last.Add(every), every)
}

func (w *watcher) drop(t *Task) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.tasks, t)
	if len(w.tasks) == 0 {
		w.disarm()
	}
}

// arm has the next scan begin at due, which is wait from now. w.mu is held.
func (w *watcher) arm(due time.Time, wait time.Duration) {
	w.armed++
	n := w.armed
	w.due = due
	w.timer = time.AfterFunc(wait, func() { w.fire(n) })
}

// disarm calls the next scan off. w.mu is held.
func (w *watcher) disarm() {
	if w.timer != nil {
		w.timer.Stop()
		w.timer = nil
	}
}

// fire scans, and arms the timer for the next time while there are tasks. A
// fault of hale's in it must not stop the watch.
func (w *watcher) fire(n uint64) {
	w.scanning.Lock()
	defer w.scanning.Unlock()
	w.mu.Lock()
	if w.timer == nil || w.armed != n {
		w.mu.Unlock()
		return
	}
	now := time.Now()
	elapsed, every := now.Sub(w.last), w.every
	w.last = now
	w.mu.Unlock()
	w.rt.guard("watcher", func() bool { w.scan(w.meter.Counted(elapsed, every)); return true })
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.timer == nil || w.armed != n {
		return
	}
	// By the plan and not by now, as a ticker does, so that what each scan is late
	// does not add up.
	now = time.Now()
	wait := max(w.due.Add(every).Sub(now), every/2)
	w.arm(now.Add(wait), wait)
}

// scan adds counted to the time of each task and acts on those over a limit.
func (w *watcher) scan(counted time.Duration) {
	w.mu.Lock()
	var act []*Task
	for t := range w.tasks {
		if t.watch().advance(counted) {
			act = append(act, t)
		}
	}
	w.mu.Unlock()
	at := w.where(act)
	for i, t := range act {
		w.overLimit(t, at[i])
	}
}

// maxLate bounds of how many tasks of one scan it is asked where they are.
const maxLate = 100

// where returns where each of the tasks is, "" where that is not known: before they are told to
// end, since one that heeds it is not there any more when the loop looks.
func (w *watcher) where(act []*Task) []string {
	at := make([]string, len(act))
	var late []sought
	var which []int
	for i, t := range act {
		if tw := t.watch(); !tw.told && len(late) < maxLate {
			late = append(late, sought{Unstopped{ID: t.scope.id(), Site: siteOf(t.entry())}, time.Now().Add(-tw.over())})
			which = append(which, i)
		}
	}
	w.rt.locator.find(w.rt, late, false)
	for k, i := range which {
		at[i] = late[k].at(", ")
	}
	return at
}

// over returns for how long it has been over the limit that it is acted on for.
func (w *watch) over() time.Duration {
	switch {
	case w.late.Load():
		return w.cancelled
	case w.heartbeat > 0 && w.quiet >= w.heartbeat:
		return w.quiet // all of it is silence
	}
	return w.ran - w.budget
}

// advance counts time and reports whether the task is to be acted on.
func (w *watch) advance(counted time.Duration) bool {
	if w.done {
		return false
	}
	if !w.known { // it may have begun just now
		w.known = true
		return false
	}
	w.ran += counted
	if w.silent.Load() {
		w.quiet += counted
	} else {
		w.silent.Store(true) // a beat in between is counted by this scan
		w.beaten, w.quiet = true, 0
	}
	if w.late.Load() {
		w.cancelled += counted
		return w.cancelled >= w.grace
	}
	return (w.heartbeat > 0 && w.quiet >= w.heartbeat) || (w.budget > 0 && w.ran >= w.budget)
}

// overLimit carries out the next step of the contract: cancel, and past the
// grace abandon what may be replaced.
func (w *watcher) overLimit(t *Task, at string) {
	tw := t.watch()
	if tw.told {
		w.giveUp(t)
		return
	}
	ev := observe.Event{Subject: t.subject(), Request: requestAside(t.scope.parent)}
	cause := ErrBudget
	switch {
	case tw.late.Load():
		ev.Kind, ev.Detail = observe.EventOverdue, "still running "+tw.grace.String()+" after it was cancelled"
		tw.told = true
	case tw.heartbeat > 0 && tw.quiet >= tw.heartbeat:
		cause = ErrHeartbeat
		ev.Kind, ev.Detail = observe.EventHeartbeatMissed, "no heartbeat for "+tw.heartbeat.String()
		if !tw.beaten {
			w.rt.misuse(observe.Subject{Name: ev.Subject.Name}, "it declared a heartbeat and has never called hale.Beat")
		}
	default:
		ev.Kind, ev.Detail = observe.EventBudget, "ran longer than its budget of "+tw.budget.String()
	}
	ev.Detail += at
	ev.Replacing = t.replaced()
	if !tw.told && ev.Replacing {
		ev.Row = t.child().hangs(t)
	}
	w.mu.Lock()
	if _, live := w.tasks[t]; !live { // it ended meanwhile, and that is all there is to say
		w.mu.Unlock()
		return
	}
	tw.late.Store(true)
	w.rt.emit(ev) // within the lock, so that it is told before the task's end is
	w.mu.Unlock()
	if tw.told {
		w.giveUp(t)
	} else {
		t.scope.cancel(cause)
	}
}

// giveUp replaces the run of a child that goes on past its grace. While too many
// are lost, later scans ask again.
func (w *watcher) giveUp(t *Task) {
	c := t.child()
	if c != nil && c.family.lost() {
		return
	}
	t.watch().done = true
	if c != nil {
		c.replace(t)
	}
}

// soon is within what time of its start a run must hang for it to be one of a row.
const soon = 15 * time.Minute

// hangs counts a run that is late. It returns how many in a row were.
func (c *child) hangs(t *Task) int {
	if c == nil {
		return 0
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.run() != t {
		return 0
	}
	if time.Since(c.sup.rt.clock.born)-c.begun > soon {
		c.row = 0
	}
	c.row++
	return int(c.row)
}

// maxLostRuns is how many abandoned runs of one name may be alive before a run
// that hangs keeps its place: replacing it again would only fill the memory.
const maxLostRuns = 64

// lost reports whether that many are. Replacements at the same moment may go
// past it by a few.
func (s *family) lost() bool { return s.abandoned.Load() >= maxLostRuns }
