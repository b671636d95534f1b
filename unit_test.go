package hale_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/observe"
)

func TestIdempotentUnitRunsAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := newRuntime(t)
		log := collect(rt)
		p := newPool(t, rt, hale.PoolConfig{Workers: 1, Budget: time.Second, Grace: time.Second})
		release := make(chan struct{})
		var runs atomic.Int32
		body := func(context.Context) (int, error) {
			n := int(runs.Add(1))
			if n == 1 {
				<-release // the late result must not be seen
			}
			return n, nil
		}
		queued := make(chan error, 1)
		done := make(chan struct{})
		go func() {
			defer close(done)
			v, err := hale.Submit(t.Context(), p, body, hale.Idempotent())
			if v != 2 || err != nil {
				t.Errorf("Submit = %d, %v; want the second run's 2", v, err)
			}
		}()
		synctest.Wait()
		go func() {
			queued <- p.Submit(t.Context(), func(context.Context) error {
				if runs.Load() != 2 {
					t.Error("a unit that came later ran before the second run")
				}
				return nil
			})
		}()
		<-done
		if err := <-queued; err != nil {
			t.Error(err)
		}
		close(release)
		synctest.Wait()
		if st := p.Stat(); runs.Load() != 2 || st.Abandoned != 0 || st.Finished != 2 {
			t.Errorf("%d runs, stat %+v", runs.Load(), st)
		}
		if a, r := len(log.of(observe.EventAbandoned)), len(log.of(observe.EventReturned)); a != 1 || r != 1 {
			t.Errorf("%d abandoned and %d returned events, want 1 and 1", a, r)
		}
	})
}

// The second run is the last: a unit that hangs twice is given up.
func TestIdempotentUnitRunsTwiceAtMost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := newRuntime(t)
		p := newPool(t, rt, hale.PoolConfig{Workers: 1, Budget: time.Second, MaxAbandoned: 10})
		release := make(chan struct{})
		var runs atomic.Int32
		body := func(context.Context) error { runs.Add(1); <-release; return nil }
		err := p.Submit(t.Context(), body, hale.Idempotent(), nil)
		if !errors.Is(err, hale.ErrAbandoned) || runs.Load() != 2 {
			t.Errorf("Submit = %v after %d runs", err, runs.Load())
		}
		if err := p.Go(t.Context(), body, hale.Idempotent()); err != nil {
			t.Fatal(err)
		}
		if err := p.Submit(t.Context(), body); !errors.Is(err, hale.ErrAbandoned) {
			t.Errorf("without the option: %v", err)
		}
		if n := runs.Load(); n != 5 {
			t.Errorf("%d runs, want 2, 2 and 1", n)
		}
		close(release)
		synctest.Wait()
		if st := p.Stat(); st.Abandoned != 0 {
			t.Errorf("stat = %+v", st)
		}
	})
}

// Where nobody is left to wait for it, there is no second run.
func TestIdempotentUnitOfEndedContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := newRuntime(t)
		p := newPool(t, rt, hale.PoolConfig{Workers: 1, Budget: time.Second})
		release := make(chan struct{})
		var runs atomic.Int32
		ctx, cancel := context.WithTimeout(t.Context(), 1200*time.Millisecond)
		defer cancel()
		err := p.Submit(ctx, func(context.Context) error { runs.Add(1); <-release; return nil }, hale.Idempotent())
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Submit = %v", err)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if runs.Load() != 1 {
			t.Errorf("%d runs: nobody waits for the second", runs.Load())
		}
		close(release)
	})
}

// A drain waits for the second run too; after Close's deadline there is none.
func TestIdempotentUnitWhileClosing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := newRuntime(t)
		for _, patience := range []time.Duration{time.Hour, time.Second} {
			p := newPool(t, rt, hale.PoolConfig{Workers: 1, Budget: time.Second, Grace: time.Second})
			release := make(chan struct{})
			var runs atomic.Int32
			result := make(chan error, 1)
			go func() {
				result <- p.Submit(t.Context(), func(context.Context) error {
					if runs.Add(1) == 1 {
						<-release
					}
					return nil
				}, hale.Idempotent())
			}()
			synctest.Wait()
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			err := p.Close(ctx)
			cancel()
			got := <-result
			if patience == time.Hour {
				if err != nil || got != nil || runs.Load() != 2 {
					t.Errorf("drained: Close = %v, Submit = %v, %d runs", err, got, runs.Load())
				}
			} else if err == nil || !errors.Is(got, hale.ErrAbandoned) || runs.Load() != 1 {
				t.Errorf("after %v: Close = %v, Submit = %v, %d runs", patience, err, got, runs.Load())
			}
			close(release)
			synctest.Wait()
		}
	})
}
