//go:build unix

package process_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hale-go/hale/process"
)

// What was closed can be listened on again, and what was not is taken.
func TestListenAgain(t *testing.T) {
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = free.Close()
	for network, address := range map[string]string{"tcp": free.Addr().String(), "unix": filepath.Join(t.TempDir(), "s")} {
		p := newParent(t)
		t.Setenv("NOTIFY_SOCKET", p.path)
		first, err := process.Listen(network, address)
		if err != nil {
			t.Fatal(err)
		}
		at := first.Addr().String()
		if fds := p.want(t, "FDSTORE=1\nFDNAME="+process.Name(network, address)); len(fds) == 1 {
			defer syscall.Close(fds[0])
		}
		if _, err := process.Listen(network, at); err == nil {
			t.Errorf("%s is listened on twice", at)
		}
		for range 3 {
			_ = first.Close()
			if first, err = process.Listen(network, address); err != nil || first.Addr().String() != at {
				t.Fatalf("%s again: %v", address, err)
			}
		}
		_ = first.Close()
	}
}

// A service that nobody can hand over is told to end, as by whoever started it.
func TestHandoverOrExit(t *testing.T) {
	t.Setenv("NOTIFY_SOCKET", "")
	told := make(chan os.Signal, 1)
	signal.Notify(told, syscall.SIGTERM)
	defer signal.Stop(told)
	if err := process.HandoverOrExit("test"); err != nil {
		t.Fatal(err)
	}
	<-told
	p := newParent(t)
	t.Setenv("NOTIFY_SOCKET", p.path)
	t.Setenv(process.EnvHandover, "1")
	if err := process.HandoverOrExit("test"); err != nil {
		t.Fatal(err)
	}
	p.want(t, process.HandoverField+"=test")
	select {
	case <-told:
		t.Error("it was told to end too")
	default:
	}
}

// children are what this test's program does when it is started as a service.
var children = map[string]func() int{
	// serve answers one connection on the address that it is given, and says so on stdout.
	"serve": func() int {
		l, err := process.Listen(os.Getenv("NETWORK"), os.Getenv("ADDRESS"))
		if err != nil {
			fmt.Println(err)
			return 1
		}
		if err := process.Ready(); err != nil {
			fmt.Println(err)
			return 1
		}
		fmt.Println("listening", l.Addr())
		c, err := l.Accept()
		if err != nil {
			fmt.Println(err)
			return 1
		}
		_, _ = io.WriteString(c, "hello\n")
		_ = c.Close()
		_ = l.Close()
		return 0
	},
}

// parent is the socket that a service notifies.
type parent struct {
	*net.UnixConn
	path string
}

func newParent(t *testing.T) *parent {
	t.Helper()
	dir, err := os.MkdirTemp("", "p") // a short path: it has 108 bytes at most
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "notify")
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close(); _ = os.RemoveAll(dir) })
	return &parent{c, path}
}

// next returns the next message and the descriptors that came with it.
func (p *parent) next(t *testing.T) (string, []int) {
	t.Helper()
	buf, oob := make([]byte, 4096), make([]byte, 4096)
	_ = p.SetReadDeadline(time.Now().Add(10 * time.Second))
	n, oobn, _, _, err := p.ReadMsgUnix(buf, oob)
	if err != nil {
		t.Fatal(err)
	}
	var fds []int
	if oobn > 0 {
		messages, err := syscall.ParseSocketControlMessage(oob[:oobn])
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range messages {
			more, err := syscall.ParseUnixRights(&m)
			if err != nil {
				t.Fatal(err)
			}
			fds = append(fds, more...)
		}
	}
	return string(buf[:n]), fds
}

// start starts this program as a service with sockets that it is passed.
func start(t *testing.T, p *parent, network, address string, passed ...*os.File) *bufio.Scanner {
	t.Helper()
	// A shell says for whom the sockets are, and becomes the service.
	cmd := exec.CommandContext(t.Context(), "/bin/sh", "-c", `LISTEN_PID=$$ exec "$0"`, os.Args[0])
	names := make([]string, 0, len(passed))
	for _, f := range passed {
		names = append(names, f.Name())
	}
	cmd.ExtraFiles = passed
	cmd.Env = append(os.Environ(), "PROCESS_TEST_CHILD=serve", "NETWORK="+network, "ADDRESS="+address, "NOTIFY_SOCKET="+p.path,
		fmt.Sprintf("LISTEN_FDS=%d", len(passed)), "LISTEN_FDNAMES="+strings.Join(names, ":"))
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	return bufio.NewScanner(out)
}

