package process

import (
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"sync"
	"syscall"

	"github.com/coreos/go-systemd/v22/activation"
)

// inherited are the sockets that the parent keeps: those that it passed, as of the first time
// that somebody asked, and those that it was given. They are this process's for as long as
// it lives, as its environment is.
var inherited struct {
	once sync.Once

	mu      sync.Mutex
	sockets []*socket
}

// socket is one of them.
type socket struct {
	name   string
	file   *os.File
	holder syscall.Conn // what was made of it last; nil: nobody has asked for it
}

// free reports whether nobody uses the socket: what was made of it has been closed.
func (s *socket) free() bool {
	if s.holder == nil {
		return true
	}
	raw, err := s.holder.SyscallConn()
	return err != nil || raw.Control(func(uintptr) {}) != nil
}

// inherit reads LISTEN_FDS, once, and takes it out of the environment, so that no process
// that this one starts believes it is meant.
func inherit() {
	inherited.once.Do(func() {
		for _, f := range activation.Files(true) {
			inherited.sockets = append(inherited.sockets, &socket{name: f.Name(), file: f})
		}
	})
}

// claim returns the socket that the parent keeps for an address, nil if there is none that
// is free, and the name under which the parent is to keep another. open makes of it what is
// wanted. inherited.mu is held.
func claim[S any](network, address string, open func(*os.File) (S, net.Addr, error)) (out S, name string, found bool, err error) {
	inherit()
	base, n := Name(network, address), 0
	for _, s := range inherited.sockets {
		if s.name != nth(base, n) {
			continue
		}
		n++
		if !s.free() {
			continue
		}
		out, _, err := open(s.file)
		if err != nil {
			return out, s.name, false, fmt.Errorf("hale: process: the socket %s that was passed cannot be used: %w", s.name, err)
		}
		s.holder, _ = any(out).(syscall.Conn)
		return out, s.name, true, nil
	}
	for _, s := range inherited.sockets { // a socket unit's have names of their own
		if !s.free() {
			continue
		}
		one, at, err := open(s.file)
		if err != nil { // of another kind
			continue
		}
		if sameAddress(at, network, address) {
			s.holder, _ = any(one).(syscall.Conn)
			return one, s.name, true, nil
		}
		if c, ok := any(one).(interface{ Close() error }); ok {
			keepPath(one)
			_ = c.Close()
		}
	}
	return out, nth(base, n), false, nil
}

// kept notes a socket that the parent was given, so that this process may use it again when
// it has closed it. inherited.mu is held.
func kept(name string, holder syscall.Conn) {
	f, ok := holder.(interface{ File() (*os.File, error) })
	if !ok {
		return
	}
	if file, err := f.File(); err == nil {
		inherited.sockets = append(inherited.sockets, &socket{name: name, file: file, holder: holder})
	}
}

// dropUnclaimed closes the sockets that nobody asked for, so that connections do not wait
// in them for ever, and returns their names, but for those that others have too.
func dropUnclaimed() (names []string) {
	inherited.mu.Lock()
	defer inherited.mu.Unlock()
	inherit()
	inherited.sockets = slices.DeleteFunc(inherited.sockets, func(s *socket) bool {
		if s.holder == nil {
			_ = s.file.Close()
			names = append(names, s.name)
		}
		return s.holder == nil
	})
	return slices.DeleteFunc(names, func(name string) bool {
		return slices.ContainsFunc(inherited.sockets, func(s *socket) bool { return s.name == name })
	})
}

// dropAll closes this process's copies of all sockets that the parent keeps. A connection that
// came when a listener has been closed would wait in its copy for nobody.
func dropAll() {
	inherited.mu.Lock()
	defer inherited.mu.Unlock()
	inherit()
	for _, s := range inherited.sockets {
		_ = s.file.Close()
	}
	inherited.sockets = nil
}

// keepPath has the file of a Unix socket stay when this process closes it: it is the
// successor's too.
func keepPath(l any) {
	if u, ok := l.(*net.UnixListener); ok {
		u.SetUnlinkOnClose(false)
	}
}

func openListener(f *os.File) (net.Listener, net.Addr, error) {
	l, err := net.FileListener(f)
	if err != nil {
		return nil, nil, err
	}
	return l, l.Addr(), nil
}

func openPacket(f *os.File) (net.PacketConn, net.Addr, error) {
	c, err := net.FilePacketConn(f)
	if err != nil {
		return nil, nil, err
	}
	if c.LocalAddr() == nil {
		return nil, nil, errors.Join(errors.New("it has no address"), c.Close())
	}
	return c, c.LocalAddr(), nil
}
