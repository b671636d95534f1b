package isolate_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hale-go/hale/isolate"
)

func newRetry(t testing.TB, c isolate.RetryConfig) *isolate.Retry {
	t.Helper()
	r, err := isolate.NewRetry(c)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

var errDown = errors.New("down")

// failing is a call that fails so often and then succeeds.
type failing struct {
	times int
	with  error
	calls int
}

func (f *failing) call(context.Context) (int, error) {
	f.calls++
	if f.calls <= f.times {
		return 0, f.with
	}
	return f.calls, nil
}

func TestRetryDo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, c := range []struct {
			times, calls int
			ok           bool
		}{{0, 1, true}, {1, 2, true}, {2, 3, true}, {3, 3, false}, {100, 3, false}} {
			f := &failing{times: c.times, with: errDown}
			n, err := isolate.Do(t.Context(), newRetry(t, isolate.RetryConfig{}), f.call)
			if f.calls != c.calls || (err == nil) != c.ok {
				t.Errorf("a call that fails %d times was made %d times (want %d): %v", c.times, f.calls, c.calls, err)
			}
			if c.ok {
				if n != c.calls {
					t.Errorf("got %d of the last try, want %d", n, c.calls)
				}
				continue
			}
			tried, ok := errors.AsType[*isolate.RetryError](err)
			if !ok || tried.Tries != 3 || !errors.Is(err, errDown) || err.Error() != "down (tries: 3)" {
				t.Errorf("error %v (%#v), want one that wraps the last of 3", err, tried)
			}
		}
	})
}

// TestRetryWaits sees that waits double, end at MaxDelay and are spread from 0 on.
func TestRetryWaits(t *testing.T) {
	for tries, most := range map[int]time.Duration{1: 10, 2: 20, 3: 40, 4: 50, 60: 50} {
		most *= time.Millisecond
		var least, longest, sum time.Duration = most, 0, 0
		const n = 2000
		var r *isolate.Retry
		for i := range n {
			if i%5 == 0 { // and its budget
				r = newRetry(t, isolate.RetryConfig{Max: 100, Delay: 10 * time.Millisecond, MaxDelay: 50 * time.Millisecond})
			}
			wait, ok := r.Next(t.Context(), tries, errDown)
			if !ok {
				t.Fatal("not tried again")
			}
			least, longest, sum = min(least, wait), max(longest, wait), sum+wait
		}
		mean := sum / n
		if longest > most || longest < most*9/10 || least > most/10 || mean < most*4/10 || mean > most*6/10 {
			t.Errorf("after %d tries waits are %v to %v, %v on average; want 0 to %v", tries, least, longest, mean, most)
		}
	}
}

// TestRetryBudget has a dependency that is down: it must get hardly more calls than
// when it is up.
func TestRetryBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRetry(t, isolate.RetryConfig{})
		f := &failing{times: 1 << 30, with: errDown}
		const n = 10_000
		for range n {
			_, _ = isolate.Do(t.Context(), r, f.call)
		}
		if again := f.calls - n; again < n/10 || again > n/10+10 {
			t.Errorf("%d calls were tried again %d times, want a tenth and the first 10", n, again)
		}
		up := &failing{}
		for range 5000 {
			_, _ = isolate.Do(t.Context(), r, up.call)
		}
		f.calls = 0
		for range 100 {
			_, _ = isolate.Do(t.Context(), r, f.call)
		}
		if again := f.calls - 100; again < 100 || again > 112 {
			t.Errorf("of 100 calls that fail after many that did not, %d were tried again, want what the budget holds", again)
		}
	})
}

func TestRetryWholeBudget(t *testing.T) {
	r := newRetry(t, isolate.RetryConfig{Budget: 1, Max: 1})
	for i := range 1000 {
		r.Started()
		if _, ok := r.Next(t.Context(), 1, errDown); !ok {
			t.Fatalf("call %d was not tried again with a budget of one for each", i)
		}
	}
}

type advice struct {
	error
	after time.Duration
}

func (a advice) RetryAfter() time.Duration { return a.after }
func (a advice) Unwrap() error             { return a.error }

// loop unwraps to itself.
type loop struct{}

func (loop) Error() string   { return "loop" }
func (l loop) Unwrap() error { return l }

// wild panics in every method.
type wild struct{}

func (wild) Error() string             { panic("Error") }
func (wild) Unwrap() error             { panic("Unwrap") }
func (wild) Is(error) bool             { panic("Is") }
func (wild) As(any) bool               { panic("As") }
func (wild) RetryAfter() time.Duration { panic("RetryAfter") }

// both leads to itself in two ways.
type both struct{}

func (both) Error() string     { return "both" }
func (b both) Unwrap() []error { return []error{b, b} }

func TestRetryWhat(t *testing.T) {
	var none *isolate.RefusedError
	for name, c := range map[string]struct {
		err error
		ok  bool
	}{
		"any":                   {errDown, true},
		"nil":                   {nil, false},
		"open":                  {isolate.ErrOpen, false},
		"full":                  {isolate.ErrFull, false},
		"rate":                  {isolate.ErrRateLimited, false},
		"shed":                  {isolate.ErrShed, false},
		"timeout of a try":      {isolate.ErrTimeout, true},
		"deadline of a try":     {context.DeadlineExceeded, true},
		"refused":               {&isolate.RefusedError{At: "db", Err: isolate.ErrOpen, RetryAfter: 1}, false},
		"refused, wrapped":      {fmt.Errorf("x: %w", errors.Join(errDown, &isolate.RefusedError{Err: isolate.ErrShed})), false},
		"refused elsewhere":     {&isolate.RefusedError{At: "db", Err: errDown, RetryAfter: time.Second}, true},
		"nil pointer":           {none, true},
		"advice":                {advice{errDown, time.Second}, true},
		"advice beyond MaxWait": {fmt.Errorf("x: %w", advice{errDown, time.Hour}), false},
		"advice below zero":     {advice{errDown, -1 << 63}, true},
		"loop":                  {loop{}, true},
		"loops":                 {both{}, true},
		"wild":                  {wild{}, true},
		"wild and open":         {errors.Join(wild{}, isolate.ErrOpen), true},
		"open and wild":         {errors.Join(isolate.ErrOpen, wild{}), false},
	} {
		if _, ok := newRetry(t, isolate.RetryConfig{}).Next(t.Context(), 1, c.err); ok != c.ok {
			t.Errorf("%s is tried again: %v, want %v", name, ok, c.ok)
		}
	}
}

