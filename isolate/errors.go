package isolate

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Why work was turned away or stopped. They are matched by [errors.Is] through any
// wrapping; a [RefusedError] tells more.
var (
	// ErrOpen is returned while a breaker is open.
	ErrOpen = errors.New("hale: breaker is open")
	// ErrFull is returned by what had no room in time.
	ErrFull = errors.New("hale: full")
	// ErrRateLimited is returned for work that came too fast.
	ErrRateLimited = errors.New("hale: rate limit exceeded")
	// ErrShed is returned for work that is not critical enough to be done now.
	ErrShed = errors.New("hale: shed")
	// ErrTimeout is returned for work that took longer than it may. It is also the
	// [context.Cause] of the work's context.
	ErrTimeout = errors.New("hale: timeout")
)

// RefusedError says where work was turned away before it began, and when it may be
// worth to try again.
type RefusedError struct {
	At         string        // At names the domain or site that refused.
	Err        error         // Err is the reason: [ErrOpen], [ErrFull], [ErrRateLimited] or [ErrShed].
	RetryAfter time.Duration // RetryAfter is when there may be room; 0: nobody knows.
}

// Error names the place and the reason.
func (e *RefusedError) Error() string {
	if e == nil {
		return "<nil>"
	}
	return fmt.Sprintf("%s: %v", e.At, e.Err)
}

// Unwrap returns the reason.
func (e *RefusedError) Unwrap() error {
	if e == nil {
		return nil
	}
	return e.Err
}

// Hint says what a person can do about it.
func (e *RefusedError) Hint() string {
	switch {
	case e == nil:
		return ""
	case errors.Is(e.Err, ErrOpen):
		return "calls of " + e.At + " kept failing: they are tried again by and by; give the call a fallback"
	case errors.Is(e.Err, ErrFull):
		return "as many calls of " + e.At + " run and wait as may: find out why they take so long, or raise its limit"
	case errors.Is(e.Err, ErrRateLimited):
		return "call " + e.At + " less often, or raise its rate"
	case errors.Is(e.Err, ErrShed):
		return "only what is more critical is done in " + e.At + " for now"
	}
	return ""
}

// TimeoutError says what took too long. It matches [ErrTimeout] and
// [context.DeadlineExceeded].
type TimeoutError struct {
	At    string        // At names what was called.
	After time.Duration // After is how long it was waited for.
}

// Error names what took too long, and how long was waited.
func (e *TimeoutError) Error() string {
	if e == nil {
		return "<nil>"
	}
	return fmt.Sprintf("%s: %v after %v", e.At, ErrTimeout, e.After)
}

// Unwrap returns [ErrTimeout] and [context.DeadlineExceeded].
func (e *TimeoutError) Unwrap() []error { return []error{ErrTimeout, context.DeadlineExceeded} }

// Timeout reports true, as that of [net.Error] does.
func (e *TimeoutError) Timeout() bool { return true }

// Hint says what a person can do about it.
func (e *TimeoutError) Hint() string {
	if e == nil {
		return ""
	}
	return "find out why " + e.At + " takes so long, or raise the timeout of its domain"
}

// ConfigError says which setting of a pattern cannot be used.
type ConfigError struct {
	Field string // Field is the setting, e.g. "BreakerConfig.Failures".
	Value any    // Value is what it was.
	Mend  string // Mend is what to write instead.
}

// Error names the field and the value.
func (e *ConfigError) Error() string {
	if e == nil {
		return "<nil>"
	}
	return fmt.Sprintf("isolate: %s is %v, which cannot be used", e.Field, e.Value)
}

// Hint returns the mend.
func (e *ConfigError) Hint() string {
	if e == nil {
		return ""
	}
	return e.Mend
}
