package main

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hale-go/hale"
)

// faults come and go.
type faults struct {
	rt    *hale.Runtime
	pool  *hale.Pool
	count atomic.Int64
}

// pause is the time from one fault to the next; held is how long what hangs or
// leaks is kept.
const (
	pause = 20 * time.Second
	held  = 15 * time.Second
)

func newFaults(rt *hale.Runtime) (*faults, error) {
	pool, err := rt.NewPool("soak.units", hale.PoolConfig{Workers: 4, Budget: 300 * time.Millisecond, Grace: 100 * time.Millisecond})
	return &faults{rt: rt, pool: pool}, err
}

// run sets one fault off after the other until ctx is done.
func (f *faults) run(ctx context.Context) {
	for n := 0; ; n++ {
		fault := []func(context.Context){f.panics, f.hangs, f.leaks, f.down}[n%4]
		f.count.Add(1)
		fault(ctx)
		if !sleep(ctx, pause) {
			return
		}
	}
}

// panics has a task panic ten times.
func (f *faults) panics(ctx context.Context) {
	for range 10 {
		_ = f.rt.Do(ctx, "soak.panics", func(context.Context) error { panic("a fault of the soak") })
		sleep(ctx, 200*time.Millisecond)
	}
}

// hangs has units ignore their cancellation for a while.
func (f *faults) hangs(ctx context.Context) {
	release := make(chan struct{})
	var units sync.WaitGroup
	for range 6 {
		units.Go(func() {
			_ = f.pool.Submit(ctx, func(context.Context) error { // abandoned, or cut off: what happens is hale's to say
				<-release
				return nil
			})
		})
	}
	sleep(ctx, held)
	close(release)
	units.Wait()
}

// leaks has a task leave goroutines behind, which are released in the end.
func (f *faults) leaks(ctx context.Context) {
	release := make(chan struct{})
	var left sync.WaitGroup
	for begin := time.Now(); time.Since(begin) < held; sleep(ctx, 100*time.Millisecond) {
		_ = f.rt.Do(ctx, "soak.leaks", func(context.Context) error {
			left.Go(func() { <-release })
			return nil
		})
		if ctx.Err() != nil {
			break
		}
	}
	close(release)
	left.Wait()
}

// down has a dependency fail, hang and be in demand, until its breaker opens and its bulkhead is
// full, and a part of the service say that it is not well.
func (f *faults) down(ctx context.Context) {
	release := make(chan struct{})
	var calls sync.WaitGroup
	for begin := time.Now(); time.Since(begin) < held; sleep(ctx, 50*time.Millisecond) {
		calls.Go(func() {
			_ = f.rt.Do(ctx, "soak.calls", func(ctx context.Context) error { // most of them are turned away
				_, _ = hale.Call(ctx, "quotes.get", func(context.Context) (int, error) { return 0, errDown })
				_, _ = hale.Call(ctx, "mail.send", func(context.Context) (int, error) { <-release; return 0, nil })
				hale.ReportHealth(ctx, "soak:part", errDown)
				return nil
			})
		})
		if ctx.Err() != nil {
			break
		}
	}
	close(release)
	calls.Wait()
	_ = f.rt.Do(context.WithoutCancel(ctx), "soak.calls", func(ctx context.Context) error {
		hale.ReportHealth(ctx, "soak:part", nil)
		return nil
	})
}

var errDown = errors.New("a fault of the soak")

// sleep waits and reports whether ctx is still alive.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