func TestRetryAdvice(t *testing.T) {
	r := newRetry(t, isolate.RetryConfig{})
	for _, err := range []error{
		fmt.Errorf("x: %w", advice{errDown, time.Second}),
		&isolate.RefusedError{Err: errDown, RetryAfter: time.Second},
	} {
		if wait, ok := r.Next(t.Context(), 1, err); !ok || wait < time.Second || wait > time.Second+50*time.Millisecond {
			t.Errorf("%T: wait %v, %v; want a second and what spreads calls", err, wait, ok)
		}
	}
}

func TestRetryAbort(t *testing.T) {
	r := newRetry(t, isolate.RetryConfig{Abort: func(err error) bool { return errors.Is(err, errDown) }})
	if _, ok := r.Next(t.Context(), 1, fmt.Errorf("x: %w", errDown)); ok {
		t.Error("tried again what Abort names")
	}
	if _, ok := r.Next(t.Context(), 1, errors.New("other")); !ok {
		t.Error("not tried again what Abort does not name")
	}
	if _, ok := r.Next(t.Context(), 1, wild{}); ok {
		t.Error("tried again though Abort panicked")
	}
}

func TestRetryDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		f := &failing{times: 9, with: advice{errDown, time.Second}}
		began := time.Now()
		_, err := isolate.Do(ctx, newRetry(t, isolate.RetryConfig{}), f.call)
		if f.calls != 1 || time.Since(began) != 0 || err != f.with {
			t.Errorf("%d calls in %v, %v; want the first error at once, for a wait past the deadline", f.calls, time.Since(began), err)
		}
	})
}

func TestRetryCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		why := errors.New("the user left")
		ctx, cancel := context.WithCancelCause(t.Context())
		r := newRetry(t, isolate.RetryConfig{})
		time.AfterFunc(time.Millisecond, func() { cancel(why) })
		f := &failing{times: 9, with: advice{errDown, time.Second}}
		_, err := isolate.Do(ctx, r, f.call)
		if f.calls != 1 || !errors.Is(err, why) || !errors.Is(err, errDown) || err.Error() != "down (tries: 1; stopped: the user left)" {
			t.Errorf("%d calls, %v; want the first error and the cause", f.calls, err)
		}
		f = &failing{times: 9, with: errDown}
		if _, err := isolate.Do(ctx, r, f.call); f.calls != 1 || err != errDown {
			t.Errorf("%d calls, %v after the caller's end; want one", f.calls, err)
		}
	})
}

func TestRetryNil(t *testing.T) {
	f := &failing{times: 1, with: errDown}
	if _, err := isolate.Do(t.Context(), nil, f.call); err != errDown || f.calls != 1 {
		t.Errorf("%d calls, %v; want one", f.calls, err)
	}
	if _, err := isolate.Do[int](t.Context(), nil, nil); err == nil {
		t.Error("no error for a nil function")
	}
}

func TestRetryConfig(t *testing.T) {
	for _, c := range []struct {
		in    isolate.RetryConfig
		field string
	}{
		{isolate.RetryConfig{Max: -1}, "RetryConfig.Max"},
		{isolate.RetryConfig{Delay: -1}, "RetryConfig.Delay"},
		{isolate.RetryConfig{Delay: time.Second, MaxDelay: time.Millisecond}, "RetryConfig.MaxDelay"},
		{isolate.RetryConfig{Budget: 1.5}, "RetryConfig.Budget"},
	} {
		r, err := isolate.NewRetry(c.in)
		bad, ok := errors.AsType[*isolate.ConfigError](err)
		if r != nil || !ok || bad.Field != c.field || bad.Hint() == "" {
			t.Errorf("%+v: %v, want an error that names %s", c.in, err, c.field)
		}
	}
}

func TestRetryConcurrent(t *testing.T) {
	r := newRetry(t, isolate.RetryConfig{Budget: 0.5})
	var mu sync.Mutex
	again := 0
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 1000 {
				r.Started()
				if _, ok := r.Next(t.Context(), 1, errDown); ok {
					mu.Lock()
					again++
					mu.Unlock()
				}
			}
		})
	}
	all.Wait()
	if again < 4000-100 || again > 4010 {
		t.Errorf("8000 calls were tried again %d times, want half of them and the first 10", again)
	}
}

func TestRetryAllocations(t *testing.T) {
	r, ctx := newRetry(t, isolate.RetryConfig{}), t.Context()
	fn := func(context.Context) (int, error) { return 1, nil }
	if n := testing.AllocsPerRun(1000, func() { _, _ = isolate.Do(ctx, r, fn) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkRetry(b *testing.B) {
	r, ctx := newRetry(b, isolate.RetryConfig{}), b.Context()
	fn := func(context.Context) (int, error) { return 1, nil }
	b.ReportAllocs()
	for b.Loop() {
		_, _ = isolate.Do(ctx, r, fn)
	}
}
