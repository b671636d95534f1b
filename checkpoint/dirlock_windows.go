package checkpoint

import (
	"errors"
	"os"
	"syscall"
	"time"
	"unsafe"
)

const (
	lockFailImmediately syscall.Errno = 1
	lockExclusive       syscall.Errno = 2

	errorWriteProtect  syscall.Errno = 19
	errorSharing       syscall.Errno = 32
	errorLockViolation syscall.Errno = 33
	errorHandleFull    syscall.Errno = 39
	errorDiskFull      syscall.Errno = 112
)

var (
	kernel32     = syscall.NewLazyDLL("kernel32.dll")
	lockFileEx   = kernel32.NewProc("LockFileEx")
	unlockFileEx = kernel32.NewProc("UnlockFileEx")
)

func tryLock(f *os.File) (bool, error) {
	var at syscall.Overlapped
	ok, _, err := lockFileEx.Call(f.Fd(), uintptr(lockExclusive|lockFailImmediately), 0, 1, 0, uintptr(unsafe.Pointer(&at)))
	switch {
	case ok != 0:
		return true, nil
	case errors.Is(err, errorLockViolation), errors.Is(err, syscall.ERROR_IO_PENDING):
		return false, nil
	default:
		return false, os.NewSyscallError("LockFileEx", err)
	}
}

func unlock(f *os.File) {
	var at syscall.Overlapped
	_, _, _ = unlockFileEx.Call(f.Fd(), 0, 1, 0, uintptr(unsafe.Pointer(&at))) // closing the file does it too
}

// rename tries again for a while: Windows replaces no file that somebody reads at the
// moment, be it another process here or a scanner for viruses.
func rename(from, to string) (err error) {
	for pause := time.Millisecond; pause < time.Second; pause *= 2 {
		if err = os.Rename(from, to); !errors.Is(err, errorSharing) && !errors.Is(err, syscall.ERROR_ACCESS_DENIED) {
			return err
		}
		time.Sleep(pause)
	}
	return err
}

// syncDir does nothing: Windows cannot sync a folder.
func syncDir(string) error { return nil }

func isFull(err error) bool {
	return errors.Is(err, errorDiskFull) || errors.Is(err, errorHandleFull)
}

func isReadOnly(err error) bool { return errors.Is(err, errorWriteProtect) }
