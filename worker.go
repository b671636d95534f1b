package hale

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/hale-go/hale/observe"
)

// worker is one slot of a pool and the goroutine that fills it. All that the
// worker and the scanner must agree on is one pointer, to the unit that runs:
// the worker sets and clears it without reading a clock, and the scanner takes a
// worker's slot away by comparing and swapping it. A unit is never used again,
// so that it can never hit the next one.
type worker struct {
	pool    *Pool
	current atomic.Pointer[unit] // nil: idle, or the slot is another's; or &overdue
	ticket  *ticket              // of that unit; belongs to whoever cleared current

	cell     *cell          // the worker's own: which cell it is counted in
	bears    unsafe.Pointer // labels that its goroutine bears
	finished uint64         // units that it has not told the pool yet

	state    any   // what the pool's units get
	life     *unit // the context that the state lives in; nil: there is no state
	failures int   // units in a row that failed
	lost     *unit // that was abandoned and came back

	// The scanner's own, guarded by Pool.mu.
	seen    *unit         // what ran at the last scan
	ran     time.Duration // since the scanner first saw it
	over    time.Duration // since it was cancelled
	leaving bool          // takes no more units
	opening bool          // makes its state
}

// overdue stands in for a unit that the scanner cancelled for its budget. Which
// one that is the scanner knows.
var overdue unit

func (p *Pool) startLocked() {
	w := &worker{pool: p}
	p.workers = append(p.workers, w)
	go w.loop()
}

// drop takes a worker's slot away, if it has one still, and reports whether it
// had. Work that waits gets a worker instead.
func (p *Pool) drop(w *worker) bool {
	p.mu.Lock()
	had := p.dropLocked(w)
	wake := p.queue.n > p.opening && p.wakeLocked() // or it would end for the same reason as this one, again and again
	p.endIfDrainedLocked()
	p.mu.Unlock()
	if wake {
		p.parked.Signal()
	}
	return had
}

func (p *Pool) dropLocked(w *worker) bool {
	i := slices.Index(p.workers, w)
	if i < 0 {
		return false
	}
	p.workers = slices.Delete(p.workers, i, i+1)
	if w.leaving {
		p.leaving--
	}
	w.openedLocked()
	p.finished += w.finished
	w.finished = 0
	return true
}

// endIfDrainedLocked ends a closed pool with its last worker.
func (p *Pool) endIfDrainedLocked() {
	if !p.closed || len(p.workers) > 0 || p.queue.n > 0 {
		return
	}
	select {
	case <-p.drained:
	default:
		close(p.drained)
	}
}

// loop runs units until the worker must end.
func (w *worker) loop() {
	for w.run() {
	}
}

// run runs units until one panics or the worker must end, and reports whether
// it is to be called again. One deferred function for all of them is cheaper
// than one for each.
func (w *worker) run() (again bool) {
	p := w.pool
	var u *unit
	ended := false
	defer func() {
		switch {
		case ended:
			return
		case u == nil: // runtime.Goexit in a function of the state
			w.end()
			return
		}
		again = w.rescued(u, recover())
	}()
	for {
		if p.states != nil {
			if u = nil; !w.ready() {
				break
			}
		}
		j, ok := w.take()
		if !ok {
			break
		}
		u = &unit{scope{parent: j.ctx}}
		if j.ticket != nil {
			w.ticket = j.ticket
		}
		w.enter(u)
		w.begin(u)
		u.bring(u.cell) // from here on the context is asked, which may hang
		w.wear(u)
		switch {
		case j.ctx.Err() != nil:
			ok = w.finish(u, context.Cause(j.ctx), false)
		case p.rt.tracing != nil:
			ok = w.finish(u, w.traced(u, j), true)
		case j.fn != nil:
			ok = w.finish(u, j.fn(&u.scope), true)
		default:
			ok = w.finish(u, j.ticket.body(&u.scope, w.state), true)
		}
		if !ok {
			break
		}
	}
	u = nil
	w.end()
	ended = true
	return false
}

// rescued settles a unit whose body panicked with v, or ended the goroutine, and
// reports whether the worker goes on. The context, or what was panicked with, may
// end the goroutine here too.
func (w *worker) rescued(u *unit, v any) (again bool) {
	err := rescue(v)
	done := false
	defer func() {
		if !done {
			_ = recover()
			w.finish(u, ErrGoexit, true)
		}
		if !again { // after runtime.Goexit this goroutine is lost; its slot is not
			w.end()
		}
	}()
	u.reportPanic(err)
	ok := w.finish(u, err, true)
	done, again = true, ok && v != nil
	return again
}

// begin makes the unit known to the scanner.
func (w *worker) begin(u *unit) {
	w.current.Store(u)
	if p := w.pool; p.cfg.Budget > 0 && !p.scanning.Load() {
		p.startScanner()
	}
}

// enter counts the worker into the cell of the present epoch, which units of one
// epoch share. Most units find nothing to do.
func (w *worker) enter(u *unit) {
	if s := w.pool.family; w.cell == nil || s.open.Load() != w.cell {
		w.release()
		w.cell = s.enter(false, 0)
	}
	u.cell = w.cell
}

