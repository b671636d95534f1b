package run_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hale-go/hale/cmd/hale/internal/run"
)

func alive(pid string) bool {
	n, err := strconv.Atoi(pid)
	return err == nil && syscall.Kill(n, 0) == nil
}

// A service that crashes is started again, on the same socket, in which requests wait.
func TestCrash(t *testing.T) {
	s := start(t, "serve", run.Config{}, "ADDRESS=127.0.0.1:0")
	at := s.after("address", 1)
	first := s.get(at, "/pid")
	if first != s.after("begun", 1) {
		t.Fatalf("%s serves", first)
	}
	_ = s.get(at, "/crash")
	s.until("it has crashed", func() bool { return !alive(first) })
	if second := s.get(at, "/pid"); second == first || second != s.after("begun", 2) || s.after("address", 2) != at {
		t.Errorf("after the crash %q serves", second)
	}
	in := s.incidentsFrom(1)
	if len(in) != 1 || in[0].Fault != run.FaultCrash || in[0].Message != "panic: no stock" || !strings.Contains(in[0].Site, "service_test.go:") ||
		in[0].ExitCode != 2 || in[0].Action != "restart" || in[0].PID == 0 || in[0].Restarts != 1 || len(in[0].Fingerprint) != 16 {
		t.Errorf("%+v", in)
	}
	s.stop()
	if code := s.exit(); code != 0 {
		t.Errorf("exit code %d, though it ended when it was told to", code)
	}
}

// The code of a service that ends for good is kept.
func TestExitCode(t *testing.T) {
	for _, c := range []struct {
		code    int
		restart run.Restart
		want    int
		times   int
	}{{0, run.OnFailure, 0, 1}, {7, run.Never, 7, 1}, {7, run.OnFailure, 7, 4}, {0, run.Always, 1, 4}} {
		s := start(t, "leave", run.Config{Restart: c.restart, MaxRestarts: 3, Delay: 10 * time.Millisecond}, "CODE="+strconv.Itoa(c.code))
		if code := s.exit(); code != c.want {
			t.Errorf("%+v: exit code %d", c, code)
		}
		if n := len(s.lines()); n != c.times {
			t.Errorf("%+v: started %d times", c, n)
		}
		in := s.incidents()
		if c.times > 1 && (len(in) != 5 || in[4].Fault != run.FaultRestarts || in[4].Action != "exit") {
			t.Errorf("%+v: %+v", c, in)
		}
	}
}

// One that ends by a signal is said to have, and one that ignores its end is killed.
func TestSignals(t *testing.T) {
	s := start(t, "mute", run.Config{Restart: run.Never})
	pid, _ := strconv.Atoi(s.after("begun", 1))
	_ = syscall.Kill(pid, syscall.SIGKILL)
	if code := s.exit(); code != 137 {
		t.Errorf("exit code %d", code)
	}
	if in := s.incidents(); len(in) != 1 || in[0].Fault != run.FaultKilled || in[0].Signal != "killed" {
		t.Errorf("%+v", in)
	}
	s = start(t, "deaf", run.Config{StopTimeout: 200 * time.Millisecond})
	_ = s.after("begun", 1)
	s.stop()
	if code := s.exit(); code != 137 {
		t.Errorf("exit code %d of one that ignores SIGTERM", code)
	}
	if in := s.incidents(); len(in) != 1 || in[0].Fault != run.FaultStopHangs {
		t.Errorf("%+v", in)
	}
}

// A service that hangs is ended with its stacks, and started again.
func TestHang(t *testing.T) {
	for _, how := range []string{"alive says no", "stopped"} {
		t.Run(how, func(t *testing.T) {
			const watchdog = time.Second
			s := start(t, "serve", run.Config{Watchdog: watchdog}, "ADDRESS=127.0.0.1:0")
			at := s.after("address", 1)
			pid, _ := strconv.Atoi(s.get(at, "/pid"))
			_ = s.after("alive", 1)
			began := time.Now()
			if how == "stopped" {
				_ = syscall.Kill(pid, syscall.SIGSTOP)
			} else {
				_ = s.get(at, "/hang")
			}
			second := s.after("begun", 2)
			t.Logf("started again after %v", time.Since(began))
			if serves := s.get(at, "/pid"); serves != second {
				t.Errorf("%s serves, want %s", serves, second)
			}
			in := s.incidentsFrom(1)
			if len(in) != 1 || in[0].Fault != run.FaultHang || in[0].Action != "restart" {
				t.Fatalf("%+v", in)
			}
			if n := len(in[0].Groups); (n > 0) != (how != "stopped") { // one that is stopped cannot tell
				t.Errorf("%+v", in)
			}
		})
	}
}

