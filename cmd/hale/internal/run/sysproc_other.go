//go:build unix && !linux

package run

import (
	"net"
	"syscall"
)

func ownGroup() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

func wantSender(*net.UnixConn) error { return nil }

func sender([]syscall.SocketControlMessage) int { return 0 }
