package isolate

import (
	"context"
	"time"
)

// Sleep waits for d, or until the context ends, whose [context.Cause] it then returns.
// Its timer is gone when it returns.
func Sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// endsWithin reports whether the context's deadline comes before d has passed.
func endsWithin(ctx context.Context, d time.Duration) bool {
	deadline, ok := ctx.Deadline()
	return ok && time.Until(deadline) <= d
}
