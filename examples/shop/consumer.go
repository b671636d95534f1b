package main

import (
	"context"
	"time"

	"github.com/hale-go/hale"
)

// pause is how long the background tasks rest when there is nothing to do.
const pause = 100 * time.Millisecond

// consume works off the events of placed orders, for ever.
func (s *service) consume(ctx context.Context) error {
	task := hale.FromContext(ctx)
	for {
		task.Beat()
		s.faults[faultConsumer].hang()
		if ctx.Err() != nil { // the work is somebody else's by now
			return context.Cause(ctx)
		}
		n, err := s.store.consume(100)
		if err != nil {
			return err
		}
		if n > 0 {
			s.log.InfoContext(ctx, "orders consumed", "count", n)
		}
		if err := rest(ctx, pause); err != nil {
			return err
		}
	}
}

// rest waits, or returns why ctx ended.
func rest(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}
