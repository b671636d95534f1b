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

// Listen calls listen, which is to listen at a path, and calls it once more after it has removed
// the file of a socket on which nobody listens any more. Processes that do it in one folder at
// once come one after the other, so that none takes the new socket of another for an old one:
// there is a moment in which it has its file, and does not listen yet.
func Listen[L any](path string, listen func() (L, error)) (L, error) {
	if f, err := os.Open(filepath.Dir(path)); err == nil {
		defer f.Close() // which gives the lock back
		for end := time.Now().Add(patience); !tryLock(f) && time.Now().Before(end); {
			time.Sleep(5 * time.Millisecond)
		}
	}
	l, err := listen()
	if removeStale(path, err) {
		l, err = listen()
	}
	return l, err
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