// What a service says when it ends is told.
func TestLastWords(t *testing.T) {
	for _, c := range []struct{ how, fault, message string }{
		{"map", run.FaultCrash, "fatal error: concurrent map "},
		{"stack", run.FaultCrash, "fatal error: stack overflow"},
		{"nil", run.FaultCrash, "panic: runtime error: invalid memory address or nil pointer dereference"},
		{"files", run.FaultFiles, "exit status 1: too many open files"},
		{"survived", run.FaultExit, "exit status 3"},
		{"fake", run.FaultExit, "exit status 2"},
		{"logged", run.FaultExit, "exit status 2"},
		{"noise", run.FaultExit, "exit status 4"},
	} {
		t.Run(c.how, func(t *testing.T) {
			s := start(t, "ends", run.Config{Restart: run.Never}, "HOW="+c.how)
			if s.exit() == 0 {
				t.Error("it exited with 0")
			}
			in := s.incidents()
			if len(in) != 1 || in[0].Fault != c.fault || !strings.HasPrefix(in[0].Message, c.message) {
				t.Fatalf("%+v", in)
			}
			if crash := c.fault == run.FaultCrash; crash != (in[0].Fingerprint != "") || len(in[0].Output) == 0 {
				t.Errorf("%+v", in)
			}
		})
	}
}

// What the runtime itself ends a program for. It tells of a deadlock only where no C code is
// linked in, and nothing of hale's ticks.
func TestFatal(t *testing.T) {
	program := filepath.Join(t.TempDir(), "fatal")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", program, "./testdata/fatal")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, c := range []struct{ how, kind, message, site string }{
		{"deadlock", "deadlock", "fatal error: all goroutines are asleep - deadlock!", "main.main main.go:13"},
		{"memory", "out of memory", "fatal error: ", "main.main main.go:18"},
	} {
		s := start(t, "", run.Config{Command: []string{program, c.how}, Restart: run.Never})
		if code := s.exit(); code != 2 {
			t.Errorf("%s: exit code %d", c.how, code)
		}
		in := s.incidents()
		if len(in) != 1 || in[0].Fault != run.FaultCrash || in[0].Kind != c.kind || !strings.HasPrefix(in[0].Message, c.message) || in[0].Site != c.site {
			t.Errorf("%s: %+v", c.how, in)
		}
	}
}

// A service that has never said that it is alive is left alone.
func TestNoWatchdogUnlessAsked(t *testing.T) {
	s := start(t, "asks", run.Config{Watchdog: 100 * time.Millisecond, MaxRestarts: 1})
	_ = s.after("begun", 2)
	time.Sleep(time.Second)
	if in := s.incidents(); slices.ContainsFunc(in, func(i run.Incident) bool { return i.Fault != run.FaultHandover }) {
		t.Errorf("%+v", in)
	}
}

// A successor takes over when it is ready, and the old one ends.
func TestHandover(t *testing.T) {
	s := start(t, "asks", run.Config{MaxRestarts: 2})
	for n := 1; n <= 2; n++ {
		if old := s.after("told to end", n); old != s.after("begun", n) {
			t.Errorf("%s was told to end", old)
		}
	}
	_ = s.after("begun", 3)
	for n, i := range s.incidentsFrom(3) {
		action, handovers := "a successor took over, ready after ", n+1
		if n == 2 { // the third may not be replaced
			action, handovers = "none: there were 2 handovers within 1m0s", 2
		}
		if i.Fault != run.FaultHandover || i.Message != "its goroutines cannot be killed" || !strings.HasPrefix(i.Action, action) || i.Handovers != handovers || strconv.Itoa(i.PID) != s.after("begun", n+1) || i.Uptime <= 0 {
			t.Errorf("%+v", i)
		}
	}
}

// Handovers that succeed leave the restarts to those who crash.
func TestCrashAfterHandovers(t *testing.T) {
	s := start(t, "asks", run.Config{MaxRestarts: 1})
	_ = s.after("told to end", 1)
	pid, _ := strconv.Atoi(s.after("begun", 2))
	s.until("no more are allowed", func() bool { return strings.Contains(s.log.String(), "no handover") })
	_ = syscall.Kill(pid, syscall.SIGKILL)
	_ = s.after("begun", 3)
	if in := s.incidentsFrom(3)[2]; in.Fault != run.FaultKilled || in.Restarts != 1 || in.Handovers != 0 {
		t.Errorf("%+v", in)
	}
}

// Told to end while a successor is not ready, the runner ends, whoever of them ends first.
func TestStopDuringHandover(t *testing.T) {
	s := start(t, "serve", run.Config{StopTimeout: 20 * time.Second}, "ADDRESS=127.0.0.1:0")
	_ = s.after("address", 1)
	s.until("it is ready", func() bool { return strings.Contains(s.log.String(), "msg=ready") })
	t.Setenv("SERVICE", "slow")
	_ = syscall.Kill(os.Getpid(), syscall.SIGUSR2)
	_ = s.after("begun", 2)
	s.stop()
	_ = s.exit()
	if n := strings.Count(strings.Join(s.lines(), "\n"), "begun"); n != 2 {
		t.Errorf("%q: it was started again", s.lines())
	}
	if in := s.incidents(); len(in) != 0 {
		t.Errorf("%+v", in)
	}
}

