package process

import (
	"errors"
	"fmt"
	"net"
	"os"
	"sync"

	"github.com/coreos/go-systemd/v22/activation"
)

// inherited are the sockets that the parent passed, as of the first time that somebody
// asked. They are this process's for as long as it lives, as its environment is.
var inherited struct {
	once sync.Once

	mu      sync.Mutex
	sockets []*socket
	claims  map[string]int // how often a name was asked for
}

// socket is one of them.
type socket struct {
	name    string
	file    *os.File
	claimed bool
}

// inherit reads LISTEN_FDS, once, and takes it out of the environment, so that no process
// that this one starts believes it is meant.
func inherit() {
	inherited.once.Do(func() {
		inherited.claims = map[string]int{}
		for _, f := range activation.Files(true) {
			inherited.sockets = append(inherited.sockets, &socket{name: f.Name(), file: f})
		}
	})
}

// claim returns the socket that the parent passed for an address, nil if there is none, and
// the name under which the parent keeps it. open makes of it what is wanted.
func claim[S any](network, address string, open func(*os.File) (S, net.Addr, error)) (out S, name string, found bool, err error) {
	inherit()
	inherited.mu.Lock()
	defer inherited.mu.Unlock()
	name = Name(network, address)
	n := inherited.claims[name]
	inherited.claims[name]++
	name = nth(name, n)
	for _, s := range inherited.sockets {
		if s.claimed || s.name != name {
			continue
		}
		out, _, err := open(s.file)
		if err != nil {
			return out, name, false, fmt.Errorf("hale: process: the socket %s that was passed cannot be used: %w", name, err)
		}
		s.take()
		return out, name, true, nil
	}
	for _, s := range inherited.sockets { // a socket unit's have names of their own
		if s.claimed {
			continue
		}
		one, at, err := open(s.file)
		if err != nil { // of another kind
			continue
		}
		if sameAddress(at, network, address) {
			name = s.name
			s.take()
			return one, name, true, nil
		}
		if c, ok := any(one).(interface{ Close() error }); ok {
			keepPath(one)
			_ = c.Close()
		}
	}
	return out, name, false, nil
}

// take closes the file that was passed: what is used is a copy.
func (s *socket) take() {
	s.claimed = true
	_ = s.file.Close()
}

// dropUnclaimed closes the sockets that nobody asked for, so that connections do not wait
// in them for ever, and returns their names.
func dropUnclaimed() []string {
	inherit()
	inherited.mu.Lock()
	defer inherited.mu.Unlock()
	var names []string
	for _, s := range inherited.sockets {
		if !s.claimed {
			s.take()
			names = append(names, s.name)
		}
	}
	return names
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
