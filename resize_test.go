package hale_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hale-go/hale"
)

func TestPoolResize(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := newRuntime(t)
		p := newPool(t, rt, hale.PoolConfig{Workers: 1, Queue: 100})
		release := make(chan struct{})
		for range 20 {
			if err := p.Go(t.Context(), func(context.Context) error { <-release; return nil }); err != nil {
				t.Fatal(err)
			}
		}
		expect := func(size, workers, busy, queued int) {
			t.Helper()
			synctest.Wait()
			if st := p.Stat(); st.Size != size || st.Workers != workers || st.Busy != busy || st.Queued != queued || st.Cap != size {
				t.Errorf("stat = %+v, want size and cap %d, workers %d, busy %d, queued %d", st, size, workers, busy, queued)
			}
		}
		resize := func(n int) {
			t.Helper()
			if err := p.Resize(n); err != nil {
				t.Fatal(err)
			}
		}
		expect(1, 1, 1, 19)
		resize(8) // at once, with nobody submitting
		expect(8, 8, 8, 12)
		resize(3) // nobody is killed
		expect(3, 8, 8, 12)
		for range 6 { // five workers leave, and the sixth unit's worker takes another
			release <- struct{}{}
		}
		expect(3, 3, 3, 11)
		close(release)
		expect(3, 3, 0, 0)
		resize(1) // idle workers leave too
		expect(1, 1, 0, 0)
		resize(4) // and come when needed
		expect(4, 1, 0, 0)
		for range 4 {
			if err := p.Go(t.Context(), untilDone); err != nil {
				t.Fatal(err)
			}
		}
		expect(4, 4, 4, 0)
		for _, n := range []int{0, -1, 1<<20 + 1} {
			var ce *hale.ConfigError
			if err := p.Resize(n); !errors.As(err, &ce) || ce.Hint() == "" {
				t.Errorf("Resize(%d) = %v, want a ConfigError with a mend", n, err)
			}
		}
		expect(4, 4, 4, 0)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := p.Close(ctx); err != nil { // they honour their cancellation
			t.Error(err)
		}
		if err := p.Resize(2); !errors.Is(err, hale.ErrClosed) {
			t.Errorf("Resize after Close = %v", err)
		}
	})
}

// A cap that was given stays.
func TestPoolResizeKeepsMaxAbandoned(t *testing.T) {
	rt := newRuntime(t)
	p := newPool(t, rt, hale.PoolConfig{Workers: 2, MaxAbandoned: 7})
	if err := p.Resize(5); err != nil || p.Stat().Cap != 7 {
		t.Errorf("Resize = %v, stat %+v", err, p.Stat())
	}
}

// Whoever shrinks a pool of stuck workers gets its slots back as they are
// abandoned, and no more than it asked for.
func TestPoolShrinksWhileStuck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := newRuntime(t)
		p := newPool(t, rt, hale.PoolConfig{Workers: 4, Budget: time.Second})
		release := make(chan struct{})
		for range 4 {
			if err := p.Go(t.Context(), block(release)); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		if err := p.Resize(2); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if st := p.Stat(); st.Abandoned != 4 || st.Workers > 2 || st.Busy != 0 {
			t.Errorf("stat = %+v, want 4 abandoned and at most 2 workers", st)
		}
		if err := p.Submit(t.Context(), succeed); err != nil {
			t.Error(err)
		}
		close(release)
	})
}

// A submitter that is held up between counting on a worker and waking it leaves
// the count of parked workers right, whatever Resize does in between.
func TestPoolResizeBeforeALateSignal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := newRuntime(t)
		p := newPool(t, rt, hale.PoolConfig{Workers: 3})
		release := make(chan struct{})
		for range 3 {
			if err := p.Go(t.Context(), block(release)); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		close(release)
		synctest.Wait() // three are parked
		release = make(chan struct{})
		defer close(release)
		signal := p.QueueLate(t.Context(), block(release))
		if err := p.Resize(2); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		signal()
		synctest.Wait()
		if st := p.Stat(); st.Workers != 2 || st.Busy != 1 {
			t.Errorf("stat = %+v, want 2 workers, one of them busy", st)
		}
		if err := p.Resize(16); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if err := p.Go(t.Context(), block(release)); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		if st := p.Stat(); st.Busy != 3 || st.Queued != 0 {
			t.Errorf("stat = %+v, want 3 busy and nothing queued with 13 free slots", st)
		}
	})
}

// Under load, while it is resized all the time and then closed, every unit that
// was accepted runs once and no more of them at a time than the largest size.
func TestPoolResizeUnderLoad(t *testing.T) {
	rt := newRuntime(t)
	p := newPool(t, rt, hale.PoolConfig{Workers: 4, Queue: 32})
	const most = 6
	var now, ran, accepted atomic.Int64
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for i := 0; ; i++ {
				err := p.Go(t.Context(), func(context.Context) error {
					if n := now.Add(1); n > most {
						t.Errorf("%d at once", n)
					}
					ran.Add(1)
					now.Add(-1)
					return nil
				})
				if err != nil {
					if !errors.Is(err, hale.ErrClosed) {
						t.Errorf("Go = %v", err)
					}
					return
				}
				accepted.Add(1)
			}
		})
	}
	wg.Go(func() {
		for i := 0; ; i++ {
			if err := p.Resize(1 + i%most); err != nil {
				if !errors.Is(err, hale.ErrClosed) {
					t.Errorf("Resize = %v", err)
				}
				return
			}
		}
	})
	poll(t, func() bool { return ran.Load() > 20_000 })
	if err := p.Close(t.Context()); err != nil {
		t.Error(err)
	}
	wg.Wait()
	if st := p.Stat(); ran.Load() != accepted.Load() || st.Finished != uint64(ran.Load()) || st.Workers != 0 || st.Queued != 0 {
		t.Errorf("%d accepted, %d ran, stat %+v", accepted.Load(), ran.Load(), st)
	}
}
