package unixfile

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"syscall"
)

// RemoveStale removes the file of a socket on which nobody listens any more, given the error
// of who wanted to listen there, and reports whether it did.
func RemoveStale(path string, err error) bool {
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
