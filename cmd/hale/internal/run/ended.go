package run

import (
	"cmp"
	"fmt"
	"os"
	"slices"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// ended deals with the end of a service.
func (r *Runner) ended(s *service, state *os.ProcessState, err error) {
	s.forget()
	code, sig := exit(state)
	if s.why == FaultStopHangs { // whatever it made of that
		code = 128 + int(syscall.SIGKILL)
	}
	lived := time.Since(s.started)
	i := Incident{PID: s.proc.Pid, Role: r.role(s), ExitCode: code, Signal: sig, Uptime: lived}
	i.Fault, i.Message = r.faultOf(s, code, sig, err)
	s.words.explain(&i)
	why := outcome(i, code)
	switch {
	case slices.Contains(r.old, s):
		if i.Fault != "" {
			i.Action = "none: its successor serves"
			r.tell(i)
		}
		r.logEnd(s, code, lived)
		r.old = slices.DeleteFunc(r.old, func(o *service) bool { return o == s })
	case s == r.next:
		r.next = nil
		switch {
		case r.current == nil:
			r.lastEnded(s, i, lived)
		case !r.stopping:
			i.Fault, i.Message = orExit(i, code)
			i.Action = "none: " + r.goesOn()
			r.tell(i)
		default:
			r.logEnd(s, code, lived)
		}
		r.inVain(s.wish, why)
	case s == r.current:
		r.current = nil
		if r.next != nil && !r.stopping {
			i.Fault, i.Message = orExit(i, code)
			i.Action = "its successor takes over"
			r.tell(i)
			r.asked.say("PID %d has ended: %s; PID %d takes over", i.PID, why, r.next.proc.Pid)
			return
		}
		r.lastEnded(s, i, lived)
		r.coded = r.stopping && r.next != nil
		if !s.again {
			r.replaced(fmt.Sprintf("PID %d has ended: %s", i.PID, why))
		}
	}
}

// logEnd logs the end of a service, and why it was told to, where this process told it to.
func (r *Runner) logEnd(s *service, code int, lived time.Duration) {
	args := r.who(s, "code", code, "after", lived.Round(time.Millisecond))
	if why := cmp.Or(s.cause, s.why); why != "" {
		args = append(args, "why", why)
	}
	r.log.Info("ended", args...)
}

// lastEnded deals with the end of a service where none is left.
func (r *Runner) lastEnded(s *service, i Incident, lived time.Duration) {
	switch {
	case s.again && !r.stopping:
		if i.Fault != "" && i.Fault != FaultExit {
			i.Action = "restart"
			r.tell(i)
		}
		r.logEnd(s, i.ExitCode, lived)
		r.asked.say("PID %d has ended", i.PID)
		r.startAt = time.Now()
	case r.stopping, r.cfg.Restart == Never, r.cfg.Restart == OnFailure && i.Fault == "":
		if !r.coded {
			r.code = i.ExitCode
		}
		if i.Fault != "" && (!r.stopping || i.Fault != FaultExit) {
			i.Action = "exit"
			r.tell(i)
		}
		r.logEnd(s, i.ExitCode, lived)
	default:
		i.Fault, i.Message = orExit(i, i.ExitCode)
		r.again(i, lived, i.ExitCode)
	}
}

// faultOf says what was wrong with the end of a service, "" if nothing was.
func (r *Runner) faultOf(s *service, code int, sig string, err error) (fault, message string) {
	switch {
	case err != nil:
		return FaultExit, err.Error()
	case s.why == FaultHang:
		text := fmt.Sprintf("no sign of life for %v", s.dog.every)
		if s.status != "" { // process.Watch says in it why it gives none
			text += fmt.Sprintf("; it said last: %s", s.status)
		}
		return s.why, text
	case s.why == FaultNeverReady:
		return s.why, fmt.Sprintf("not ready within %v", r.cfg.ReadyTimeout)
	case s.why == FaultStopHangs:
		return s.why, fmt.Sprintf("it had not ended %v after it was told to", r.cfg.StopTimeout)
	case sig != "" && s.told != nil && sig == fmt.Sprint(s.told), // by the signal that told it to
		s.hangup && sig == fmt.Sprint(syscall.SIGHUP): // the terminal was closed, which is not to be survived
		return "", ""
	case sig != "":
		return FaultKilled, s.killedBy(syscall.Signal(code - 128))
	case code != 0:
		return FaultExit, fmt.Sprintf("exit status %d", code)
	}
	return "", ""
}

// killedBy says by which signal, that nobody here has sent, a service was killed.
func (s *service) killedBy(sig syscall.Signal) string {
	text := "killed by " + cmp.Or(unix.SignalName(sig), fmt.Sprintf("signal %d", int(sig)))
	if sig != syscall.SIGKILL {
		return text
	}
	if n, known := oomKills(); known && s.ooms >= 0 && n > s.ooms {
		return text + ": the kernel's out-of-memory killer has struck in its control group"
	}
	return text + " from outside, such as the kernel's out-of-memory killer"
}

// outcome is what who waits for a handover is told of an end.
func outcome(i Incident, code int) string {
	fault, why := orExit(i, code)
	if n := len(i.Output); n > 0 && fault == FaultExit { // a crash's message says more
		why += ", and it said last: " + i.Output[n-1]
	}
	return why
}

// orExit is the fault of a service that should not have ended at all.
func orExit(i Incident, code int) (fault, message string) {
	if i.Fault != "" {
		return i.Fault, i.Message
	}
	return FaultExit, fmt.Sprintf("exit status %d", code)
}
