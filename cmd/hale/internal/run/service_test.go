package run_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/hale-go/hale/cmd/hale/internal/run"
	"github.com/hale-go/hale/process"
)

// services are what this program is when a test has it run as a service. The first thing
// that each does is to add a line to a file, with its PID.
var services = map[string]func(){
	// serve serves HTTP until SIGTERM, and tells all that there is to tell.
	"serve": func() { serve() },
	// leave exits with the code that it is given.
	"leave": func() { begun(); os.Exit(number("CODE")) },
	// deaf heeds no signal, and is ready.
	"deaf": func() {
		signal.Ignore(syscall.SIGTERM, syscall.SIGINT, syscall.SIGQUIT)
		begun()
		_ = process.Ready()
		time.Sleep(time.Hour)
	},
	// slow is never ready, and takes a while to end.
	"slow": func() {
		c := make(chan os.Signal, 1)
		signal.Notify(c, syscall.SIGTERM)
		begun()
		<-c
		time.Sleep(time.Second)
	},
	// gated is ready when it is let go.
	"gated": func() {
		begun()
		for _, err := os.Stat(os.Getenv("NOTES") + ".go"); err != nil; _, err = os.Stat(os.Getenv("NOTES") + ".go") {
			time.Sleep(5 * time.Millisecond)
		}
		_ = process.Ready()
		wait()
	},
	// mute is never ready.
	"mute": func() { begun(); time.Sleep(time.Hour) },
	// loud writes a gigabyte to stderr, without a line's end.
	"loud": func() {
		begun()
		block := []byte(strings.Repeat("x", 1<<20))
		for range 1024 {
			_, _ = os.Stderr.Write(block)
		}
	},
	// fork leaves a process behind that holds what it was given.
	"fork": func() {
		begun()
		cmd := exec.Command("sleep", "1000")
		cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
		if err := cmd.Start(); err != nil {
			panic(err)
		}
		note("child " + strconv.Itoa(cmd.Process.Pid))
	},
	// closes closes all sockets that it was given, and says so.
	"closes": func() {
		begun()
		for fd := 3; fd < 20; fd++ {
			_ = syscall.Close(fd)
		}
		note("closed")
		time.Sleep(time.Hour)
	},
	// asks asks for a handover, each of them once.
	"asks": func() {
		begun()
		_ = process.Ready()
		_ = process.Handover("its goroutines cannot be killed")
		wait()
	},
	// ends ends in the way that it is told to.
	"ends": func() { ends(os.Getenv("HOW")) },
	// hangs beats once and never again.
	"hangs": func() {
		begun()
		_ = process.Ready()
		ctx, cancel := context.WithCancel(context.Background())
		_ = process.Watch(ctx, func(context.Context) error { time.AfterFunc(time.Millisecond, cancel); return nil })
		select {}
	},
}

func number(name string) int { n, _ := strconv.Atoi(os.Getenv(name)); return n }

// note adds a line to the file that the test reads.
func note(text string) {
	f, err := os.OpenFile(os.Getenv("NOTES"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		panic(err)
	}
	defer f.Close() // of a test
	fmt.Fprintln(f, text)
}

func begun() { note("begun " + strconv.Itoa(os.Getpid())) }

// wait waits for SIGTERM.
func wait() {
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGTERM)
	<-c
	note("told to end " + strconv.Itoa(os.Getpid()))
}

func serve() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	l, err := process.Listen("tcp", os.Getenv("ADDRESS"))
	if err != nil {
		panic(err)
	}
	begun()
	note("address " + l.Addr().String())
	hang := make(chan struct{})
	mux := http.NewServeMux()
	mux.HandleFunc("/pid", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, os.Getpid()) })
	mux.HandleFunc("/crash", func(http.ResponseWriter, *http.Request) { go func() { panic("no stock") }() })
	mux.HandleFunc("/hang", func(http.ResponseWriter, *http.Request) { close(hang) })
	srv := &http.Server{Handler: mux, ReadHeaderTimeout: time.Second}
	go func() { _ = srv.Serve(l) }()
	go func() {
		asked := 0
		_ = process.Watch(ctx, func(context.Context) error {
			if asked++; asked == 2 { // what was said at first has been sent
				note("alive " + strconv.Itoa(os.Getpid()))
			}
			select {
			case <-hang:
				return fmt.Errorf("orders.consume hangs")
			default:
				return nil
			}
		})
	}()
	if err := process.Ready(); err != nil {
		panic(err)
	}
	<-ctx.Done()
	_ = process.Stopping()
	end, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	_ = srv.Shutdown(end)
}

