package hale_test

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/observe"
)

func newPool(t testing.TB, rt *hale.Runtime, cfg hale.PoolConfig) *hale.Pool {
	t.Helper()
	p, err := rt.NewPool("thumbs.render", cfg)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestPoolResults(t *testing.T) {
	rt := newRuntime(t)
	p := newPool(t, rt, hale.PoolConfig{Workers: 3})
	if v, err := hale.Submit(t.Context(), p, func(ctx context.Context) (string, error) {
		id := hale.Identify(ctx)
		if id.Name != "thumbs.render" || id.Domain != "thumbs" || id.ID.Seq == 0 || id.ID != hale.Identify(ctx).ID {
			t.Errorf("identity of a unit = %+v", id)
		}
		return "img", io.EOF
	}); v != "img" || err != io.EOF {
		t.Errorf("Submit = %q, %v; want what the function returned", v, err)
	}
	var pe *hale.PanicError
	if err := p.Submit(t.Context(), func(context.Context) error { panic("x") }); !errors.As(err, &pe) {
		t.Errorf("panic: %v", err)
	}
	if err := p.Submit(t.Context(), func(context.Context) error { runtime.Goexit(); return nil }); !errors.Is(err, hale.ErrGoexit) {
		t.Errorf("Goexit: %v", err)
	}
	for range 10 { // the worker that Goexit ended has a successor
		if err := p.Submit(t.Context(), succeed); err != nil {
			t.Errorf("after Goexit: %v", err)
		}
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(io.ErrUnexpectedEOF)
	if err := p.Submit(ctx, succeed); err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("cancelled before: %v", err)
	}
}

func TestPoolBadInput(t *testing.T) {
	rt := newRuntime(t)
	for _, cfg := range []hale.PoolConfig{
		{Workers: -1}, {Queue: -1}, {MaxWait: -2}, {Budget: -1}, {Grace: -1}, {MaxAbandoned: -1}, {Workers: 1 << 30}, {Queue: 1 << 40},
	} {
		var ce *hale.ConfigError
		if _, err := rt.NewPool("bad", cfg); !errors.As(err, &ce) || ce.Hint() == "" {
			t.Errorf("%+v: %v, want a ConfigError with a mend", cfg, err)
		}
	}
	p := newPool(t, rt, hale.PoolConfig{})
	if _, err := rt.NewPool("thumbs.render", hale.PoolConfig{}); err == nil {
		t.Error("two pools of one name")
	}
	if err := p.Go(t.Context(), nil); !errors.Is(err, hale.ErrNilFunc) {
		t.Errorf("Go(nil) = %v", err)
	}
	if _, err := hale.Submit[int](t.Context(), p, nil); !errors.Is(err, hale.ErrNilFunc) {
		t.Errorf("Submit(nil) = %v", err)
	}
	var none *hale.Pool
	var ce *hale.ConfigError
	if err := none.Go(t.Context(), succeed); !errors.As(err, &ce) {
		t.Errorf("nil pool: %v", err)
	}
	if _, err := hale.Submit[int](t.Context(), none, nil); !errors.As(err, &ce) {
		t.Errorf("nil pool, nil function: %v", err)
	}
	if err := p.Close(t.Context()); err != nil {
		t.Errorf("Close = %v", err)
	}
	if err := p.Close(t.Context()); err != nil {
		t.Errorf("second Close = %v", err)
	}
	if err := p.Submit(t.Context(), succeed); !errors.Is(err, hale.ErrClosed) {
		t.Errorf("Submit after Close = %v", err)
	}
	if _, err := rt.NewPool("thumbs.render", hale.PoolConfig{}); err != nil {
		t.Errorf("the name of a closed pool is not free: %v", err)
	}
}

func TestPoolIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := newRuntime(t)
		p := newPool(t, rt, hale.PoolConfig{Workers: 2, Queue: 3, MaxWait: time.Second})
		release := make(chan struct{})
		var now, most atomic.Int32
		body := func(context.Context) error {
			most.Store(max(most.Load(), now.Add(1)))
			<-release
			now.Add(-1)
			return nil
		}
		for range 5 {
			if err := p.Go(t.Context(), body); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		start := time.Now()
		if err := p.Go(t.Context(), body); !errors.Is(err, hale.ErrFull) || time.Since(start) != time.Second {
			t.Errorf("sixth unit: %v after %v, want ErrFull after 1s", err, time.Since(start))
		}
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Millisecond, io.ErrNoProgress)
		defer cancel()
		if err := p.Go(ctx, body); !errors.Is(err, io.ErrNoProgress) {
			t.Errorf("a context that ends first: %v", err)
		}
		if st := p.Stat(); st.Workers != 2 || st.Busy != 2 || st.Queued != 3 {
			t.Errorf("stat = %+v", st)
		}
		close(release)
		if err := p.Close(t.Context()); err != nil {
			t.Error(err)
		}
		if st := p.Stat(); most.Load() != 2 || st.Finished != 5 || st.Workers != 0 {
			t.Errorf("%d at once, stat %+v", most.Load(), st)
		}
	})
}

