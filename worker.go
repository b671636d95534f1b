package hale

import (
	"context"
	"errors"
	"reflect"
	"runtime/pprof"
	"slices"
	"sync/atomic"
	"time"

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

	cell     *cell  // the worker's own: which cell it is counted in
	bears    any    // labels that its goroutine bears
	finished uint64 // units that it has not told the pool yet

	// The scanner's own, guarded by Pool.mu.
	seen    *unit         // what ran at the last scan
	ran     time.Duration // since the scanner first saw it
	over    time.Duration // since it was cancelled
	leaving bool          // takes no more units

	_ [24]byte // workers are used from many processors: keep them apart
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
	wake := p.queue.n > 0 && p.wakeLocked()
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
	var u *unit
	begun, ended := false, false
	defer func() {
		if ended {
			return
		}
		v := recover()
		err := rescue(v)
		if !begun { // a method of the submitter's context panicked
			w.begin(u)
		}
		u.reportPanic(err)
		again = w.finish(u, err, true)
		if v == nil && again { // runtime.Goexit: this goroutine is lost, its slot is not
			w.end()
		}
	}()
	for {
		j, ok := w.take()
		if !ok {
			w.end()
			break
		}
		u, begun = &unit{scope: scope{parent: j.ctx, rt: w.pool.rt, site: w.pool.site}, ticket: j.ticket}, false
		w.bear(u)
		w.begin(u)
		begun = true
		if j.ctx.Err() != nil {
			ok = w.finish(u, context.Cause(j.ctx), false)
		} else {
			ok = w.finish(u, j.fn(&u.scope), true)
		}
		if !ok {
			break
		}
	}
	ended = true
	return false
}

// begin makes the unit known to the scanner.
func (w *worker) begin(u *unit) {
	w.current.Store(u)
	if p := w.pool; p.cfg.Budget > 0 && !p.scanning.Load() {
		p.startScanner()
	}
}

// bear counts the worker into the cell of the present epoch, which units of one
// epoch share, and puts the unit's labels on it. Most units find nothing to do.
func (w *worker) bear(u *unit) {
	if s := w.pool.site; w.cell == nil || s.open.Load() != w.cell {
		w.release()
		w.cell = s.enter(false, 0)
	}
	u.setLabels(w.cell)
	if u.labels != w.bears {
		pprof.SetGoroutineLabels(&u.scope)
		w.bears = u.labels
	}
}

func (w *worker) release() {
	if w.bears != nil {
		pprof.SetGoroutineLabels(context.Background()) // before the cell is told
		w.bears = nil
	}
	if w.cell != nil {
		w.pool.site.leave(w.cell)
		w.cell = nil
	}
}

// finish settles a unit, unless it was abandoned, and reports whether the worker
// still has its slot.
func (w *worker) finish(u *unit, err error, returned bool) (mine bool) {
	p := w.pool
	if err != nil && returned {
		err = u.explain(err)
		p.site.failed.Add(1)
	}
	late := false
	if mine = w.current.CompareAndSwap(u, nil); !mine {
		late = w.current.CompareAndSwap(&overdue, nil)
		mine = late
	}
	if mine {
		w.finished++
		if u.ticket != nil {
			w.tell()
			u.ticket.settle(err, returned)
		}
	}
	u.end()
	if late {
		p.rt.emit(observe.Event{Kind: observe.EventEnded, Subject: u.subject(0), Detail: "ended after it was cancelled"})
	}
	if !mine {
		w.release()
		p.site.abandon(-1)
		p.rt.emit(observe.Event{Kind: observe.EventReturned, Subject: u.subject(0), Detail: "the abandoned body came back"})
	}
	return mine
}

// tell counts what the worker finished, before somebody who waits for it looks.
func (w *worker) tell() {
	p := w.pool
	p.mu.Lock()
	p.finished += w.finished
	p.mu.Unlock()
	w.finished = 0
}

// end ends a worker that has its slot.
func (w *worker) end() {
	w.release()
	w.pool.drop(w)
}

// explain adds the cause to an error that followed hale's own cancellation.
func (s *scope) explain(err error) (out error) {
	defer func() { // the error's own methods may panic, a nil pointer's do
		if recover() != nil {
			out = err
		}
	}()
	cause := s.cause()
	if cause == nil || errors.Is(err, cause) || errors.Is(cause, context.Canceled) || errors.Is(cause, context.DeadlineExceeded) {
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
	var p *PanicError
	if s.site == nil || !errors.As(err, &p) || aborts(p.Value) {
		return
	}
	s.site.panics.Add(1)
	subject := s.subject(0)
	subject.Site = p.Site()
	s.rt.emit(observe.Event{
		Kind: observe.EventPanic, Subject: subject, Request: requestOf(s.parent),
		Fingerprint: p.Fingerprint(), Detail: printable(p.Error(), maxDetail),
	})
}
