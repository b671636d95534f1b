package hale

import (
	"context"
	"runtime/pprof"
	"sync/atomic"
	"time"

	"github.com/hale-go/hale/internal/stack"
	"github.com/hale-go/hale/observe"
)

// Task is one logical goroutine under hale's care, returned by [Go]. All
// methods may be called from any goroutine and on a nil Task.
type Task struct {
	scope scope

	entry   uintptr // where the code of the function starts
	cell    *cell
	started time.Time

	next, prev *Task // list of the registry's shard, guarded by its mutex

	state atomic.Uint32
	wait  atomic.Pointer[chan struct{}] // made when somebody waits
	err   error                         // valid once state is taskDone

	inline bool // runs on its caller's goroutine and cannot be abandoned
	crash  bool // panics are not contained
	watch  *watch
	child  *child // the supervised child that this is a run of
	runs   *child // the supervised child that this is the handle of
}

// States of a task.
const (
	taskRunning   uint32 = iota
	taskDone             // it returned
	taskAbandoned        // hale stopped waiting; the goroutine may still run
	taskReturned         // abandoned, and then it returned after all
)

// closedChan is what Done returns for a task that ended before anybody asked.
var closedChan = func() chan struct{} { c := make(chan struct{}); close(c); return c }()

// ID returns the task's ID. For a supervised task it is the ID of the run that
// is current. It is zero for tasks outside a [Runtime].
func (t *Task) ID() observe.TaskID {
	switch {
	case t == nil:
		return observe.TaskID{}
	case t.runs != nil:
		return t.runs.currentID()
	}
	return t.scope.id()
}

// Done returns a channel that is closed when the task has ended, or when hale
// has abandoned it.
func (t *Task) Done() <-chan struct{} {
	if t == nil {
		return closedChan
	}
	if c := t.wait.Load(); c != nil {
		return *c
	}
	c := make(chan struct{})
	if t.wait.CompareAndSwap(nil, &c) {
		return c // closed by whoever ends the task
	}
	return *t.wait.Load()
}

// Wait blocks until the task has ended and returns its error with its chain
// intact: what the function returned, a [*PanicError], a [*TaskError] when hale
// had cancelled it, or [ErrAbandoned]. A supervised task ends when it will not
// be restarted any more.
func (t *Task) Wait() error {
	if t == nil {
		return nil
	}
	if t.state.Load() == taskRunning {
		<-t.Done()
	}
	return t.Err()
}

// Err returns the error of a task that has ended, nil before.
func (t *Task) Err() error {
	if t == nil {
		return nil
	}
	switch t.state.Load() {
	case taskRunning:
		return nil
	case taskDone:
		return t.err
	default:
		return &TaskError{ID: t.scope.id(), Err: ErrAbandoned, Cause: t.scope.cause()}
	}
}

// Cancel cancels the task's context with a cause; nil means [context.Canceled].
// It does not wait. A supervised task is not restarted after it.
func (t *Task) Cancel(cause error) {
	switch {
	case t == nil:
	case t.runs != nil:
		t.runs.stop(cause)
	default:
		t.scope.cancel(cause)
	}
}

// Beat says that the task makes progress. Tasks that declared [Heartbeat] must
// call it more often than they declared. It takes a nanosecond or two and may be
// called by any goroutine that works for the task; on a task without a heartbeat
// it does nothing.
func (t *Task) Beat() {
	if t != nil && t.watch != nil && t.watch.silent.Load() {
		t.watch.silent.Store(false)
	}
}

// Beat says that the task of ctx makes progress; see [Task.Beat]. In a hot loop
// call [FromContext] once and Beat on its result.
func Beat(ctx context.Context) { FromContext(ctx).Beat() }

