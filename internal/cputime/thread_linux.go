package cputime

import (
	"syscall"
	"time"
)

// Thread returns the processor time that the calling thread has used.
func Thread() (time.Duration, bool) {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_THREAD, &u); err != nil {
		return 0, false
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()), true
}
