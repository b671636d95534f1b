package hale

import (
	"context"
	"time"
	"unsafe"

	"github.com/hale-go/hale/internal/stack"
	"github.com/hale-go/hale/observe"
)

// Task is one logical goroutine under hale's care, returned by [Go]. All
// methods may be called from any goroutine and on a nil Task.
//
// It takes 48 bytes: the allocation is the greatest part of what a start costs.
type Task struct {
	scope scope
}

// taskContext is a Task as the context that its function is given, which has
// methods of the same names.
type taskContext Task

func (c *taskContext) Deadline() (time.Time, bool) { return c.scope.Deadline() }
func (c *taskContext) Done() <-chan struct{}       { return c.scope.Done() }
func (c *taskContext) Err() error                  { return c.scope.Err() }

func (c *taskContext) Value(key any) any {
	if _, ok := key.(taskKey); ok {
		return (*Task)(c)
	}
	return c.scope.Value(key)
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
	case t.isHandle():
		return t.child().currentID()
	}
	return t.scope.id()
}

// Done returns a channel that is closed when the task has ended, or when hale
// has abandoned it.
func (t *Task) Done() <-chan struct{} {
	if t.none() {
		return closedChan
	}
	if x := t.scope.extra.Load(); x != nil {
		if c := x.wait.Load(); c != nil {
			return *c
		}
	}
	if t.scope.state.Load() != taskRunning {
		return closedChan
	}
	x, c := t.scope.extend(), make(chan struct{})
	if !x.wait.CompareAndSwap(nil, &c) {
		return *x.wait.Load()
	}
	if t.scope.state.Load() != taskRunning {
		t.wake() // who ended it meanwhile may have looked before the channel was there
	}
	return c
}

// Wait blocks until the task has ended and returns its error with its chain
// intact: what the function returned, a [*PanicError], a [*TaskError] when hale
// had cancelled it and it returned an error, or [ErrAbandoned]. A supervised task ends when it will not
// be restarted any more.
func (t *Task) Wait() error {
	if t.none() {
		return nil
	}
	if t.scope.state.Load() == taskRunning {
		<-t.Done()
	}
	return t.Err()
}

// Err returns the error of a task that has ended, nil before.
func (t *Task) Err() error {
	if t == nil {
		return nil
	}
	switch t.scope.state.Load() {
	case taskRunning:
		return nil
	case taskDone:
		if x := t.scope.extra.Load(); x != nil {
			return x.err
		}
		return nil
	default:
		return &TaskError{ID: t.scope.id(), Err: ErrAbandoned, Cause: t.scope.cause()}
	}
}

// Cancel cancels the task's context with a cause; nil means [context.Canceled].
// It does not wait. On what Go returned, it ends a supervised task for good; on
// the task that [FromContext] finds within the child, which is one run of it, it
// ends that run, and the child is restarted by its rules.
func (t *Task) Cancel(cause error) {
	switch {
	case t.none():
	case t.isHandle():
		t.child().stop(cause)
	default:
		t.scope.cancel(cause)
	}
}

// Beat says that the task makes progress. Tasks that declared [Heartbeat] must
// call it more often than they declared. It takes a few nanoseconds and may be
// called by any goroutine that works for the task; on a task without a heartbeat
// it does nothing.
func (t *Task) Beat() {
	if w := t.watch(); w != nil && w.silent.Load() {
		w.silent.Store(false)
	}
}

// watch and child return what few tasks have; see [extra].

func (t *Task) watch() *watch {
	if t == nil {
		return nil
	}
	if t.isHandle() {
		return t.child().latest.Load().watch() // of the run that is current
	}
	if d := t.scope.declared(); d != nil {
		return d.watch
	}
	return nil
}

func (t *Task) child() *child {
	if x := t.scope.extra.Load(); x != nil {
		return x.child
	}
	return nil
}

// entry returns where the code of the task's function starts.
func (t *Task) entry() uintptr {
	if c := t.child(); c != nil {
		return c.entry()
	}
	if d := t.scope.declared(); d != nil && d.entry != 0 {
		return d.entry
	}
	if at := t.scope.family(); at != nil {
		return at.entry.Load()
	}
	return 0
}

func (t *Task) subject() observe.Subject { return t.scope.subject(t.entry()) }

func (t *Task) inline() bool { return t.scope.flags&flagInline != 0 }

// started returns when the task started, to the second.
func (t *Task) started(rt *Runtime) time.Time { return rt.clock.at(t.scope.flags >> flagBits) }

// Beat says that the task of ctx makes progress; see [Task.Beat]. In a hot loop
// call [FromContext] once and Beat on its result.
func Beat(ctx context.Context) { FromContext(ctx).Beat() }

// start counts the task in and makes it known. entry is where the code of its
// function starts, own whether it is to have a label for itself.
func (t *Task) start(at *family, entry uintptr, own bool) {
	rt := at.rt
	seq := rt.seq.Add(1)
	t.scope.seq.Store(seq)
	t.scope.flags |= rt.clock.second() << flagBits
	if at.entry.Load() != entry && !at.entry.CompareAndSwap(0, entry) && t.child() == nil {
		t.scope.declare().entry = entry // the name has more than one function
	}
	t.scope.enter(at.enter(own, seq))
	rt.reg.tasks.add(t)
	if t.watch() != nil {
		rt.watcher.add(t)
	}
	if rt.closed.Load() { // Close may have looked before the task was known
		t.scope.cancel(ErrClosed)
	}
}

