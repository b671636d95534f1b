package run_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hale-go/hale/cmd/hale/internal/run"
)

func init() {
	// runner is a runner of its own, of the service INNER.
	services["runner"] = func() { os.Exit(inner()) }
	// moves heeds neither SIGTERM nor SIGQUIT, and moves to another group while a process of its is left in its own.
	services["moves"] = func() {
		signal.Ignore(syscall.SIGTERM, syscall.SIGQUIT)
		there, here := exec.Command("sleep", "1000"), exec.Command("sleep", "1000")
		there.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
		if err := errors.Join(there.Start(), here.Start(), syscall.Setpgid(0, there.Process.Pid)); err != nil {
			panic(err)
		}
		note("there " + strconv.Itoa(there.Process.Pid))
		note("here " + strconv.Itoa(here.Process.Pid))
		time.Sleep(time.Hour)
	}
	// late hangs, heeds no signal but to say that it is ready, and goes on hanging.
	services["late"] = func() {
		c := make(chan os.Signal, 1)
		signal.Notify(c, syscall.SIGQUIT)
		begun()
		tell("WATCHDOG=1")
		<-c
		tell("READY=1")
		note("answered with READY=1")
		time.Sleep(time.Hour)
	}
}

// inner runs a runner in this process, with what the environment says.
func inner() int {
	var cfg run.Config
	if err := json.Unmarshal([]byte(os.Getenv("CONFIG")), &cfg); err != nil {
		panic(err)
	}
	cfg.Command = []string{os.Getenv("PROGRAM")}
	_ = os.Setenv("SERVICE", os.Getenv("INNER"))
	cfg.Log = slog.New(slog.NewTextHandler(os.Stderr, nil))
	r, err := run.New(cfg)
	if err != nil {
		panic(err)
	}
	note("runner " + strconv.Itoa(os.Getpid()))
	code, err := r.Run(context.Background())
	if err != nil {
		note("error " + err.Error())
	}
	return code
}

// Incidents that nobody reads hold nothing up.
func TestIncidentsUnread(t *testing.T) {
	from, to := io.Pipe()
	defer from.Close() // of the test
	s := start(t, "leave", run.Config{Restart: run.Always, MaxRestarts: 5, Delay: time.Millisecond, Incidents: to}, "CODE=3")
	if code := s.exit(); code != 3 {
		t.Errorf("exit code %d", code)
	}
}

// Who tells a service to end again and again gives it no more time.
func TestStopAgain(t *testing.T) {
	ours := make(chan os.Signal, 1) // that comes when the runner has ended
	signal.Notify(ours, syscall.SIGTERM)
	defer signal.Stop(ours)
	s := start(t, "deaf", run.Config{StopTimeout: time.Second})
	_ = s.after("begun", 1)
	for deadline := time.Now().Add(patience); len(s.code) == 0; time.Sleep(100 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it is alive")
		}
		_ = syscall.Kill(os.Getpid(), syscall.SIGTERM)
	}
	if code := s.exit(); code != 137 {
		t.Errorf("exit code %d", code)
	}
}

// A service that dies of the end of its terminal is not started again.
func TestHangup(t *testing.T) {
	ours := make(chan os.Signal, 1) // under nohup the tests are to pass too: what is ignored here is not passed on
	signal.Notify(ours, syscall.SIGHUP)
	defer signal.Stop(ours)
	s := start(t, "mute", run.Config{})
	_ = s.after("begun", 1)
	_ = syscall.Kill(os.Getpid(), syscall.SIGHUP)
	if code := s.exit(); code != 129 {
		t.Errorf("exit code %d", code)
	}
	if in := s.incidents(); len(in) != 0 {
		t.Errorf("%+v", in)
	}
}

// One that has moved to another group is killed too, and so is its old group.
func TestMoved(t *testing.T) {
	s := start(t, "moves", run.Config{StopTimeout: 100 * time.Millisecond})
	there, _ := strconv.Atoi(s.after("there", 1))
	defer syscall.Kill(there, syscall.SIGKILL) //nolint:errcheck // what leaves the group is the user's
	here := s.after("here", 1)
	s.stop()
	if code := s.exit(); code != 137 {
		t.Errorf("exit code %d", code)
	}
	s.until("what it has started ends", func() bool { return !alive(here) })
}

// One that hangs, and says that it is ready while it is being ended, is ended all the same.
func TestReadyTooLate(t *testing.T) {
	s := start(t, "late", run.Config{Watchdog: 200 * time.Millisecond, Restart: run.Never})
	_ = s.after("answered", 1)
	if code := s.exit(); code != 137 {
		t.Errorf("exit code %d", code)
	}
	if in := s.incidents(); len(in) != 1 || in[0].Fault != run.FaultHang {
		t.Errorf("%+v", in)
	}
}

// A runner in a runner passes on what concerns the outer one, and nothing of what the
// outer one told it reaches the service.
func TestNested(t *testing.T) {
	address := "127.0.0.1:0"
	s := start(t, "runner", run.Config{Notify: true, ReadyTimeout: patience, Listen: []string{address}},
		"INNER=serve", "PROGRAM="+os.Args[0], `CONFIG={"Notify":true,"Listen":["`+address+`"]}`, "ADDRESS="+address)
	at := s.after("address", 1)
	outer := s.after("runner", 1)
	service := s.get(at, "/pid")
	if service != s.after("begun", 1) || service == outer {
		t.Errorf("%s serves in %s", service, outer)
	}
	s.until("the outer one hears that it is ready", func() bool { return strings.Contains(s.log.String(), "msg=ready") })
	env, err := os.ReadFile("/proc/" + service + "/environ")
	if err == nil { // where there is such a file
		all := "\x00" + string(env)
		for _, want := range []string{"\x00LISTEN_PID=" + service + "\x00", "\x00WATCHDOG_PID=" + service + "\x00", "\x00LISTEN_FDS=1\x00"} {
			if strings.Count(all, want) != 1 {
				t.Errorf("its environment has no %q: %q", want, all)
			}
		}
		for _, name := range []string{"NOTIFY_SOCKET", "LISTEN_FDNAMES", "LISTEN_PID", "WATCHDOG_USEC"} {
			if n := strings.Count(all, "\x00"+name+"="); n != 1 {
				t.Errorf("its environment has %s %d times", name, n)
			}
		}
	}
	_ = syscall.Kill(os.Getpid(), syscall.SIGUSR2) // the outer one hands over to another runner
	next := s.after("begun", 2)
	s.until("the second runner's service serves alone", func() bool { return !alive(outer) && s.get(at, "/pid") == next })
	if in := s.incidents(); len(in) != 0 {
		t.Errorf("%+v", in)
	}
	s.stop()
	if code := s.exit(); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

// tell says something to the parent, with descriptors.
func tell(text string, fds ...int) {
	c, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: os.Getenv("NOTIFY_SOCKET"), Net: "unixgram"})
	if err != nil {
		panic(err)
	}
	defer c.Close() // of a test
	raw, err := c.SyscallConn()
	if err != nil {
		panic(err)
	}
	var rights []byte
	if len(fds) > 0 {
		rights = syscall.UnixRights(fds...)
	}
	failed := raw.Write(func(fd uintptr) bool {
		err = syscall.Sendmsg(int(fd), []byte(text), rights, nil, 0)
		return !errors.Is(err, syscall.EAGAIN)
	})
	if failed != nil || err != nil {
		panic(fmt.Sprint(failed, err))
	}
}
