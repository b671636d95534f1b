//go:build unix

package process_test

import (
	"errors"
	"net"
	"syscall"
	"testing"

	"github.com/hale-go/hale/process"
)

// A service that is about to end keeps no copy of a socket: when its listener and the parent's
// copy are closed, a connection is refused and waits for nobody.
func TestStoppingClosesCopies(t *testing.T) {
	p := newParent(t)
	t.Setenv("NOTIFY_SOCKET", p.path)
	l, err := process.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	for _, fd := range p.want(t, "FDSTORE=1\nFDNAME="+process.Name("tcp", "127.0.0.1:0")) {
		_ = syscall.Close(fd)
	}
	if err := process.Stopping(); err != nil {
		t.Fatal(err)
	}
	p.want(t, "STOPPING=1")
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatalf("it listens no more, and has not closed its listener: %v", err)
	}
	_ = c.Close()
	_ = l.Close()
	if c, err := net.Dial("tcp", l.Addr().String()); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("%v", err)
		if err == nil {
			_ = c.Close()
		}
	}
}