// wear puts the unit's labels on the worker's goroutine.
func (w *worker) wear(u *unit) {
	if bears := u.bears(); bears != w.bears {
		setGoroutineLabels(bears)
		w.bears = bears
	}
}

func (w *worker) release() {
	if w.bears != nil {
		setGoroutineLabels(nil) // before the cell is told
		w.bears = nil
	}
	if w.cell != nil {
		w.pool.family.leave(w.cell)
		w.cell = nil
	}
}

// finish settles a unit, unless it was abandoned, and reports whether the worker
// may take another.
func (w *worker) finish(u *unit, err error, returned bool) bool {
	p := w.pool
	if p.states != nil {
		w.judge(u, err)
	}
	if err != nil && returned {
		err = u.explain(err)
		p.family.failed.Add(1)
	}
	if !w.yield(u) {
		u.end()
		w.lost = u
		return false
	}
	w.finished++
	if t := w.ticket; t != nil {
		w.ticket = nil
		w.tell()
		t.settle(err, returned)
	}
	u.end()
	if p.states != nil && w.failures >= p.states.max {
		p.rt.emit(observe.Event{
			Kind: observe.EventReplaced, Subject: u.subject(0),
			Detail: fmt.Sprintf("%d units of its worker failed in a row; a fresh worker gets fresh state", w.failures),
		})
		return false
	}
	return true
}

// yield clears the worker's pointer and reports whether the worker still has its
// slot. What goes with the unit is the caller's then.
func (w *worker) yield(u *unit) bool {
	if w.current.CompareAndSwap(u, nil) {
		return true
	}
	if !w.current.CompareAndSwap(&overdue, nil) {
		return false
	}
	w.pool.tellAfterScan(observe.Event{Kind: observe.EventEnded, Subject: u.subject(0), Detail: "ended after it was cancelled"})
	return true
}

// comeBack counts the body of an abandoned worker out.
func (w *worker) comeBack(u *unit) {
	w.release()
	w.pool.family.abandon(-1)
	w.pool.tellAfterScan(observe.Event{Kind: observe.EventReturned, Subject: u.subject(0), Detail: "the abandoned body came back"})
}

// judge counts the units in a row that failed with this worker's state. One
// whose submitter lost interest says nothing about it.
func (w *worker) judge(u *unit, err error) {
	defer func() { _ = recover() }() // the context's methods may be anybody's
	switch {
	case err == nil:
		w.failures = 0
	case err == ErrGoexit: //nolint:errorlint // the worker ends, and perhaps because the context was asked
	case u.parent.Err() == nil:
		w.failures++
	}
}

// tell counts what the worker finished, before somebody who waits for it looks.
func (w *worker) tell() {
	p := w.pool
	p.mu.Lock()
	p.finished += w.finished
	p.mu.Unlock()
	w.finished = 0
}

// end ends a worker. It has its slot until its state is closed, which nobody else
// gets, unless it was abandoned.
func (w *worker) end() {
	defer w.pool.drop(w)
	defer w.release()
	if u := w.lost; u != nil {
		w.lost = nil
		defer w.comeBack(u) // also when the state's Close ends the goroutine
	}
	w.closeState()
}

// explain adds the cause to an error that followed hale's own cancellation.
func (s *scope) explain(err error) (out error) {
	defer func() { // the error's own methods may panic, a nil pointer's do
		if recover() != nil {
			out = err
		}
	}()
	var cause error
	if endTame(s) {
		cause = s.cause()
	} else {
		cause, _ = ask(s.cause)
	}
	if cause != nil {
		return s.explainBy(cause, err)
	}
	return err
}

//go:noinline
func (s *scope) explainBy(cause, err error) error { // apart, so that the stack of a body that panicked need not grow for it
	follows := func() bool {
		return matches(err, cause) || matches(cause, context.Canceled) || matches(cause, context.DeadlineExceeded)
	}
	known, ok := false, true
	if tame(err) && tame(cause) {
		known = follows()
	} else {
		known, ok = ask(follows)
	}
	if known || !ok {
		return err
	}
	return &TaskError{ID: s.id(), Err: err, Cause: cause}
}

// aborts reports whether a panic is how net/http is told to drop a connection,
// which is no fault. It is known by its text: the import would cost every user of
// hale an HTTP server.
func aborts(v any) bool {
	err, ok := v.(error)
	return ok && err != nil && reflect.TypeOf(err).String() == "*errors.errorString" && err.Error() == "net/http: abort Handler"
}

// reportPanic counts a panic and makes it an event. It is given what this very
// body panicked with: an error of another's panic that is handed on is no panic.
func (s *scope) reportPanic(err error) {
	p, ok := err.(*PanicError) //nolint:errorlint // as rescue made it
	at := s.family()
	if at == nil || !ok || aborts(p.Value) {
		return
	}
	at.panics.Add(1)
	at.rt.note(&note{
		family: at, n: s.id().Seq,
		trace: p.trace, value: cutValue(valueText(p.Value)), request: requestAside(s.parent),
	})
}
