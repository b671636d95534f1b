package run

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/hale-go/hale/process"
)

// Runner runs one service. Make one with [New]; [Runner.Run] may be called once.
type Runner struct {
	cfg       Config
	log       *slog.Logger
	out       *sink
	incidents *sink // nil: they are not written
	sockets   *sockets
	restarts  restarts
	handovers allowance
	wishes    allowance // of handovers that services asked for: they are counted, and not bounded
	events    chan event
	over      chan struct{}  // closed when nobody takes events any more
	running   sync.WaitGroup // of services' goroutines

	current  *service   // nil while there is none
	next     *service   // that is to take over
	old      []*service // that have been told to end
	startAt  time.Time  // when there is none; zero: it need not be started
	asked    *request   // the handover under way, or the restart in its place, that somebody waits for; nil: nobody does
	later    bool       // SIGUSR2 came during one: another follows
	tells    bool       // a process of the service has said READY=1
	stopping bool
	reaps    bool // what services leave, as the first process of a container does
	code     int  // to exit with
	coded    bool // that is of who served, and not of the successor that is being stopped too
}

// New returns a runner; an error matches [ErrConfig].
func New(c Config) (*Runner, error) {
	c, err := c.withDefaults()
	if err != nil {
		return nil, err
	}
	return &Runner{
		cfg: c, events: make(chan event), over: make(chan struct{}),
		restarts:  restarts{allowance: allowance{most: c.MaxRestarts, within: c.Within}, delay: c.Delay},
		handovers: allowance{most: c.MaxRestarts, within: c.Within},
		wishes:    allowance{most: mostCounted, within: time.Hour},
	}, nil
}

// Run runs the service until it ends for good, and returns the code that it exited with:
// 128 and the signal's number if one ended it; one that is given up is no 0. The end of ctx stops it as SIGTERM does.
// SIGTERM and SIGINT end it, a second SIGINT at once; SIGUSR2 is a handover; the other
// signals that a process can do something about are passed on. The error is of what Run
// could not do at all.
func (r *Runner) Run(ctx context.Context) (code int, err error) {
	runtime.LockOSThread() // see ownGroup
	defer runtime.UnlockOSThread()
	switch _, err := exec.LookPath(r.cfg.Command[0]); {
	case errors.Is(err, exec.ErrNotFound), errors.Is(err, fs.ErrNotExist): // it may come, but hardly
		return 127, err
	case err != nil && !errors.Is(err, exec.ErrDot):
		return 126, err
	}
	control, err := openControl(r.cfg.Control)
	if err != nil {
		return 1, err
	}
	defer control.close()
	if r.sockets, err = openSockets(r.cfg.Listen); err != nil {
		return 1, err
	}
	defer r.sockets.close()
	r.openLog()
	if r.cfg.Incidents != nil {
		r.incidents = newSink(r.cfg.Incidents, missingIncidents, func(err error) { r.log.Warn("incidents cannot be written", "error", err) })
	}
	signals := make(chan os.Signal, 64)
	// What is ignored here, as by nohup, the service ignores too.
	signal.Notify(signals, slices.DeleteFunc(slices.Clone(passed), signal.Ignored)...)
	defer func() {
		if r.incidents != nil {
			r.incidents.close()
		}
		r.out.close() // while SIGPIPE does not end this process
		signal.Stop(signals)
	}()
	own, cancel := context.WithCancel(context.WithoutCancel(ctx))
	r.running.Go(func() { _ = process.Watch(own, nil) })
	defer func() {
		cancel()
		close(r.over)
		control.close()
		r.running.Wait()
	}()
	first, err := r.start()
	if err != nil {
		return 126, err
	}
	r.current = first
	r.log.Info("started", "pid", first.proc.Pid, "command", r.cfg.Command[0])
	if control != nil {
		r.running.Go(func() { r.accept(own, control) })
	}
	if !r.cfg.Notify {
		_ = process.Ready() // the own parent's; one that waits for the service to be ready has it say so
	}
	r.decide(ctx, signals)
	return r.code, nil
}

