//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package unixfile

import (
	"errors"
	"os"
	"syscall"
)

// openFolder opens a folder, and waits for nothing that is none, such as a pipe.
func openFolder(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_RDONLY|syscall.O_DIRECTORY|syscall.O_NONBLOCK, 0)
}

// tryLock reports whether there is nothing to wait for: it has the lock, or the file system has
// none.
func tryLock(f *os.File) bool {
	err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	return !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR)
}
