//go:build unix

package pgtest

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// patience is how long a server may take to start, and to stop.
const patience = 30 * time.Second

// Server is a PostgreSQL. Its methods may be called from any goroutine, one at a time.
type Server struct {
	Addr string // Addr is where it listens, such as "127.0.0.1:41234"; it stays the same.
	Data string // Data is its data folder.

	dir      string // around Data
	as       *syscall.SysProcAttr
	settings []string

	mu   sync.Mutex
	cmd  *exec.Cmd
	done chan struct{} // closed when the process has ended
}

// Start starts a server with an empty database "postgres", user "hale" and no password,
// for the test: it ends with it. Settings are lines of postgresql.conf, such as
// "wal_level=replica", and go before these: nothing is synced to disk, since no power is cut.
func Start(t testing.TB, settings ...string) *Server {
	t.Helper()
	s := prepared(t, settings)
	s.must(t, s.tool("initdb", "-D", s.Data, "-U", "hale", "--auth=trust", "--no-sync", "--locale=C", "--encoding=UTF8"))
	return s.begin(t)
}

// StartStandby starts a server that follows the primary by streaming replication from a
// copy of it. It may be read from, and becomes a primary with [Server.Promote].
func StartStandby(t testing.TB, primary *Server, settings ...string) *Server {
	t.Helper()
	s := prepared(t, append([]string{"wal_retrieve_retry_interval=100ms"}, settings...))
	s.must(t, s.tool("pg_basebackup", "-D", s.Data, "-d", primary.URL(), "-R", "-X", "stream", "-c", "fast", "--no-sync"))
	return s.begin(t)
}

// URL returns how to connect to it.
func (s *Server) URL() string { return "postgres://hale@" + s.Addr + "/postgres?sslmode=disable" }

// prepared returns a server that has its folder and its end.
func prepared(t testing.TB, settings []string) *Server {
	t.Helper()
	s := &Server{dir: t.TempDir(), settings: settings}
	s.Data = filepath.Join(s.dir, "data")
	var err error
	if s.as, err = unprivileged(s.dir); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Kill) // nothing of it is needed any more
	return s
}

func (s *Server) must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// begin starts it on a free port. Somebody else may take the port in between, so it tries a few.
func (s *Server) begin(t testing.TB) *Server {
	t.Helper()
	var errs []error
	for range 3 {
		free, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		s.Addr = free.Addr().String()
		s.must(t, free.Close())
		if err = s.Restart(); err == nil {
			return s
		}
		errs = append(errs, err)
	}
	t.Fatal(errors.Join(errs...))
	return nil
}

// Restart stops the server if it runs, starts it on the same address and data, and waits
// until it accepts connections. After [Server.Kill] it recovers as after a crash.
func (s *Server) Restart() error {
	if err := s.Stop(); err != nil {
		return err
	}
	for deadline := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		said := len(s.Log())
		err := s.start()
		if err == nil {
			return nil
		}
		log := s.Log()
		err = fmt.Errorf("pgtest: %w; it said: %.4000s", err, log[min(said, len(log)):])
		// Processes of the one before may take a moment to end.
		if !strings.Contains(err.Error(), "pre-existing shared memory") || time.Now().After(deadline) {
			return err
		}
	}
}

// start starts the process.
func (s *Server) start() error {
	path, err := find("postgres")
	if err != nil {
		return err
	}
	host, port, err := net.SplitHostPort(s.Addr)
	if err != nil {
		return err
	}
	args := []string{"-D", s.Data, "-p", port, "-c", "listen_addresses=" + host, "-c", "unix_socket_directories=", "-c", "fsync=off"}
	for _, setting := range s.settings {
		args = append(args, "-c", setting)
	}
	log, err := os.OpenFile(filepath.Join(s.dir, "log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	cmd, done := exec.Command(path, args...), make(chan struct{})
	cmd.Dir, cmd.SysProcAttr, cmd.Stdout, cmd.Stderr = s.dir, s.as, log, log
	if err := cmd.Start(); err != nil {
		return err
	}
	s.mu.Lock()
	s.cmd, s.done = cmd, done
	s.mu.Unlock()
	go func() {
		defer close(done)
		_ = cmd.Wait() // how it ended: by our signal, or its log says
	}()
	if err := s.ready(cmd.Process.Pid, done); err != nil {
		s.Kill()
		return err
	}
	return nil
}

// ready waits until the server says in its lock file that it accepts connections.
func (s *Server) ready(pid int, done <-chan struct{}) error {
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		raw, _ := os.ReadFile(filepath.Join(s.Data, "postmaster.pid")) // it comes with the server
		lines := strings.Split(string(raw), "\n")
		if len(lines) > 7 && lines[0] == fmt.Sprint(pid) && strings.TrimSpace(lines[7]) == "ready" {
			return nil
		}
		select {
		case <-done:
			return errors.New("the server ended")
		case <-time.After(20 * time.Millisecond):
		}
	}
	return errors.New("the server was not ready in time")
}

// Stop ends the server without waiting for its clients, and leaves its data. It does
// nothing when the server does not run.
func (s *Server) Stop() error {
	cmd, done := s.running()
	if cmd == nil {
		return nil
	}
	_ = cmd.Process.Signal(syscall.SIGINT) // an error: it has ended
	select {
	case <-done:
		return nil
	case <-time.After(patience):
	}
	s.Kill()
	return fmt.Errorf("pgtest: the server did not end when it was asked to; it said: %s", s.Log())
}

// Kill ends the server by SIGKILL, as a crash does: on Linux all of its processes, elsewhere
// the first, whose end the others notice.
func (s *Server) Kill() {
	cmd, done := s.running()
	if cmd == nil {
		return
	}
	_ = cmd.Process.Signal(syscall.SIGSTOP) // it starts no more of them
	parts := children(cmd.Process.Pid)
	_ = cmd.Process.Kill()
	for _, pid := range parts {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
	<-done
}

// Pause stops all processes of the server where they are, as a machine that hangs does: its connections
// stay, and nothing answers. It works on Linux.
func (s *Server) Pause() {
	if cmd, _ := s.running(); cmd != nil {
		_ = cmd.Process.Signal(syscall.SIGSTOP) // first: it starts no more of them
		for _, pid := range children(cmd.Process.Pid) {
			_ = syscall.Kill(pid, syscall.SIGSTOP)
		}
	}
}

// Resume lets them go on.
func (s *Server) Resume() {
	if cmd, _ := s.running(); cmd != nil {
		for _, pid := range children(cmd.Process.Pid) {
			_ = syscall.Kill(pid, syscall.SIGCONT)
		}
		_ = cmd.Process.Signal(syscall.SIGCONT)
	}
}

// running returns the process, nil when it has ended.
func (s *Server) running() (*exec.Cmd, <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cmd == nil {
		return nil, nil
	}
	select {
	case <-s.done:
		return nil, nil
	default:
		return s.cmd, s.done
	}
}

// Promote makes a primary of a standby.
func (s *Server) Promote() error { return s.tool("pg_ctl", "promote", "-w", "-D", s.Data) }

// Log returns what the server has said.
func (s *Server) Log() string {
	raw, err := os.ReadFile(filepath.Join(s.dir, "log"))
	if err != nil {
		return err.Error()
	}
	return string(raw)
}
