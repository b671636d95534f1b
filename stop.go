package hale

import (
	"slices"
	"time"
)

// stop ends a run of the supervisor: it stops the children, the last one first.
func (s *Supervisor) stop(cause error) error {
	children := s.list()
	begun, limit := time.Now(), s.stopLimit()
	runs := make([]*Task, len(children))
	inOrder := s.cfg.StopTimeout / 2
	for i, c := range slices.Backward(children) {
		t, grace, below := c.dismiss(cause)
		runs[i] = t
		if below { // it ends by itself: time that its own children need is not taken from these
			awaitTask(t, grace)
			continue
		}
		from := time.Now()
		awaitTask(t, min(grace, inOrder))
		inOrder -= time.Since(from)
	}
	var stuck []*Task
	var below []*StopError
	for i, c := range children {
		awaitTask(runs[i], limit-time.Since(begun))
		if !c.leave(runs[i]) {
			stuck = append(stuck, runs[i])
		}
		if e := stopErrorOf(runs[i].Err()); e != nil {
			below = append(below, e)
		}
	}
	return s.rt.stopError("supervisor "+s.name, limit, stuck, nil, below)
}

// stopErrorOf finds what did not stop below a supervisor in the error of its run.
func stopErrorOf(err error) *StopError {
	look := func() *StopError { e, _ := find[*StopError](err); return e }
	if tame(err) {
		return look()
	}
	e, _ := ask(look) // the methods of an error are anybody's
	return e
}

// stopLimit is how long the supervisor's stop may take: its own StopTimeout, and
// those of the supervisors below it.
func (s *Supervisor) stopLimit() time.Duration {
	limit := s.cfg.StopTimeout
	for _, c := range s.list() {
		c.mu.Lock()
		below, grace := c.subtree, c.options.grace
		c.mu.Unlock()
		if below != nil {
			limit += grace + below.stopLimit()
		}
	}
	return limit
}

// graceLocked is how long the current run may take to return when it is stopped:
// what was declared, and for a supervisor what its children need.
func (c *child) graceLocked() time.Duration {
	if c.subtree != nil {
		return c.options.grace + c.subtree.stopLimit()
	}
	return c.options.grace
}

// runs notes that the run t runs a supervisor.
func (c *child) runs(t *Task, s *Supervisor) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.run() == t {
		c.subtree, c.led = s, s
	}
}

// ran notes that a supervisor has ended.
func (c *child) ran(s *Supervisor) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.subtree == s {
		c.subtree = nil
	}
}

// dismiss tells the child that its supervisor ends. It returns the run that is to
// be waited for, nil if there is none, its grace, and whether it is a supervisor.
func (c *child) dismiss(cause error) (t *Task, grace time.Duration, below bool) {
	c.mu.Lock()
	t = c.run()
	switch {
	case t != nil:
	case c.under != nil:
		c.endLocked(cause, false)
	default: // it never began
		c.concludeLocked(cause)
	}
	grace, below = c.graceLocked(), c.subtree != nil
	c.mu.Unlock()
	if t != nil {
		t.scope.cancel(cause)
	}
	return t, grace, below
}

// leave ends the child with its run, which it gives up if it goes on, however many
// are lost already: the supervisor ends, and starts nothing in its place. It
// reports whether that run had returned.
func (c *child) leave(t *Task) bool {
	if t == nil {
		return true
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.run() != t {
		return true
	}
	gaveUp := t.abandon()
	c.running = false
	c.endLocked(t.Err(), c.stopped != nil)
	return !gaveUp
}

// awaitTask waits until the task has ended, for at most limit.
func awaitTask(t *Task, limit time.Duration) {
	if t == nil || limit <= 0 {
		return
	}
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-t.Done():
	case <-timer.C:
	}
}

// oversee makes Close end a supervisor that nothing of the runtime's runs.
func (rt *Runtime) oversee(s *Supervisor) bool {
	rt.poolMu.Lock()
	defer rt.poolMu.Unlock()
	if rt.closed.Load() {
		return false
	}
	if rt.supervisors == nil {
		rt.supervisors = map[*Supervisor]struct{}{}
	}
	rt.supervisors[s] = struct{}{}
	return true
}

// remember makes Close end the handles of children whose supervisor does not run,
// and forget leaves that to its run.
func (rt *Runtime) remember(s *Supervisor) {
	rt.poolMu.Lock()
	defer rt.poolMu.Unlock()
	if rt.idle == nil {
		rt.idle = map[*Supervisor]struct{}{}
	}
	rt.idle[s] = struct{}{}
}

func (rt *Runtime) forget(s *Supervisor) {
	rt.poolMu.Lock()
	defer rt.poolMu.Unlock()
	delete(rt.idle, s)
}

// endIdle ends the children of supervisors that do not run.
func (rt *Runtime) endIdle(cause error) {
	rt.poolMu.Lock()
	idle := rt.idle
	rt.idle = nil
	rt.poolMu.Unlock()
	for s := range idle {
		for _, c := range s.list() {
			c.stop(cause)
		}
	}
}

func (rt *Runtime) release(s *Supervisor) {
	rt.poolMu.Lock()
	defer rt.poolMu.Unlock()
	delete(rt.supervisors, s)
}

// endSupervisors ends the runs of the supervisors at the top.
func (rt *Runtime) endSupervisors(cause error) {
	rt.poolMu.Lock()
	defer rt.poolMu.Unlock()
	for s := range rt.supervisors {
		s.mu.Lock()
		if s.cancel != nil {
			s.cancel(cause)
		}
		s.mu.Unlock()
	}
}
