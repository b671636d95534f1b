package isolate_test

import (
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hale-go/hale/isolate"
)

func newBreaker(t testing.TB, c isolate.BreakerConfig) *isolate.Breaker {
	t.Helper()
	b, err := isolate.NewBreaker(c, nil)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// call makes one call and reports whether it was let through.
func call(t testing.TB, b *isolate.Breaker, o isolate.Outcome, took time.Duration) bool {
	t.Helper()
	p, err := b.Acquire()
	if err != nil {
		if !errors.Is(err, isolate.ErrOpen) {
			t.Fatalf("refused with %v", err)
		}
		return false
	}
	p.Settle(o, took)
	return true
}

func calls(t testing.TB, b *isolate.Breaker, n int, o isolate.Outcome) (let int) {
	t.Helper()
	for range n {
		if call(t, b, o, 0) {
			let++
		}
	}
	return let
}

func wantState(t testing.TB, b *isolate.Breaker, want isolate.State) {
	t.Helper()
	if got := b.Stat().State; got != want {
		t.Fatalf("it is %v, want %v", got, want)
	}
}

func TestBreakerOpensAtRatio(t *testing.T) {
	b := newBreaker(t, isolate.BreakerConfig{Failures: 3, Of: 5})
	calls(t, b, 100, isolate.Succeeded)
	calls(t, b, 2, isolate.Failed)
	if wantState(t, b, isolate.Closed); b.Refuses() {
		t.Error("a closed breaker says that it refuses")
	}
	calls(t, b, 3, isolate.Succeeded) // pushes both out but for none: 2 of 5
	wantState(t, b, isolate.Closed)
	calls(t, b, 2, isolate.Failed) // S S S F F
	wantState(t, b, isolate.Closed)
	calls(t, b, 1, isolate.Failed) // S S F F F
	wantState(t, b, isolate.Open)
	if !b.Refuses() {
		t.Error("it does not say so")
	}
	if let := calls(t, b, 7, isolate.Succeeded); let != 0 {
		t.Errorf("%d calls were let through an open breaker", let)
	}
	if st := b.Stat(); st.Refused != 7 || st.Opened != 1 || st.RetryAfter <= 0 {
		t.Errorf("its state is %+v, want 7 refused, 1 opened and a time", st)
	}
}

func TestBreakerOpensAfterFailuresInARow(t *testing.T) {
	b := newBreaker(t, isolate.BreakerConfig{Failures: 3, Of: 3})
	for range 10 {
		calls(t, b, 2, isolate.Failed)
		calls(t, b, 1, isolate.Succeeded)
	}
	wantState(t, b, isolate.Closed)
	calls(t, b, 3, isolate.Failed)
	wantState(t, b, isolate.Open)
}

// What a breaker that leaves out successes decides is what one that is told of all
// would.
func TestBreakerCountsAsAModelDoes(t *testing.T) {
	for seed := range uint64(60) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		of := 1 + rnd.IntN(12)
		limit := 1 + rnd.IntN(of)
		b := newBreaker(t, isolate.BreakerConfig{Failures: limit, Of: of})
		var last []bool
		for i := range 2000 {
			failed := rnd.Float64() < 0.15
			o := isolate.Succeeded
			if failed {
				o = isolate.Failed
			}
			if !call(t, b, o, 0) {
				t.Fatalf("seed %d: call %d was refused, the last were %v, %d of %d open it", seed, i, last, limit, of)
			}
			if last = append(last, failed); len(last) > of {
				last = last[1:]
			}
			fails := 0
			for _, f := range last {
				if f {
					fails++
				}
			}
			if open := b.Stat().State == isolate.Open; open != (fails >= limit) {
				t.Fatalf("seed %d: after call %d it is open: %v, the last were %v, %d of %d open it", seed, i, open, last, limit, of)
			}
			if fails >= limit {
				b.Reset()
				last = nil
			}
		}
	}
}

func TestBreakerOpensAtRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBreaker(t, isolate.BreakerConfig{FailureRate: 0.5, Period: 10 * time.Second, MinCalls: 10})
		calls(t, b, 9, isolate.Failed)
		wantState(t, b, isolate.Closed)
		time.Sleep(15 * time.Second) // they are forgotten
		calls(t, b, 20, isolate.Succeeded)
		calls(t, b, 19, isolate.Failed)
		wantState(t, b, isolate.Closed)
		calls(t, b, 1, isolate.Failed)
		wantState(t, b, isolate.Open)
	})
}

func TestBreakerOpensForSlowCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBreaker(t, isolate.BreakerConfig{Of: 5, SlowAfter: time.Second, Slow: 4, Probes: 1})
		slow := func(n int) {
			for range n {
				call(t, b, isolate.Succeeded, time.Second)
			}
		}
		slow(3)
		calls(t, b, 3, isolate.Succeeded)
		slow(3)
		wantState(t, b, isolate.Closed)
		slow(1)
		wantState(t, b, isolate.Open)
		time.Sleep(6 * time.Second)
		slow(1) // a slow probe is no good one
		wantState(t, b, isolate.Open)
		time.Sleep(12 * time.Second)
		calls(t, b, 1, isolate.Succeeded)
		wantState(t, b, isolate.Closed)
		slow(3) // what was slow before it opened is forgotten
		wantState(t, b, isolate.Closed)
	})
}

func TestBreakerClosesAfterGoodProbes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBreaker(t, isolate.BreakerConfig{Failures: 1, Of: 1, Open: time.Second, Probes: 3})
		calls(t, b, 1, isolate.Failed)
		time.Sleep(1200 * time.Millisecond)
		var passes []isolate.Pass
		for range 3 {
			p, err := b.Acquire()
			if err != nil {
				t.Fatal(err)
			}
			passes = append(passes, p)
		}
		wantState(t, b, isolate.HalfOpen)
		if _, err := b.Acquire(); !errors.Is(err, isolate.ErrOpen) {
			t.Errorf("a fourth probe got %v, want ErrOpen", err)
		}
		passes[0].Settle(isolate.Succeeded, 0)
		if _, err := b.Acquire(); err == nil {
			t.Error("more probes are let through than must succeed")
		}
		passes[1].Settle(isolate.Ignored, 0) // its caller went away
		p, err := b.Acquire()
		if err != nil {
			t.Fatalf("no probe takes the place of one that says nothing: %v", err)
		}
		p.Settle(isolate.Succeeded, 0)
		wantState(t, b, isolate.HalfOpen)
		passes[2].Settle(isolate.Succeeded, 0)
		wantState(t, b, isolate.Closed)
		if let := calls(t, b, 20, isolate.Succeeded); let != 20 {
			t.Errorf("%d of 20 were let through after it closed", let)
		}
	})
}

func TestBreakerStaysOpenLongerEachTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBreaker(t, isolate.BreakerConfig{Failures: 1, Of: 1, Open: time.Second, MaxOpen: 4 * time.Second, Probes: 1})
		calls(t, b, 1, isolate.Failed)
		var got []time.Duration
		for range 5 {
			wait := b.Stat().RetryAfter
			got = append(got, wait)
			time.Sleep(wait - 1)
			if call(t, b, isolate.Failed, 0) {
				t.Fatal("let through before its time")
			}
			time.Sleep(time.Nanosecond)
			if !call(t, b, isolate.Failed, 0) {
				t.Fatal("not let through when the time was over")
			}
		}
		for i, base := range []time.Duration{1, 2, 4, 4, 4} {
			if lo, hi := base*900*time.Millisecond, base*1100*time.Millisecond; got[i] < lo || got[i] > hi {
				t.Errorf("it was open for %v, want about %v each", got, []int{1, 2, 4, 4, 4})
			}
		}
		time.Sleep(5 * time.Second)
		calls(t, b, 1, isolate.Succeeded)
		wantState(t, b, isolate.Closed)
		calls(t, b, 1, isolate.Failed) // at once again: it has not been well
		if wait := b.Stat().RetryAfter; wait < 3*time.Second {
			t.Errorf("open for %v after it failed again at once, want about 4s", wait)
		}
		time.Sleep(5 * time.Second)
		calls(t, b, 1, isolate.Succeeded)
		time.Sleep(time.Minute)
		calls(t, b, 1, isolate.Failed)
		if wait := b.Stat().RetryAfter; wait > 1100*time.Millisecond {
			t.Errorf("open for %v after a good minute, want about 1s", wait)
		}
	})
}

