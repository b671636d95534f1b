package hale

import (
	"errors"
	"fmt"
	"strings"

	"github.com/hale-go/hale/internal/stack"
	"github.com/hale-go/hale/isolate"
	"github.com/hale-go/hale/observe"
)

// Errors that steer behaviour. They are matched by [errors.Is] through any
// wrapping, and those that hale cancels with are also the [context.Cause] of
// the cancelled context.
var (
	// ErrNilFunc is returned where there is nothing to run.
	ErrNilFunc = errors.New("hale: nil function")
	// ErrClosed is returned for work handed to a closed pool or runtime, and is
	// the cause that Close cancels with.
	ErrClosed = errors.New("hale: closed")
	// ErrFull is returned by a pool whose queue, and by a domain whose bulkhead, had no
	// room in time.
	ErrFull = isolate.ErrFull
	// ErrOpen is returned for calls of a site whose breaker is open.
	ErrOpen = isolate.ErrOpen
	// ErrRateLimited is returned for calls that come faster than their domain's rate.
	ErrRateLimited = isolate.ErrRateLimited
	// ErrShed is returned for calls that are not critical enough to be done now.
	ErrShed = isolate.ErrShed
	// ErrTimeout is returned for calls that took longer than their domain's timeout, and
	// is the cause of their context.
	ErrTimeout = isolate.ErrTimeout
	// ErrDegraded is given to the [Fallback] of a call whose domain is degraded.
	ErrDegraded = errors.New("hale: degraded")
	// ErrNoState is returned for units of a [StatePool] whose workers could not be
	// given a state.
	ErrNoState = errors.New("hale: no worker state")
	// ErrQuarantined is returned for work of a name that is cut off.
	ErrQuarantined = errors.New("hale: name is quarantined")
	// ErrBudget is the cause of work that outran its budget.
	ErrBudget = errors.New("hale: budget exceeded")
	// ErrHeartbeat is the cause of a task that missed its heartbeat.
	ErrHeartbeat = errors.New("hale: heartbeat missed")
	// ErrAbandoned is returned to whoever waits for work that ignored its
	// cancellation past its grace. Its goroutine may still run.
	ErrAbandoned = errors.New("hale: abandoned")
	// ErrUnknown is returned when no live task or known name matches.
	ErrUnknown = errors.New("hale: no such task")
	// ErrGoexit is returned for work that ended by [runtime.Goexit].
	ErrGoexit = errors.New("hale: function called runtime.Goexit")
	// ErrIntensity is returned by a supervisor whose children failed more often
	// than its intensity allows.
	ErrIntensity = errors.New("hale: restart intensity exceeded")
	// ErrSibling is the cause of a supervised child that is stopped because another
	// failed that it is started again with.
	ErrSibling = errors.New("hale: stopped to be started again with a sibling")
	// ErrFenced is returned to a run that hale has given up, or whose place another
	// has taken. See [Fenced].
	ErrFenced = errors.New("hale: fenced off")
	// ErrRemedied is the cause that any remedy cancels with, whatever it cancels;
	// match this one. [heal.ErrCancelled] is besides in that of the cancel remedy.
	ErrRemedied = errors.New("hale: cancelled by a remedy")
)

// noError is the text of an error that is a nil pointer, as fmt has it.
const noError = "<nil>"

// PanicError is what a contained panic becomes. When the value that was
// panicked with is an error, [errors.Is] and [errors.As] see it.
type PanicError struct {
	Value any // Value is what was given to panic.

	trace stack.Trace
}

// Error returns the value and the origin site in one line.
func (e *PanicError) Error() string {
	if e == nil {
		return noError
	}
	return panicText(valueText(e.Value), e.trace.Site())
}

func panicText(value string, at observe.Site) string {
	return "panic: " + value + " [at " + at.String() + "]"
}

// cutValue returns at most as much of a panic's value as an event tells, without
// holding on to the rest.
func cutValue(s string) string {
	if len(s) <= maxDetail {
		return s
	}
	return strings.Clone(s[:maxDetail])
}

