package run_test

import (
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hale-go/hale/cmd/hale/internal/run"
)

// dial connects to the control socket.
func dial(t *testing.T, path string) *net.UnixConn {
	t.Helper()
	c, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// Whatever others do on the socket, the service serves, and who asks for a handover gets it.
func TestControlHarm(t *testing.T) {
	s, at := serving(t, run.Config{MaxRestarts: 100})
	const notUnderstood = "refused the request is not understood: it is a line with the word handover\n"
	t.Run("garbage", func(t *testing.T) {
		for _, text := range []string{"\n", "hand\n", "handover now\n", "handover\x00\n", "\xff\xfe\n", strings.Repeat("handover ", 20) + "\n", "GET / HTTP/1.1\r\n\r\n"} {
			c := dial(t, s.control)
			_, _ = io.WriteString(c, text)
			_ = c.CloseWrite()
			if said, _ := io.ReadAll(c); string(said) != notUnderstood {
				t.Errorf("%q: %q", text, said)
			}
		}
	})
	t.Run("a line without an end", func(t *testing.T) {
		c := dial(t, s.control)
		block := []byte(strings.Repeat("x", 1<<20))
		var err error
		sent := 0
		for sent = 0; sent < 1<<30 && err == nil; {
			var n int
			n, err = c.Write(block)
			sent += n
		}
		if err == nil || sent > 64<<20 {
			t.Errorf("%d bytes were taken, %v", sent, err)
		}
	})
	t.Run("gone", func(t *testing.T) {
		for range 5 { // fewer than are heard at once
			c := dial(t, s.control)
			_ = c.Close()
		}
		c := dial(t, s.control)
		_, _ = io.WriteString(c, "handover\n")
		_ = c.Close()
		s.logged(`msg="handed over"`, 1)
	})
	t.Run("deaf", func(t *testing.T) { // it is told, and reads nothing
		c := dial(t, s.control)
		_, _ = io.WriteString(c, "handover\n")
		s.logged(`msg="handed over"`, 2)
	})
	t.Run("many and silent", func(t *testing.T) {
		var silent []*net.UnixConn
		for range 50 {
			silent = append(silent, dial(t, s.control))
		}
		counted := 0
		for _, c := range silent { // all but those that are heard
			_ = c.SetReadDeadline(time.Now().Add(patience))
			if said, err := io.ReadAll(c); string(said) == "refused too many ask at once: ask again\n" && err == nil {
				counted++
			} else if string(said) != notUnderstood {
				t.Errorf("%q, %v", said, err)
			}
		}
		if counted < 30 { // 8 are heard at once, each for 5 s
			t.Errorf("%d were refused", counted)
		}
	})
	s.until("one is heard", func() bool { a := <-ask(s.control); return a.err == nil })
	s.until("it serves", func() bool { return alive(s.get(at, "/pid")) })
	_ = dial(t, s.control) // when it ends there is one that has said nothing
	s.stop()
	if code := s.exit(); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

// A path that is of no use is refused before the service is started, and says what to do.
func TestControlPath(t *testing.T) {
	live := controlPath(t)
	l, err := net.Listen("unix", live)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close() // of the test
	folder := filepath.Dir(live)
	plain := filepath.Join(folder, "plain")
	if err := os.WriteFile(plain, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		path, says string
		usage      bool
	}{
		{live, "another process serves it: give each hale run a path of its own, or end that process first", false},
		{plain, "there is something that is no socket: give another path, or remove it", true},
		{folder, "there is something that is no socket", true},
		{plain + "/x", "not a directory: give another path", true},
		{folder + "/no/x", "its folder is not there: make it first", true},
		{folder + "/" + strings.Repeat("x", 200), " bytes are too many for a Unix socket: give a path of 100 at most", true},
	} {
		r, err := run.New(run.Config{Command: []string{"true"}, Control: c.path})
		if err != nil {
			t.Fatal(err)
		}
		code, err := r.Run(t.Context())
		if code != 1 || err == nil || errors.Is(err, run.ErrConfig) != c.usage || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), "--control "+c.path+": ") {
			t.Errorf("%s: %d, %v", c.path, code, err)
		}
	}
	if info, err := os.Lstat(plain); err != nil || !info.Mode().IsRegular() {
		t.Errorf("the file that was there: %v", err)
	}
	if c, err := net.Dial("unix", live); err != nil {
		t.Errorf("the socket that was there: %v", err)
	} else {
		_ = c.Close()
	}
}

// The file of a hale run that was killed is replaced, one of another is left, and @ is no name
// without a file.
func TestControlFile(t *testing.T) {
	path := controlPath(t)
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	_ = l.Close()
	s := start(t, "serve", run.Config{Control: path}, "ADDRESS=127.0.0.1:0")
	_ = s.after("address", 1)
	s.logged("msg=ready", 1)
	if a := <-ask(path); a.err != nil {
		t.Errorf("%v", a)
	}
	_ = os.Remove(path)
	if l, err = net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"}); err != nil {
		t.Fatal(err)
	}
	defer l.Close() // of the test
	s.stop()
	_ = s.exit()
	if _, err := os.Lstat(path); err != nil {
		t.Errorf("another's file is gone: %v", err)
	}
	t.Chdir(filepath.Dir(path))
	s = start(t, "serve", run.Config{Control: "@name"}, "ADDRESS=127.0.0.1:0")
	_ = s.after("address", 1)
	s.logged("msg=ready", 1)
	if _, err := os.Lstat("@name"); err != nil {
		t.Error(err)
	}
	if a := <-ask("@name"); a.err != nil {
		t.Errorf("%v", a)
	}
}
