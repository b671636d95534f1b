//go:build unix && !linux

package run

import (
	"net"
	"os"
	"path/filepath"
	"syscall"
)

func ownGroup() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

func wantSender(*net.UnixConn) error { return nil }

func sender([]syscall.SocketControlMessage) (pid int, known bool) { return 0, false }

func noCore(int) {}

func ownProgram() (string, error) { return os.Executable() }

// notifyAddress returns an address for a socket on which a service is heard, in a folder
// that nobody else may look into. It may have some hundred bytes.
func notifyAddress() (folder, address string, err error) {
	folder, err = os.MkdirTemp("", "hale-")
	return folder, filepath.Join(folder, "notify"), err
}
