package hale_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/observe"
)

// A run that hangs while too many abandoned ones are alive is replaced once they
// are not, and told of once.
func TestReplacementGoesOnOnceThereIsRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := newRuntime(t)
		log := collect(rt)
		lost, last := make(chan struct{}), make(chan struct{})
		var runs atomic.Int32
		s := newSupervisor(t, rt, "sup", hale.SupervisorConfig{Intensity: 1000, Backoff: hale.Backoff{Initial: 1, Max: 1}})
		s.Go("stuck", func(ctx context.Context) error {
			switch n := runs.Add(1); {
			case n <= 64:
				<-lost
			case n == 65:
				<-last
			default:
				for ctx.Err() == nil {
					hale.Beat(ctx)
					time.Sleep(500 * time.Millisecond)
				}
			}
			return nil
		}, hale.Heartbeat(time.Second), hale.Restart(hale.Permanent))
		ctx, cancel := context.WithCancel(t.Context())
		run := rt.Go(ctx, "run", s.Run)
		time.Sleep(4 * time.Minute)
		synctest.Wait()
		if n := rt.Status().Abandoned; n != 64 || runs.Load() != 65 {
			t.Errorf("%d abandoned, %d runs, want 64 and 65", n, runs.Load())
		}
		told := len(log.of(observe.EventOverdue))
		close(lost)
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if n := rt.Status().Abandoned; n != 1 || runs.Load() != 66 {
			t.Errorf("after they came back: %d abandoned, %d runs, want the 65th replaced", n, runs.Load())
		}
		if n := len(log.of(observe.EventOverdue)); told != 65 || n != told {
			t.Errorf("overdue runs were told of %d and then %d times, want 65", told, n)
		}
		close(last)
		cancel()
		if err := run.Wait(); err != nil {
			t.Error(err)
		}
		synctest.Wait()
	})
}