func TestPoolReplacesStuckWorkers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := newRuntime(t)
		log := collect(rt)
		p := newPool(t, rt, hale.PoolConfig{Workers: 2, Budget: time.Second, Grace: time.Second, MaxAbandoned: 2})
		release := make(chan struct{})
		for range 2 {
			start := time.Now()
			v, err := hale.Submit(t.Context(), p, func(context.Context) (int, error) { <-release; return 7, nil })
			var te *hale.TaskError
			if !errors.As(err, &te) || !errors.Is(err, hale.ErrAbandoned) || !errors.Is(err, hale.ErrBudget) || v != 0 {
				t.Errorf("stuck unit = %v, %v", v, err)
			}
			if d := time.Since(start); d < 2*time.Second || d > 10*time.Second {
				t.Errorf("given up after %v, want shortly after 2s", d)
			}
		}
		if err := p.Submit(t.Context(), succeed); err != nil {
			t.Errorf("the slots were lost: %v", err)
		}
		if st := p.Stat(); st.Workers > 2 || st.Abandoned != 2 {
			t.Errorf("stat = %+v", st)
		}
		// A unit that honours its cancellation costs no worker.
		if err := p.Submit(t.Context(), untilDone); !errors.Is(err, hale.ErrBudget) || errors.Is(err, hale.ErrAbandoned) {
			t.Errorf("polite unit: %v", err)
		}
		close(release)
		synctest.Wait()
		if st := p.Stat(); st.Abandoned != 0 {
			t.Errorf("late returns are not forgiven: %+v", st)
		}
		if a, r := len(log.of(observe.EventAbandoned)), len(log.of(observe.EventReturned)); a != 2 || r != 2 {
			t.Errorf("%d abandoned and %d returned events, want 2 and 2", a, r)
		}
	})
}

// Beyond the hard cap a stuck body keeps its slot: replacing it again would only
// fill the memory.
func TestPoolStopsReplacingAtTheCap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := newRuntime(t)
		p := newPool(t, rt, hale.PoolConfig{Workers: 1, Budget: time.Second, MaxAbandoned: 1})
		release := make(chan struct{})
		for range 10 {
			if err := p.Go(t.Context(), block(release)); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(10 * time.Minute)
		if st := p.Stat(); st.Abandoned != 4 || st.Queued != 5 {
			t.Errorf("stat = %+v, want 4 abandoned and 5 queued", st)
		}
		close(release)
		synctest.Wait() // or the scanner gives up one more as the others come back
		if err := p.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

func TestPoolCancel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := newRuntime(t)
		p := newPool(t, rt, hale.PoolConfig{Workers: 2})
		ids := make(chan observe.TaskID, 2)
		results := make(chan error, 2)
		for range 2 {
			go func() {
				results <- p.Submit(t.Context(), func(ctx context.Context) error { ids <- hale.Identify(ctx).ID; return untilDone(ctx) })
			}()
		}
		if n, err := rt.Cancel(observe.Subject{Task: <-ids}, io.EOF); n != 1 || err != nil {
			t.Errorf("Cancel by ID = %d, %v", n, err)
		}
		if err := <-results; !errors.Is(err, io.EOF) {
			t.Errorf("unit: %v", err)
		}
		synctest.Wait()
		if n, err := rt.Cancel(observe.Subject{Domain: "thumbs"}, io.EOF); n != 1 || err != nil {
			t.Errorf("Cancel by domain = %d, %v", n, err)
		}
		if err := <-results; !errors.Is(err, io.EOF) {
			t.Errorf("unit: %v", err)
		}
	})
}

// The CPU belongs to hogs; units that need a tenth of their budget must be left
// alone.
func TestPoolForgivesStarvation(t *testing.T) {
	rt := newRuntime(t)
	log := collect(rt)
	p := newPool(t, rt, hale.PoolConfig{Workers: 2, Budget: 100 * time.Millisecond, Grace: 50 * time.Millisecond})
	var stop atomic.Bool
	var hogs sync.WaitGroup
	for range 4 * runtime.GOMAXPROCS(0) {
		hogs.Go(func() {
			for !stop.Load() {
			}
		})
	}
	for end := time.Now().Add(3 * time.Second); time.Now().Before(end); {
		if err := p.Submit(t.Context(), func(context.Context) error {
			for used := time.Duration(0); used < 8*time.Millisecond; { // of processor time, as far as one can tell
				start := time.Now()
				for range 1000 {
					_ = rand.Int()
				}
				used += min(time.Since(start), time.Millisecond)
			}
			return nil
		}); err != nil {
			t.Errorf("a healthy unit: %v", err)
		}
	}
	stop.Store(true)
	hogs.Wait()
	if n := len(log.of(observe.EventAbandoned)); n != 0 {
		t.Errorf("%d false abandons", n)
	}
}

// On one processor a unit that submits the next one always takes the room that
// it made before whoever waits for it gets to run. It is told to wait its turn.
func TestPoolIsFairToWhoWaits(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	synctest.Test(t, func(t *testing.T) {
		rt := newRuntime(t)
		p := newPool(t, rt, hale.PoolConfig{Workers: 1, Queue: 1, MaxWait: time.Second})
		overtook := 0
		ended := make(chan error, 1)
		var next func(context.Context) error
		next = func(context.Context) error {
			if err := p.Go(t.Context(), next); err != nil || overtook == 10_000 {
				ended <- err
				return nil
			}
			overtook++
			time.Sleep(100 * time.Microsecond)
			return nil
		}
		if err := p.Go(t.Context(), next); err != nil {
			t.Fatal(err)
		}
		time.Sleep(50 * time.Microsecond) // the queue is full now
		if err := p.Submit(t.Context(), succeed); err != nil {
			t.Error(err)
		}
		if err := <-ended; !errors.Is(err, hale.ErrFull) || overtook > 100 {
			t.Errorf("overtaken %d times, then %v", overtook, err)
		}
	})
}
