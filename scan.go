package hale

import (
	"slices"
	"time"

	"github.com/hale-go/hale/observe"
)

// scanEvery returns how often units are timed.
func (p *Pool) scanEvery() time.Duration {
	return min(max(min(p.cfg.Budget, p.cfg.Grace)/16, time.Millisecond), 100*time.Millisecond)
}

// startScanner starts the goroutine that times units. It runs while there are
// busy workers, so that an idle pool costs nothing.
func (p *Pool) startScanner() {
	if !p.scanning.CompareAndSwap(false, true) {
		return
	}
	idle := 0
	go scanLoop(p.rt, p.drained, p.scanEvery(), func(counted time.Duration) bool {
		if p.scan(counted) {
			idle = 0
			return true
		}
		if idle++; idle < 64 {
			return true
		}
		p.scanning.Store(false)
		// A unit that began before the store did not start a scanner: look again.
		return p.scan(0) && p.scanning.CompareAndSwap(false, true)
	})
}

// verdict is what a scan found about one worker.
type verdict struct {
	unit    *unit
	abandon bool
	again   bool // it is run once more
}

// scan counts time for each running unit, cancels those past their budget and
// abandons those past their grace. It reports whether any unit runs.
func (p *Pool) scan(counted time.Duration) bool {
	busy := false
	var out []verdict
	// Ticks are a little late or early. Grace is generous, and need not be
	// outlasted by a whole tick for that; a budget must be.
	grace := p.cfg.Grace - p.scanEvery()/8
	p.mu.Lock()
	for i := 0; i < len(p.workers); i++ {
		w := p.workers[i]
		u := w.current.Load()
		if u == nil {
			w.seen = nil // what ended must not be held
			continue
		}
		busy = true
		switch {
		case u == &overdue:
			if w.over += counted; w.over < grace || p.site.abandoned.Load() >= int64(hardCap*p.cap) {
				continue
			}
			if ok, again := p.abandonLocked(w, u); ok {
				i--
				out = append(out, verdict{w.seen, true, again})
			}
		case u != w.seen:
			w.seen, w.ran, w.over = u, 0, 0
		default:
			if w.ran += counted; w.ran >= p.cfg.Budget && w.current.CompareAndSwap(u, &overdue) {
				out = append(out, verdict{unit: u})
			}
		}
	}
	p.mu.Unlock()
	for _, v := range out {
		p.carryOut(v)
	}
	return busy
}

// abandonLocked takes the slot of a stuck worker, if u is still its pointer, and
// gives it to a fresh one. again says that the unit is run once more: it is back
// in the queue already, since a closed pool ends when there is no worker and
// nothing queued. p.mu is held.
func (p *Pool) abandonLocked(w *worker, u *unit) (ok, again bool) {
	p.site.abandon(1) // before the pointer says so: the body may come back at once
	if !w.current.CompareAndSwap(u, nil) {
		p.site.abandon(-1)
		return false, false
	}
	p.dropLocked(w)
	if j, idempotent := w.unit(u).job(); idempotent && !p.discarded {
		p.queue.unpop(j)
		again = true
	}
	if p.queue.n > 0 || !p.closed {
		p.startLocked()
	}
	return true, again
}

// carryOut does what a scan decided, without the pool's lock.
func (p *Pool) carryOut(v verdict) {
	ev := observe.Event{Subject: v.unit.subject(0), Request: requestOf(v.unit.parent)}
	if !v.abandon {
		ev.Kind, ev.Detail = observe.EventBudget, "ran longer than its budget of "+p.cfg.Budget.String()
		p.rt.emit(ev)
		v.unit.cancel(ErrBudget)
		return
	}
	ev.Kind, ev.Replacing = observe.EventAbandoned, true
	ev.Detail = "still running " + p.cfg.Grace.String() + " after it was cancelled; a fresh worker has its slot"
	if v.again {
		ev.Detail += ", and runs the unit again"
	}
	p.rt.emit(ev)
	if v.again {
		return
	}
	p.giveUp(v.unit)
	p.mu.Lock()
	p.endIfDrainedLocked()
	p.mu.Unlock()
}

// giveUp tells whoever waits for an abandoned unit.
func (p *Pool) giveUp(u *unit) {
	u.ticket.settle(&TaskError{ID: u.id(), Err: ErrAbandoned, Cause: u.cause()}, false)
}

// cancelAll cancels the running units.
func (p *Pool) cancelAll(cause error) {
	for _, u := range p.running() {
		u.cancel(cause)
	}
}

// abandonAll abandons every running unit, without replacement on a closed pool,
// and returns how many it gave up.
func (p *Pool) abandonAll() int {
	var out []*unit
	p.mu.Lock()
	for _, w := range slices.Clone(p.workers) {
		if u := w.current.Load(); u != nil {
			known := w.unit(u)
			if ok, _ := p.abandonLocked(w, u); ok {
				out = append(out, known)
			}
		}
	}
	p.mu.Unlock()
	for _, u := range out {
		p.carryOut(verdict{unit: u, abandon: true})
	}
	return len(out)
}

// running returns the units of the busy workers.
func (p *Pool) running() []*unit {
	p.mu.Lock()
	defer p.mu.Unlock()
	var out []*unit
	for _, w := range p.workers {
		if u := w.current.Load(); u != nil {
			out = append(out, w.unit(u))
		}
	}
	return out
}

// unit returns the unit that the worker's pointer stands for. Pool.mu is held.
func (w *worker) unit(u *unit) *unit {
	if u == &overdue {
		return w.seen
	}
	return u
}
