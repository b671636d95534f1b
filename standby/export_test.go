package standby

import (
	"context"
	"time"
)

// Starve returns how many failures the first side has while a check of it hangs: when the
// switch looks for the first time, that much too late, then just before the time that is forgiven
// has passed, and after it.
func (sw *Switch[T]) Starve(late time.Duration) (out [3]int) {
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	begun := time.Now()
	f := &sw.sides[0]
	f.began, f.call = begun, &call{deadline: begun.Add(sw.cfg.Timeout), cancel: cancel}
	_ = ctx
	woken := begun.Add(sw.cfg.Timeout + late)
	for i, now := range []time.Time{woken, woken.Add(late - 1), woken.Add(late)} {
		sw.overdue(now)
		out[i] = f.fails
	}
	return out
}
