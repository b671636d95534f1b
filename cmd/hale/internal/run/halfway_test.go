package run_test

import (
	"os"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hale-go/hale/cmd/hale/internal/run"
	"github.com/hale-go/hale/process"
)

func init() {
	// slow is ready at first; those that follow it are not, and end late and badly.
	services["slow"] = func() {
		notes, _ := os.ReadFile(os.Getenv("NOTES"))
		first := len(notes) == 0
		told := make(chan os.Signal, 1)
		signal.Notify(told, syscall.SIGTERM)
		if first {
			_ = process.Ready()
		}
		begun()
		<-told
		if !first {
			time.Sleep(300 * time.Millisecond)
			os.Exit(1)
		}
	}
	// departs is ready at first; those that follow it say so when they are about to end.
	services["departs"] = func() {
		notes, _ := os.ReadFile(os.Getenv("NOTES"))
		if len(notes) > 0 {
			_ = process.Stopping()
			begun()
			_ = process.Ready()
			return
		}
		_ = process.Ready()
		begun()
		wait()
	}
}

// A stop in the middle of a handover exits with the code of who served.
func TestStopInAHandover(t *testing.T) {
	s := start(t, "slow", run.Config{})
	s.until("it is ready", func() bool { return strings.Contains(s.log.String(), "msg=ready") })
	_ = syscall.Kill(os.Getpid(), syscall.SIGUSR2)
	_ = s.after("begun", 2)
	s.stop()
	if code := s.exit(); code != 0 {
		t.Errorf("exit code %d, want that of who served: %s", code, s.log.String())
	}
	if n := strings.Count(s.log.String(), "msg=ended"); n != 2 {
		t.Errorf("%d ends are told: %s", n, s.log.String())
	}
}

// A successor that is about to end takes over nothing.
func TestSuccessorThatLeaves(t *testing.T) {
	s := start(t, "departs", run.Config{})
	first := s.after("begun", 1)
	s.until("it is ready", func() bool { return strings.Contains(s.log.String(), "msg=ready") })
	_ = syscall.Kill(os.Getpid(), syscall.SIGUSR2)
	s.until("it was in vain", func() bool { return strings.Contains(s.log.String(), "the handover failed; PID "+first+" goes on") })
	if !alive(first) {
		t.Error("the predecessor has ended")
	}
	s.stop()
	_ = s.exit()
}
