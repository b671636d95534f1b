package standby

import (
	"errors"
	"fmt"
)

// Errors that steer behaviour; match them with [errors.Is].
var (
	// ErrNone is returned while no side can be used: both are down, the standby is being
	// promoted, the first checks are not back, or Run does not run.
	ErrNone = errors.New("standby: no side can be used")
	// ErrReadOnly is what a [Side.Check] returns, also wrapped, for a side that answers and
	// follows the other: it can be used for writes once it is promoted.
	ErrReadOnly = errors.New("standby: the side is read-only")
	// ErrTimeout says that a function of a side was not back in time. It is also the cause
	// of its context's end.
	ErrTimeout = errors.New("standby: not back in time")
	// ErrRunning is returned by a Run of what runs already or did so before.
	ErrRunning = errors.New("standby: Run may be called once")
)

// errGoexit says that a function ended its goroutine.
var errGoexit = errors.New("it ended its goroutine")

// SideError says what went wrong with one side.
type SideError struct {
	Side string // Side is its name.
	Op   string // Op is "open", "check", "epoch", "promote", "close" or "switch".
	Err  error  // Err is what went wrong. ErrTimeout and a panic's text stand for themselves.

	text string // of Err, made where it may panic and hang
}

// sideError makes one. It calls other people's code.
func sideError(side, op string, err error) *SideError {
	return &SideError{Side: side, Op: op, Err: err, text: fmt.Sprintf("%.400v", err)}
}

// Error names the side, the operation and the cause.
func (e *SideError) Error() string {
	if e == nil {
		return "<nil>"
	}
	text := e.text
	if text == "" && e.Err != nil {
		text = e.Err.Error()
	}
	return fmt.Sprintf("standby: %s of side %q: %s", e.Op, e.Side, text)
}

// Unwrap returns the cause.
func (e *SideError) Unwrap() error {
	if e == nil {
		return nil
	}
	return e.Err
}

// Hint says what to look at.
func (e *SideError) Hint() string {
	switch {
	case e == nil:
		return ""
	case e.Op == "promote":
		return "promote the side by hand and then see whether its check passes; it is tried again after Config.PromoteTimeout"
	case e.Op == "switch":
		return "the side must pass its check, or be read-only and have a Promote; Status says what it lacks"
	case e.Op == "close":
		return "what the side had open is left behind until its Close returns"
	case errors.Is(e.Err, ErrTimeout):
		return "the side hangs or is far slower than Config.Timeout allows; no other check of it begins before this one is back"
	}
	return "the side's own error says what it lacks; it is tried again every Config.Interval"
}

// noneError is what callers get while no side can be used.
type noneError struct {
	side string
	why  string // such as "is down"
	last *SideError
}

// Error tells which side was active, and what it said last.
func (e *noneError) Error() string {
	out := ErrNone.Error() + ": " + e.side + " " + e.why
	if e.last != nil {
		out += "; " + e.last.Error()
	}
	return out
}

// Unwrap makes it match ErrNone and what the side said.
func (e *noneError) Unwrap() []error {
	if e.last == nil {
		return []error{ErrNone}
	}
	return []error{ErrNone, e.last}
}

// Hint says what to look at.
func (e *noneError) Hint() string {
	return "callers are served again by the first side that passes its checks; Status says what each one lacks"
}
