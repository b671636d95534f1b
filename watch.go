package hale

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/hale-go/hale/internal/starve"
	"github.com/hale-go/hale/observe"
)

// watch is what a task with a heartbeat or a budget declared. The task writes
// beats, the watcher the rest.
type watch struct {
	beats                    atomic.Uint64
	late                     atomic.Bool // cancelled for its budget or heartbeat
	heartbeat, budget, grace time.Duration

	// The watcher's own, guarded by its scanning mutex.
	seen  uint64        // beats at the last scan
	quiet time.Duration // since beats changed
	ran   time.Duration // since the watcher first saw the task
	over  time.Duration // since the task was cancelled for it
	done  bool          // nothing more to do for it
}

func newWatch(o taskOptions) *watch {
	return &watch{heartbeat: o.heartbeat, budget: o.budget, grace: o.grace}
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
// watcher is never held against a task. Its goroutine lives while there is a
// task to watch.
type watcher struct {
	rt *Runtime

	scanning sync.Mutex // one scan at a time, also while goroutines change over

	mu    sync.Mutex
	tasks map[*Task]struct{}
	every time.Duration // shortest of all tasks; kept until the goroutine ends
	stop  chan struct{} // nil: no goroutine
}

func (w *watcher) add(t *Task) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.tasks == nil {
		w.tasks = map[*Task]struct{}{}
	}
	w.tasks[t] = struct{}{}
	every := t.watch().every()
	if w.stop != nil && every >= w.every {
		return
	}
	w.every = every
	if w.stop != nil {
		close(w.stop) // its interval is too long for this task
	}
	w.stop = make(chan struct{})
	go w.run(w.stop, every)
}

func (w *watcher) drop(t *Task) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.tasks, t)
	if len(w.tasks) == 0 && w.stop != nil {
		close(w.stop)
		w.stop = nil
	}
}

func (w *watcher) run(stop chan struct{}, every time.Duration) {
	scanLoop(w.rt, stop, every, w.scan)
}

// scan adds counted to the time of each task and acts on those over a limit.
func (w *watcher) scan(counted time.Duration) bool {
	w.scanning.Lock()
	defer w.scanning.Unlock()
	w.mu.Lock()
	var act []*Task
	for t := range w.tasks {
		if t.watch().advance(counted) {
			act = append(act, t)
		}
	}
	w.mu.Unlock()
	for _, t := range act {
		w.overLimit(t)
	}
	return true
}

// advance counts time and reports whether the task is to be acted on.
func (w *watch) advance(counted time.Duration) bool {
	if w.done {
		return false
	}
	w.ran += counted
	if n := w.beats.Load(); n != w.seen {
		w.seen, w.quiet = n, 0
	} else {
		w.quiet += counted
	}
	if w.late.Load() {
		w.over += counted
		return w.over >= w.grace
	}
	return (w.heartbeat > 0 && w.quiet >= w.heartbeat) || (w.budget > 0 && w.ran >= w.budget)
}

// overLimit carries out the next step of the contract: cancel, and past the
// grace abandon what may be replaced.
func (w *watcher) overLimit(t *Task) {
	tw := t.watch()
	ev := observe.Event{Subject: t.subject(), Request: requestOf(t.scope.parent)}
	cause := ErrBudget
	switch {
	case tw.late.Load():
		ev.Kind, ev.Detail = observe.EventOverdue, "still running "+tw.grace.String()+" after it was cancelled"
		tw.done = true
	case tw.heartbeat > 0 && tw.quiet >= tw.heartbeat:
		cause = ErrHeartbeat
		ev.Kind, ev.Detail = observe.EventHeartbeatMissed, "no heartbeat for "+tw.heartbeat.String()
		if tw.beats.Load() == 0 {
			w.rt.misuse(observe.Subject{Name: ev.Subject.Name}, "it declared a heartbeat and has never called hale.Beat")
		}
	default:
		ev.Kind, ev.Detail = observe.EventBudget, "ran longer than its budget of "+tw.budget.String()
	}
	ev.Replacing = t.replaced()
	w.mu.Lock()
	if _, live := w.tasks[t]; !live { // it ended meanwhile, and that is all there is to say
		w.mu.Unlock()
		return
	}
	tw.late.Store(true)
	w.rt.emit(ev) // within the lock, so that it is told before the task's end is
	w.mu.Unlock()
	switch {
	case !tw.done:
		t.scope.cancel(cause)
	case t.child() != nil && t.scope.site().abandoned.Load() < maxLostRuns:
		t.child().replace(t)
	}
}

// maxLostRuns is how many abandoned runs of one name may be alive before a run
// that hangs keeps its place: replacing it again would only fill the memory.
const maxLostRuns = 64

// scanLoop calls scan with the time that may be held against the work, every
// so often, until stop is closed or scan reports false. It contains its own
// panics: a fault of hale's must not stop the watch.
func scanLoop(rt *Runtime, stop chan struct{}, every time.Duration, scan func(time.Duration) bool) {
	meter := starve.NewMeter()
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	last := time.Now()
	for {
		select {
		case <-stop:
			return
		case <-ticker.C:
		}
		now := time.Now()
		counted := meter.Counted(now.Sub(last), every)
		last = now
		if !rt.guard("watcher", func() bool { return scan(counted) }) {
			return
		}
	}
}
