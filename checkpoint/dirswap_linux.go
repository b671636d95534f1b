package checkpoint

import (
	"errors"
	"os"
	"runtime"
	"syscall"
	"unsafe"
)

// exchange has two files swap their names in one step, where system and file system can:
// ext4, XFS, btrfs and tmpfs do. After an error, and when one is not there, nothing has changed,
// unless it was interrupted.
func exchange(a, b string) error {
	trap := renameat2()
	if trap == 0 {
		return errors.ErrUnsupported
	}
	from, err := syscall.BytePtrFromString(a)
	if err != nil {
		return err
	}
	to, err := syscall.BytePtrFromString(b)
	if err != nil {
		return err
	}
	const swap = 2 // RENAME_EXCHANGE
	here := -100   // AT_FDCWD
	_, _, errno := syscall.Syscall6(trap, uintptr(here), uintptr(unsafe.Pointer(from)), uintptr(here), uintptr(unsafe.Pointer(to)), swap, 0)
	if errno != 0 {
		return os.NewSyscallError("renameat2", errno)
	}
	return nil
}

// interrupted reports whether an exchange may have been done, though it says it was not.
func interrupted(err error) bool { return errors.Is(err, syscall.EINTR) }

// alone reports whether a file may be written over: it is a plain one of no other name, and
// nobody has forbidden it.
func alone(info os.FileInfo) bool {
	sys, ok := info.Sys().(*syscall.Stat_t)
	return ok && sys.Nlink == 1 && info.Mode().IsRegular() && info.Mode()&0o200 != 0
}

// renameat2 is the number of the system call, which package syscall does not have; 0 where it is
// not known.
func renameat2() uintptr {
	switch runtime.GOARCH {
	case "amd64":
		return 316
	case "arm64", "riscv64", "loong64":
		return 276
	}
	return 0
}

// syncData makes what was written durable, and of the file's times nothing: a file that was there
// and has its size needs no entry in the file system's journal then.
func syncData(f *os.File) error {
	for {
		err := syscall.Fdatasync(int(f.Fd()))
		if !errors.Is(err, syscall.EINTR) {
			return os.NewSyscallError("fdatasync", err)
		}
	}
}
