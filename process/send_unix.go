//go:build unix

package process

import (
	"errors"
	"net"
	"os"
	"syscall"

	"github.com/coreos/go-systemd/v22/daemon"
)

func sendState(state string) error {
	_, err := daemon.SdNotify(false, state)
	return err
}

// sendFile sends a descriptor along. Without a parent it returns [ErrNoParent].
func sendFile(state string, fd uintptr) error {
	path := os.Getenv(envNotify)
	if path == "" {
		return ErrNoParent
	}
	c, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		return err
	}
	defer c.Close() // it was sent, or the error is returned
	raw, err := c.SyscallConn()
	if err != nil {
		return err
	}
	failed := raw.Write(func(to uintptr) bool { // net's own way needs a socket that is not connected
		err = syscall.Sendmsg(int(to), []byte(state), syscall.UnixRights(int(fd)), nil, 0)
		return !errors.Is(err, syscall.EAGAIN)
	})
	return errors.Join(failed, err)
}
