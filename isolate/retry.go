package isolate

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"time"
)

// Retry says whether and when calls that failed are tried again. [Do] calls a function
// under it; on its own use it so:
//
//	r.Started()
//	for tries := 1; ; tries++ {
//		err := call(ctx)
//		if err == nil {
//			return nil
//		}
//		wait, ok := r.Next(ctx, tries, err)
//		if !ok || isolate.Sleep(ctx, wait) != nil {
//			return err
//		}
//	}
//
// All calls of a dependency share one Retry, and with it one budget: each call pays
// Budget in, each retry takes one out, as in Finagle's RetryBudget and in gRPC's retry
// throttling (gRFC A6). It begins with 10 and holds up to 100, so that rare calls can be
// tried again, and many that fail at once, but not all of them for long.
//
// An error can say itself how long to wait at least: by a method
//
//	RetryAfter() time.Duration
//
// or as a [RefusedError]. Its methods may be called from many goroutines at once; a nil
// one tries nothing again.
type Retry struct {
	max             int
	delay, maxDelay time.Duration
	abort           func(error) bool

	each   int64        // that a call pays in
	tokens atomic.Int64 // in millionths of a retry
}

const (
	oneRetry     = 1_000_000
	firstRetries = 10 * oneRetry
	mostRetries  = 100 * oneRetry
)

// NewRetry returns a Retry with a budget of 10, or a [*ConfigError].
func NewRetry(c RetryConfig) (*Retry, error) {
	c, err := c.WithDefaults()
	if err != nil {
		return nil, err
	}
	r := &Retry{max: c.Max, delay: c.Delay, maxDelay: c.MaxDelay, abort: c.Abort, each: int64(c.Budget * oneRetry)}
	r.tokens.Store(firstRetries)
	return r, nil
}

// Started notes that a call begins, with its first try, and pays for it into the budget.
// It costs one atomic load while the budget is full.
func (r *Retry) Started() {
	if r == nil {
		return
	}
	for {
		have := r.tokens.Load()
		if have >= mostRetries || r.tokens.CompareAndSwap(have, min(have+r.each, mostRetries)) {
			return
		}
	}
}

// Next reports whether a call may be tried again that was tried so often and failed with
// err the last time, and how long to wait before: [Sleep] does. It may not, and nothing
// is taken out of the budget,
//   - after Max retries, or when the context has ended or its deadline would pass in the
//     wait;
//   - if err is one of hale's refusals: [ErrOpen] and [ErrShed] say that the dependency
//     needs rest, [ErrFull] and [ErrRateLimited] that there is too much to do already,
//     which more tries would only add to (give MaxWait to wait for room);
//   - if Abort says so, or err asks for a longer wait than MaxDelay;
//   - if the budget is used up.
func (r *Retry) Next(ctx context.Context, tries int, err error) (wait time.Duration, ok bool) {
	if r == nil || err == nil || tries > r.max || ctx.Err() != nil {
		return 0, false
	}
	refused, after := look(err)
	if refused || after > r.maxDelay || r.aborts(err) {
		return 0, false
	}
	wait = after + rand.N(r.longest(tries)+1)
	if endsWithin(ctx, wait) || !r.take() {
		return 0, false
	}
	return wait, true
}

// longest is the longest wait after so many tries.
func (r *Retry) longest(tries int) time.Duration {
	d := r.delay
	for range tries - 1 {
		if d >= r.maxDelay/2 {
			return r.maxDelay
		}
		d *= 2
	}
	return d
}

// take takes a retry out of the budget.
func (r *Retry) take() bool {
	for {
		have := r.tokens.Load()
		if have < oneRetry {
			return false
		}
		if r.tokens.CompareAndSwap(have, have-oneRetry) {
			return true
		}
	}
}

// aborts asks Abort, which is likely to look into errors of which nobody knows what
// their methods do.
func (r *Retry) aborts(err error) (yes bool) {
	if r.abort == nil {
		return false
	}
	defer func() {
		if recover() != nil {
			yes = true
		}
	}()
	return r.abort(err)
}

// Do calls fn, and again while it fails and r lets it, and returns what it returned
// last. Where it was called more than once, its error is wrapped in a [*RetryError]. On
// success Do adds some nanoseconds and no allocation.
func Do[T any](ctx context.Context, r *Retry, fn func(context.Context) (T, error)) (T, error) {
	if fn == nil {
		var none T
		return none, &ConfigError{Field: "Do.fn", Value: nil, Mend: "give a function"}
	}
	r.Started()
	for tries := 1; ; tries++ {
		v, err := fn(ctx)
		if err == nil {
			return v, nil
		}
		wait, ok := r.Next(ctx, tries, err)
		if !ok {
			if tries > 1 {
				err = &RetryError{Tries: tries, Err: err}
			}
			return v, err
		}
		if cause := Sleep(ctx, wait); cause != nil {
			return v, &RetryError{Tries: tries, Err: err, Cause: cause}
		}
	}
}

// RetryError is the error of a call that was tried again, or would have been. [errors.Is]
// sees the last try's and the cause, and not the refusal: a call that was made once does
// not match [ErrOpen], [ErrFull] or another of the errors which say that it was not.
type RetryError struct {
	Tries   int   // Tries is how often it was tried.
	Err     error // Err is what the last try failed with.
	Cause   error // Cause is why the context ended before the next; nil: it did not.
	Refused error // Refused is why the next was turned away; nil: it was not.
}

// Error tells the last try's error and how many there were.
func (e *RetryError) Error() string {
	switch {
	case e == nil:
		return "<nil>"
	case e.Cause != nil:
		return fmt.Sprintf("%v (tries: %d; stopped: %v)", e.Err, e.Tries, e.Cause)
	case e.Refused != nil:
		return fmt.Sprintf("%v (tries: %d; then turned away: %v)", e.Err, e.Tries, e.Refused)
	}
	return fmt.Sprintf("%v (tries: %d)", e.Err, e.Tries)
}

// Unwrap returns the last try's error and the cause.
func (e *RetryError) Unwrap() []error {
	switch {
	case e == nil:
		return nil
	case e.Cause != nil:
		return []error{e.Err, e.Cause}
	}
	return []error{e.Err}
}
