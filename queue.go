package hale

import (
	"context"
	"errors"
	"time"
)

// job is a unit that waits for a worker.
type job struct {
	ctx    context.Context
	fn     func(context.Context) error // nil: the ticket has the body
	ticket *ticket                     // nil when all there is to know is here
}

// ring is a queue of jobs that grows to the most that it ever held.
type ring struct {
	jobs []job // as many as a power of two, or none
	head int   // the oldest
	n    int
}

func (r *ring) push(j job) {
	if r.n == len(r.jobs) {
		r.grow()
	}
	r.jobs[(r.head+r.n)&(len(r.jobs)-1)] = j
	r.n++
}

// unpop puts a job before all others.
func (r *ring) unpop(j job) {
	if r.n == len(r.jobs) {
		r.grow()
	}
	r.head = (r.head - 1) & (len(r.jobs) - 1)
	r.jobs[r.head] = j
	r.n++
}

func (r *ring) pop() job {
	slot := &r.jobs[r.head]
	j := *slot
	*slot = job{} // what ran must not be held
	r.head = (r.head + 1) & (len(r.jobs) - 1)
	r.n--
	return j
}

func (r *ring) grow() {
	jobs := make([]job, max(2*len(r.jobs), 16))
	n := copy(jobs, r.jobs[r.head:])
	copy(jobs[n:], r.jobs[:r.head])
	r.jobs, r.head = jobs, 0
}

// enqueue puts the job in the queue, waiting for room as long as it may.
func (p *Pool) enqueue(j job) error {
	p.mu.Lock()
	if p.closed || p.starved > 0 || p.queue.n >= p.cfg.Queue {
		p.mu.Unlock()
		return p.waitForRoom(j)
	}
	p.put(j)
	return nil
}

// put queues a job and sees to it that a worker is awake for it. p.mu is held,
// and let go.
func (p *Pool) put(j job) {
	p.queue.push(j)
	wake := p.wakeLocked()
	p.mu.Unlock()
	if wake {
		p.parked.Signal()
	}
}

// wakeLocked reports whether the caller has to signal p.parked for one more
// worker. Where none is parked it starts one, if there is a slot.
func (p *Pool) wakeLocked() bool {
	if p.idle > 0 {
		p.idle-- // by the one who wakes: nobody else must count on the same worker
		return true
	}
	if len(p.workers) < p.size {
		p.startLocked()
	}
	return false
}

// patience is how long a submitter that was woken for room may see others take
// it. From then on newcomers wait behind it, as in sync.Mutex.
const patience = time.Millisecond

// waitForRoom is the slow path of enqueue.
func (p *Pool) waitForRoom(j job) error {
	if p.cfg.MaxWait == NoWait {
		select {
		case <-p.closing:
			return ErrClosed
		default:
			return ErrFull
		}
	}
	var timeout <-chan time.Time
	if p.cfg.MaxWait > 0 {
		timer := time.NewTimer(p.cfg.MaxWait)
		defer timer.Stop()
		timeout = timer.C
	}
	done := j.ctx.Done()
	woken, starved := false, false
	var overtaken time.Time // when it was first woken in vain
	var err error
	p.mu.Lock()
	p.waiting++
	for err == nil {
		if p.closed {
			err = ErrClosed
			break
		}
		if p.queue.n < p.cfg.Queue && (woken || p.starved == 0) {
			break
		}
		switch {
		case !woken || starved:
		case overtaken.IsZero():
			overtaken = time.Now()
		case time.Since(overtaken) > patience:
			starved = true
			p.starved++
		}
		p.mu.Unlock()
		select {
		case <-p.room:
			woken = true
		case <-timeout:
			err = ErrFull
		case <-p.closing:
			err = ErrClosed
		case <-done:
			err = errGone
		}
		p.mu.Lock()
	}
	p.waiting--
	if starved {
		p.starved--
	}
	taken := 0
	if err == nil {
		taken = 1
	}
	next := p.waiting > 0 && p.queue.n+taken < p.cfg.Queue
	if err == nil {
		p.put(j)
	} else {
		p.mu.Unlock()
	}
	if next { // what woke this one was for all who wait
		p.offerRoom()
	}
	if err == errGone { //nolint:errorlint // as it was set
		err = context.Cause(j.ctx) // it may panic: nobody must count on this submitter then
	}
	return err
}

// errGone stands in for the cause of a submitter's context.
var errGone = errors.New("hale: the submitter's context ended")

// offerRoom wakes a submitter that waits for room.
func (p *Pool) offerRoom() {
	select {
	case p.room <- struct{}{}:
	default: // one is being woken, and wakes the next
	}
}

// take waits for a job. It reports false when the worker must end: the pool is
// closed and drained, or shrinks.
func (w *worker) take() (job, bool) {
	p := w.pool
	p.mu.Lock()
	p.finished += w.finished
	w.finished = 0
	if !w.awaitLocked() {
		p.mu.Unlock()
		return job{}, false
	}
	j := p.queue.pop()
	room := p.waiting > 0
	p.mu.Unlock()
	if room {
		p.offerRoom()
	}
	return j, true
}

// awaitLocked waits until there is a job in the queue. It reports false when the
// worker must end.
func (w *worker) awaitLocked() bool {
	p := w.pool
	for {
		switch {
		case p.excessLocked(), p.closed && p.queue.n == 0:
			w.leaveLocked()
			return false
		case p.queue.n > 0:
			return true
		case w.cell != nil: // an idle worker bears no labels and holds no cell
			p.mu.Unlock()
			w.release()
			p.mu.Lock()
		default:
			p.idle++
			p.parked.Wait()
		}
	}
}

// excessLocked reports whether there are more workers than there may be.
func (p *Pool) excessLocked() bool { return len(p.workers)-p.leaving > p.size }

// leaveLocked counts the worker as one that takes no more. It has its slot until
// it is gone.
func (w *worker) leaveLocked() {
	w.pool.leaving++
	w.leaving = true
}