// dial connects and returns what is said.
func dial(t *testing.T, network, address string) string {
	t.Helper()
	c, err := net.Dial(network, address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close() // it was read
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	said, err := io.ReadAll(c)
	if err != nil {
		t.Fatal(err)
	}
	return string(said)
}

func (p *parent) want(t *testing.T, message string) []int {
	t.Helper()
	got, fds := p.next(t)
	if got != message {
		t.Fatalf("told %q, want %q", got, message)
	}
	return fds
}

// A service gives what it opened to its parent, and the next one takes it, with what
// waits in it.
func TestSocketOutlivesItsService(t *testing.T) {
	for network, address := range map[string]string{"tcp": "127.0.0.1:0", "unix": filepath.Join(t.TempDir(), "s")} {
		t.Run(network, func(t *testing.T) {
			p := newParent(t)
			first := start(t, p, network, address)
			name := process.Name(network, address)
			fds := p.want(t, "FDSTORE=1\nFDNAME="+name)
			if len(fds) != 1 {
				t.Fatalf("%d descriptors came along", len(fds))
			}
			kept := os.NewFile(uintptr(fds[0]), name)
			defer kept.Close() // of the test
			p.want(t, "READY=1")
			first.Scan()
			_, at, ok := strings.Cut(first.Text(), "listening ")
			if !ok {
				t.Fatal(first.Text())
			}
			if said := dial(t, network, at); said != "hello\n" {
				t.Fatalf("got %q", said)
			}
			if first.Scan() {
				t.Fatal(first.Text())
			}
			answer := make(chan string, 1)
			go func() { answer <- dial(t, network, at) }() // while nobody serves
			second := start(t, p, network, address, kept)
			p.want(t, "READY=1")
			second.Scan()
			if second.Text() != "listening "+at {
				t.Errorf("the second said %q, want the address %s", second.Text(), at)
			}
			if said := <-answer; said != "hello\n" {
				t.Errorf("got %q", said)
			}
		})
	}
}

// A socket unit's socket has a name of the unit's, and is known by its address. What
// nobody wants is closed, and the parent told.
func TestSocketUnit(t *testing.T) {
	p := newParent(t)
	unwanted, _ := socketFile(t, "old.socket")
	wanted, at := socketFile(t, "shop.socket")
	service := start(t, p, "tcp", at, unwanted, wanted)
	p.want(t, "FDSTOREREMOVE=1\nFDNAME=old.socket")
	p.want(t, "READY=1")
	if service.Scan(); service.Text() != "listening "+at {
		t.Errorf("said %q", service.Text())
	}
	if said := dial(t, "tcp", at); said != "hello\n" {
		t.Errorf("got %q", said)
	}
}

// Without a parent it is net.Listen, and nothing is said.
func TestNoParent(t *testing.T) {
	t.Setenv("NOTIFY_SOCKET", "")
	t.Setenv(process.EnvHandover, "1")
	l, err := process.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close() // of the test
	if _, err := process.Listen("tcp", l.Addr().String()); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("an address that is taken: %v", err)
	}
	if _, err := process.Listen("udp", "127.0.0.1:0"); err == nil || !strings.Contains(err.Error(), `"udp" is none of tcp`) {
		t.Errorf("a network of packets: %v", err)
	}
	for name, err := range map[string]error{
		"Ready": process.Ready(), "Stopping": process.Stopping(), "Status": process.Status("x"), "Watch": process.Watch(t.Context(), nil),
	} {
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := process.Handover("test"); !errors.Is(err, process.ErrNoParent) {
		t.Errorf("Handover: %v", err)
	}
}

// A parent that has gone is an error, and no reason not to listen.
func TestParentGone(t *testing.T) {
	t.Setenv("NOTIFY_SOCKET", filepath.Join(t.TempDir(), "none"))
	l, err := process.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = l.Close()
	if err := process.Status("x"); err == nil || !strings.Contains(err.Error(), "cannot be told") {
		t.Errorf("got %v", err)
	}
}

// A status is one line, whatever is in it.
func TestStatus(t *testing.T) {
	p := newParent(t)
	t.Setenv("NOTIFY_SOCKET", p.path)
	if err := process.Status("a\nREADY=1\x00\xff" + strings.Repeat("b", 2000)); err != nil {
		t.Fatal(err)
	}
	got, _ := p.next(t)
	if !strings.HasPrefix(got, "STATUS=a READY=1 b") || strings.Contains(got, "\n") || len(got) > 540 {
		t.Errorf("told %q", got)
	}
	t.Setenv(process.EnvHandover, "1")
	if err := process.Handover("too many\nlost goroutines"); err != nil {
		t.Fatal(err)
	}
	p.want(t, process.HandoverField+"=too many lost goroutines")
}

// Signs of life come while there are any.
func TestWatch(t *testing.T) {
	p := newParent(t)
	t.Setenv("NOTIFY_SOCKET", p.path)
	t.Setenv("WATCHDOG_USEC", "30000")
	t.Setenv("WATCHDOG_PID", fmt.Sprint(os.Getpid()))
	ctx, cancel := context.WithCancel(t.Context())
	steps := make(chan func() error)
	ended := make(chan error)
	go func() {
		ended <- process.Watch(ctx, func(context.Context) error {
			select {
			case step := <-steps:
				return step()
			case <-ctx.Done():
				return nil
			}
		})
	}()
	alive := func() error { return nil }
	bad := func() error { return errors.New("orders.consume has not beaten for 9s") }
	steps <- alive
	p.want(t, "WATCHDOG=1")
	steps <- alive
	p.want(t, "WATCHDOG=1")
	steps <- bad
	p.want(t, "STATUS=not alive: orders.consume has not beaten for 9s")
	steps <- bad
	p.want(t, "STATUS=not alive: orders.consume has not beaten for 9s")
	steps <- func() error { panic("boom") }
	p.want(t, "STATUS=not alive: panic: boom")
	steps <- func() error { runtime.Goexit(); return nil }
	p.want(t, "STATUS=not alive: it ended the goroutine that asked")
	steps <- alive
	p.want(t, "WATCHDOG=1")
	p.want(t, "STATUS=alive")
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// Nobody is watched who was not asked, and what makes no sense is told.
func TestWatchAsked(t *testing.T) {
	p := newParent(t)
	t.Setenv("NOTIFY_SOCKET", p.path)
	for _, c := range []struct {
		usec, pid string
		bad       bool
	}{{"", "", false}, {"30000", "1", false}, {"x", "", true}, {"-1", "", true}, {"30000", "x", true}} {
		t.Setenv("WATCHDOG_USEC", c.usec)
		t.Setenv("WATCHDOG_PID", c.pid)
		if err := process.Watch(t.Context(), nil); (err != nil) != c.bad {
			t.Errorf("%+v: %v", c, err)
		}
	}
}