// valueText renders what somebody panicked with, as far as that is safe: like Go
// itself it looks into no maps, structs or pointers, which may be shared, endless
// or huge.
func valueText(v any) string {
	switch v := v.(type) {
	case error:
		return errText(v)
	case fmt.Stringer:
		return errText(stringerError{v})
	case string:
		return v
	case bool, int, int8, int16, int32, int64, uint, uint8, uint16, uint32, uint64, uintptr, float32, float64, complex64, complex128:
		return fmt.Sprint(v)
	}
	return fmt.Sprintf("(%T)", v)
}

type stringerError struct{ fmt.Stringer }

func (s stringerError) Error() string { return s.String() }

// errText returns an error's text, whatever its Error method does.
func errText(err error) (text string) {
	mute := func() string { return fmt.Sprintf("(%T that cannot tell its text)", err) }
	if !tame(err) {
		if text, ok := ask(func() string { return err.Error() }); ok {
			return text
		}
		return mute()
	}
	defer func() { // a nil pointer's panics
		if recover() != nil {
			text = mute()
		}
	}()
	return err.Error()
}

// Site returns the function, file and line that panicked.
func (e *PanicError) Site() observe.Site { return e.origin().Site() }

// origin returns the stack, an empty one for nil.
func (e *PanicError) origin() stack.Trace {
	if e == nil {
		return stack.Trace{}
	}
	return e.trace
}

// Stack returns the stack of the panic as text, its origin first, at most 32
// frames.
func (e *PanicError) Stack() string { return e.origin().String() }

// Fingerprint returns 16 hexadecimal digits, the same for panics of one build
// with the same origin and nearest callers.
func (e *PanicError) Fingerprint() string { return e.origin().Fingerprint() }

// Unwrap returns the panic's value if it is an error.
func (e *PanicError) Unwrap() error {
	if e == nil {
		return nil
	}
	err, _ := e.Value.(error)
	return err
}

// Hint says what to look at first.
func (e *PanicError) Hint() string {
	return "read the function at " + e.Site().String() + "; Stack() has its callers"
}

// TaskError is the error of a task that hale cancelled: what its function
// returned and why it was cancelled. [errors.Is] sees both.
type TaskError struct {
	ID    observe.TaskID
	Err   error // Err is what the function returned.
	Cause error // Cause is why the task was cancelled.
}

// Error names the task, the error and the cause.
func (e *TaskError) Error() string {
	if e == nil {
		return noError
	}
	return fmt.Sprintf("task %s: %v (cancelled: %v)", e.ID, e.Err, e.Cause)
}

// Unwrap returns both errors.
func (e *TaskError) Unwrap() []error {
	if e == nil {
		return nil
	}
	return []error{e.Err, e.Cause}
}

// Hint returns advice for a person about err, or "" where hale has none.
func Hint(err error) string {
	is := func(target error) bool { return matches(err, target) }
	if h, ok := find[interface {
		error
		Hint() string
	}](err); ok {
		return h.Hint()
	}
	switch {
	case is(ErrFull):
		return "give the pool more workers or a longer queue, or shed load before it"
	case is(ErrNoState):
		return "the pool's StateConfig.Open keeps failing; its own error is in the chain"
	case is(ErrQuarantined):
		return "the name is cut off until probation passes; Runtime.Incidents says why"
	case is(ErrAbandoned):
		return "the function ignores its context; make what it waits for watch ctx.Done()"
	case is(ErrBudget):
		return "the work took longer than its budget; raise the budget or make it faster"
	case is(ErrFenced):
		return "another run has the task now: write nothing any more and return"
	case is(ErrNotDegraded):
		return "Runtime.Degradations says who asks for which switch; a lease may have run out"
	case is(ErrIntensity):
		return "a child fails again and again: its last error is in the chain; mend it, or raise SupervisorConfig.Intensity"
	case is(ErrOtherSettings):
		return "verify each part of the recording with the settings that decided it"
	case is(ErrDiffers):
		return "replay it with the settings and the build that recorded it"
	case is(observe.ErrNoRecording):
		return "give the folder that the recording is in: recording/ in that of hale.WithDir"
	case is(ErrHeartbeat):
		return "call hale.Beat(ctx) in the loop more often than the declared heartbeat"
	}
	return ""
}
