package hale

import (
	"context"
	"time"

	"github.com/hale-go/hale/observe"
)

// states makes and closes the states of a pool's workers.
type states struct {
	open  func(context.Context) (any, error)
	close func(any) error
	max   int // failures in a row that are borne

	// Guarded by Pool.mu.
	failures int       // of open, in a row
	failed   time.Time // when the last of them was counted
	retry    time.Time // when open may be called again
}

// ready sees to it that the worker has a state before it takes a unit. It
// reports false when the worker must end, and has lost its slot already when it
// was abandoned.
func (w *worker) ready() bool {
	p := w.pool
	for w.life == nil {
		p.mu.Lock()
		if !w.mayOpenLocked() {
			p.mu.Unlock()
			return false
		}
		wait := time.Until(p.states.retry)
		if p.closed {
			wait = 0
		}
		p.mu.Unlock()
		if wait > 0 {
			timer := time.NewTimer(wait)
			select {
			case <-timer.C:
			case <-p.closing:
			}
			timer.Stop()
			continue // there may be nothing to do any more
		}
		if !w.open() {
			return false
		}
	}
	return true
}

// mayOpenLocked counts the worker as one that makes its state, if there is a
// queued unit that no other makes one for. Else the worker must end: those that
// are parked have a state, so that whoever wakes one need not choose.
func (w *worker) mayOpenLocked() bool {
	p := w.pool
	w.openedLocked()
	if p.queue.n <= p.opening || p.excessLocked() {
		w.leaveLocked()
		return false
	}
	p.opening++
	w.opening = true
	return true
}

// openedLocked counts the worker out of those that make their state.
func (w *worker) openedLocked() {
	if w.opening {
		w.pool.opening--
		w.opening = false
	}
}

// open tries to make the worker's state. It reports whether the worker still has
// its slot.
func (w *worker) open() (mine bool) {
	p := w.pool
	began := time.Now()
	life := &unit{scope{parent: context.Background()}}
	seq := p.rt.seq.Add(1)
	life.seq.Store(seq)
	life.enter(p.family.enter(true, seq)) // what open starts may live as long as the state, and is not left behind until then
	w.wear(life)
	w.hook(life, func() (err error) {
		if w.state, err = p.states.open(&life.scope); err == nil {
			w.life = life
		}
		return err
	}, func(has bool, err error) {
		mine = has
		if w.life == nil {
			w.letGo(life)
			p.stateFailed(err)
		}
		if !mine {
			defer w.comeBack(life) // also when the state's Close ends the goroutine
			w.closeState()         // nobody else gets it
			return
		}
		p.mu.Lock()
		w.openedLocked()
		give := false
		if w.life != nil {
			p.states.failures, p.states.retry = 0, time.Time{}
		} else {
			give = p.backOffLocked(began)
		}
		p.mu.Unlock()
		if give {
			p.refuse(&noStateError{p.family.name, err})
		}
	})
	return mine
}

// backOffLocked counts a failure of an attempt that began then, and reports
// whether it is time to give up what waits. Workers that try at once fail
// together, which counts once.
func (p *Pool) backOffLocked(began time.Time) bool {
	s := p.states
	if s.failures == 0 || began.After(s.failed) {
		s.failures++
		s.failed = time.Now()
		s.retry = s.failed.Add(Backoff{}.withDefaults().delay(s.failures+1, jitter))
	}
	return s.failures >= s.max || p.closed
}

// refuse ends everything that is queued.
func (p *Pool) refuse(err error) int {
	p.mu.Lock()
	var jobs []job
	for p.queue.n > 0 {
		jobs = append(jobs, p.queue.pop())
	}
	room := p.waiting > 0
	p.endIfDrainedLocked()
	p.mu.Unlock()
	for _, j := range jobs {
		j.ticket.settle(err, false)
	}
	if room {
		p.offerRoom()
	}
	return len(jobs)
}

// closeState lets go of the worker's state, if it has one.
func (w *worker) closeState() {
	if w.life == nil {
		return
	}
	p, life, state := w.pool, w.life, w.state
	w.life, w.state = nil, nil
	u := &unit{scope{parent: context.Background(), cell: life.cell}}
	w.wear(u)
	w.hook(u, func() error { return p.states.close(state) }, func(mine bool, err error) {
		u.end()
		w.letGo(life)
		if err != nil {
			p.stateFailed(err)
		}
		if !mine {
			w.comeBack(u)
		}
	})
}

// letGo ends the context of a state and takes it out of its cell.
func (w *worker) letGo(life *unit) {
	life.end()
	w.release() // no goroutine of hale's may bear the cell's label then
	w.pool.family.leave(life.cell)
}

func (p *Pool) stateFailed(err error) {
	p.family.failed.Add(1)
	p.rt.emit(observe.Event{Kind: observe.EventStateFailed, Subject: observe.Subject{Name: p.family.name, Domain: p.family.domain}, Detail: printable(errText(err), maxDetail)})
}

// hook runs a function of the pool's user as u: timed by the scanner, its panic
// contained. then is told whether the worker still has its slot, also when f
// ends the goroutine.
func (w *worker) hook(u *unit, f func() error, then func(mine bool, err error)) {
	returned := false
	var err error
	w.begin(u)
	defer func() {
		if !returned {
			err = rescue(recover())
			u.reportPanic(err)
		}
		if err != nil {
			err = u.explain(err)
		}
		then(w.yield(u), err)
	}()
	err = f()
	returned = true
}
