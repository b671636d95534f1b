//go:build unix

package pools

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
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

// find returns the path of a program. Debian keeps some out of the search path.
func find(name, debianPackage string, places ...string) (string, error) {
	if path, err := exec.LookPath(name); err == nil {
		return path, nil
	}
	for _, place := range append(places, "/usr/sbin", "/usr/local/sbin") {
		found, _ := filepath.Glob(filepath.Join(place, name)) // the pattern is a good one
		if len(found) > 0 {
			return found[len(found)-1], nil
		}
	}
	return "", fmt.Errorf("pools: %s is not installed: run make deps as root, or install the package %s", name, debianPackage)
}

// StartPostgres starts PostgreSQL with an empty database, user "hale", without a
// password. Run by root it becomes the user postgres, or nobody: it refuses to
// run as root.
func StartPostgres() (*Server, error) {
	const debian = "/usr/lib/postgresql/*/bin"
	initdb, err := find("initdb", "postgresql", debian)
	if err != nil {
		return nil, err
	}
	postgres, err := find("postgres", "postgresql", debian)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "hale-postgres")
	if err != nil {
		return nil, err
	}
	as, err := unprivileged(dir)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	data := filepath.Join(dir, "data")
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	make := exec.CommandContext(ctx, initdb, "-D", data, "-U", "hale", "--auth=trust", "--no-sync")
	make.Dir, make.SysProcAttr = dir, as
	if out, err := make.CombinedOutput(); err != nil {
		return nil, errors.Join(fmt.Errorf("pools: initdb: %w: %s", err, out), os.RemoveAll(dir))
	}
	return start(dir, as, func(_, port string) []string {
		return []string{
			postgres, "-D", data, "-p", port, "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=", "-c", "fsync=off", "-c", "max_connections=100",
		}
	})
}

// StartRedis starts an empty Redis.
func StartRedis() (*Server, error) {
	redis, err := find("redis-server", "redis-server")
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "hale-redis")
	if err != nil {
		return nil, err
	}
	return start(dir, nil, func(host, port string) []string {
		return []string{redis, "--bind", host, "--port", port, "--save", "", "--appendonly", "no", "--dir", dir}
	})
}

// StartNATS starts a NATS server.
func StartNATS() (*Server, error) {
	nats, err := find("nats-server", "nats-server")
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "hale-nats")
	if err != nil {
		return nil, err
	}
	return start(dir, nil, func(host, port string) []string { return []string{nats, "-a", host, "-p", port} })
}

// unprivileged makes the folder one of another user's when we are root.
func unprivileged(dir string) (*syscall.SysProcAttr, error) {
	if os.Getuid() != 0 {
		return nil, nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		if u, err = user.Lookup("nobody"); err != nil {
			return nil, fmt.Errorf("pools: PostgreSQL does not run as root, and there is no other user: %w", err)
		}
	}
	uid, err := strconv.Atoi(u.Uid)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.Atoi(u.Gid)
	if err != nil {
		return nil, err
	}
	return &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}, os.Chown(dir, uid, gid)
}

// start runs a server on a free port. Somebody else may take the port in
// between, so it tries a few.
func start(dir string, as *syscall.SysProcAttr, command func(host, port string) []string) (*Server, error) {
	var errs []error
	for range 3 {
		s, err := try(dir, as, command)
		if err == nil {
			return s, nil
		}
		errs = append(errs, err)
	}
	return nil, errors.Join(append(errs, os.RemoveAll(dir))...)
}

func try(dir string, as *syscall.SysProcAttr, command func(host, port string) []string) (*Server, error) {
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
	s.cmd.Dir, s.cmd.SysProcAttr, s.cmd.Stdout, s.cmd.Stderr = dir, as, s.log, s.log
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
	_ = s.cmd.Process.Signal(syscall.SIGINT) // PostgreSQL: without waiting for clients. An error: it has ended.
	select {
	case <-s.done:
	case <-time.After(patience):
		_ = s.cmd.Process.Kill()
		<-s.done
	}
	_ = s.log.Close() // nothing more is written
}
