package run

import (
	"errors"
	"net"
	"os"
	"syscall"
	"time"
)

// listener hears one service.
type listener struct {
	*Runner
	service *service
	warned  bool
}

// mostLeft is how many messages of a service that has ended are read.
const mostLeft = 1024

// hear tells the runner what a service says, until its socket is closed or, when it has ended,
// there is nothing left.
func (r *Runner) hear(s *service) {
	l := &listener{Runner: r, service: s}
	buf, oob := make([]byte, maxMessage), make([]byte, 4096)
	for {
		n, oobn, _, _, err := s.notify.ReadMsgUnix(buf, oob)
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case errors.Is(err, os.ErrDeadlineExceeded):
			for range mostLeft {
				if n, oobn, err = s.left(buf, oob); err != nil {
					return
				}
				l.take(buf[:n], oob[:oobn], true)
			}
			return
		case err != nil:
			time.Sleep(10 * time.Millisecond) // it may be for want of descriptors
		default:
			l.take(buf[:n], oob[:oobn], false)
		}
	}
}

// left reads a message that is there already.
func (s *service) left(buf, oob []byte) (n, oobn int, err error) {
	raw, err := s.notify.SyscallConn()
	if err != nil {
		return 0, 0, err
	}
	failed := raw.Control(func(fd uintptr) { n, oobn, _, _, err = syscall.Recvmsg(int(fd), buf, oob, 0) })
	return n, oobn, errors.Join(failed, err)
}

// take tells the runner of one message; late tells that who sent it has ended.
func (l *listener) take(text, oob []byte, late bool) {
	fds, pid, known := rights(oob)
	if known && pid != l.service.proc.Pid { // of a process that the service has started, or anybody's
		closeAll(fds)
		if !l.warned {
			l.warned = true
			l.log.Warn("messages are taken from the command itself only: have a script start the service by exec", "pid", l.service.proc.Pid, "from", pid)
		}
		return
	}
	m := parseMessage(string(text))
	m.late = late
	l.send(event{service: l.service, said: &m, fds: fds})
}

// rights returns the descriptors that came with a message, and whom it came from.
func rights(oob []byte) (fds []int, pid int, known bool) {
	messages, err := syscall.ParseSocketControlMessage(oob)
	if err != nil {
		messages = nil
	}
	for i := range messages {
		more, err := syscall.ParseUnixRights(&messages[i])
		if err != nil {
			continue
		}
		for _, fd := range more {
			syscall.CloseOnExec(fd)
		}
		fds = append(fds, more...)
	}
	pid, known = sender(messages)
	return fds, pid, known
}

func closeAll(fds []int) {
	for _, fd := range fds {
		_ = syscall.Close(fd)
	}
}
