package run

import (
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"syscall"

	"github.com/coreos/go-systemd/v22/activation"

	"github.com/hale-go/hale/internal/unixfile"
	"github.com/hale-go/hale/process"
)

// What a service gives beyond that is not kept.
const (
	maxSockets = 128 // are held
	spareFiles = 32  // stay open for other things; a start takes a copy of each socket, too
)

// mostSockets is how many are held where this process may have few files open: what a service
// gives must not be in the way of starting it again.
func mostSockets() int {
	var limit syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit) != nil {
		return maxSockets
	}
	return max(min((int(min(limit.Cur, 1<<20))-spareFiles)/2, maxSockets), 0)
}

// sockets are the listening sockets that are held for whoever serves. They are used by one
// goroutine. A socket is a bare descriptor: as an os.File it would wake this process for
// each connection that comes.
type sockets struct {
	held  []held
	files []socketFile // of those that are held no more
	most  int
}

type held struct {
	name  string
	fd    int
	fixed bool // from the settings or the own parent: no service takes it away
	lent  bool // by the own parent, which goes on holding it
}

// openSockets opens those of the settings and takes those of the own parent.
func openSockets(addresses []string) (*sockets, error) {
	s := &sockets{most: mostSockets()}
	for _, f := range activation.Files(true) {
		if fd, err := dup(f.Fd()); err == nil {
			s.held = append(s.held, held{name: f.Name(), fd: fd, fixed: true, lent: true})
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
	if i := s.find(name); i >= 0 && s.held[i].lent { // by another "hale run"
		return nil
	} else if i >= 0 {
		return fmt.Errorf("%w: --listen %s is there twice", ErrConfig, address)
	}
	l, err := unixfile.Listen(network, rest, func() (net.Listener, error) { return net.Listen(network, rest) })
	if malformed(err) {
		return fmt.Errorf("%w: --listen is %q: write host:port, :port or unix:/path (%w)", ErrConfig, address, err)
	}
	if err != nil {
		return fmt.Errorf("--listen %s: %w", address, err)
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
	s.held = append(s.held, held{name: name, fd: fd, fixed: true})
	return nil
}

// malformed reports whether an address could not be read.
func malformed(err error) bool {
	_, address := errors.AsType[*net.AddrError](err)
	_, port := errors.AsType[*net.ParseError](err)
	dns, name := errors.AsType[*net.DNSError](err)
	return address || port || name && !dns.IsTemporary && !dns.IsTimeout
}

func (s *sockets) find(name string) int {
	for i, h := range s.held {
		if h.name == name {
			return i
		}
	}
	return -1
}

// storedName is systemd's name for what comes without one.
const storedName = "stored"

// keep takes descriptors that a service gives, under a name, and closes those that it does not
// take. As with systemd several may have the same name, and one that is held already, under
// whatever name, is not held twice; what is no socket is held too.
func (s *sockets) keep(name string, fds []int) error {
	if name == "" {
		name = storedName
	}
	if strings.ContainsAny(name, ":\x00") || len(name) > 255 || plain(name) != name {
		closeAll(fds)
		return fmt.Errorf("a socket's name is %q", plain(name))
	}
	for i, fd := range fds {
		switch at := s.find(name); {
		case s.has(fd):
			_ = syscall.Close(fd)
		case at >= 0 && s.held[at].fixed:
			closeAll(fds[i:])
			return fmt.Errorf("the name %s is that of another socket, of --listen or a socket unit", name)
		case len(s.held) >= s.most:
			closeAll(fds[i:])
			return fmt.Errorf("the socket %s is one too many: %d are held", name, len(s.held))
		default:
			s.held = append(s.held, held{name: name, fd: fd})
		}
	}
	return nil
}

// has reports whether it is a copy of a descriptor that is held.
func (s *sockets) has(fd int) bool {
	for _, h := range s.held {
		if sameFile(h.fd, fd) {
			return true
		}
	}
	return false
}

// sameFile reports whether two descriptors are of one socket, pipe or file. Of others, such as
// an eventfd, the system does not tell.
func sameFile(a, b int) bool {
	var x, y syscall.Stat_t
	return syscall.Fstat(a, &x) == nil && syscall.Fstat(b, &y) == nil && x.Mode&syscall.S_IFMT != 0 &&
		x.Mode == y.Mode && x.Dev == y.Dev && x.Ino == y.Ino
}

// drop closes what is held under a name that no service wants any more, unless the settings
// do.
func (s *sockets) drop(name string) {
	if name == "" {
		name = storedName
	}
	s.held = slices.DeleteFunc(s.held, func(h held) bool {
		if h.name != name || h.fixed {
			return false
		}
		fileOf(h.fd).remove()
		_ = syscall.Close(h.fd)
		return true
	})
}

// copies returns copies for a process that is about to start, and their names. The caller
// closes them.
func (s *sockets) copies() (files []*os.File, names []string, err error) {
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

// release closes all of them, so that nobody waits in a socket that its service has closed.
// The service may still listen: the files of Unix sockets stay.
func (s *sockets) release() {
	for _, h := range s.held {
		if !h.lent {
			s.files = append(s.files, fileOf(h.fd))
		}
		_ = syscall.Close(h.fd)
	}
	s.held = nil
}

// close closes all of them for good.
func (s *sockets) close() {
	s.release()
	for _, f := range s.files {
		f.remove()
	}
	s.files = nil
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
