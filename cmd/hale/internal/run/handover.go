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
		r.log.Info("status", "pid", s.proc.Pid, "status", m.status)
		_ = process.Status(m.status)
	}
	if m.watchdog > 0 {
		s.dog.every = max(m.watchdog, 100*time.Millisecond)
	}
	if m.alive && s.why == "" {
		s.dog.beat(now)
	}
	if m.ready && s.ready.IsZero() && s.why == "" && (s != r.next || !m.late) { // one that is killed, or gone, takes over nothing
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
		r.handover(m.handover, true)
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
	if s.dog.armed {
		s.dog.beat(now) // before it was ready its silence did not count
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
		r.answer(s.wish, "a successor took over, ready after "+now.Sub(s.started).Round(time.Millisecond).String())
	}
	_ = process.Ready()
}

// mostCounted is how many handovers within an hour are told of at most.
const mostCounted = 1000

// handover starts a successor, which takes over when it is ready. A service that never says
// so has none, and is stopped first. What became of one that the service asked for is an
// incident: a service that needs it again and again needs a person. One that a person asked
// for is in the log alone.
func (r *Runner) handover(why string, asked bool) {
	now := time.Now()
	switch {
	case r.stopping || r.current == nil || r.next != nil || r.current.stopping || r.current.why != "":
		because := "the service is stopping, or is down"
		if r.next != nil {
			because = "another is under way"
		}
		r.log.Warn("no handover now", "why", why, "because", because)
		return
	case !r.handovers.take(now):
		if now.Sub(r.handovers.told) > r.handovers.within {
			r.handovers.told = now
			enough := fmt.Sprintf("there were %d handovers within %v", r.handovers.most, r.handovers.within)
			r.log.Error("no handover", "why", why, "error", enough)
			if asked {
				r.answer(r.wish(why, now), "none: "+enough)
			}
		}
		return
	}
	var wish *Incident
	if asked {
		r.wishes.take(now)
		wish = r.wish(why, now)
	}
	if r.current.ready.IsZero() {
		const action = "restart: the service does not say when it is ready, so that no successor can take over"
		r.log.Warn(action, "why", why)
		r.answer(wish, action)
		r.current.again = true
		r.current.stop(syscall.SIGTERM, r.cfg.StopTimeout)
		return
	}
	s, err := r.start()
	if err != nil {
		r.tell(Incident{Fault: FaultLaunch, Message: err.Error(), Action: "none: the service goes on"})
		r.answer(wish, "none: in vain, "+err.Error())
		return
	}
	s.limit = s.started.Add(r.cfg.ReadyTimeout)
	s.wish = wish
	r.next = s
	r.log.Info("handover", "why", why, "from", r.current.proc.Pid, "to", s.proc.Pid)
}

// wish is the incident of a handover that the service asks for.
func (r *Runner) wish(why string, now time.Time) *Incident {
	s := r.current
	return &Incident{Fault: FaultHandover, Message: why, PID: s.proc.Pid, Uptime: now.Sub(s.started), Handovers: r.wishes.used(now)}
}

// answer tells what became of a handover that a service has asked for.
func (r *Runner) answer(wish *Incident, action string) {
	if wish == nil || r.stopping {
		return
	}
	wish.Action = action
	r.tell(*wish)
}
