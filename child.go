package hale

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hale-go/hale/observe"
)

// child is one supervised task through all its runs. Each run is a [Task] of
// its own, on a fresh goroutine. Only the current run may end or restart it:
// what an abandoned predecessor does is not listened to.
type child struct {
	sup     *Supervisor
	fn      func(context.Context) error
	family  *family
	options contract
	handle  *Task
	latest  atomic.Pointer[Task] // latest run; those before it are fenced

	mu       sync.Mutex
	life     context.Context // what ends the child: Run's, or its own
	under    context.Context // what the runs run under; nil while not begun
	release  func()          // stops waiting for the end of its own life; see waitLocked
	timer    *time.Timer     // pending restart, or the end of the grace of a run that is renewed
	running  bool            // the latest run is the current one; else it is between two
	renewing bool            // the current run was cancelled to be started again
	parting  bool            // the current run was cancelled for the sake of another child
	again    bool            // the next run follows another
	stormed  bool            // it was restarted too often, and has not run for Period since
	restart  uint32          // restarts since it last ran for Period
	row      uint32          // runs in a row that hung, each soon after its start
	failed   error           // waits for the supervisor to restart it, with the error it failed with
	subtree  *Supervisor     // that the current run runs
	led      *Supervisor     // that the latest run which ran one did
	begun    time.Duration   // of the current run, since the runtime was made
	restarts *tally          // of a child of the root, which has an intensity of its own
	stopped  error           // cause of Cancel on the handle
}

// entry returns where the code of the child's function starts.
func (c *child) entry() uintptr { return entryOf(c.fn) }

// own reports whether the child has a context of its own, its handle's, and not
// its supervisor's.
func (c *child) own() bool { return c.handle.scope.flags&flagOwn != 0 }

// run returns the current run, nil between two; c.mu is held.
func (c *child) run() *Task {
	if c.running {
		return c.latest.Load()
	}
	return nil
}

func (c *child) currentID() observe.TaskID {
	if t := c.latest.Load(); t != nil {
		return t.scope.id()
	}
	return observe.TaskID{}
}

// begin starts the child under the supervisor's contexts, or its own.
func (c *child) begin(life, under context.Context) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.under == nil {
		c.beginLocked(life, under)
	}
}

func (c *child) beginLocked(life, under context.Context) {
	if c.own() {
		life, under = c.handle.scope.parent, c.handle.scope.parent
	}
	if c.stopped != nil || (!c.own() && errOf(life) != nil) {
		return
	}
	c.life, c.under, c.restart, c.again = life, under, 0, false
	c.startLocked()
}

// waitLocked sees to it that a child with a context of its own ends with that also
// between two runs. While one runs, it sees the end by itself, and a child that is
// well should cost nothing.
func (c *child) waitLocked() {
	if c.own() && c.release == nil {
		c.release = afterEnd(c.life, c.lifeDone)
	}
}

func (c *child) waitNoMoreLocked() {
	if c.release != nil {
		c.release()
		c.release = nil
	}
}

// lifeDone ends a child that is between two runs; a run sees it by itself.
func (c *child) lifeDone() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.under != nil && !c.running && errOf(c.life) != nil {
		c.endLocked(causeOf(c.life), c.own())
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
	case c.running:
		c.latest.Load().scope.cancel(cause)
	case c.under != nil:
		c.endLocked(cause, true)
	default: // it never began, or has ended
		c.concludeLocked(cause)
		c.sup.forget(c)
	}
}

// endLocked ends the child; c.mu is held. Unless it is for good, the child
// begins again when its supervisor does.
func (c *child) endLocked(err error, forGood bool) {
	c.stopTimerLocked()
	c.waitNoMoreLocked()
	c.under, c.failed, c.parting = nil, nil, false
	c.family.unhold(c)
	c.concludeLocked(err)
	if !forGood {
		return
	}
	if c.stopped == nil {
		c.stopped = orNil(err)
	}
	c.sup.forget(c)
	c.sup.knock() // others may have waited for it to start
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
	for c.family.admit() != nil {
		c.family.hold(c)
		if c.family.quarantined() {
			c.waitLocked()
			return
		}
		c.family.unhold(c) // the quarantine ended in between: nobody else would wake the child
	}
	c.waitNoMoreLocked()
	t := &Task{}
	t.scope.parent = c.under
	t.declare(c.options)
	t.scope.extend().child = c
	c.begun, c.renewing, c.parting, c.subtree = time.Since(c.sup.rt.clock.born), false, false, nil
	if c.again {
		c.again = false
		c.sup.rt.note(&note{family: c.family, n: uint64(c.restart)})
	}
	t.start(c.family, c.entry(), true)
	c.running = true
	c.latest.Store(t) // it has its number now, and its body has not begun
	go c.work(t, int(c.restart))
}

// work is a run's goroutine. One that is a restart first makes its stack grow,
// while there is little on it to be moved: what contains a panic and starts the
// next run needs more than a goroutine begins with, and this one is likely to.
func (c *child) work(t *Task, restart int) {
	if restart > 0 && roomy(restart) != 0 {
		return
	}
	t.run(c.fn, nil)
}

//go:noinline
func roomy(i int) byte {
	var room [2 << 10]byte
	return room[i%len(room)]
}