// A command that is not there is no service that crashes.
func TestNoSuchCommand(t *testing.T) {
	for command, want := range map[string]int{"./no-such-service": 127, os.TempDir(): 126} {
		r, err := run.New(run.Config{Command: []string{command}})
		if err != nil {
			t.Fatal(err)
		}
		if code, err := r.Run(t.Context()); code != want || err == nil {
			t.Errorf("%s: %d, %v", command, code, err)
		}
	}
}

// A successor that never gets ready is ended, and the service goes on.
func TestSuccessorNeverReady(t *testing.T) {
	s := start(t, "serve", run.Config{ReadyTimeout: 3 * time.Second}, "ADDRESS=127.0.0.1:0")
	at := s.after("address", 1)
	first := s.get(at, "/pid")
	s.until("it is ready", func() bool { return strings.Contains(s.log.String(), "msg=ready") })
	t.Setenv("SERVICE", "mute")
	_ = syscall.Kill(os.Getpid(), syscall.SIGUSR2)
	second := s.after("begun", 2)
	s.until("it is told of", func() bool { return len(s.incidents()) > 0 })
	if in := s.incidents(); len(in) != 1 || in[0].Fault != run.FaultNeverReady || !strings.Contains(in[0].Action, "goes on") {
		t.Errorf("%+v", in)
	}
	if s.get(at, "/pid") != first || alive(second) {
		t.Error("the old one does not serve, or the new one is alive")
	}
}

// With Notify a service that never gets ready is ended with its stacks, and started again.
func TestNeverReady(t *testing.T) {
	s := start(t, "mute", run.Config{Notify: true, ReadyTimeout: time.Second, MaxRestarts: 1})
	if code := s.exit(); code != 2 { // of what prints its stacks
		t.Errorf("exit code %d", code)
	}
	if in := s.incidents(); len(in) != 3 || in[0].Fault != run.FaultNeverReady || in[2].Fault != run.FaultRestarts ||
		!regexp.MustCompile(`(?m): sleep at time.Sleep time.go:\d+ in \S+run_test\.\S+ \S+_test.go:\d+$`).MatchString(strings.Join(in[0].Groups, "\n")) || in[0].Goroutines == 0 {
		t.Errorf("%+v", in)
	}
}

// What a service leaves behind ends with it.
func TestFork(t *testing.T) {
	s := start(t, "fork", run.Config{})
	child := s.after("child", 1)
	if code := s.exit(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	s.until("the process that it left ends", func() bool { return !alive(child) })
}

// A service that closes its sockets closes them for itself alone.
func TestClosesItsSockets(t *testing.T) {
	s := start(t, "closes", run.Config{Listen: []string{"127.0.0.1:0"}})
	pid, _ := strconv.Atoi(s.after("begun", 1))
	s.until("it has closed them", func() bool { return strings.Contains(strings.Join(s.lines(), " "), "closed") })
	t.Setenv("SERVICE", "serve")
	t.Setenv("ADDRESS", "127.0.0.1:0")
	_ = syscall.Kill(pid, syscall.SIGKILL)
	if at := s.after("address", 1); s.get(at, "/pid") != s.after("begun", 2) {
		t.Error("the socket is not served")
	}
}

// A gigabyte on stderr that nobody reads holds nothing up.
func TestLoud(t *testing.T) {
	from, to, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close() // of the test
	defer to.Close()   // of the test
	s := start(t, "loud", run.Config{Stderr: to})
	if code := s.exit(); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

func TestConfig(t *testing.T) {
	for _, c := range []run.Config{
		{}, {Restart: "sometimes"}, {Watchdog: time.Millisecond}, {MaxRestarts: -1}, {Within: -1}, {StopTimeout: 48 * time.Hour},
	} {
		if c.Restart != "" || c.Watchdog != 0 || c.MaxRestarts != 0 || c.Within != 0 || c.StopTimeout != 0 {
			c.Command = []string{"true"}
		}
		if _, err := run.New(c); !errors.Is(err, run.ErrConfig) {
			t.Errorf("%+v: %v", c, err)
		}
	}
	r, err := run.New(run.Config{Command: []string{"true"}, Listen: []string{"127.0.0.1:0", "127.0.0.1:0"}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Run(t.Context()); !errors.Is(err, run.ErrConfig) {
		t.Errorf("an address that is there twice: %v", err)
	}
}
