package isolate_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hale-go/hale/isolate"
)

func newRate(t testing.TB, c isolate.RateConfig) *isolate.RateLimiter {
	t.Helper()
	l, err := isolate.NewRateLimiter(c)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// admitted counts the calls that may begin, up to the first that may not.
func admitted(l *isolate.RateLimiter) int {
	n := 0
	for l.Acquire(context.Background()) == nil {
		n++
	}
	return n
}

func TestRateBurst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newRate(t, isolate.RateConfig{Calls: 10})
		if n := admitted(l); n != 10 {
			t.Fatalf("%d calls may begin at once, want 10", n)
		}
		if err := l.Acquire(t.Context()); !errors.Is(err, isolate.ErrRateLimited) {
			t.Errorf("one too many: %v", err)
		}
		if d := l.RetryAfter(); d != 100*time.Millisecond {
			t.Errorf("the next in %v, want 100ms", d)
		}
		for _, c := range []struct {
			after time.Duration
			want  int
		}{{99 * time.Millisecond, 0}, {time.Millisecond, 1}, {500 * time.Millisecond, 5}, {time.Second, 10}, {time.Hour, 10}} {
			time.Sleep(c.after)
			if n := admitted(l); n != c.want {
				t.Errorf("%v later %d calls may begin, want %d", c.after, n, c.want)
			}
		}
	})
}

func TestRateSmooth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newRate(t, isolate.RateConfig{Calls: 10, Smooth: true})
		for range 20 {
			if n := admitted(l); n != 1 {
				t.Fatalf("%d calls may begin, want 1", n)
			}
			time.Sleep(100 * time.Millisecond)
		}
		time.Sleep(time.Hour)
		if n := admitted(l); n != 1 {
			t.Errorf("%d calls may begin after a pause, want 1", n)
		}
	})
}

// TestRateNeverTwice counts what begins within any Per of greedy callers.
func TestRateNeverTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newRate(t, isolate.RateConfig{Calls: 20, Per: time.Second})
		var began []time.Time
		for range 5000 {
			if l.Acquire(t.Context()) == nil {
				began = append(began, time.Now())
			}
			time.Sleep(time.Millisecond)
		}
		for i := range began {
			n := 0
			for _, at := range began[i:] {
				if at.Sub(began[i]) < time.Second {
					n++
				}
			}
			if n >= 40 {
				t.Fatalf("%d calls began within a second, want less than 40", n)
			}
		}
		if n := len(began); n < 115 || n > 120 {
			t.Errorf("%d calls began in 5s, want the burst of 20 and 100 more", n)
		}
	})
}

func TestRateWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newRate(t, isolate.RateConfig{Calls: 10, MaxWait: 250 * time.Millisecond})
		for range 10 {
			if err := l.Acquire(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		began := time.Now()
		var turns [3]time.Duration
		var all sync.WaitGroup
		for i := range turns {
			all.Go(func() {
				if err := l.Acquire(t.Context()); err == nil {
					turns[i] = time.Since(began)
				} else if !errors.Is(err, isolate.ErrRateLimited) {
					t.Error(err)
				}
			})
			synctest.Wait() // they take their turns in order
		}
		all.Wait()
		if want := [3]time.Duration{100 * time.Millisecond, 200 * time.Millisecond, 0}; turns != want {
			t.Errorf("turns after %v, want %v: the third is too far off", turns, want)
		}
	})
}

func TestRateDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newRate(t, isolate.RateConfig{Calls: 1, MaxWait: time.Minute})
		if err := l.Acquire(t.Context()); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer cancel()
		began := time.Now()
		if err := l.Acquire(ctx); !errors.Is(err, isolate.ErrRateLimited) || time.Since(began) != 0 {
			t.Errorf("a turn after the deadline: %v after %v, want a refusal at once", err, time.Since(began))
		}
	})
}

