package run

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"syscall"
	"time"
)

// What an error of [Ask] matches.
var (
	ErrNobody   = errors.New("no hale run is there")     // nobody took the request
	ErrHandover = errors.New("the handover failed")      // the new process does not serve
	ErrRefused  = errors.New("nothing was begun")        // another time it may be
	ErrOpen     = errors.New("nobody knows the outcome") // of a handover that may go on
)

// AskError says what came of a request, as people are told it. It matches one of the errors
// above, and the one that it wraps.
type AskError struct {
	Kind error  // Kind is ErrNobody, ErrHandover, ErrRefused or ErrOpen.
	Text string // Text says what to do, too, where that is known.
	Err  error  // Err is the cause, where there is one.
}

func (e *AskError) Error() string { return e.Text }

// Unwrap returns what it matches.
func (e *AskError) Unwrap() []error { return []error{e.Kind, e.Err} }

const (
	firstAnswer = 10 * time.Second // until hale run says something, which it does at once
	maxAnswer   = 1024             // bytes
)

// Ask asks the "hale run" whose control socket is at a path for a handover, tells each step,
// as a line, and returns what came of it: nil when the new process serves. An error is an
// [*AskError]. The end of ctx ends the waiting, and not the handover.
//
// It waits for as long as hale run takes, which has a bound for each step: --ready-timeout and
// --stop-timeout.
func Ask(ctx context.Context, path string, tell func(string)) error {
	conn, err := new(net.Dialer).DialContext(ctx, "unix", socketPath(path))
	if err != nil {
		return whyNobody(ctx, path, err)
	}
	defer conn.Close()                                          // all was read
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })() // wakes who reads
	_, _ = conn.Write([]byte(handoverRequest + "\n"))           // who refuses it at once may have closed it
	_ = conn.SetReadDeadline(time.Now().Add(firstAnswer))
	answers := bufio.NewReaderSize(conn, maxAnswer)
	for first := true; ; first = false {
		line, err := answers.ReadSlice('\n')
		a, known := parseAnswer(string(line))
		switch {
		case ctx.Err() != nil:
			return &AskError{ErrOpen, "nothing is decided yet: the handover goes on, and the log of hale run will say what came of it", ctx.Err()}
		case first && errors.Is(err, os.ErrDeadlineExceeded):
			return &AskError{ErrOpen, fmt.Sprintf("%s: who serves it says nothing for %v: it is no hale run, or hangs", path, firstAnswer), err}
		case first && err != nil && len(line) == 0:
			return &AskError{ErrOpen, path + ": who serves it has closed the connection without a word: it is no hale run, or has ended", err}
		case first && (err != nil || !known):
			return &AskError{ErrNobody, path + ": who serves it does not answer as hale run does: give the path of a hale run's --control", err}
		case err != nil:
			return &AskError{ErrOpen, "hale run has ended before the handover had: see its log", err}
		case !known:
			continue // of a later version
		case a.kind == step:
			tell(a.text)
		case a.kind == done:
			tell(a.text)
			return nil
		case a.kind == refused:
			return &AskError{ErrRefused, a.text, nil}
		case a.kind == unknown:
			return &AskError{ErrOpen, a.text, nil}
		default:
			return &AskError{ErrHandover, a.text, nil}
		}
		_ = conn.SetReadDeadline(time.Time{})
	}
}

// whyNobody says why nobody is at a path.
func whyNobody(ctx context.Context, path string, err error) error {
	mend := "give the path of a hale run's --control"
	switch {
	case ctx.Err() != nil:
		return &AskError{ErrOpen, path + ": hale run could not be asked in time", ctx.Err()}
	case errors.Is(err, fs.ErrNotExist):
		mend = "there is no such file: start hale run with --control " + path
	case errors.Is(err, fs.ErrPermission):
		mend = "this user may not ask it: be the one that hale run runs as, or root"
	case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, syscall.ENOTSOCK):
		mend = "nobody listens there: start hale run with --control " + path
	case errors.Is(err, syscall.EINVAL):
		mend = tooLong(path)
	}
	return &AskError{ErrNobody, path + ": " + mend, err}
}
