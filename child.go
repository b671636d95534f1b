package hale

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/hale-go/hale/observe"
)

// child is one supervised task through all its runs. Each run is a [Task] of
// its own, on a fresh goroutine. Only the current run may end or restart it:
// what an abandoned predecessor does is not listened to.
type child struct {
	sup     *Supervisor
	ctx     context.Context // given to Go; nil: the supervisor's
	fn      func(context.Context) error
	entry   uintptr
	site    *site
	options taskOptions
	handle  *Task

	mu       sync.Mutex
	under    context.Context // what the runs run under; nil while not begun
	release  func() bool     // stops waiting for the end of under
	run      *Task           // current run; nil between two
	last     *Task           // latest run
	timer    *time.Timer     // pending restart, or the end of the grace of a run that is renewed
	renewing bool            // the current run was cancelled to be started again
	begun    time.Time       // of the current run
	restart  int             // restarts since it last ran for Period
	restarts []time.Time     // of a child of the root, which has an intensity of its own
	stopped  error           // cause of Cancel on the handle
}

func (c *child) currentID() observe.TaskID {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.last == nil {
		return observe.TaskID{}
	}
	return c.last.scope.id()
}

// giveUp ends a child whose run goes on after it was told to stop, and returns
// the ID of that run; zero if there is none.
func (c *child) giveUp() observe.TaskID {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.run == nil || !c.run.abandon() {
		return observe.TaskID{}
	}
	id := c.run.scope.id()
	err := c.run.Err()
	c.run = nil
	c.endLocked(err, false)
	return id
}

// begin starts the child under the supervisor's context, or its own.
func (c *child) begin(under context.Context) {
	if c.ctx != nil {
		under = c.ctx
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.under != nil || c.stopped != nil || (c.ctx == nil && under.Err() != nil) {
		return
	}
	c.under, c.restart = under, 0
	c.release = context.AfterFunc(under, c.underDone)
	c.sup.childLive()
	c.startLocked()
}

// underDone ends a child that is between two runs; a run sees it by itself.
func (c *child) underDone() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.under != nil && c.run == nil && c.under.Err() != nil {
		c.endLocked(context.Cause(c.under), c.ctx != nil)
	}
}

// stop ends the child for good.
func (c *child) stop(cause error) {
	if cause == nil {
		cause = context.Canceled
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stopped != nil {
		return
	}
	c.stopped = cause
	switch {
	case c.run != nil:
		c.run.scope.cancel(cause)
	case c.under != nil:
		c.endLocked(cause, true)
	default: // it never began, or has ended
		c.concludeLocked(cause)
	}
}

// endLocked ends the child; c.mu is held. Unless it is for good, the child
// begins again when its supervisor does.
func (c *child) endLocked(err error, forGood bool) {
	c.stopTimerLocked()
	c.release()
	c.under = nil
	c.site.unhold(c)
	if forGood && c.stopped == nil {
		c.stopped = orNil(err)
	}
	c.concludeLocked(err)
	c.sup.childDone(c, forGood)
}

func (c *child) concludeLocked(err error) {
	if c.handle.scope.state.Load() == taskRunning {
		c.handle.conclude(err)
	}
}

// startLocked starts a run; c.mu is held.
func (c *child) startLocked() {
	if c.sup.rt.closed.Load() {
		c.endLocked(ErrClosed, true)
		return
	}
	for c.site.admit() != nil {
		c.site.hold(c)
		if c.site.gate.Load() != nil {
			return
		}
		c.site.unhold(c) // the quarantine ended in between: nobody else would wake the child
	}
	t := &Task{}
	t.scope.parent = c.under
	t.scope.extend().child = c
	t.declare(c.options)
	c.run, c.last, c.begun = t, t, time.Now()
	if c.restart > 0 {
		c.sup.rt.emit(observe.Event{Kind: observe.EventRestarted, Subject: c.site.subject(), Detail: "started again", Restarts: c.restart})
	}
	t.start(c.site, c.entry, true)
	go t.run(c.fn, nil)
}

// resume starts a child that waited for a quarantine or for its backoff.
func (c *child) resume() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stopTimerLocked()
	if c.under == nil || c.run != nil {
		return
	}
	if c.under.Err() != nil {
		c.endLocked(context.Cause(c.under), c.ctx != nil)
		return
	}
	c.startLocked()
}

