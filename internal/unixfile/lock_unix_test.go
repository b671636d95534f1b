//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package unixfile_test

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// A folder's lock that is not given back holds nobody up for long.
func TestListenWithoutLock(t *testing.T) {
	folder := t.TempDir()
	f, err := os.Open(folder)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	l, err := listen(filepath.Join(folder, "s"))
	if err != nil {
		t.Fatal(err)
	}
	_ = l.Close()
	if took := time.Since(began); took < time.Second || took > time.Minute {
		t.Errorf("it took %v", took)
	}
}