// resume starts a child that waited for a quarantine or for its backoff.
func (c *child) resume() {
	if c.sup.together() {
		c.sup.knock()
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stopTimerLocked()
	if c.under == nil || c.running {
		return
	}
	if errOf(c.life) != nil {
		c.endLocked(causeOf(c.life), c.own())
		return
	}
	c.startLocked()
}

// exited decides what follows the end of a run. It is called once for each run
// that was not abandoned, on the run's own goroutine.
func (c *child) exited(t *Task, err error) {
	c.mu.Lock()
	if c.run() != t {
		c.mu.Unlock()
		return
	}
	c.running = false
	if w := t.watch(); (w == nil || !w.late.Load()) && !c.parting && !c.renewing {
		c.row = 0
	}
	stormed := c.nextLocked(err)
	again := c.running || c.again || c.failed != nil
	c.mu.Unlock()
	if _, panicked := err.(*PanicError); again && err != nil && !panicked { //nolint:errorlint // as rescue made it: a panic is told of already
		c.failing(t, err)
	}
	c.tell(stormed, err)
}

// failing tells what a run that is followed by another returned: nobody waits for
// it.
//
//go:noinline
func (c *child) failing(t *Task, err error) {
	e := observe.Event{Kind: observe.EventFailed, Subject: t.subject(), Detail: printable(errText(err), maxDetail)}
	c.sup.rt.emit(e)
}

// tell reports a restart storm, and hands it on. It is called without the lock,
// because the error's text is the child's own code.
func (c *child) tell(stormed bool, err error) {
	if !stormed {
		return
	}
	s := c.sup
	if !s.root {
		s.escalate(err)
	}
	why := "restarted too often"
	if !s.together() { // Run's goroutine must not depend on what an error's text does
		why += ": " + printable(errText(orNil(err)), maxDetail)
	}
	s.rt.emit(observe.Event{Kind: observe.EventRestartStorm, Subject: c.family.subject(), Detail: why})
}

// replace abandons a run that ignores its cancellation and starts a fresh one.
// It reports whether there was anything to replace.
func (c *child) replace(t *Task) bool {
	c.mu.Lock()
	if c.run() != t || !t.abandon() {
		c.mu.Unlock()
		return false
	}
	c.running = false
	err := t.Err()
	stormed := c.nextLocked(err)
	c.mu.Unlock()
	c.tell(stormed, err)
	return true
}

// renew starts the child afresh: it cancels the run, and replaces it if it has not
// returned after its grace. It reports whether there is a run that may be: while
// too many are lost, there is none.
func (c *child) renew(cause error) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := c.run()
	if t == nil || !t.replaced() || c.family.lost() {
		return false
	}
	c.renewing = true
	c.stopTimerLocked()
	c.timer = time.AfterFunc(c.graceLocked(), func() { c.relieve(t) })
	t.scope.cancel(cause)
	return true
}

// relieve replaces a run that was to be renewed and goes on past its grace, once
// there is room for it among the lost: many may be renewed at once.
func (c *child) relieve(t *Task) {
	if !c.mayNotBeLost() {
		c.replace(t)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.run() == t && c.renewing {
		c.timer = time.AfterFunc(lostAgain, func() { c.relieve(t) })
	}
}

func (c *child) stopTimerLocked() {
	if c.timer != nil {
		c.timer.Stop()
		c.timer = nil
	}
}

// nextLocked restarts the child, now or after its backoff, or ends it, or leaves
// both to the supervisor. It reports whether it was restarted too often.
func (c *child) nextLocked(err error) (stormed bool) {
	kind, renewing, s := c.options.restart, c.renewing, c.sup
	c.stopTimerLocked()
	c.renewing = false
	switch {
	case errOf(c.life) != nil && !c.own():
		c.endLocked(err, c.stopped != nil)
	case s.rt.closed.Load():
		c.endLocked(err, true)
	case c.stopped != nil, errOf(c.life) != nil, kind == Temporary:
		c.endLocked(err, true)
	case c.parting: // the supervisor starts it again, with the one that failed
		c.parting = false
	case kind == Transient && err == nil && !renewing:
		c.endLocked(err, true)
	case s.together():
		c.failed = orNil(err)
		s.knock()
	default:
		return c.restartLocked(err)
	}
	return false
}

// restartLocked restarts the child alone, now or after its backoff.
func (c *child) restartLocked(err error) (stormed bool) {
	s := c.sup
	delay, borne := c.countLocked()
	if !borne {
		stormed = true
		if !s.root {
			c.endLocked(err, false)
			return stormed
		}
		delay = s.cfg.Backoff.Max // the root bears it: a child's storm must not end the service
		c.family.hold(c)          // the quarantine that a storm leads to decides when it may try again
	}
	if delay == 0 {
		c.startLocked()
		return stormed
	}
	c.timer = time.AfterFunc(delay, c.resume)
	c.waitLocked()
	return stormed
}

// countLocked counts a restart of the child. It returns how long to wait before it,
// and whether the intensity bears it.
func (c *child) countLocked() (delay time.Duration, borne bool) {
	s, now := c.sup, time.Now()
	if now.Sub(s.rt.clock.born)-c.begun >= s.cfg.Period {
		c.restart, c.stormed = 0, false
	}
	c.restart++
	c.again = true
	defer func() { c.stormsLocked(!borne) }()
	delay = s.cfg.Backoff.delay(int(c.restart), jitter)
	if s.root {
		if c.restarts == nil {
			c.restarts = new(tally)
		}
		return delay, c.restarts.bears(now, s.cfg.Period, s.cfg.Intensity)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return delay, s.restarts.bears(now, s.cfg.Period, s.cfg.Intensity)
}