// exited decides what follows the end of a run. It is called once for each run
// that was not abandoned, on the run's own goroutine.
func (c *child) exited(t *Task, err error) {
	c.mu.Lock()
	if c.run != t {
		c.mu.Unlock()
		return
	}
	c.run = nil
	stormed := c.nextLocked(err)
	c.mu.Unlock()
	c.tell(stormed, err)
}

// tell reports a restart storm, and hands it on. It is called without the lock,
// because the error's text is the child's own code.
func (c *child) tell(stormed bool, err error) {
	if !stormed {
		return
	}
	s := c.sup
	s.rt.emit(observe.Event{Kind: observe.EventRestartStorm, Subject: c.site.subject(), Detail: "restarted too often: " + printable(errText(orNil(err)), maxDetail)})
	if !s.root {
		s.escalate(err)
	}
}

// replace abandons a run that ignores its cancellation and starts a fresh one.
// It reports whether there was anything to replace.
func (c *child) replace(t *Task) bool {
	c.mu.Lock()
	if c.run != t || !t.abandon() {
		c.mu.Unlock()
		return false
	}
	c.run = nil
	err := t.Err()
	stormed := c.nextLocked(err)
	c.mu.Unlock()
	c.tell(stormed, err)
	return true
}

// renew starts the child afresh: it cancels the run, and replaces it if it has not
// returned after its grace. It reports whether there is a run that may be.
func (c *child) renew(cause error) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := c.run
	if t == nil || !t.replaced() {
		return false
	}
	c.renewing = true
	c.stopTimerLocked()
	c.timer = time.AfterFunc(c.options.grace, func() { c.replace(t) })
	t.scope.cancel(cause)
	return true
}

func (c *child) stopTimerLocked() {
	if c.timer != nil {
		c.timer.Stop()
		c.timer = nil
	}
}

// nextLocked restarts the child, now or after its backoff, or ends it. It reports
// whether it was restarted too often.
func (c *child) nextLocked(err error) (stormed bool) {
	kind, now, renewing := c.options.restart, time.Now(), c.renewing
	c.stopTimerLocked()
	c.renewing = false
	switch {
	case c.under.Err() != nil && c.ctx == nil:
		c.endLocked(err, false)
		return false
	case c.sup.rt.closed.Load():
		c.endLocked(orNil(err), true)
		return false
	case c.stopped != nil, c.under.Err() != nil, kind == Temporary, kind == Transient && err == nil && !renewing:
		c.endLocked(err, true)
		return false
	}
	s := c.sup
	if now.Sub(c.begun) >= s.cfg.Period {
		c.restart = 0
	}
	c.restart++
	delay := s.cfg.Backoff.delay(c.restart, jitter)
	if !c.borne(now) {
		stormed = true
		if !s.root {
			c.endLocked(err, false)
			return stormed
		}
		delay = s.cfg.Backoff.Max // the root bears it: a child's storm must not end the service
		c.site.hold(c)            // the quarantine that a storm leads to decides when it may try again
	}
	if delay == 0 {
		c.startLocked()
		return stormed
	}
	c.timer = time.AfterFunc(delay, c.resume)
	return stormed
}

// borne counts the restart against the intensity.
func (c *child) borne(now time.Time) bool {
	s := c.sup
	if s.root {
		return s.mayRestart(&c.restarts, now)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mayRestart(&s.restarts, now)
}

// hold keeps a child until the site's quarantine ends or probes it.
func (s *site) hold(c *child) {
	s.mu.Lock()
	if !slices.Contains(s.held, c) {
		s.held = append(s.held, c)
	}
	s.mu.Unlock()
}

// unhold forgets a child that was kept.
func (s *site) unhold(c *child) {
	s.mu.Lock()
	if i := slices.Index(s.held, c); i >= 0 {
		s.held = slices.Delete(s.held, i, i+1)
	}
	s.mu.Unlock()
}