// openLog makes what takes the service's lines and the runner's own.
func (r *Runner) openLog() {
	var handler slog.Handler
	if r.cfg.LogFormat == JSON {
		r.out = newSink(r.cfg.Stderr, missingJSON, nil)
		handler = slog.NewJSONHandler(r.out, nil)
	} else {
		r.out = newSink(r.cfg.Stderr, missingBytes, nil)
		handler = slog.NewTextHandler(r.out, nil)
	}
	if r.log = r.cfg.Log; r.log == nil {
		r.log = slog.New(handler).With("from", "hale")
	}
}

// passed are the signals that are taken: those that a service may do something about, and
// SIGPIPE, of a log that nobody reads.
var passed = []os.Signal{
	syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP, syscall.SIGQUIT, syscall.SIGUSR1, syscall.SIGUSR2,
	syscall.SIGALRM, syscall.SIGWINCH, syscall.SIGPIPE,
}

// decide takes what happens, one thing at a time, until all services have ended.
func (r *Runner) decide(ctx context.Context, signals <-chan os.Signal) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	defer r.settle(unknown, "hale run has ended") // who waits is never left alone
	ended := ctx.Done()
	children := make(chan os.Signal, 1)
	if r.reaps = inherits(); r.reaps {
		signal.Notify(children, syscall.SIGCHLD)
		defer signal.Stop(children)
		r.reap()
	}
	for r.current != nil || r.next != nil || len(r.old) > 0 || !r.startAt.IsZero() {
		timer.Reset(time.Until(r.due()))
		select {
		case <-timer.C:
		case sig := <-signals:
			r.signalled(sig)
		case <-children:
			r.reap()
		case e := <-r.events:
			switch {
			case e.asked != nil:
				r.handover("hale handover", false, e.asked)
			case e.said != nil:
				r.heard(e.service, *e.said, e.fds)
			default:
				r.ended(e.service, e.ended, e.err)
				r.reap()
			}
		case <-ended:
			ended = nil
			r.stop(syscall.SIGTERM)
		}
		r.look(time.Now())
	}
}

// send hands an event to the runner, unless that has ended.
func (r *Runner) send(e event) {
	select {
	case r.events <- e:
	case <-r.over:
		closeAll(e.fds)
	}
}

// reap waits for the processes that services have left to this one. Services are waited for on
// goroutines of their own.
func (r *Runner) reap() {
	if r.reaps {
		reapOrphans(func(pid int) bool {
			return slices.ContainsFunc(r.services(), func(s *service) bool { return s.proc.Pid == pid })
		})
	}
}

func (r *Runner) services() []*service {
	all := slices.Clone(r.old)
	for _, s := range []*service{r.current, r.next} {
		if s != nil {
			all = append(all, s)
		}
	}
	return all
}

// due is when something is to be looked at.
func (r *Runner) due() time.Time {
	at := time.Now().Add(time.Hour)
	sooner := func(t time.Time) {
		if !t.IsZero() && t.Before(at) {
			at = t
		}
	}
	sooner(r.startAt)
	for _, s := range r.services() {
		sooner(s.limit)
		sooner(s.judged)
		if s.watched() {
			sooner(s.dog.due)
		}
	}
	return at
}

// look does what it is time for.
func (r *Runner) look(now time.Time) {
	if !r.startAt.IsZero() && !now.Before(r.startAt) {
		r.startAt = time.Time{}
		r.startAgain()
	}
	for _, s := range r.services() {
		switch {
		case !s.limit.IsZero() && !now.Before(s.limit):
			r.expired(s)
		case s.watched() && s.dog.hangs(now, func() spent { return spentBy(s.proc.Pid) }):
			r.hung(s)
		}
		if !s.judged.IsZero() && !now.Before(s.judged) {
			r.lasts(s)
		}
	}
}

// dumpTime is how long a service that hangs, is not ready in time or does not end may take to print
// its stacks.
const dumpTime = 400 * time.Millisecond

