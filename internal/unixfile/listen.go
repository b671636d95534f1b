package unixfile

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// patience is how long somebody else may hold a folder's lock before it is done without: who
// locks it may be no program of hale's.
const patience = time.Second

// Listen calls listen, which is to listen at an address. Where that is a path, it calls it once more
// after it has removed the file of a socket on which nobody listens any more. Processes that do it
// in one folder at once come one after the other, so that none takes the new socket of another for an
// old one: there is a moment in which it has its file, and does not listen yet. Who may not read the
// folder, or does not get its lock within a second, does without.
func Listen[L any](network, address string, listen func() (L, error)) (L, error) {
	if network != "unix" || address == "" || address[0] == '@' { // Linux' names without a file
		return listen()
	}
	defer lock(address)()
	l, err := listen()
	if removeStale(address, err) {
		l, err = listen()
	}
	return l, err
}

// Remove removes the file of a socket that was closed, if it is still that: between the look and
// the removal nobody replaces it who listens by [Listen].
func Remove(path string, was os.FileInfo) {
	defer lock(path)()
	if now, err := os.Lstat(path); err == nil && os.SameFile(now, was) && now.ModTime().Equal(was.ModTime()) {
		_ = os.Remove(path)
	}
}

// lock locks the folder of a path, as far as that can be done, and returns what gives it back.
func lock(path string) func() {
	f, err := openFolder(filepath.Dir(path))
	if err != nil {
		return func() {}
	}
	for end := time.Now().Add(patience); !tryLock(f) && time.Now().Before(end); {
		time.Sleep(5 * time.Millisecond)
	}
	return func() { _ = f.Close() }
}

// removeStale removes the file of a socket on which nobody listens any more, given the error
// of who wanted to listen there, and reports whether it did.
func removeStale(path string, err error) bool {
	if !errors.Is(err, syscall.EADDRINUSE) {
		return false
	}
	info, err := os.Lstat(path)
	if err != nil || info.Mode()&fs.ModeSocket == 0 {
		return false
	}
	c, err := net.Dial("unix", path)
	if err == nil {
		_ = c.Close()
	}
	return errors.Is(err, syscall.ECONNREFUSED) && os.Remove(path) == nil
}
