package unixfile_test

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"

	"github.com/hale-go/hale/internal/unixfile"
)

func listen(path string) (*net.UnixListener, error) {
	return unixfile.Listen("unix", path, func() (*net.UnixListener, error) {
		return net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	})
}

// stale leaves the file of a socket on which nobody listens.
func stale(t *testing.T, path string) {
	t.Helper()
	l, err := listen(path)
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	_ = l.Close()
}

func TestListen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	stale(t, path)
	l, err := listen(path)
	if err != nil {
		t.Fatalf("where nobody listens any more: %v", err)
	}
	if _, err := listen(path); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("where somebody listens: %v", err)
	}
	if c, err := net.Dial("unix", path); err != nil {
		t.Errorf("who listens is not there any more: %v", err)
	} else {
		_ = c.Close()
	}
	_ = l.Close()
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := listen(path); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("where a file is: %v", err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Errorf("a file that is no socket was removed: %v", err)
	}
	if _, err := listen(filepath.Join(path, "s")); err == nil || errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("in no folder: %v", err)
	}
}

// Of those that find the file of one that is gone at once, one listens.
func TestListenAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	for round := range 200 {
		stale(t, path)
		var wg sync.WaitGroup
		var listeners [4]*net.UnixListener
		for i := range listeners {
			wg.Go(func() {
				var err error
				if listeners[i], err = listen(path); err != nil && !errors.Is(err, syscall.EADDRINUSE) {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		n := 0
		for _, l := range listeners {
			if l != nil {
				n++
				_ = l.Close()
			}
		}
		if n != 1 {
			t.Fatalf("round %d: %d listen, want one", round, n)
		}
	}
}

// The file of a closed socket goes, and that of who listens there by now does not.
func TestRemove(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	stale(t, path)
	was, err := os.Lstat(path)
	if err != nil {
		t.Fatal(err)
	}
	l, err := listen(path)
	if err != nil {
		t.Fatal(err)
	}
	unixfile.Remove(path, was)
	if c, err := net.Dial("unix", path); err != nil {
		t.Errorf("the file of who listens was removed: %v", err)
	} else {
		_ = c.Close()
	}
	if was, err = os.Lstat(path); err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	_ = l.Close()
	unixfile.Remove(path, was)
	if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("it was not removed: %v", err)
	}
}
