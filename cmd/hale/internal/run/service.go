package run

import (
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/hale-go/hale/process"
)

// service is one process. Its fields are the runner's, but for what its goroutines are
// given.
type service struct {
	proc     *os.Process
	notify   *net.UnixConn
	address  string // of that
	folder   string // of the address, if it has one
	errs     *os.File
	words    *words // read when the service has ended
	started  time.Time
	ready    time.Time // zero: it has not said so
	stopping bool      // it was told to stop, or says that it does
	told     os.Signal // by which it was told to; nil: it was not
	cause    string    // for which it was
	hangup   bool      // SIGHUP was passed on to it
	dog      watchdog
	limit    time.Time // when it is killed, or asked for its stacks; zero: never
	why      string    // the fault that it is killed for; "": none
	again    bool      // it is stopped to be started again
	status   string    // that it told last
	ooms     int       // that the kernel had killed for want of memory before it was started; below 0: it did not tell
	judged   time.Time // when one that does not say that it is ready has run for long enough to count as a success; zero: never
	wish     *Incident // the handover that its predecessor asked for, and whose successor it is; nil: none
}

// event is what a service's goroutines tell the runner, or those of the control socket.
type event struct {
	asked   *request // of nobody's service; nil: it is of a service
	service *service
	said    *message
	fds     []int // that came along
	ended   *os.ProcessState
	err     error
}

// start starts the service. The caller's goroutine must keep its thread until the service
// has ended.
func (r *Runner) start() (*service, error) {
	s := &service{started: time.Now(), dog: watchdog{every: max(r.cfg.Watchdog, 0)}}
	s.ooms = -1
	if n, known := oomKills(); known {
		s.ooms = n
	}
	if err := s.openNotify(); err != nil {
		return nil, err
	}
	if err := r.spawn(s); err != nil {
		s.forget()
		return nil, err
	}
	if r.cfg.Notify {
		s.limit = s.started.Add(r.cfg.ReadyTimeout)
	}
	return s, nil
}

// openNotify opens the socket on which the service is heard: one for each, so that nobody
// is taken for another.
func (s *service) openNotify() error {
	var err error
	if s.folder, s.address, err = notifyAddress(); err != nil {
		return err
	}
	s.notify, err = net.ListenUnixgram("unixgram", &net.UnixAddr{Name: s.address, Net: "unixgram"})
	if err == nil {
		err = wantSender(s.notify)
	}
	if err != nil {
		s.forget()
	}
	return err
}

// forget closes what is left of a service that has ended.
func (s *service) forget() {
	if s.notify != nil {
		_ = s.notify.Close()
	}
	if s.folder != "" {
		_ = os.RemoveAll(s.folder)
	}
}

func (r *Runner) spawn(s *service) error {
	files, names, err := r.sockets.copies()
	if err != nil {
		return fmt.Errorf("the sockets cannot be passed on: %w", err)
	}
	defer func() {
		for _, f := range files {
			_ = f.Close()
		}
	}()
	from, to, err := os.Pipe()
	if err != nil {
		return err
	}
	defer to.Close() // the service has its own
	self, err := ownProgram()
	if err != nil {
		_ = from.Close()
		return err
	}
	argv := append([]string{os.Args[0], LaunchCommand, "--"}, r.cfg.Command...)
	env := append(environ(), "NOTIFY_SOCKET="+s.address, process.EnvHandover+"=1")
	if len(files) > 0 {
		env = append(env, "LISTEN_FDS="+strconv.Itoa(len(files)), "LISTEN_FDNAMES="+strings.Join(names, ":"))
	}
	if s.dog.every > 0 {
		env = append(env, "WATCHDOG_USEC="+strconv.FormatInt(s.dog.every.Microseconds(), 10))
	}
	s.proc, err = os.StartProcess(self, argv, &os.ProcAttr{
		Env: env, Files: append([]*os.File{os.Stdin, os.Stdout, to}, files...), Sys: ownGroup(),
	})
	if err != nil {
		_ = from.Close()
		return err
	}
	s.errs, s.words = from, newWords()
	copied := make(chan struct{})
	r.running.Go(func() {
		defer close(copied)
		copyLines(r.out, from, s.words.Write)
		s.words.end()
	})
	heard := make(chan struct{})
	r.running.Go(func() {
		defer close(heard)
		r.hear(s)
	})
	r.running.Go(func() { r.await(s, copied, heard) })
	return nil
}

// lastWords is how long the end of a service's stderr is waited for, which processes that
// it has started may keep open.
const lastWords = 500 * time.Millisecond

// await tells the runner of the end of a service, after all that it has said.
func (r *Runner) await(s *service, copied, heard <-chan struct{}) {
	state, err := s.proc.Wait()
	_ = syscall.Kill(-s.proc.Pid, syscall.SIGKILL) // what it has started and left
	select {
	case <-copied:
	case <-time.After(lastWords):
	}
	_ = s.errs.Close()
	<-copied
	_ = s.notify.SetReadDeadline(time.Now()) // it fails for what is closed, and heard
	<-heard
	r.send(event{service: s, ended: state, err: err})
}

// signal sends a signal to the service.
func (s *service) signal(sig os.Signal) {
	_ = s.proc.Signal(sig) // it may have ended, and is waited for
}

// watched reports whether it is ended when it is silent. One that has to be ready or to end by
// a time is judged by that alone.
func (s *service) watched() bool { return s.dog.on() && s.limit.IsZero() && s.why == "" }

// kill ends the service and what it has started. It may have moved to another group.
func (s *service) kill() {
	_ = syscall.Kill(-s.proc.Pid, syscall.SIGKILL)
	_ = s.proc.Kill()
}

// stop asks the service to end, and sets when it has to have; asking again gives no more time.
// The log says why.
func (s *service) stop(sig os.Signal, limit time.Duration, why string) {
	if s.told == nil {
		s.cause = why
		if s.why == "" { // else it is being killed
			s.limit = time.Now().Add(limit)
		}
	}
	s.stopping, s.told = true, sig
	s.signal(sig)
	s.signal(syscall.SIGCONT) // one that is stopped cannot
}

// exit returns the code with which a service ended, as a shell gives it, and the signal
// that ended it, if one did.
func exit(state *os.ProcessState) (code int, signal string) {
	if state == nil {
		return 1, ""
	}
	if w, ok := state.Sys().(syscall.WaitStatus); ok && w.Signaled() {
		return 128 + int(w.Signal()), fmt.Sprint(w.Signal())
	}
	return state.ExitCode(), ""
}
