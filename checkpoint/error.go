package checkpoint

import (
	"context"
	"errors"
	"fmt"
)

// Errors that steer behaviour; match them with [errors.Is].
var (
	// ErrFenced is returned to a claim whose key has been claimed again: nothing was
	// written. Whoever gets it has a successor and ends for good: who resumes again instead
	// takes the key back, and two that do so fence each other for ever.
	ErrFenced = errors.New("checkpoint: fenced off by a later claim of the key")
	// ErrCorrupt says that a record is damaged, or holds a state that cannot be decoded.
	ErrCorrupt = errors.New("checkpoint: damaged record")
	// ErrNewer says that a record was saved by newer code than this.
	ErrNewer = errors.New("checkpoint: saved by a newer version")
	// ErrTooLarge is returned for a state above the limit. See [MaxSize].
	ErrTooLarge = errors.New("checkpoint: state too large")
)

// Error is what all errors of this package are.
type Error struct {
	Op    string // Op is "resume" or "save"; empty from a method of a store.
	Key   string // Key is the task's.
	Where string // Where is the file, the table or the bucket; empty where it is none of them.
	Err   error  // Err is what went wrong.
	Mend  string // Mend is what to do about it.
}

// Error names the operation, the key, the place and the cause.
func (e *Error) Error() string {
	if e == nil {
		return "<nil>"
	}
	at := ""
	if e.Where != "" {
		at = " at " + e.Where
	}
	if e.Op == "" { // as a store returns it, before Resume or Save tells the rest
		return fmt.Sprintf("checkpoint:%s: %v", at, e.Err)
	}
	return fmt.Sprintf("checkpoint: %s %.200q%s: %v", e.Op, e.Key, at, e.Err)
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error {
	if e == nil {
		return nil
	}
	return e.Err
}

// Hint returns the mend.
func (e *Error) Hint() string {
	if e == nil {
		return ""
	}
	return e.Mend
}

// wrap completes an error of a store, which may be anybody's.
func wrap(op, key string, err error) error {
	known, ok := err.(*Error) //nolint:errorlint // one deeper in is for its wrapper to explain
	switch {
	case ok && known != nil:
		e := *known
		e.Op, e.Key = op, key
		return &e
	case errors.Is(err, ErrFenced):
		return &Error{Op: op, Key: key, Err: err, Mend: "another run has the task now: write nothing any more and return"}
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return &Error{Op: op, Key: key, Err: err, Mend: "give the context more time; what was saved before is as it was"}
	}
	return &Error{Op: op, Key: key, Err: err, Mend: "the store's own error says what it lacks; what was saved before is as it was"}
}
