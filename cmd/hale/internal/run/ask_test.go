package run_test

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hale-go/hale/cmd/hale/internal/run"
)

// controlPath returns a path that is short enough for a socket.
func controlPath(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "h")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return filepath.Join(dir, "control")
}

// asked is what came of a request.
type asked struct {
	steps []string
	err   error
}

// ask asks for a handover, on a goroutine of its own.
func ask(path string) <-chan asked {
	out := make(chan asked, 1)
	go func() {
		var a asked
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		a.err = run.Ask(ctx, path, func(step string) { a.steps = append(a.steps, step) })
		out <- a
	}()
	return out
}

// serving starts the service serve with a control socket, and waits until it is ready.
func serving(t *testing.T, cfg run.Config) (s *started, at string) {
	t.Helper()
	cfg.Control = controlPath(t)
	s = start(t, "serve", cfg, "ADDRESS=127.0.0.1:0")
	at = s.after("address", 1)
	s.logged("msg=ready", 1)
	return s, at
}

// logged waits until a text is in the log so many times.
func (s *started) logged(text string, times int) {
	s.t.Helper()
	s.until("the log says "+text, func() bool { return strings.Count(s.log.String(), text) >= times })
}

// Who asks for a handover learns that it worked; nobody else may ask, and nothing is left of it.
func TestAsk(t *testing.T) {
	path := controlPath(t)
	s := start(t, "serve", run.Config{Control: path}, "ADDRESS=127.0.0.1:0")
	at := s.after("address", 1)
	s.logged("msg=ready", 1)
	if info, err := os.Lstat(path); err != nil || info.Mode() != fs.ModeSocket|0o600 {
		t.Errorf("%v, %v", info, err)
	}
	for n := 1; n <= 2; n++ {
		a := <-ask(path)
		was, is := s.after("begun", n), s.after("begun", n+1)
		if a.err != nil || len(a.steps) != 2 || a.steps[0] != "PID "+is+" was started, to take over from PID "+was+" when it is ready" ||
			!strings.HasPrefix(a.steps[1], "PID "+is+" serves, ready after ") || !strings.HasSuffix(a.steps[1], "; PID "+was+" ends") {
			t.Errorf("%v", a)
		}
		s.until("the new one serves alone", func() bool { return !alive(was) && s.get(at, "/pid") == is })
	}
	s.stop()
	if code := s.exit(); code != 0 || len(s.incidents()) != 0 {
		t.Errorf("exit code %d, %+v", code, s.incidents())
	}
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the file is left: %v", err)
	}
}

// Who asks learns why it failed, and who goes on.
func TestAskInVain(t *testing.T) {
	for _, c := range []struct{ service, why string }{
		{"mute", "not ready within 300ms"},
		{"leave", "exit status 3"},
		{"gone", "exit status 127, and it said last: "},
	} {
		t.Run(c.service, func(t *testing.T) {
			program := os.Args[0]
			if c.service == "gone" { // a copy, that is removed
				program = filepath.Join(t.TempDir(), "service")
				data, err := os.ReadFile(os.Args[0])
				if err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(program, data, 0o700); err != nil {
					t.Fatal(err)
				}
			}
			cfg := run.Config{Command: []string{program}, Control: controlPath(t), ReadyTimeout: 300 * time.Millisecond}
			if c.service != "mute" {
				cfg.ReadyTimeout = patience
			}
			s := start(t, "serve", cfg, "ADDRESS=127.0.0.1:0", "CODE=3")
			at := s.after("address", 1)
			s.logged("msg=ready", 1)
			first := s.after("begun", 1)
			t.Setenv("SERVICE", c.service)
			if program != os.Args[0] {
				_ = os.Remove(program)
			}
			a := <-ask(cfg.Control)
			if want := "the handover failed; PID " + first + " goes on: " + c.why; !errors.Is(a.err, run.ErrHandover) || !strings.HasPrefix(a.err.Error(), want) || len(a.steps) != 1 {
				t.Errorf("%v, want %q", a, want)
			}
			if s.get(at, "/pid") != first {
				t.Error("another serves")
			}
			if in := s.incidentsFrom(1); len(in) != 1 || in[0].Role != "successor" || in[0].Action != "none: the handover failed; PID "+first+" goes on" {
				t.Errorf("%+v", in)
			}
		})
	}
}

