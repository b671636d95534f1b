//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package unixfile

import (
	"errors"
	"os"
	"syscall"
)

// tryLock reports whether there is nothing to wait for: it has the lock, or the file system has
// none.
func tryLock(f *os.File) bool {
	err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	return !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR)
}
