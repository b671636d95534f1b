package run

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/hale-go/hale/internal/unixfile"
)

// Bounds of what others may do on the control socket.
const (
	maxPeers    = 8               // at once; more are refused
	maxRequest  = 64              // bytes
	requestTime = 5 * time.Second // for the request, from when somebody has connected
	answerTime  = time.Second     // for who does not read an answer
)

// control is the socket on which others ask for a handover. One goroutine accepts, and each
// peer has one; they are the runner's.
type control struct {
	listener *net.UnixListener
	file     socketFile
	peers    chan struct{} // as many as there are
}

// openControl opens the socket of a path; "" gives nil. The file of one on which nobody listens
// any more is replaced.
func openControl(path string) (*control, error) {
	if path == "" {
		return nil, nil
	}
	l, err := unixfile.Listen("unix", socketPath(path), func() (*net.UnixListener, error) { return listenControl(socketPath(path)) })
	if err != nil {
		return nil, whyNoControl(path, err)
	}
	c := &control{listener: l, peers: make(chan struct{}, maxPeers)}
	if info, err := os.Lstat(path); err == nil {
		c.file = socketFile{path, info}
	}
	return c, nil
}

// socketPath has a path be that of a file: Go takes one that begins with @ for a name of Linux
// that has no file, and no owner.
func socketPath(path string) string {
	if strings.HasPrefix(path, "@") {
		return "./" + path
	}
	return path
}

// listenControl listens where only this user may connect, from the first moment on.
func listenControl(path string) (*net.UnixListener, error) {
	was := syscall.Umask(0o177) // while nothing else makes files
	defer syscall.Umask(was)
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err == nil {
		l.SetUnlinkOnClose(false) // see socketFile
	}
	return l, err
}

// whyNoControl says what is wrong with a path, and what to do about it.
func whyNoControl(path string, err error) error {
	bad := func(mend string) error { return fmt.Errorf("%w: --control %s: %s", ErrConfig, path, mend) }
	switch {
	case errors.Is(err, syscall.EINVAL):
		return bad(tooLong(path))
	case errors.Is(err, fs.ErrNotExist):
		return bad("its folder is not there: make it first")
	case errors.Is(err, fs.ErrPermission):
		return bad("this user may not make it: give a path in a folder of this user")
	case !errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("%w: --control %s: %w: give another path", ErrConfig, path, err)
	}
	if info, err := os.Lstat(path); err == nil && info.Mode()&fs.ModeSocket == 0 {
		return bad("there is something that is no socket: give another path, or remove it")
	}
	return fmt.Errorf("--control %s: another process serves it: give each hale run a path of its own, or end that process first", path)
}

func tooLong(path string) string {
	return fmt.Sprintf("its %d bytes are too many for a Unix socket: give a path of 100 at most", len(path))
}

// close ends the socket; its file goes, unless it is another's by now.
func (c *control) close() {
	if c != nil {
		_ = c.listener.Close()
		c.file.remove()
	}
}

// accept takes who connects, until the socket is closed.
func (r *Runner) accept(ctx context.Context, c *control) {
	for {
		peer, err := c.listener.AcceptUnix()
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil:
			time.Sleep(10 * time.Millisecond) // it may be for want of descriptors
			continue
		}
		select {
		case c.peers <- struct{}{}:
			r.running.Go(func() {
				defer func() { <-c.peers }()
				r.talk(ctx, peer)
			})
		default:
			_ = answer{refused, "too many ask at once: ask again"}.to(peer)
			_ = peer.Close()
		}
	}
}

// talk hands one request to the runner, and what comes of it back. Who goes away meanwhile
// stops nothing.
func (r *Runner) talk(ctx context.Context, peer *net.UnixConn) {
	defer peer.Close() // it was told all
	_ = peer.SetReadDeadline(time.Now().Add(requestTime))
	defer context.AfterFunc(ctx, func() { _ = peer.SetReadDeadline(time.Now()) })()
	line, err := bufio.NewReaderSize(peer, maxRequest).ReadSlice('\n')
	q := &request{answers: make(chan answer, mostAnswers)}
	if err == nil && strings.TrimRight(string(line), "\r\n") == handoverRequest {
		select {
		case r.events <- event{asked: q}:
		case <-r.over:
			q.end(refused, "hale run has ended")
		}
	} else {
		q.end(refused, "the request is not understood: it is a line with the word "+handoverRequest)
	}
	for a := range q.answers {
		if a.to(peer) != nil {
			return
		}
	}
}