func TestRateCause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newRate(t, isolate.RateConfig{Calls: 1, MaxWait: time.Minute})
		if err := l.Acquire(t.Context()); err != nil {
			t.Fatal(err)
		}
		why := errors.New("the user left")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Millisecond, func() { cancel(why) })
		if err := l.Acquire(ctx); !errors.Is(err, why) {
			t.Errorf("cancelled while it waited: %v, want the cause", err)
		}
		if d := l.RetryAfter(); d != 999*time.Millisecond {
			t.Errorf("the next in %v, want 999ms: the turn was given back", d)
		}
	})
}

// TestRateGiveUp has three times as many callers as may begin, two thirds of whom do
// not wait for long. Turns that nobody waits for any more must go to others.
func TestRateGiveUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newRate(t, isolate.RateConfig{Calls: 10, MaxWait: time.Second})
		var began atomic.Int64
		var all sync.WaitGroup
		for i := range 1800 {
			time.Sleep(time.Second / 30)
			all.Go(func() {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				if i%3 != 0 {
					defer time.AfterFunc(200*time.Millisecond, cancel).Stop()
				}
				if l.Acquire(ctx) == nil {
					began.Add(1)
				}
			})
		}
		all.Wait()
		if n := began.Load(); n < 590 || n > 630 {
			t.Errorf("%d calls began in a minute of 10 a second", n)
		}
	})
}

func TestRateNil(t *testing.T) {
	var l *isolate.RateLimiter
	if err := l.Acquire(t.Context()); err != nil || l.RetryAfter() != 0 {
		t.Errorf("a nil limiter: %v, %v", err, l.RetryAfter())
	}
}

func TestRateConfig(t *testing.T) {
	for _, c := range []struct {
		in    isolate.RateConfig
		field string
	}{
		{isolate.RateConfig{}, "RateConfig.Calls"},
		{isolate.RateConfig{Calls: -1}, "RateConfig.Calls"},
		{isolate.RateConfig{Calls: 1<<20 + 1}, "RateConfig.Calls"},
		{isolate.RateConfig{Calls: 1, Per: -1}, "RateConfig.Per"},
		{isolate.RateConfig{Calls: 1000, Per: 99 * time.Microsecond}, "RateConfig.Per"},
		{isolate.RateConfig{Calls: 1, MaxWait: -1}, "RateConfig.MaxWait"},
	} {
		l, err := isolate.NewRateLimiter(c.in)
		bad, ok := errors.AsType[*isolate.ConfigError](err)
		if l != nil || !ok || bad.Field != c.field || bad.Hint() == "" {
			t.Errorf("%+v: %v, want an error that names %s", c.in, err, c.field)
		}
	}
	newRate(t, isolate.RateConfig{Calls: 1 << 20}) // in the second that Per is by default
}

func TestRateConcurrent(t *testing.T) {
	l := newRate(t, isolate.RateConfig{Calls: 1000, Per: 24 * time.Hour})
	var began atomic.Int64
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 500 {
				if l.Acquire(context.Background()) == nil {
					began.Add(1)
				}
			}
		})
	}
	all.Wait()
	if n := began.Load(); n != 1000 {
		t.Errorf("%d calls began, want 1000", n)
	}
}

func TestRateAllocations(t *testing.T) {
	l := newRate(t, isolate.RateConfig{Calls: 1 << 20, Per: 24 * time.Hour})
	ctx := t.Context()
	if n := testing.AllocsPerRun(1000, func() { _ = l.Acquire(ctx) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// BenchmarkRateLimiter measures calls that may begin: a new limiter for each million.
func BenchmarkRateLimiter(b *testing.B) {
	ctx := b.Context()
	b.ReportAllocs()
	for b.Loop() {
		l := newRate(b, isolate.RateConfig{Calls: 1_000_000, Per: time.Hour})
		for range 1_000_000 {
			if err := l.Acquire(ctx); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1e6, "ns/call")
}
