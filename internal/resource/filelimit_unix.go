//go:build unix

package resource

import (
	"os"
	"syscall"
)

// fileLimit returns the soft limit on open files; 0 is none. Go raises it to the
// hard one when a program starts.
func fileLimit() (uint64, error) {
	var l syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &l); err != nil {
		return 0, os.NewSyscallError("getrlimit", err)
	}
	if n := uint64(l.Cur); n < unlimited {
		return n, nil
	}
	return 0, nil
}