// A service that says nothing is started again instead, and who asks learns whether it then runs.
func TestAskByRestart(t *testing.T) {
	path := controlPath(t)
	s := start(t, "mute", run.Config{Control: path, Delay: time.Millisecond, MaxRestarts: 10_000}, "CODE=5")
	first := s.after("begun", 1)
	a := <-ask(path)
	second := s.after("begun", 2)
	if a.err != nil || len(a.steps) != 4 || a.steps[0] != "the service has not said yet that it is ready, so that no successor can take over: PID "+first+" is stopped, and the service started again" ||
		a.steps[1] != "PID "+first+" has ended" || a.steps[2] != "PID "+second+" was started" || a.steps[3] != "PID "+second+" runs, for 1s by now; whether it serves it has not said" {
		t.Errorf("%v", a)
	}
	t.Setenv("SERVICE", "leave")
	s.until("it fails, which may take longer on a busy machine", func() bool { a = <-ask(path); return a.err != nil })
	want := regexp.MustCompile(`^the handover failed, and nobody serves: PID \d+ has ended: exit status 5: the service is started again$`)
	if !errors.Is(a.err, run.ErrHandover) || !want.MatchString(a.err.Error()) {
		t.Errorf("%v", a)
	}
}

// With Notify the wait is for READY=1 then, too.
func TestAskBeforeReady(t *testing.T) {
	path := controlPath(t)
	s := start(t, "mute", run.Config{Control: path, Notify: true, ReadyTimeout: patience}, "ADDRESS=127.0.0.1:0")
	first := s.after("begun", 1)
	t.Setenv("SERVICE", "serve")
	a := <-ask(path)
	if a.err != nil || !strings.Contains(a.steps[0], "the service is not ready yet") || !strings.HasPrefix(a.steps[len(a.steps)-1], "PID "+s.after("begun", 2)+" serves") || alive(first) {
		t.Errorf("%v", a)
	}
}

// A service that waits for its restart is started at once for who asks.
func TestAskWhileDown(t *testing.T) {
	path := controlPath(t)
	s := start(t, "leave", run.Config{Control: path, Delay: 24 * time.Hour, MaxRestarts: 10_000}, "CODE=1", "ADDRESS=127.0.0.1:0")
	s.until("the wait is long", func() bool { return len(s.lines()) >= 7 })
	s.logged("msg=incident", len(s.lines()))
	t.Setenv("SERVICE", "serve")
	a := <-ask(path)
	if a.err != nil || a.steps[0] != "the service is down: it is started at once" {
		t.Errorf("%v", a)
	}
}

