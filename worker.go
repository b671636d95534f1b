package hale

import (
	"context"
	"reflect"
	"runtime/pprof"
	"slices"
	"sync/atomic"
	"time"

	"github.com/hale-go/hale/internal/stack"
	"github.com/hale-go/hale/observe"
)

// unit is one function handed to a pool.
type unit struct {
	scope
	fn       func(context.Context) error
	done     chan struct{} // nil when nobody waits
	err      error         // set before done is closed, by whoever owns the worker's word
	returned bool          // err is of the body's own return
}

// settle gives the unit its result. The worker's word sees to it that only one
// side does.
func (u *unit) settle(err error, returned bool) {
	u.err, u.returned = err, returned
	if u.done != nil {
		close(u.done)
	}
}

// worker is one slot of a pool and the goroutine that fills it. All that the
// worker and the scanner must agree on is in one word, seq<<2|state: the worker
// moves it on without reading a clock, and the scanner takes a worker's slot
// away by comparing and swapping the whole word, so that it can never hit the
// next unit.
type worker struct {
	pool *Pool
	word atomic.Uint64
	unit atomic.Pointer[unit] // of the current seq

	cell  *cell // the worker's own: which cell it is counted in
	bears any   // labels that its goroutine bears

	// The scanner's own, guarded by Pool.mu.
	seen uint64        // seq at the last scan
	ran  time.Duration // since the scanner first saw that unit
	over time.Duration // since the unit was cancelled
}

// States of a worker.
const (
	workerIdle uint64 = iota // zero: a bare seq is an idle worker
	workerBusy
	workerCancelled // its unit outran the budget
	workerAbandoned // the slot is another's; the goroutine ends when its unit does

	stateMask = 3
)

// spawn starts one more worker if units wait for one and there is a slot.
func (p *Pool) spawn() {
	if p.spawned.Load() >= int64(p.cfg.Workers) || int64(len(p.queue)) <= p.idle.Load() {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.workers) < p.cfg.Workers {
		p.startLocked()
	}
}

func (p *Pool) startLocked() {
	w := &worker{pool: p}
	p.workers = append(p.workers, w)
	p.spawned.Store(int64(len(p.workers)))
	go w.loop()
}

// gone takes a worker's slot away, if it has one, and ends the pool with the
// last. It reports whether the worker had a slot.
func (p *Pool) gone(w *worker) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	i := slices.Index(p.workers, w)
	if i >= 0 {
		p.workers = slices.Delete(p.workers, i, i+1)
		p.spawned.Store(int64(len(p.workers)))
	}
	if p.closed.Load() && len(p.workers) == 0 && len(p.queue) == 0 {
		select {
		case <-p.drained:
		default:
			close(p.drained)
		}
	}
	return i >= 0
}

// loop runs units until the pool closes or the worker is abandoned.
func (w *worker) loop() {
	p := w.pool
	ended := false
	defer func() {
		if !ended { // the unit called runtime.Goexit: this goroutine is lost, its slot is not
			w.release()
			p.gone(w)
			p.spawn()
		}
	}()
	for {
		u, ok := w.next()
		if !ok {
			break
		}
		if !w.do(u) {
			ended = true
			return
		}
	}
	ended = true
	w.release()
	p.gone(w)
}

// next waits for a unit. An idle worker bears no labels and holds no cell.
func (w *worker) next() (*unit, bool) {
	p := w.pool
	select {
	case u, ok := <-p.queue:
		return u, ok
	default:
	}
	w.release()
	p.idle.Add(1)
	u, ok := <-p.queue
	p.idle.Add(-1)
	p.spawn() // a submitter may have counted on this worker for another unit
	return u, ok
}

// adopt counts the worker into the cell of the present epoch. Units of one
// epoch share it, so that most of them find nothing to do here.
func (w *worker) adopt() {
	if s := w.pool.site; w.cell == nil || s.open.Load() != w.cell {
		w.release()
		w.cell = s.enter(false, 0)
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
	w.unit.Store(nil)
}

// do runs one unit and reports whether the worker still has its slot.
func (w *worker) do(u *unit) bool {
	p := w.pool
	if !w.prepare(u) {
		return true
	}
	if u.labels != w.bears {
		pprof.SetGoroutineLabels(&u.scope)
		w.bears = u.labels
	}
	seq := w.word.Load()&^stateMask + (stateMask + 1)
	fn := u.fn
	u.fn = nil // the unit may be held for long after; the closure must not be
	w.unit.Store(u)
	w.word.Store(seq | workerBusy)
	if p.cfg.Budget > 0 && !p.scanning.Load() {
		p.startScanner()
	}
	return w.call(u, fn, seq)
}

// prepare looks at the submitter's context, whose methods may be anybody's, and
// reports whether the unit is to be run.
func (w *worker) prepare(u *unit) (ok bool) {
	defer func() {
		if !ok && u.parent != nil {
			if v := recover(); v != nil {
				u.settle(&PanicError{Value: v, trace: stack.CapturePanic()}, false)
			}
		}
	}()
	if u.parent.Err() != nil {
		u.settle(context.Cause(u.parent), false)
		return false
	}
	w.adopt()
	u.setLabels(w.cell)
	return true
}

// call contains the unit's panic and settles it. It also does so, deferred,
// when the unit ends its goroutine.
func (w *worker) call(u *unit, fn func(context.Context) error, seq uint64) (mine bool) {
	p := w.pool
	returned := false
	var err error
	defer func() {
		if !returned {
			err = rescue(recover())
			u.reportPanic(err)
		}
		if err != nil {
			err = u.explain(err)
		}
		state := w.word.Swap(seq) & stateMask
		mine = state != workerAbandoned
		if mine {
			p.finished.Add(1)
			u.settle(err, true)
		}
		u.end()
		if state == workerCancelled {
			p.rt.emit(observe.Event{Kind: observe.EventEnded, Subject: u.subject(0), Detail: "ended after it was cancelled"})
		}
		if err != nil {
			p.site.failed.Add(1)
		}
		if !mine {
			w.returned(u)
		}
	}()
	err = fn(&u.scope)
	returned = true
	return false // the deferred function says
}

// returned ends an abandoned worker whose body came back after all.
func (w *worker) returned(u *unit) {
	w.release()
	w.pool.site.abandon(-1)
	w.pool.rt.emit(observe.Event{Kind: observe.EventReturned, Subject: u.subject(0), Detail: "the abandoned body came back"})
}

// explain adds the cause to an error that followed hale's own cancellation.
func (s *scope) explain(err error) (out error) {
	defer func() { // the error's own methods may panic, a nil pointer's do
		if recover() != nil {
			out = err
		}
	}()
	if cause := s.cause(); cause != nil {
		return s.explainBy(cause, err)
	}
	return err
}

//go:noinline
func (s *scope) explainBy(cause, err error) error { // apart, so that the stack of a body that panicked need not grow for it
	if matches(err, cause) || matches(cause, context.Canceled) || matches(cause, context.DeadlineExceeded) {
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
	if s.site == nil || !ok || aborts(p.Value) {
		return
	}
	s.site.panics.Add(1)
	s.rt.note(&note{
		site: s.site, n: s.id().Seq,
		trace: p.trace, value: cutValue(valueText(p.Value)), request: requestOf(s.parent),
	})
}