// hung ends a service that hangs.
func (r *Runner) hung(s *service) {
	r.log.Warn("no sign of life", r.who(s, "for", s.dog.every)...)
	s.dump(FaultHang)
}

// dump ends a service for a fault. SIGQUIT has Go print all stacks, and says where it is.
func (s *service) dump(why string) {
	s.why = why
	s.limit = time.Now().Add(dumpTime)
	s.signal(syscall.SIGQUIT)
}

// expired deals with a service whose time is up.
func (r *Runner) expired(s *service) {
	s.limit = time.Time{}
	switch {
	case s.why != "":
	case s.stopping:
		noCore(s.proc.Pid)
		r.log.Warn("does not end", r.who(s, "after", r.cfg.StopTimeout)...)
		s.dump(FaultStopHangs)
		return
	default:
		r.log.Warn("not ready in time", r.who(s, "after", r.cfg.ReadyTimeout)...)
		s.dump(FaultNeverReady)
		return
	}
	s.kill()
}

// signalled deals with a signal to this process.
func (r *Runner) signalled(sig os.Signal) {
	switch sig {
	case syscall.SIGPIPE:
	case syscall.SIGUSR2:
		r.handover("SIGUSR2", false, nil)
	case syscall.SIGTERM:
		r.stop(sig)
	case syscall.SIGINT:
		if r.stopping {
			for _, s := range r.services() {
				s.told = syscall.SIGKILL
				s.kill()
			}
			return
		}
		r.stop(sig)
	default:
		if r.current == nil {
			return
		}
		r.current.hangup = r.current.hangup || sig == syscall.SIGHUP
		r.current.signal(sig)
	}
}

// stop ends all services, and then the runner. No other will be started, so that the sockets
// are the services' alone: a connection that comes when they have closed them is refused, and
// does not wait for nobody.
func (r *Runner) stop(sig os.Signal) {
	if !r.stopping {
		r.log.Info("stopping", "why", sig.String())
	}
	r.stopping, r.startAt = true, time.Time{}
	r.settle(unknown, "hale run was told to stop, and stops the service")
	r.sockets.release()
	for _, s := range r.services() {
		if s.why == "" && !slices.Contains(r.old, s) {
			s.stop(sig, r.cfg.StopTimeout, sig.String())
		}
	}
	_ = process.Stopping() // the own parent's, which may be slow to hear it
}

// startAgain starts the service where there is none.
func (r *Runner) startAgain() {
	s, err := r.start()
	if err == nil {
		r.current = s
		r.log.Info("started again", "pid", s.proc.Pid, "restarts", r.restarts.total)
		if r.asked != nil {
			r.asked.say("PID %d was started", s.proc.Pid)
			switch {
			case r.tells: // so it is judged by that, as with Notify: one that runs for a while may be about to fail
				s.limit = s.started.Add(r.cfg.ReadyTimeout)
			case !r.cfg.Notify:
				s.judged = s.started.Add(lasting)
			}
		}
		return
	}
	i := Incident{Fault: FaultLaunch, Message: err.Error()}
	r.again(i, 0, 126)
	r.replaced(err.Error())
}

// again has the service started again, or gives up.
func (r *Runner) again(i Incident, lived time.Duration, code int) {
	r.code = code
	wait, ok := r.restarts.next(time.Now(), lived)
	if !ok {
		r.code = max(code, 1) // who started this process is to know that it has failed, whatever the service says
		i.Action = "none: the restarts are used up"
		r.tell(i)
		r.tell(Incident{
			Fault: FaultRestarts, ExitCode: r.code, Action: "exit",
			Message: fmt.Sprintf("%d restarts within %v were of no use", r.cfg.MaxRestarts, r.cfg.Within),
		})
		return
	}
	i.Action = "restart"
	if wait > 0 {
		i.Action = "restart in " + wait.Round(time.Millisecond).String()
	}
	r.tell(i)
	r.startAt = time.Now().Add(wait)
}
