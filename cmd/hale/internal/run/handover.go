package run

import (
	"errors"
	"fmt"
	"syscall"
	"time"

	"github.com/hale-go/hale/process"
)

// heard deals with what a service says.
func (r *Runner) heard(s *service, m message, fds []int) {
	now := time.Now()
	s.dog.spoke = now
	if m.store {
		r.keep(m.name, fds)
	} else {
		closeAll(fds) // of a barrier, that is the answer
	}
	if m.remove {
		r.sockets.drop(m.name)
	}
	if m.status != "" && m.status != s.status {
		s.status = m.status
		r.log.Info("status", "pid", s.proc.Pid, "status", m.status)
		_ = process.Status(m.status)
	}
	if m.watchdog > 0 {
		s.dog.every = max(m.watchdog, 100*time.Millisecond)
	}
	if m.alive && s.why == "" {
		s.dog.beat(now)
	}
	if m.extend > 0 && !s.limit.IsZero() && s.why == "" {
		s.limit = now.Add(m.extend)
	}
	if m.ready && s.ready.IsZero() && s.why == "" && (s != r.next || !m.late) { // one that is killed, or gone, takes over nothing
		r.isReady(s, now)
	}
	if m.stopping && !s.stopping {
		s.stopping = true
		s.limit = now.Add(r.cfg.StopTimeout)
	}
	if m.trigger && s.why == "" && !s.stopping {
		r.hung(s)
	}
	if m.handover != "" && s == r.current {
		r.handover(m.handover)
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
	s.ready = now
	if !s.stopping {
		s.limit = time.Time{}
	}
	r.log.Info("ready", "pid", s.proc.Pid, "after", now.Sub(s.started).Round(time.Millisecond))
	if s == r.next {
		was := r.current
		r.current, r.next = s, nil
		if was != nil {
			r.old = append(r.old, was)
			was.stop(syscall.SIGTERM, r.cfg.StopTimeout)
			r.log.Info("handed over", "from", was.proc.Pid, "to", s.proc.Pid)
		}
	}
	_ = process.Ready()
}

// handover starts a successor, which takes over when it is ready. A service that never says
// so has none, and is stopped first.
func (r *Runner) handover(why string) {
	now := time.Now()
	switch {
	case r.stopping || r.current == nil || r.next != nil || r.current.stopping || r.current.why != "":
		r.log.Warn("no handover now", "why", why)
		return
	case !r.handovers.take(now):
		if now.Sub(r.handovers.told) > r.handovers.within {
			r.handovers.told = now
			r.log.Error("no handover", "why", why, "error", fmt.Sprintf("there were %d within %v", r.handovers.most, r.handovers.within))
		}
		return
	case r.current.ready.IsZero():
		r.log.Warn("restart: the service does not say when it is ready, so that no successor can take over", "why", why)
		r.current.again = true
		r.current.stop(syscall.SIGTERM, r.cfg.StopTimeout)
		return
	}
	s, err := r.start()
	if err != nil {
		r.tell(Incident{Fault: FaultLaunch, Message: err.Error(), Action: "none: the service goes on"})
		return
	}
	s.limit = s.started.Add(r.cfg.ReadyTimeout)
	r.next = s
	r.log.Info("handover", "why", why, "from", r.current.proc.Pid, "to", s.proc.Pid)
}
