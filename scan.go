package hale

import (
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
}

// scan counts time for each running unit, cancels those past their budget and
// abandons those past their grace. It reports whether any unit runs.
func (p *Pool) scan(counted time.Duration) bool {
	busy := false
	var out []verdict
	p.mu.Lock()
	for i := 0; i < len(p.workers); i++ {
		w := p.workers[i]
		word := w.word.Load()
		state := word & stateMask
		if state == workerIdle {
			continue
		}
		busy = true
		if seq := word &^ stateMask; w.seen != seq {
			w.seen, w.ran, w.over = seq, 0, 0
			continue
		}
		u := w.unit.Load()
		switch state {
		case workerBusy:
			if w.ran += counted; w.ran >= p.cfg.Budget && w.word.CompareAndSwap(word, word&^stateMask|workerCancelled) {
				out = append(out, verdict{u, false})
			}
		case workerCancelled:
			if w.over += counted; w.over >= p.cfg.Grace && p.abandonLocked(w, word, true) {
				i--
				out = append(out, verdict{u, true})
			}
		}
	}
	p.mu.Unlock()
	for _, v := range out {
		p.carryOut(v)
	}
	return busy
}

// abandonLocked takes the slot of a stuck worker and gives it to a fresh one.
// p.mu is held.
func (p *Pool) abandonLocked(w *worker, word uint64, bounded bool) bool {
	if bounded && p.site.abandoned.Load() >= int64(hardCap*p.cfg.MaxAbandoned) {
		return false
	}
	p.site.abandon(1) // before the word says so: the body may come back at once
	if !w.word.CompareAndSwap(word, word&^stateMask|workerAbandoned) {
		p.site.abandon(-1)
		return false
	}
	for i, other := range p.workers {
		if other == w {
			p.workers = append(p.workers[:i], p.workers[i+1:]...)
			break
		}
	}
	p.spawned.Store(int64(len(p.workers)))
	if !p.closed.Load() || len(p.queue) > 0 {
		p.startLocked()
	}
	return true
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
	p.rt.emit(ev)
	p.giveUp(v.unit)
	p.gone(nil)
}

// giveUp tells whoever waits for an abandoned unit.
func (p *Pool) giveUp(u *unit) {
	u.settle(&TaskError{ID: u.id(), Err: ErrAbandoned, Cause: u.cause()}, false)
}

// cancelAll cancels the running units and returns how many there were.
func (p *Pool) cancelAll(cause error) int {
	units := p.running(func(*worker) bool { return true })
	for _, u := range units {
		u.cancel(cause)
	}
	return len(units)
}

// abandonAll abandons every running unit, without replacement on a closed pool,
// and returns how many it gave up.
func (p *Pool) abandonAll() int {
	units := p.running(func(w *worker) bool {
		word := w.word.Load()
		return word&stateMask != workerIdle && p.abandonLocked(w, word, false)
	})
	for _, u := range units {
		p.carryOut(verdict{u, true})
	}
	return len(units)
}

// running returns the units of the busy workers that match.
func (p *Pool) running(match func(*worker) bool) []*unit {
	p.mu.Lock()
	defer p.mu.Unlock()
	var out []*unit
	for _, w := range append([]*worker(nil), p.workers...) {
		u := w.unit.Load()
		if u != nil && w.word.Load()&stateMask != workerIdle && match(w) {
			out = append(out, u)
		}
	}
	return out
}
