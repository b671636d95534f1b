package hale_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/heal"
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

// A sibling that ignores its context in every run is not given up without end: the
// group waits for room, and goes on when there is some.
func TestGroupLosesABoundedNumberOfRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := newRuntime(t)
		log := collect(rt)
		s := newSupervisor(t, rt, "sup", hale.SupervisorConfig{Strategy: hale.OneForAll})
		lost := make(chan struct{})
		var fails, deaf atomic.Int32
		s.Go("fails", func(ctx context.Context) error {
			fails.Add(1)
			select {
			case <-ctx.Done():
			case <-time.After(time.Minute):
			}
			return io.EOF
		}, hale.Restart(hale.Permanent))
		s.Go("deaf", func(ctx context.Context) error {
			if deaf.Add(1) <= 65 {
				<-lost
				return nil
			}
			return untilDone(ctx)
		}, hale.Restart(hale.Permanent))
		ctx, cancel := context.WithCancel(t.Context())
		run := rt.Go(ctx, "run", s.Run)
		time.Sleep(2 * time.Hour)
		synctest.Wait()
		if n := rt.Status().Abandoned; n != 64 || deaf.Load() != 65 || fails.Load() != 65 {
			t.Errorf("%d abandoned, %d and %d runs; want 64, and the group to wait", n, deaf.Load(), fails.Load())
		}
		if err := hale.RestartByRemedy(rt, "deaf"); !errors.Is(err, heal.ErrNotApplicable) {
			t.Errorf("Restart by a remedy = %v", err)
		}
		held := log.of(observe.EventRestartHeld)
		if len(held) != 1 || held[0].Subject.Name != "deaf" || !strings.Contains(held[0].Detail, "64 abandoned runs") || len(log.of(observe.EventRestartResumed)) != 0 {
			t.Errorf("told while it waits: %+v", held)
		}
		close(lost)
		time.Sleep(90 * time.Second)
		synctest.Wait()
		if n := len(log.of(observe.EventRestartResumed)); n != 1 || len(log.of(observe.EventRestartHeld)) != 1 {
			t.Errorf("told %d times that it goes on, want once", n)
		}
		if n := rt.Status().Abandoned; n != 0 || fails.Load() < 66 {
			t.Errorf("after they came back: %d abandoned, %d runs", n, fails.Load())
		}
		cancel()
		if err := run.Wait(); err != nil {
			t.Error(err)
		}
	})
}

// A remedy that starts a whole crowd afresh gives up no more of them.
func TestRenewLosesABoundedNumberOfRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := newRuntime(t)
		lost := make(chan struct{})
		var handles []*hale.Task
		for range 100 {
			handles = append(handles, rt.Go(t.Context(), "deaf", block(lost), hale.Restart(hale.Transient)))
		}
		synctest.Wait()
		if err := hale.RestartByRemedy(rt, "deaf"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if n := rt.Status().Abandoned; n < 64 || n > 80 { // some look at the same moment
			t.Errorf("%d abandoned, want about 64", n)
		}
		close(lost)
		for _, h := range handles {
			h.Cancel(nil)
		}
		synctest.Wait()
		if n := rt.Status().Abandoned; n != 0 {
			t.Errorf("%d abandoned after all came back", n)
		}
	})
}

// The remedy that gives single runs up does not go past the bound either. It does
// give up what nothing replaces.
func TestAbandonByRemedyIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := newRuntime(t)
		lost := make(chan struct{})
		plain := rt.Go(t.Context(), "deaf", block(lost))
		fleeting := rt.Go(t.Context(), "deaf", block(lost), hale.Restart(hale.Temporary))
		var handles []*hale.Task
		for range 70 {
			handles = append(handles, rt.Go(t.Context(), "deaf", block(lost), hale.Restart(hale.Permanent)))
		}
		synctest.Wait()
		refused := 0
		for _, h := range handles {
			switch err := hale.AbandonByRemedy(rt, h.ID()); {
			case errors.Is(err, heal.ErrNotApplicable):
				refused++
			case err != nil:
				t.Error(err)
			}
		}
		if n := rt.Status().Abandoned; n != 64 || refused != 6 {
			t.Errorf("%d abandoned, %d refused; want 64 and 6", n, refused)
		}
		for _, h := range []*hale.Task{plain, fleeting} {
			if err := hale.AbandonByRemedy(rt, h.ID()); err != nil || !errors.Is(h.Wait(), hale.ErrAbandoned) {
				t.Errorf("one that nothing replaces: %v, its end: %v", err, h.Err())
			}
		}
		handles[69].Cancel(nil) // it ends for good, and nothing replaces it
		if err := hale.AbandonByRemedy(rt, handles[69].ID()); err != nil {
			t.Errorf("one that was cancelled for good: %v", err)
		}
		close(lost)
		for _, h := range handles {
			h.Cancel(nil)
		}
		synctest.Wait()
		if n := rt.Status().Abandoned; n != 0 {
			t.Errorf("%d abandoned after all came back", n)
		}
	})
}