// started is a runner under test.
type started struct {
	t       *testing.T
	notes   string
	control string // the path of its socket
	log     *syncWriter
	told    *syncWriter // incidents
	code    chan int
	stop    context.CancelFunc
}

type syncWriter struct {
	mu  sync.Mutex
	all strings.Builder
}

func (w *syncWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.all.Write(p)
}

func (w *syncWriter) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.all.String()
}

// start runs a service of this program.
func start(t *testing.T, service string, cfg run.Config, env ...string) *started {
	t.Helper()
	s := &started{t: t, notes: filepath.Join(t.TempDir(), "notes"), control: cfg.Control, log: &syncWriter{}, told: &syncWriter{}, code: make(chan int, 1)}
	for _, v := range append(env, "SERVICE="+service, "NOTES="+s.notes) {
		name, value, _ := strings.Cut(v, "=")
		t.Setenv(name, value)
	}
	if len(cfg.Command) == 0 {
		cfg.Command = []string{os.Args[0]}
	}
	if cfg.Stderr == nil {
		stderr, err := os.Create(filepath.Join(t.TempDir(), "stderr"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = stderr.Close() })
		cfg.Stderr = stderr
	}
	cfg.Log = slog.New(slog.NewTextHandler(s.log, nil))
	if cfg.Incidents == nil {
		cfg.Incidents = s.told
	}
	r, err := run.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	s.stop = cancel
	done := make(chan struct{})
	go func() {
		defer close(done)
		code, err := r.Run(ctx)
		if err != nil {
			t.Error(err)
		}
		s.code <- code
	}()
	t.Cleanup(func() {
		cancel()
		<-done
		if t.Failed() {
			t.Logf("log:\n%s\nnotes:\n%s", s.log, strings.Join(s.lines(), "\n"))
		}
	})
	return s
}

func (s *started) lines() []string {
	data, _ := os.ReadFile(s.notes)
	return strings.Split(strings.TrimSpace(string(data)), "\n")
}

// patience is for how long a test waits for what a busy machine may need.
const patience = 2 * time.Minute

// until waits for something.
func (s *started) until(what string, ok func() bool) {
	s.t.Helper()
	for deadline := time.Now().Add(patience); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			s.t.Fatalf("waited in vain until %s", what)
		}
	}
}

// after returns what follows a word in the n-th line, from 1, that begins with it.
func (s *started) after(word string, n int) string {
	s.t.Helper()
	var out string
	s.until(fmt.Sprintf("there are %d lines of %q", n, word), func() bool {
		i := 0
		for _, line := range s.lines() {
			if rest, ok := strings.CutPrefix(line, word+" "); ok {
				if i++; i == n {
					out = rest
					return true
				}
			}
		}
		return false
	})
	return out
}

// exit returns the code that the runner exits with.
func (s *started) exit() int {
	s.t.Helper()
	select {
	case code := <-s.code:
		s.code <- code
		return code
	case <-time.After(patience):
		s.t.Fatal("the runner does not end")
	}
	return -1
}

func (s *started) incidents() (out []run.Incident) {
	sc := bufio.NewScanner(strings.NewReader(s.told.String()))
	for sc.Scan() {
		var i run.Incident
		if err := json.Unmarshal(sc.Bytes(), &i); err != nil {
			s.t.Error(err)
		}
		out = append(out, i)
	}
	return out
}

// incidentsFrom waits for so many incidents, and returns all.
func (s *started) incidentsFrom(n int) (out []run.Incident) {
	s.t.Helper()
	s.until(fmt.Sprintf("there are %d incidents", n), func() bool { out = s.incidents(); return len(out) >= n })
	return out
}

// get asks the service, each time by a connection of its own.
func (s *started) get(address, path string) string {
	s.t.Helper()
	client := &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{DisableKeepAlives: true, DialContext: (&net.Dialer{}).DialContext}}
	resp, err := client.Get("http://" + address + path)
	if err != nil {
		return "error: " + err.Error()
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	return string(body)
}
