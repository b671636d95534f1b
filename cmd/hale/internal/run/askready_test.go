package run_test

import (
	"errors"
	"os"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hale-go/hale/cmd/hale/internal/run"
)

func init() {
	// fades runs for longer than one has to that never says that it is ready, and fails.
	services["fades"] = func() { begun(); time.Sleep(1500 * time.Millisecond); os.Exit(number("CODE")) }
}

// A service that has said once that it is ready is judged by that when it is started again for who
// asks, and not by how long it runs.
func TestAskReadyBefore(t *testing.T) {
	for _, c := range []struct {
		service string
		timeout time.Duration
		want    string // "": it works
	}{
		{"fades", patience, `^the handover failed, and nobody serves: PID \d+ has ended: exit status 5: the service is started again$`},
		{"mute", 1200 * time.Millisecond, `^the handover failed, and nobody serves: PID \d+ has ended: not ready within 1.2s: the service is started again$`},
		{"slowstart", patience, ""},
	} {
		t.Run(c.service, func(t *testing.T) {
			s, _ := serving(t, run.Config{ReadyTimeout: c.timeout, Watchdog: time.Second, MaxRestarts: 10_000})
			t.Setenv("SERVICE", c.service)
			t.Setenv("CODE", "5")
			pid, _ := strconv.Atoi(s.after("begun", 1))
			_ = syscall.Kill(pid, syscall.SIGKILL)
			_ = s.after("begun", 2)
			a := <-ask(s.control)
			switch {
			case c.want != "":
				if !errors.Is(a.err, run.ErrHandover) || !regexp.MustCompile(c.want).MatchString(a.err.Error()) {
					t.Errorf("%v", a)
				}
			case a.err != nil || !strings.Contains(a.steps[len(a.steps)-1], " serves, ready after "):
				t.Errorf("%v", a)
			}
		})
	}
}
