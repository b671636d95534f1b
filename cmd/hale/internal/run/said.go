package run

import (
	"errors"
	"time"

	"github.com/hale-go/hale/process"
)

// heard deals with what a service says.
func (r *Runner) heard(s *service, m message, fds []int) {
	now := time.Now()
	s.dog.spoke = now
	if m.store {
		r.keep(m.name, fds)
		if r.stopping {
			r.sockets.release()
		}
	} else {
		closeAll(fds) // of a barrier, that is the answer
	}
	if m.remove {
		r.sockets.drop(m.name)
	}
	if m.status != "" && m.status != s.status {
		s.status = m.status
		r.log.Info("status", r.who(s, "status", m.status)...)
		_ = process.Status(m.status)
	}
	if m.watchdog > 0 {
		s.dog.every = max(m.watchdog, 100*time.Millisecond)
	}
	if m.alive && s.why == "" {
		s.dog.beat(now)
	}
	if m.ready && s.ready.IsZero() && s.why == "" && (s != r.next || !m.late && !s.stopping) { // one that is killed, ends or is gone takes over nothing
		r.isReady(s, now)
	}
	if m.stopping && !s.stopping {
		s.stopping = true
		s.limit = now.Add(r.cfg.StopTimeout)
	}
	if later := now.Add(m.extend); s.limit.Before(later) && !s.limit.IsZero() && s.why == "" {
		s.limit = later
	}
	if m.trigger && s.why == "" && !s.stopping {
		r.hung(s)
	}
	if m.handover != "" && s == r.current {
		r.handover(m.handover, true, nil)
	}
}

// keep holds what a service gives.
func (r *Runner) keep(name string, fds []int) {
	err := errors.New("no descriptor came along: this process may have too many open files")
	if len(fds) > 0 {
		err = r.sockets.keep(name, fds)
	}
	if err != nil {
		r.log.Warn("a socket is not kept", "error", err)
	}
}

// isReady notes that a service serves; a successor takes over.
func (r *Runner) isReady(s *service, now time.Time) {
	s.ready, r.tells = now, true
	if !s.stopping {
		s.limit = time.Time{}
	}
	if s.dog.armed {
		s.dog.beat(now) // before it was ready its silence did not count
	}
	r.log.Info("ready", r.who(s, "after", now.Sub(s.started).Round(time.Millisecond))...)
	switch {
	case s == r.next:
		r.takeOver(s, now)
	case s == r.current && !s.again: // it may have been started in place of a handover
		s.judged = time.Time{}
		r.settle(done, s.serves(now))
	}
	_ = process.Ready()
}
