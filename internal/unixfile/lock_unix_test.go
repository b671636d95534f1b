//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package unixfile_test

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// hold has a folder be locked by somebody else until the test's end.
func hold(t *testing.T, folder string) {
	t.Helper()
	f, err := os.Open(folder)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
}

// A folder's lock that is not given back holds nobody up for long.
func TestListenWithoutLock(t *testing.T) {
	folder := t.TempDir()
	hold(t, folder)
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

// What is no folder, and a name of Linux that has no file, wait for nothing.
func TestListenWaitsForNothing(t *testing.T) {
	folder := t.TempDir()
	pipe := filepath.Join(folder, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := listen(filepath.Join(pipe, "s")); err == nil {
		t.Error("it listens in a pipe")
	}
	t.Chdir(folder)
	hold(t, folder)
	began := time.Now()
	if l, err := listen("@" + folder); err == nil {
		_ = l.Close()
	}
	if took := time.Since(began); took > 900*time.Millisecond {
		t.Errorf("it took %v", took)
	}
}