// What is asked for during a handover is refused, and what a signal asks for follows it.
func TestAskDuringHandover(t *testing.T) {
	s, _ := serving(t, run.Config{})
	path := s.control
	gate := s.notes + ".go"
	t.Setenv("SERVICE", "gated")
	first := ask(path)
	_ = s.after("begun", 2)
	if a := <-ask(path); !errors.Is(a.err, run.ErrRefused) || a.err.Error() != "no handover now: another is under way: ask again later" || len(a.steps) > 0 {
		t.Errorf("%v", a)
	}
	for range 3 { // are one
		_ = syscall.Kill(os.Getpid(), syscall.SIGUSR2)
		s.until("it is taken", func() bool { return strings.Contains(s.log.String(), "one follows it") })
	}
	if err := os.WriteFile(gate, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if a := <-first; a.err != nil {
		t.Errorf("%v", a)
	}
	s.logged(`msg="handed over"`, 2)
	if third := s.after("begun", 3); third == "" || !strings.Contains(s.log.String(), "successor="+third) {
		t.Errorf("no third")
	}
	if a := <-ask(path); a.err != nil { // and nothing more was to follow
		t.Errorf("%v", a)
	}
	if n := strings.Count(s.log.String(), `msg="handed over"`); n != 3 {
		t.Errorf("%d handovers", n)
	}
}

// Told to stop, hale run leaves nobody waiting, and refuses who comes then.
func TestAskWhileStopping(t *testing.T) {
	s, _ := serving(t, run.Config{StopTimeout: patience})
	t.Setenv("SERVICE", "slow")
	first := ask(s.control)
	_ = s.after("begun", 2)
	s.stop()
	if a := <-first; !errors.Is(a.err, run.ErrOpen) || a.err.Error() != "hale run was told to stop, and stops the service" {
		t.Errorf("%v", a)
	}
	if a := <-ask(s.control); !errors.Is(a.err, run.ErrRefused) || a.err.Error() != "no handover now: hale run is stopping: ask again later" {
		t.Errorf("%v", a)
	}
	_ = s.exit()
	if a := <-ask(s.control); !errors.Is(a.err, run.ErrNobody) {
		t.Errorf("%v", a)
	}
}

// Who stops waiting does not stop the handover.
func TestAskGivesUp(t *testing.T) {
	s, _ := serving(t, run.Config{})
	t.Setenv("SERVICE", "gated")
	ctx, cancel := context.WithCancel(t.Context())
	err := run.Ask(ctx, s.control, func(string) { cancel() })
	if !errors.Is(err, run.ErrOpen) || !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if err := os.WriteFile(s.notes+".go", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s.logged(`msg="handed over"`, 1)
}

// There is an end to handovers that are asked for.
func TestAskTooOften(t *testing.T) {
	s, _ := serving(t, run.Config{MaxRestarts: 1})
	if a := <-ask(s.control); a.err != nil {
		t.Errorf("%v", a)
	}
	if a := <-ask(s.control); !errors.Is(a.err, run.ErrRefused) || a.err.Error() != "no handover: there were 1 handovers within 1m0s: ask again later" {
		t.Errorf("%v", a)
	}
}

// Who is asked may be anybody.
func TestAskAnybody(t *testing.T) {
	silent := controlPath(t)
	l, err := net.Listen("unix", silent)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close() // of the test
	nothing := ask(silent)
	for _, c := range []struct {
		says string
		kind error
		text string
	}{
		{"", run.ErrOpen, "has closed the connection without a word: it is no hale run, or has ended"},
		{"HTTP/1.1 400 Bad Request\r\n\r\n", run.ErrNobody, "does not answer as hale run does"},
		{strings.Repeat("step ", 100_000), run.ErrNobody, "does not answer as hale run does"},
		{"step one\nstep two\n", run.ErrOpen, "hale run has ended before the handover had"},
		{"step one\nlater what is that\ndone two\n", nil, ""},
		{"failed for\x00 nothing\n", run.ErrHandover, "for  nothing"},
		{"refused\n", run.ErrRefused, ""},
		{"step one\nunknown it ends\n", run.ErrOpen, "it ends"},
	} {
		path := controlPath(t)
		l, err := net.Listen("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			defer l.Close() // one is enough
			if conn, err := l.Accept(); err == nil {
				_, _ = io.WriteString(conn, c.says)
				_ = conn.Close()
			}
		}()
		if a := <-ask(path); !errors.Is(a.err, c.kind) || a.err != nil && !strings.Contains(a.err.Error(), c.text) {
			t.Errorf("%q: %v", c.says, a)
		}
	}
	if a := <-nothing; !errors.Is(a.err, run.ErrOpen) || !strings.Contains(a.err.Error(), "says nothing for 10s: it is no hale run, or hangs") {
		t.Errorf("%v", a)
	}
}

// Where nobody is, it is said what to do.
func TestAskNobody(t *testing.T) {
	path := controlPath(t)
	plain := path + ".plain"
	if err := os.WriteFile(plain, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for at, says := range map[string]string{
		path:                               "there is no such file: start hale run with --control " + path,
		plain:                              "nobody listens there: start hale run with --control " + plain,
		path + strings.Repeat("x", 200):    " bytes are too many for a Unix socket",
		filepath.Dir(path):                 "nobody listens there",
		"/no/" + strconv.Itoa(os.Getpid()): "there is no such file",
	} {
		if a := <-ask(at); !errors.Is(a.err, run.ErrNobody) || !strings.Contains(a.err.Error(), says) {
			t.Errorf("%s: %v", at, a)
		}
	}
}