// A probe that hangs or whose caller forgot it must not keep the breaker from ever
// closing again.
func TestBreakerOutlivesAStuckProbe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBreaker(t, isolate.BreakerConfig{Failures: 1, Of: 1, Open: time.Second, Probes: 1, MaxProbe: 2 * time.Second})
		calls(t, b, 1, isolate.Failed)
		time.Sleep(2 * time.Second)
		stuck, err := b.Acquire()
		if err != nil {
			t.Fatal(err)
		}
		if calls(t, b, 1, isolate.Succeeded) != 0 {
			t.Fatal("a second probe was let through")
		}
		time.Sleep(2 * time.Second)
		calls(t, b, 1, isolate.Succeeded) // finds that the probe has taken too long
		wantState(t, b, isolate.Open)
		time.Sleep(3 * time.Second)
		if let := calls(t, b, 20, isolate.Succeeded); let != 20 {
			t.Fatalf("%d of 20 later calls were let through", let)
		}
		stuck.Settle(isolate.Failed, time.Hour) // at last; nobody asks any more
		wantState(t, b, isolate.Closed)
		if let := calls(t, b, 20, isolate.Succeeded); let != 20 {
			t.Errorf("%d of 20 were let through after the stuck probe came back", let)
		}
	})
}

// What began before the breaker opened says nothing about how it is now.
func TestBreakerForgetsWhatBeganBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBreaker(t, isolate.BreakerConfig{Failures: 1, Of: 1, Open: time.Second, Probes: 1})
		var old []isolate.Pass
		for range 10 {
			p, _ := b.Acquire()
			old = append(old, p)
		}
		calls(t, b, 1, isolate.Failed)
		time.Sleep(2 * time.Second)
		probe, err := b.Acquire()
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range old {
			p.Settle(isolate.Succeeded, 0)
		}
		wantState(t, b, isolate.HalfOpen)
		if calls(t, b, 1, isolate.Succeeded) != 0 {
			t.Error("old results made room for more probes")
		}
		probe.Settle(isolate.Succeeded, 0)
		wantState(t, b, isolate.Closed)
	})
}

func TestBreakerTripAndReset(t *testing.T) {
	var seen []isolate.State
	b, err := isolate.NewBreaker(isolate.BreakerConfig{}, func(from, to isolate.State) {
		if len(seen) > 0 && seen[len(seen)-1] != from {
			t.Errorf("a change from %v after one to %v", from, seen[len(seen)-1])
		}
		seen = append(seen, to)
	})
	if err != nil {
		t.Fatal(err)
	}
	b.Trip()
	b.Trip()
	wantState(t, b, isolate.Open)
	b.Reset()
	wantState(t, b, isolate.Closed)
	b.Reset()
	if want := []isolate.State{isolate.Open, isolate.Closed}; !slices.Equal(seen, want) {
		t.Errorf("it told of %v, want %v", seen, want)
	}
}

func TestNoBreaker(t *testing.T) {
	var b *isolate.Breaker
	if !call(t, b, isolate.Failed, 0) {
		t.Error("a nil breaker refuses")
	}
	b.Trip()
	b.Reset()
	wantState(t, b, isolate.Closed)
}

func TestBreakerUnderLoad(t *testing.T) {
	b := newBreaker(t, isolate.BreakerConfig{Failures: 5, Of: 10, Open: time.Microsecond, MaxOpen: time.Microsecond, SlowAfter: time.Second})
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			rnd := rand.New(rand.NewPCG(uint64(w), 2))
			for range 5000 {
				call(t, b, isolate.Outcome(rnd.IntN(4)), time.Duration(rnd.IntN(3))*time.Second)
			}
		})
	}
	wg.Wait()
	for range 100 { // whatever happened, it works
		if calls(t, b, 30, isolate.Succeeded) == 30 {
			wantState(t, b, isolate.Closed)
			return
		}
	}
	t.Errorf("it does not close any more: %+v", b.Stat())
}

func TestBreakerTakesNoAllocation(t *testing.T) {
	b := newBreaker(t, isolate.BreakerConfig{SlowAfter: time.Hour})
	if n := testing.AllocsPerRun(1000, func() { call(t, b, isolate.Succeeded, 0) }); n != 0 {
		t.Errorf("a call takes %v allocations", n)
	}
	calls(t, b, 1, isolate.Failed)
	if n := testing.AllocsPerRun(15, func() { call(t, b, isolate.Succeeded, 0) }); n != 0 {
		t.Errorf("a call after a failure takes %v allocations", n)
	}
}
