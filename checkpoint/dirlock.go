package checkpoint

import (
	"context"
	"os"
	"time"
)

// await takes the lock. It looks again and again, because a wait in the system would not
// end with the context.
func await(ctx context.Context, lock *os.File) error {
	for pause := time.Millisecond; ; pause = min(2*pause, 16*time.Millisecond) {
		if got, err := tryLock(lock); got || err != nil {
			return err
		}
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return context.Cause(ctx)
		case <-timer.C:
		}
	}
}
