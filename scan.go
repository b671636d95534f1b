package hale

import (
	"time"

	"github.com/hale-go/hale/internal/starve"
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

// late is a unit that a scan found past a limit.
type late struct {
	worker *worker
	unit   *unit
	grace  bool          // it is the grace, and not the budget
	over   time.Duration // for how long it has been over its budget, or cancelled
	at     string        // where it is, if that is known
}

// scan counts time for each running unit, cancels those past their budget and
// abandons those past their grace. It reports whether any unit runs.
func (p *Pool) scan(counted time.Duration) bool {
	busy := false
	var out []late
	// Ticks are a little late or early. Grace is generous, and need not be
	// outlasted by a whole tick for that; a budget must be.
	grace := p.cfg.Grace - p.scanEvery()/8
	p.mu.Lock()
	room := int64(hardCap*p.cap) - p.family.abandoned.Load()
	for _, w := range p.workers {
		u := w.current.Load()
		if u == nil {
			w.seen = nil // what ended must not be held
			continue
		}
		busy = true
		switch {
		case u == &overdue:
			if w.over += counted; w.over >= grace && room > 0 {
				room--
				out = append(out, late{worker: w, unit: w.seen, grace: true, over: w.over})
			}
		case u != w.seen:
			w.seen, w.ran, w.over = u, 0, 0
		default:
			if w.ran += counted; w.ran >= p.cfg.Budget {
				out = append(out, late{worker: w, unit: u, over: w.ran - p.cfg.Budget})
			}
		}
	}
	p.mu.Unlock()
	p.where(out)
	for _, l := range out {
		p.rt.guard("watcher", func() bool { p.overLimit(l); return true }) // each by itself: the others' limits must not be lost
	}
	return busy
}

// where finds out where the units are that are late.
func (p *Pool) where(out []late) {
	units := make([]sought, min(len(out), maxLate))
	for i := range units {
		units[i].ID, units[i].since = out[i].unit.id(), time.Now().Add(-out[i].over)
	}
	p.rt.locator.find(p.rt, units, false)
	for i := range units {
		out[i].at = units[i].at(", ")
	}
}

// overLimit does what is due for a unit past a limit.
func (p *Pool) overLimit(l late) {
	switch {
	case l.grace:
		p.abandon(l, ErrBudget)
	case p.overBudget(l):
		l.unit.cancel(ErrBudget)
	}
}

// whyCancelled returns why a unit was cancelled: hale's reason, if its context
// does not say.
func (u *unit) whyCancelled(reason error) error {
	if cause := u.cause(); cause != nil && cause != errBroken { //nolint:errorlint // as it is made; others may be anybody's
		return cause
	}
	return reason
}

// overBudget marks a unit as overdue, and reports false if it ended meanwhile.
func (p *Pool) overBudget(l late) bool {
	ev := observe.Event{
		Kind: observe.EventBudget, Subject: l.unit.subject(0), Request: requestAside(l.unit.parent),
		Detail: "ran longer than its budget of " + p.cfg.Budget.String() + l.at,
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if !l.worker.current.CompareAndSwap(l.unit, &overdue) {
		return false
	}
	p.rt.emit(ev) // within the lock, so that it is told before the unit's end is
	return true
}

// abandon takes the slot of a stuck worker, if its unit still runs, and gives it
// to a fresh one. A unit that is run once more is back in the queue then: a
// closed pool ends when there is no worker and nothing queued.
func (p *Pool) abandon(l late, reason error) bool {
	w, u := l.worker, l.unit
	u.cancel(reason) // it may be cancelled already; from here on its context is not asked
	ev := observe.Event{
		Kind: observe.EventAbandoned, Subject: u.subject(0), Request: requestAside(u.parent), Replacing: true,
		Detail: "still running " + p.cfg.Grace.String() + " after it was cancelled" + l.at + "; a fresh worker has its slot",
	}
	result := &TaskError{ID: u.id(), Err: ErrAbandoned, Cause: u.whyCancelled(reason)}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.family.abandon(1) // before the pointer says so: the body may come back at once
	if at := w.current.Load(); w.unit(at) != u || !w.current.CompareAndSwap(at, nil) {
		p.family.abandon(-1)
		return false
	}
	p.dropLocked(w)
	t := w.ticket
	if j, idempotent := u.secondRun(t); idempotent && !p.discarded {
		p.queue.unpop(j)
		ev.Detail += ", and runs the unit again"
		t = nil
	} else if p.closed {
		p.lost = append(p.lost, u)
	}
	p.rt.emit(ev) // within the lock, so that it is told before the body's return is
	t.settle(result, false)
	if p.queue.n > 0 || !p.closed {
		p.startLocked()
	}
	p.endIfDrainedLocked()
	return true
}

// tellAfterScan tells an event of a unit that the scanner acted on, after what
// the scanner told of it.
func (p *Pool) tellAfterScan(ev observe.Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rt.emit(ev)
}

// cancelAll cancels the running units.
func (p *Pool) cancelAll(cause error) {
	for _, l := range p.running() {
		l.unit.cancel(cause)
	}
}

// abandonAll abandons every running unit, without replacement on a closed pool.
func (p *Pool) abandonAll() {
	for _, l := range p.running() {
		p.abandon(l, ErrClosed)
	}
}

// running returns the busy workers and their units.
func (p *Pool) running() []late {
	p.mu.Lock()
	defer p.mu.Unlock()
	var out []late
	for _, w := range p.workers {
		if u := w.current.Load(); u != nil {
			out = append(out, late{worker: w, unit: w.unit(u)})
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
