package run

import (
	"fmt"
	"slices"
	"syscall"
	"time"
)

// mostCounted is how many handovers within an hour are told of at most.
const mostCounted = 1000

// handover starts a successor, which takes over when it is ready. A service that never says
// so has none, and is stopped first. What became of one that the service asked for is an
// incident: a service that needs it again and again needs a person. One that a person asked
// for is in the log alone, and asked is told of it, who waits for that: nil if nobody does.
func (r *Runner) handover(why string, wished bool, asked *request) {
	now := time.Now()
	restarts := r.current == nil && !r.startAt.IsZero() || r.current != nil && r.current.again
	because := ""
	switch {
	case r.stopping:
		because = "hale run is stopping"
	case restarts && !wished && (asked == nil || r.asked == nil): // its next process is the new one, too
	case r.next != nil || r.asked != nil:
		because = "another is under way"
		if asked == nil && !wished {
			r.later = true // who sends a signal is told nothing, and may have put a newer version in place
			because += ", and one follows it"
		}
	case r.current == nil || r.current.stopping || r.current.why != "":
		because = "the service is ending"
	}
	switch {
	case because != "":
		r.log.Warn("no handover now", "why", why, "because", because)
		asked.end(refused, "no handover now: "+because+": ask again later")
		return
	case !r.handovers.take(now):
		enough := fmt.Sprintf("there were %d handovers within %v", r.handovers.most, r.handovers.within)
		asked.end(refused, "no handover: "+enough+": ask again later")
		if now.Sub(r.handovers.told) > r.handovers.within {
			r.handovers.told = now
			r.log.Error("no handover", "why", why, "error", enough)
			if wished {
				r.answer(r.wish(why, now), "none: "+enough)
			}
		}
		return
	}
	var wish *Incident
	if wished {
		r.wishes.take(now)
		wish = r.wish(why, now)
	}
	if asked != nil {
		r.asked = asked
	}
	if restarts || r.current.ready.IsZero() {
		r.replace(why, wish, asked, now)
		return
	}
	s, err := r.start()
	if err != nil {
		r.tell(Incident{Fault: FaultLaunch, Message: err.Error(), Action: "none: " + r.goesOn()})
		r.inVain(wish, err.Error())
		return
	}
	s.limit = s.started.Add(r.cfg.ReadyTimeout)
	s.wish = wish
	r.next = s
	r.log.Info("handover", "why", why, "predecessor", r.current.proc.Pid, "successor", s.proc.Pid)
	asked.say("PID %d was started, to take over from PID %d when it is ready", s.proc.Pid, r.current.proc.Pid)
}

// replace stops the service and has it started again, where no successor can take over.
func (r *Runner) replace(why string, wish *Incident, asked *request, now time.Time) {
	if r.current == nil {
		r.startAt = now
		r.log.Info("restart: the service is down", "why", why)
		asked.say("the service is down: it is started at once")
		return
	}
	reason := "the service has not said yet that it is ready, so that no successor can take over"
	if r.cfg.Notify {
		reason = "the service is not ready yet, so that there is nothing to take over"
	}
	r.log.Warn("restart: "+reason, r.who(r.current, "why", why)...)
	r.answer(wish, "restart: "+reason)
	asked.say("%s: PID %d is stopped, and the service started again", reason, r.current.proc.Pid)
	if !r.current.again {
		r.current.again = true
		r.current.stop(syscall.SIGTERM, r.cfg.StopTimeout, why)
	}
}

// takeOver has a successor that is ready take over.
func (r *Runner) takeOver(s *service, now time.Time) {
	was := r.current
	r.current, r.next = s, nil
	outcome := s.serves(now)
	if was != nil {
		r.old = append(r.old, was)
		was.stop(syscall.SIGTERM, r.cfg.StopTimeout, fmt.Sprintf("handed over to PID %d", s.proc.Pid))
		r.log.Info("handed over", "predecessor", was.proc.Pid, "successor", s.proc.Pid)
		outcome += fmt.Sprintf("; PID %d ends", was.proc.Pid)
	}
	r.answer(s.wish, "a successor took over, ready after "+now.Sub(s.started).Round(time.Millisecond).String())
	r.settle(done, outcome)
}

// serves says that a service does.
func (s *service) serves(now time.Time) string {
	return fmt.Sprintf("PID %d serves, ready after %v", s.proc.Pid, now.Sub(s.started).Round(time.Millisecond))
}

// goesOn says that a handover failed, and who serves.
func (r *Runner) goesOn() string {
	if r.current == nil {
		return "the handover failed, and nobody serves"
	}
	return fmt.Sprintf("the handover failed; PID %d goes on", r.current.proc.Pid)
}

// inVain tells everybody that a handover failed.
func (r *Runner) inVain(wish *Incident, why string) {
	if r.stopping {
		return
	}
	r.log.Error(r.goesOn(), "because", why)
	r.answer(wish, "none: "+r.goesOn()+": "+why)
	r.settle(failed, r.goesOn()+": "+why)
}

// replaced tells who waits that a process failed which was started in the place of another.
func (r *Runner) replaced(why string) {
	then := "hale run gives up"
	if !r.startAt.IsZero() {
		then = "the service is started again"
	}
	r.settle(failed, "the handover failed, and nobody serves: "+why+": "+then)
}

// lasting is how long a service that has never said that it is ready, in any process, has to run
// after a restart that somebody waits for.
const lasting = time.Second

// lasts ends the wait for one that has.
func (r *Runner) lasts(s *service) {
	s.judged = time.Time{}
	r.settle(done, fmt.Sprintf("PID %d runs, for %v by now; whether it serves it has not said", s.proc.Pid, lasting))
}

// settle tells who waits for a handover what came of it, and begins another that was asked for
// meanwhile.
func (r *Runner) settle(kind, text string) {
	r.asked.end(kind, text)
	r.asked = nil
	later := r.later && !r.stopping && r.current != nil && !r.current.again // else the next process is a new one anyway
	if r.later = false; later {
		r.handover("SIGUSR2", false, nil)
	}
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

// role is what a service is in a handover, "" in none.
func (r *Runner) role(s *service) string {
	switch {
	case s == r.next:
		return "successor"
	case slices.Contains(r.old, s), s == r.current && r.next != nil:
		return "predecessor"
	}
	return ""
}

// who begins the attributes of a line of the log about a service.
func (r *Runner) who(s *service, more ...any) []any {
	out := []any{"pid", s.proc.Pid}
	if role := r.role(s); role != "" {
		out = append(out, "role", role)
	}
	return append(out, more...)
}
