package run

import (
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// inherits reports whether the processes that others have left become this one's children:
// it is the first one of a container, or was made their reaper.
func inherits() bool {
	var reaper int32
	err := unix.Prctl(unix.PR_GET_CHILD_SUBREAPER, uintptr(unsafe.Pointer(&reaper)), 0, 0, 0)
	return os.Getpid() == 1 || err == nil && reaper != 0
}

// mostOrphans is how many are reaped at once.
const mostOrphans = 1024

// reapOrphans waits for the children that have ended and that nobody waits for, so that they do
// not stay in the system's table for ever. own tells of a child that is waited for elsewhere:
// it is left alone, and so are those behind it, until that has been done.
func reapOrphans(own func(pid int) bool) {
	for range mostOrphans {
		var info unix.Siginfo
		err := unix.Waitid(unix.P_ALL, 0, &info, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT, nil)
		// The PID is the first field of the part that depends on the signal, which is aligned as
		// a pointer is.
		const at = (unsafe.Sizeof(info.Signo)*3 + unsafe.Sizeof(uintptr(0)) - 1) &^ (unsafe.Sizeof(uintptr(0)) - 1)
		pid := int(*(*int32)(unsafe.Add(unsafe.Pointer(&info), at)))
		if err != nil || pid <= 0 || own(pid) {
			return
		}
		if _, err := unix.Wait4(pid, nil, unix.WNOHANG, nil); err != nil {
			return
		}
	}
}
