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
	ticket  *ticket // of a unit that is abandoned
	again   bool    // it is run once more
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
			if v, ok := p.abandonLocked(w, u); ok {
				i--
				out = append(out, v)
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
// gives it to a fresh one. A unit that is run once more is back in the queue
// then: a closed pool ends when there is no worker and nothing queued. p.mu is
// held.
func (p *Pool) abandonLocked(w *worker, u *unit) (v verdict, ok bool) {
	p.site.abandon(1) // before the pointer says so: the body may come back at once
	if !w.current.CompareAndSwap(u, nil) {
		p.site.abandon(-1)
		return v, false
	}
	p.dropLocked(w)
	v = verdict{unit: w.unit(u), abandon: true, ticket: w.ticket}
	if j, idempotent := v.unit.secondRun(v.ticket); idempotent && !p.discarded {
		p.queue.unpop(j)
		v.again = true
	}
	if p.queue.n > 0 || !p.closed {
		p.startLocked()
	}
	return v, true
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
	v.ticket.settle(&TaskError{ID: v.unit.id(), Err: ErrAbandoned, Cause: v.unit.cause()}, false)
	p.mu.Lock()
	p.endIfDrainedLocked()
	p.mu.Unlock()
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
	var out []verdict
	p.mu.Lock()
	for _, w := range slices.Clone(p.workers) {
		if u := w.current.Load(); u != nil {
			if v, ok := p.abandonLocked(w, u); ok {
				out = append(out, v)
			}
		}
	}
	p.mu.Unlock()
	for _, v := range out {
		p.carryOut(v)
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
