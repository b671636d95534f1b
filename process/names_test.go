//go:build unix

package process_test

import (
	"net"
	"os"
	"syscall"
	"testing"
)

// socketFile returns a socket that listens, as a file of a name, and its address.
func socketFile(t *testing.T, name string) (*os.File, string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close() // its copy is used
	raw, err := l.(syscall.Conn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	copied := -1
	if err := raw.Control(func(fd uintptr) { copied, err = syscall.Dup(int(fd)) }); err != nil || copied < 0 {
		t.Fatal(err, copied)
	}
	syscall.CloseOnExec(copied)
	f := os.NewFile(uintptr(copied), name)
	t.Cleanup(func() { _ = f.Close() })
	return f, l.Addr().String()
}

// A name that is also that of a socket in use is not given up with one that nobody wants.
func TestSameName(t *testing.T) {
	p := newParent(t)
	unwanted, _ := socketFile(t, "shop.socket")
	wanted, at := socketFile(t, "shop.socket")
	service := start(t, p, "tcp", at, unwanted, wanted)
	p.want(t, "READY=1")
	if service.Scan(); service.Text() != "listening "+at {
		t.Errorf("said %q", service.Text())
	}
	if said := dial(t, "tcp", at); said != "hello\n" {
		t.Errorf("got %q", said)
	}
}
