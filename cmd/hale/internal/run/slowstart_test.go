package run_test

import (
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hale-go/hale/cmd/hale/internal/run"
	"github.com/hale-go/hale/process"
)

func init() {
	// slowstart says that it is alive, is silent for long, is ready, and then hangs.
	services["slowstart"] = func() {
		begun()
		tell("WATCHDOG=1")
		time.Sleep(2 * time.Second)
		note("ready at last")
		_ = process.Ready()
		time.Sleep(time.Hour)
	}
	// ignores what would have it print its stacks, and is never ready.
	services["ignores"] = func() { signal.Ignore(syscall.SIGQUIT); begun(); time.Sleep(time.Hour) }
	// lingers heeds no SIGTERM, and hangs in a function of its own.
	services["lingers"] = func() { signal.Ignore(syscall.SIGTERM); begun(); linger() }
	// beats once and is never ready.
	services["beats"] = func() { begun(); tell("WATCHDOG=1"); time.Sleep(time.Hour) }
}

// A service that has to say that it is ready is judged by its silence from then on only.
func TestSlowStart(t *testing.T) {
	s := start(t, "slowstart", run.Config{Notify: true, Watchdog: 500 * time.Millisecond, Restart: run.Never})
	_ = s.exit()
	if in := s.incidents(); len(in) != 1 || in[0].Fault != run.FaultHang || in[0].Uptime < 2500*time.Millisecond {
		t.Errorf("%+v", in)
	}
	_ = s.after("ready", 1)
	s = start(t, "beats", run.Config{Notify: true, Watchdog: 100 * time.Millisecond, ReadyTimeout: time.Second, Restart: run.Never})
	_ = s.exit()
	if in := s.incidents(); len(in) != 1 || in[0].Fault != run.FaultNeverReady {
		t.Errorf("%+v", in)
	}
}

// Without Notify nobody knows whether it ever will be: it is judged from its first word on.
func TestNeverReadyHangs(t *testing.T) {
	s := start(t, "beats", run.Config{Watchdog: 300 * time.Millisecond, Restart: run.Never})
	_ = s.exit()
	if in := s.incidents(); len(in) != 1 || in[0].Fault != run.FaultHang {
		t.Errorf("%+v", in)
	}
}

// One that is not ready in time and does not say where its goroutines are is killed all the same.
func TestNeverReadyIgnores(t *testing.T) {
	s := start(t, "ignores", run.Config{Notify: true, ReadyTimeout: time.Second, Restart: run.Never})
	if code := s.exit(); code != 137 {
		t.Errorf("exit code %d", code)
	}
	if in := s.incidents(); len(in) != 1 || in[0].Fault != run.FaultNeverReady || in[0].Signal != "killed" || in[0].Uptime < 1400*time.Millisecond || len(in[0].Groups) > 0 {
		t.Errorf("%+v", in)
	}
}

// A successor is given time to start, too.
func TestSlowSuccessor(t *testing.T) {
	s := start(t, "serve", run.Config{Watchdog: time.Second}, "ADDRESS=127.0.0.1:0")
	_ = s.after("address", 1)
	s.until("it is ready", func() bool { return strings.Contains(s.log.String(), "msg=ready") })
	t.Setenv("SERVICE", "slowstart")
	_ = syscall.Kill(os.Getpid(), syscall.SIGUSR2)
	_ = s.after("begun", 2)
	s.until("there is a handover, or an incident", func() bool {
		return strings.Contains(s.log.String(), "handed over") || len(s.incidents()) > 0
	})
	if in := s.incidents(); len(in) != 0 {
		t.Errorf("%+v", in)
	}
}

func linger() { time.Sleep(time.Hour) }

// One that does not end when it is told to says where its goroutines are.
func TestStopHangs(t *testing.T) {
	s := start(t, "lingers", run.Config{StopTimeout: time.Second})
	_ = s.after("begun", 1)
	s.stop()
	if code := s.exit(); code != 137 {
		t.Errorf("exit code %d", code)
	}
	in := s.incidents()
	if len(in) != 1 || in[0].Fault != run.FaultStopHangs || in[0].Goroutines == 0 || !strings.Contains(in[0].Site, "linger") || !slices.ContainsFunc(in[0].Groups, func(g string) bool { return strings.Contains(g, "linger") }) {
		t.Errorf("%+v", in)
	}
}
