package isolate

import (
	"context"
	"sync/atomic"
	"time"
)

// RateLimiter lets as many calls begin within a time as its settings say, and holds back
// or refuses the rest. It is a token bucket, kept as the generic cell rate algorithm has
// it (ITU-T I.371): one number says until when the calls so far have used up the rate.
// After a pause up to Calls may begin at once; from then on one more each Per/Calls, so
// that never more than twice Calls begin within Per. With Smooth none begins sooner than
// Per/Calls after the last.
//
// It has no goroutine and no timer of its own. Its methods may be called from many
// goroutines at once; a nil one admits everything.
type RateLimiter struct {
	interval int64 // nanoseconds between two calls at the full rate
	burst    int64 // how far ahead of the rate calls may be, in nanoseconds
	maxWait  int64
	start    time.Time // of the clock that the others are read on, which never jumps

	used atomic.Int64 // until when the rate is used up, in nanoseconds since start
}

// NewRateLimiter returns a limiter whose calls may begin at once, or a [*ConfigError].
func NewRateLimiter(c RateConfig) (*RateLimiter, error) {
	c, err := c.WithDefaults()
	if err != nil {
		return nil, err
	}
	l := &RateLimiter{interval: int64(c.Per) / int64(c.Calls), maxWait: int64(c.MaxWait), start: time.Now()}
	if !c.Smooth {
		l.burst = int64(c.Calls-1) * l.interval
	}
	return l, nil
}

// Acquire returns nil when the call may begin. Where none may, it returns
// [ErrRateLimited] at once if the turn is further off than MaxWait or the context's
// deadline, and else waits for the turn. If the context ends before, it returns the
// [context.Cause], and the turn goes to others. The context is not asked for anything
// unless the call has to wait. A call that need not costs about one reading of the clock
// and no allocation.
func (l *RateLimiter) Acquire(ctx context.Context) error {
	if l == nil {
		return nil
	}
	for {
		now, used := int64(time.Since(l.start)), l.used.Load()
		from := max(now, used)
		wait := from - now - l.burst
		if wait > 0 && (wait > l.maxWait || endsWithin(ctx, time.Duration(wait))) {
			return ErrRateLimited
		}
		if !l.used.CompareAndSwap(used, from+l.interval) {
			continue
		}
		if wait <= 0 {
			return nil
		}
		err := Sleep(ctx, time.Duration(wait))
		if err != nil {
			l.used.Add(-l.interval)
		}
		return err
	}
}

// Release gives back the turn of a call that [RateLimiter.Acquire] let begin and that did
// not, because something else turned it away: the next one has it.
func (l *RateLimiter) Release() {
	if l != nil {
		l.used.Add(-l.interval)
	}
}

// RetryAfter returns in how long a call may begin that does not wait, if none comes
// before; 0: now.
func (l *RateLimiter) RetryAfter() time.Duration {
	if l == nil {
		return 0
	}
	return time.Duration(max(0, l.used.Load()-int64(time.Since(l.start))-l.burst))
}
