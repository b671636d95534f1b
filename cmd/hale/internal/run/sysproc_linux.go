package run

import (
	"crypto/rand"
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// ownGroup has a process be in a group of its own, so that what it starts ends with it, and
// end when this one does. That signal comes when the thread dies that started it: whoever
// starts it keeps its thread.
func ownGroup() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
}

// ownProgram returns the path of this program as it runs, though its file has been replaced or
// removed meanwhile.
func ownProgram() (string, error) { return "/proc/self/exe", nil }

// wantSender has messages say who sent them.
func wantSender(c *net.UnixConn) error {
	raw, err := c.SyscallConn()
	if err != nil {
		return err
	}
	failed := raw.Control(func(fd uintptr) { err = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_PASSCRED, 1) })
	if failed != nil {
		return failed
	}
	return err
}

// sender returns the PID that a message came from; 0 is that of a process which cannot be seen
// from here, as one outside of a container. known tells that it is known at all.
func sender(messages []syscall.SocketControlMessage) (pid int, known bool) {
	for i := range messages {
		if cred, err := syscall.ParseUnixCredentials(&messages[i]); err == nil {
			return int(cred.Pid), true
		}
	}
	return 0, true
}

// notifyAddress returns an address for a socket on which a service is heard. It has no file,
// so that a full or read-only disk is no matter; who sends is looked at.
func notifyAddress() (folder, address string, err error) { return "", "@hale-" + rand.Text(), nil }

// noCore has a process leave no file of its memory: SIGQUIT makes one of what is not Go.
func noCore(pid int) { _ = unix.Prlimit(pid, unix.RLIMIT_CORE, &unix.Rlimit{}, nil) }
