package run

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"syscall"

	"github.com/coreos/go-systemd/v22/activation"

	"github.com/hale-go/hale/internal/unixfile"
	"github.com/hale-go/hale/process"
)

// maxSockets is how many are held; what a service gives beyond that is not kept.
const maxSockets = 128

// sockets are the listening sockets that are held for whoever serves. They are used by one
// goroutine. A socket is a bare descriptor: as an os.File it would wake this process for
// each connection that comes.
type sockets struct {
	held []held
}

type held struct {
	name  string
	fd    int
	fixed bool // from the settings or the own parent: no service takes it away
	lent  bool // from the own parent, which goes on listening when this process has ended
}

// openSockets opens those of the settings and takes those of the own parent.
func openSockets(addresses []string) (*sockets, error) {
	s := new(sockets)
	for _, f := range activation.Files(true) {
		if fd, err := dup(f.Fd()); err == nil {
			s.held = append(s.held, held{f.Name(), fd, true, true})
		}
		_ = f.Close()
	}
	for _, a := range addresses {
		if err := s.open(a); err != nil {
			s.close()
			return nil, err
		}
	}
	return s, nil
}

// open opens the socket of one address, "127.0.0.1:8080" or "unix:/run/shop.sock".
func (s *sockets) open(address string) error {
	network, rest := "tcp", address
	if path, ok := strings.CutPrefix(address, "unix:"); ok {
		network, rest = "unix", path
	}
	name := process.Name(network, rest)
	if s.find(name) >= 0 {
		return fmt.Errorf("%w: the address %s is there twice", ErrConfig, address)
	}
	l, err := net.Listen(network, rest)
	if network == "unix" && unixfile.RemoveStale(rest, err) {
		l, err = net.Listen(network, rest)
	}
	if err != nil {
		return fmt.Errorf("the address %s: %w", address, err)
	}
	if u, ok := l.(*net.UnixListener); ok {
		u.SetUnlinkOnClose(false)
	}
	defer l.Close() // its copy is held
	raw, err := l.(syscall.Conn).SyscallConn()
	if err != nil {
		return err
	}
	fd := -1
	failed := raw.Control(func(open uintptr) { fd, err = dup(open) })
	if err := errors.Join(failed, err); err != nil {
		return err
	}
	s.held = append(s.held, held{name, fd, true, false})
	return nil
}

func (s *sockets) find(name string) int {
	for i, h := range s.held {
		if h.name == name {
			return i
		}
	}
	return -1
}

// keep takes a socket that a service gives, in the place of one of the name.
func (s *sockets) keep(name string, fd int) error {
	if name == "" || strings.ContainsAny(name, ":\x00") || len(name) > 255 || plain(name) != name {
		return fmt.Errorf("a socket's name is %q", plain(name))
	}
	if i := s.find(name); i >= 0 {
		if s.held[i].fixed {
			return fmt.Errorf("the socket %s is held already", name)
		}
		_ = syscall.Close(s.held[i].fd)
		s.held[i].fd = fd
		return nil
	}
	if len(s.held) >= maxSockets {
		return fmt.Errorf("the socket %s is one too many: %d are held", name, maxSockets)
	}
	s.held = append(s.held, held{name, fd, false, false})
	return nil
}

// drop closes a socket that no service wants any more, unless the settings do.
func (s *sockets) drop(name string) {
	if i := s.find(name); i >= 0 && !s.held[i].fixed {
		unlink(s.held[i].fd)
		_ = syscall.Close(s.held[i].fd)
		s.held = append(s.held[:i], s.held[i+1:]...)
	}
}

// files returns copies for a process that is about to start, and their names. The caller
// closes them.
func (s *sockets) files() (files []*os.File, names []string, err error) {
	for _, h := range s.held {
		fd, err := dup(uintptr(h.fd))
		if err != nil {
			for _, f := range files {
				_ = f.Close()
			}
			return nil, nil, err
		}
		files = append(files, os.NewFile(uintptr(fd), h.name))
		names = append(names, h.name)
	}
	return files, names, nil
}

// close closes all of them, and takes away the files of those that have some, unless the own
// parent listens there still.
func (s *sockets) close() {
	for _, h := range s.held {
		if !h.lent {
			unlink(h.fd)
		}
		_ = syscall.Close(h.fd)
	}
	s.held = nil
}

// unlink takes away the file of a Unix socket, which would be in the way of the next.
func unlink(fd int) {
	at, err := syscall.Getsockname(fd)
	if err != nil {
		return
	}
	if u, ok := at.(*syscall.SockaddrUnix); ok && strings.HasPrefix(u.Name, "/") {
		_ = os.Remove(u.Name)
	}
}

// dup copies a descriptor; no process gets the copy unless it is given it.
func dup(fd uintptr) (int, error) {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	n, err := syscall.Dup(int(fd))
	if err != nil {
		return -1, os.NewSyscallError("dup", err)
	}
	syscall.CloseOnExec(n)
	return n, nil
}