// run calls fn under the task's labels, contains its panic and ends the task.
// back are the labels that the goroutine bears afterwards.
func (t *Task) run(fn func(context.Context) error, back unsafe.Pointer) {
	if c := t.scope.cell; c != nil {
		setGoroutineLabels(t.scope.bears())
		if c.family.rt.tracing != nil {
			fn = t.traced(fn, back)
		}
	}
	returned := false
	defer func() {
		switch {
		case returned:
		case t.scope.flags&flagCrash != 0:
			t.finish(ErrGoexit, back) // or a panic that goes on to end the process
		default:
			t.broke(recover(), back)
		}
	}()
	err := fn((*taskContext)(t))
	returned = true
	if err != nil {
		t.fail(err, back)
	} else {
		t.finish(nil, back)
	}
}

// broke ends a task that did not return, also when what it panicked with or its
// context ends the goroutine here too.
//
//go:noinline
func (t *Task) broke(v any, back unsafe.Pointer) {
	err := rescue(v)
	defer func() { t.fail(err, back) }()
	t.scope.reportPanic(err)
}

// fail ends the task with an error, also when the context that is asked for the
// cause ends the goroutine.
//
//go:noinline
func (t *Task) fail(err error, back unsafe.Pointer) {
	defer func() { t.finish(err, back) }()
	err = t.scope.explain(err)
}

// rescue turns what recover returned into an error. It must be called while
// the deferred function that recovered is running.
func rescue(v any) error {
	if v == nil {
		return ErrGoexit
	}
	return &PanicError{Value: v, trace: stack.CapturePanic()}
}

// finish ends the task, once, on its own goroutine. What few tasks need is in
// functions of their own: a goroutine that is one of many finds its stack in no
// cache, so that each line of it which is touched costs as much as an allocation.
func (t *Task) finish(err error, back unsafe.Pointer) {
	if c := t.scope.cell; c != nil {
		setGoroutineLabels(back) // before the cell is told: see cell.leave
		c.family.leave(c)
		c.family.rt.reg.tasks.remove(t)
		if err != nil {
			c.family.failed.Add(1)
		}
		if t.watch() != nil {
			t.unwatch()
		}
	}
	if !t.conclude(err) {
		t.cameBack()
	} else if c := t.child(); c != nil {
		c.exited(t, err)
	}
}

//go:noinline
func (t *Task) unwatch() {
	t.scope.family().rt.watcher.drop(t)
	if t.watch().late.Load() {
		t.tell(observe.EventEnded, "ended after it was cancelled")
	}
}

// cameBack counts out the body of a task that was abandoned.
//
//go:noinline
func (t *Task) cameBack() {
	at := t.scope.family()
	at.mu.Lock() // of who abandoned it, and may not have told yet
	returned := t.scope.state.CompareAndSwap(taskAbandoned, taskReturned)
	at.mu.Unlock()
	if returned {
		t.scope.release()
		at.abandon(-1)
		t.tell(observe.EventReturned, "the abandoned body came back")
	}
}

// tell emits an event of the task. It is a function of its own because an event
// makes a large frame, for which every task's stack would have to grow.
//
//go:noinline
func (t *Task) tell(kind observe.EventKind, detail string) {
	t.scope.family().rt.emit(observe.Event{Kind: kind, Subject: t.subject(), Detail: detail})
}

// conclude sets the result, wakes who waits for it and cancels what is left. It
// reports false when the task had been abandoned before: err is then not looked
// at.
func (t *Task) conclude(err error) bool {
	if err != nil {
		t.scope.extend().err = err
	}
	t.scope.release() // before it counts as ended: who sees the end finds the context done
	if !t.scope.state.CompareAndSwap(taskRunning, taskDone) {
		return false
	}
	t.scope.release() // of what somebody derived meanwhile
	t.wake()
	return true
}

func (t *Task) wake() {
	x := t.scope.extra.Load()
	if x == nil || x.wait.Load() == nil {
		return // who asks from now on sees the state
	}
	if c := x.wait.Swap(&closedChan); c != &closedChan {
		close(*c)
	}
}

// none reports whether there is no task: nil, or one that nobody started.
func (t *Task) none() bool {
	return t == nil || t.scope.parent == nil && t.scope.state.Load() == taskRunning
}

// isHandle reports whether the task stands for a supervised child through all its
// runs.
func (t *Task) isHandle() bool {
	c := t.child()
	return c != nil && c.handle == t
}

// replaced reports whether a fresh run takes the task's place when it is given up.
func (t *Task) replaced() bool {
	c := t.child()
	return c != nil && c.options.restart != Temporary
}

// abandon stops waiting for a task that ignores its cancellation. Whoever waits
// gets [ErrAbandoned]; the goroutine stays counted until it returns.
func (t *Task) abandon() bool {
	at := t.scope.family()
	if t.inline() || at == nil {
		return false
	}
	e := observe.Event{
		Kind: observe.EventAbandoned, Subject: t.subject(), Request: requestAside(t.scope.parent),
		Detail: "the body ignores its cancellation and is no longer waited for", Replacing: t.replaced(),
	}
	at.abandon(1) // before the state says so: the body may return at once
	at.mu.Lock()
	gaveUp := t.scope.state.CompareAndSwap(taskRunning, taskAbandoned)
	if gaveUp {
		at.rt.emit(e) // within the lock, so that it is told before the body's return is
	}
	at.mu.Unlock()
	if !gaveUp {
		at.abandon(-1)
		return false
	}
	t.wake()
	return true
}
