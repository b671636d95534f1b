package hale_test

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hale-go/hale"
)

// A short task with a budget starts no goroutine, and leaves none behind: the
// runtime is not closed in the bubble, which would panic about one that waits.
func TestWatchWithoutGoroutine(t *testing.T) {
	rt := newRuntime(t)
	synctest.Test(t, func(t *testing.T) {
		for range 3 {
			before := runtime.NumGoroutine()
			err := rt.Do(t.Context(), "orders.consume", func(context.Context) error {
				synctest.Wait()
				if n := runtime.NumGoroutine(); n > before { // those of former tests may end meanwhile
					t.Errorf("%d goroutines while the task runs, %d before", n, before)
				}
				return nil
			}, hale.Budget(time.Minute))
			if err != nil {
				t.Error(err)
			}
			time.Sleep(10 * time.Minute) // longer than any scan takes to come
		}
	})
}

// The watch begins anew with each task that comes when none was there, counts
// from then on, and a task with a shorter limit does not wait for the scans of
// one with a longer.
func TestWatchBeginsAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := newRuntime(t)
		long := rt.Go(t.Context(), "orders.long", untilDone, hale.Budget(time.Hour))
		for range 3 {
			time.Sleep(time.Minute)
			began := time.Now()
			err := rt.Do(t.Context(), "orders.consume", untilDone, hale.Budget(800*time.Millisecond))
			if took := time.Since(began); !errors.Is(err, hale.ErrBudget) || took < 800*time.Millisecond || took > time.Minute {
				t.Errorf("ended after %v with %v", took, err)
			}
		}
		long.Cancel(nil)
		_ = long.Wait()
		time.Sleep(time.Minute)
		began := time.Now()
		err := rt.Do(t.Context(), "orders.consume", untilDone, hale.Budget(800*time.Millisecond))
		if took := time.Since(began); !errors.Is(err, hale.ErrBudget) || took < 800*time.Millisecond || took > time.Minute {
			t.Errorf("alone, ended after %v with %v", took, err)
		}
	})
}

// A task that beats in time is left alone, also by beats from elsewhere; one
// that stops is cancelled when its heartbeat is over, and not before.
func TestHeartbeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := newRuntime(t)
		var last time.Time
		task := rt.Go(t.Context(), "orders.consume", func(ctx context.Context) error {
			for range 100 {
				time.Sleep(3 * time.Second)
				if ctx.Err() != nil {
					return errors.New("cancelled although it beats")
				}
				hale.Beat(ctx)
				hale.Beat(ctx)
				last = time.Now()
			}
			<-ctx.Done()
			return ctx.Err()
		}, hale.Heartbeat(5*time.Second))
		for range 100 {
			time.Sleep(time.Second)
			task.Beat()
		}
		err := task.Wait()
		if quiet := time.Since(last); !errors.Is(err, hale.ErrHeartbeat) || quiet < 5*time.Second || quiet > time.Minute {
			t.Errorf("ended %v after its last beat with %v", quiet, err)
		}
	})
}

// BenchmarkDoBudget runs one task with a budget after another.
func BenchmarkDoBudget(b *testing.B) {
	rt := newRuntime(b)
	ctx := context.Background()
	budget := hale.Budget(time.Second)
	b.ReportAllocs()
	for b.Loop() {
		_ = rt.Do(ctx, "orders.consume", succeed, budget)
	}
}
