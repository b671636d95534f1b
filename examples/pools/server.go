//go:build unix

package pools

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// Server is a server of somebody else's that runs for a while.
type Server struct {
	Addr string // on loopback

	cmd  *exec.Cmd
	dir  string
	log  *os.File
	done chan struct{} // closed when the process has ended
}

// patience is how long a server may take to start, and to stop.
const patience = 30 * time.Second

// find returns the path of a program, which a package of the same name brings. Debian
// keeps some out of the search path.
func find(name string) (string, error) {
	if path, err := exec.LookPath(name); err == nil {
		return path, nil
	}
	for _, place := range []string{"/usr/sbin", "/usr/local/sbin"} {
		if path, err := exec.LookPath(filepath.Join(place, name)); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("pools: %s is not installed: run make deps as root, or install the package %[1]s", name)
}

// StartRedis starts an empty Redis.
func StartRedis() (*Server, error) {
	redis, err := find("redis-server")
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "hale-redis")
	if err != nil {
		return nil, err
	}
	return start(dir, func(host, port string) []string {
		return []string{redis, "--bind", host, "--port", port, "--save", "", "--appendonly", "no", "--dir", dir}
	})
}

// StartNATS starts a NATS server.
func StartNATS() (*Server, error) {
	nats, err := find("nats-server")
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "hale-nats")
	if err != nil {
		return nil, err
	}
	return start(dir, func(host, port string) []string { return []string{nats, "-a", host, "-p", port} })
}

// start runs a server on a free port. Somebody else may take the port in
// between, so it tries a few.
func start(dir string, command func(host, port string) []string) (*Server, error) {
	var errs []error
	for range 3 {
		s, err := try(dir, command)
		if err == nil {
			return s, nil
		}
		errs = append(errs, err)
	}
	return nil, errors.Join(append(errs, os.RemoveAll(dir))...)
}

func try(dir string, command func(host, port string) []string) (*Server, error) {
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	addr := free.Addr().String()
	if err := free.Close(); err != nil {
		return nil, err
	}
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	s := &Server{Addr: addr, dir: dir, done: make(chan struct{})}
	if s.log, err = os.Create(filepath.Join(dir, "log")); err != nil {
		return nil, err
	}
	args := command(host, port)
	s.cmd = exec.Command(args[0], args[1:]...)
	s.cmd.Dir, s.cmd.Stdout, s.cmd.Stderr = dir, s.log, s.log
	if err := s.cmd.Start(); err != nil {
		return nil, errors.Join(err, s.log.Close())
	}
	go func() {
		defer close(s.done)
		_ = s.cmd.Wait() // how it ended: by our signal, or its log says
	}()
	if err := s.ready(); err != nil {
		s.end()
		said, _ := os.ReadFile(s.log.Name())
		return nil, fmt.Errorf("pools: %s: %w; it said: %s", filepath.Base(args[0]), err, said)
	}
	return s, nil
}

// ready waits until the server accepts connections.
func (s *Server) ready() error {
	for deadline := time.Now().Add(patience); ; {
		conn, err := net.DialTimeout("tcp", s.Addr, time.Second)
		if err == nil {
			return conn.Close()
		}
		if time.Now().After(deadline) {
			return err
		}
		select {
		case <-s.done:
			return errors.New("it ended")
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// Stop ends the server and removes its folder.
func (s *Server) Stop() error {
	s.end()
	return os.RemoveAll(s.dir)
}

func (s *Server) end() {
	_ = s.cmd.Process.Signal(syscall.SIGINT) // an error: it has ended
	select {
	case <-s.done:
	case <-time.After(patience):
		_ = s.cmd.Process.Kill()
		<-s.done
	}
	_ = s.log.Close() // nothing more is written
}
