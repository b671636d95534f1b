package hale

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/hale-go/hale/observe"
)

// What is here is for OneForAll and RestForOne. All of it runs on the goroutine
// of Run, which alone starts children and stops them for the sake of others; so
// starts and stops have one order.

// knock tells Run's goroutine that there is something to look at: a child failed,
// was added, ended for good, or its quarantine is over. What it is stands in the
// children.
func (s *Supervisor) knock() {
	if !s.together() {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case s.wake <- struct{}{}:
	default: // not running, or told already
	}
}

// lead starts the children in order, and restarts them together, until running is
// done.
func (s *Supervisor) lead(running, under context.Context) {
	var due time.Time // when those that are stopped may start
	var told *child   // that holds back others, as it was told
	timer := time.NewTimer(0)
	defer timer.Stop()
	for running.Err() == nil {
		if c := s.firstFailed(); c != nil {
			delay, borne, failed := c.count()
			switch {
			case !failed:
				continue
			case !borne:
				return // Run ends
			}
			if at := time.Now().Add(delay); at.After(due) {
				due = at
			}
			s.halt(c, running)
			continue
		}
		wait := time.Until(due)
		if wait <= 0 {
			told = s.tellHeld(told, s.launch(running, under))
		} else {
			timer.Reset(wait)
		}
		select {
		case <-running.Done():
		case <-s.wake:
		case <-timer.C:
		}
	}
}

// firstFailed returns the first child that waits to be restarted.
func (s *Supervisor) firstFailed() *child {
	for _, c := range s.list() {
		c.mu.Lock()
		failed := c.failed != nil
		c.mu.Unlock()
		if failed {
			return c
		}
	}
	return nil
}

// count counts the restart of a child that failed, if it was not cancelled for good
// meanwhile. If the intensity does not bear it, it ends the child and the
// supervisor's run, and says so.
func (c *child) count() (delay time.Duration, borne, failed bool) {
	c.mu.Lock()
	if c.failed == nil {
		c.mu.Unlock()
		return 0, false, false
	}
	err := c.failed
	delay, borne = c.countLocked()
	if !borne {
		c.endLocked(err, false)
	}
	c.mu.Unlock()
	c.tell(!borne, err)
	return delay, borne, true
}

// halt stops the children that are to be started again with c, the last one first.
// What fails by itself meanwhile is a part of this restart and no further one.
func (s *Supervisor) halt(c *child, running context.Context) {
	all := s.list()
	from := 0
	if s.cfg.Strategy == RestForOne {
		from = slices.Index(all, c)
	}
	if from < 0 { // it was cancelled for good meanwhile: nothing depends on it any more
		return
	}
	for _, o := range slices.Backward(all[from:]) {
		o.part(running.Done())
	}
}

// part stops a child that is started again for the sake of another, and gives it
// up after its grace. While too many of the name are lost, it waits for one of them
// to come back, and the group stays down: to give up one more with each restart
// would fill the memory. It returns early when done is closed.
func (c *child) part(done <-chan struct{}) {
	c.mu.Lock()
	t := c.run()
	c.failed, c.again = nil, c.under != nil
	c.family.unhold(c)
	if t == nil {
		c.mu.Unlock()
		return
	}
	c.stopTimerLocked()
	c.parting = true
	grace := c.graceLocked()
	c.mu.Unlock()
	t.scope.cancel(ErrSibling)
	timer := time.NewTimer(grace)
	defer timer.Stop()
	held := false
	for waits := true; waits; {
		select {
		case <-t.Done():
			waits = false
		case <-timer.C:
			waits = c.mayNotBeLost()
			if waits && !held {
				held = true
				t.tell(observe.EventRestartHeld, fmt.Sprintf("it does not stop and %d abandoned runs of it are alive: supervisor %s starts nothing until one comes back", maxLostRuns, c.sup.name))
			}
			timer.Reset(lostAgain)
		case <-done:
			return
		}
	}
	if held {
		t.tell(observe.EventRestartResumed, "supervisor "+c.sup.name+" goes on")
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.run() == t {
		t.abandon() // if it does not work, it returned, and finds that this was seen to
		c.running = false
		c.nextLocked(t.Err())
	}
}

// lostAgain is how often it is asked whether there is room for one more lost run.
const lostAgain = time.Second

// mayNotBeLost reports whether the current run keeps its place although it goes on
// past its grace. One that ends for good is the last to be lost.
func (c *child) mayNotBeLost() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.stopped == nil && c.family.lost()
}

// launch starts what does not run, in order. A child that may not start yet holds
// back those after it; it is returned if a quarantine is the reason.
func (s *Supervisor) launch(running, under context.Context) (held *child) {
	for _, c := range s.list() {
		if running.Err() != nil {
			return nil
		}
		if next, quarantined := c.launch(running, under); quarantined {
			return c
		} else if !next {
			return nil
		}
	}
	return nil
}

// launch starts the child if it is to run and does not. It reports whether those
// after it may start, and whether it waits for its quarantine to end.
func (c *child) launch(life, under context.Context) (next, quarantined bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.stopped != nil, c.running:
		return true, false
	case c.failed != nil:
		return false, false
	case c.under == nil:
		c.beginLocked(life, under)
	default:
		c.family.unhold(c)
		c.startLocked()
	}
	next = c.running || c.under == nil
	return next, !next
}

// tellHeld tells once that a child in quarantine holds back others, and once that
// it no longer does. It returns the one that does now.
func (s *Supervisor) tellHeld(told, held *child) *child {
	if told == held {
		return held
	}
	if told != nil {
		s.rt.emit(observe.Event{Kind: observe.EventRestartResumed, Subject: told.family.subject(), Detail: "supervisor " + s.name + " goes on"})
	}
	if held != nil {
		s.rt.emit(observe.Event{
			Kind: observe.EventRestartHeld, Subject: held.family.subject(),
			Detail: "in quarantine: supervisor " + s.name + " does not start it, nor those after it, until that ends or lets it in on probation",
		})
	}
	return held
}
