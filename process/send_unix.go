//go:build unix

package process

import (
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"
	"time"
)

// sendState sends the parent a message, with descriptors if there are some. A parent that
// does not read what it was told before is waited for, but not for longer than that: the
// error matches [os.ErrDeadlineExceeded]. Without a parent it returns [ErrNoParent].
func sendState(state string, wait time.Duration, fds ...int) error {
	path := os.Getenv(envNotify)
	if path == "" {
		return ErrNoParent
	}
	c, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		return err
	}
	defer c.Close() // it was sent, or the error is returned
	if err := c.SetWriteDeadline(time.Now().Add(wait)); err != nil {
		return err
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return err
	}
	var rights []byte
	if len(fds) > 0 {
		rights = syscall.UnixRights(fds...)
	}
	failed := raw.Write(func(to uintptr) bool { // net's own way needs a socket that is not connected
		err = syscall.Sendmsg(int(to), []byte(state), rights, nil, 0)
		return !errors.Is(err, syscall.EAGAIN)
	})
	if errors.Is(failed, os.ErrDeadlineExceeded) {
		return fmt.Errorf("it has not read what it was told before within %v: %w", wait, os.ErrDeadlineExceeded)
	}
	return errors.Join(failed, err)
}