// start counts the task in and makes it known.
func (t *Task) start(own bool) {
	t.scope.seq.Store(t.scope.rt.seq.Add(1))
	t.started = time.Now()
	t.cell = t.scope.site.enter(own, t.scope.seq.Load())
	if t.scope.site.entry.Load() != t.entry {
		t.scope.site.entry.Store(t.entry)
	}
	t.scope.setLabels(t.cell)
	t.scope.rt.reg.add(t)
	if t.watch != nil {
		t.scope.rt.watcher.add(t)
	}
	if t.scope.rt.closed.Load() { // Close may have looked before the task was known
		t.scope.cancel(ErrClosed)
	}
}

// run calls fn under the task's labels, contains its panic and ends the task.
// back is the context whose labels the goroutine bears afterwards.
func (t *Task) run(back context.Context, fn func(context.Context) error) {
	if t.scope.labels != nil {
		pprof.SetGoroutineLabels(&t.scope)
	}
	returned := false
	var err error
	defer func() {
		switch {
		case returned:
		case t.crash:
			err = ErrGoexit // or a panic that goes on to end the process
		default:
			err = rescue(recover())
			t.scope.reportPanic(err)
		}
		if t.scope.labels != nil {
			pprof.SetGoroutineLabels(back) // before the cell is told: see cell.leave
		}
		t.finish(err)
	}()
	err = fn(&t.scope)
	returned = true
}

// rescue turns what recover returned into an error. It must be called while
// the deferred function that recovered is running.
func rescue(v any) error {
	if v == nil {
		return ErrGoexit
	}
	return &PanicError{Value: v, trace: stack.CapturePanic()}
}

// finish ends the task, once, on its own goroutine.
func (t *Task) finish(err error) {
	if err != nil {
		err = t.scope.explain(err)
	}
	if t.scope.rt != nil {
		t.scope.site.leave(t.cell)
		t.scope.rt.reg.remove(t)
		if t.watch != nil {
			t.scope.rt.watcher.drop(t)
			if t.watch.late.Load() {
				t.scope.rt.emit(observe.Event{Kind: observe.EventEnded, Subject: t.scope.subject(t.entry), Detail: "ended after it was cancelled"})
			}
		}
		if err != nil {
			t.scope.site.failed.Add(1)
		}
	}
	t.scope.end()
	if t.conclude(err) {
		if t.child != nil {
			t.child.exited(t, err)
		}
		return
	}
	if t.state.CompareAndSwap(taskAbandoned, taskReturned) {
		t.scope.site.abandon(-1)
		t.scope.rt.emit(observe.Event{Kind: observe.EventReturned, Subject: t.scope.subject(t.entry), Detail: "the abandoned body came back"})
	}
}

// conclude sets the result and wakes who waits for it. It reports false when
// the task had been abandoned before: err is then not looked at.
func (t *Task) conclude(err error) bool {
	t.err = err
	if !t.state.CompareAndSwap(taskRunning, taskDone) {
		return false
	}
	t.wake()
	return true
}

func (t *Task) wake() {
	if c := t.wait.Swap(&closedChan); c != nil && c != &closedChan {
		close(*c)
	}
}

// replaced reports whether a fresh run takes the task's place when it is given up.
func (t *Task) replaced() bool { return t.child != nil && t.child.options.restart != Temporary }

// abandon stops waiting for a task that ignores its cancellation. Whoever waits
// gets [ErrAbandoned]; the goroutine stays counted until it returns.
func (t *Task) abandon() bool {
	if t.inline || t.scope.rt == nil {
		return false
	}
	t.scope.site.abandon(1) // before the state says so: the body may return at once
	if !t.state.CompareAndSwap(taskRunning, taskAbandoned) {
		t.scope.site.abandon(-1)
		return false
	}
	t.wake()
	e := observe.Event{
		Kind: observe.EventAbandoned, Subject: t.scope.subject(t.entry), Request: requestOf(t.scope.parent),
		Detail: "the body ignores its cancellation and is no longer waited for",
	}
	if t.replaced() {
		e.Phase = observe.PhaseReplacing
	}
	t.scope.rt.emit(e)
	return true
}
