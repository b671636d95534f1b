package isolate_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/hale-go/hale/internal/surge"
	"github.com/hale-go/hale/isolate"
)

func newAdaptive(t testing.TB, c isolate.AdaptiveConfig, set func(int)) *isolate.Adaptive {
	t.Helper()
	a, err := isolate.NewAdaptive(c, set)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// TestAdaptiveGoodput compares with the best of the limits that do not move, in each
// phase of a dependency that gets ten times slower and recovers. Where a deadline leaves
// no room for a queue of few, or the dependency goes on with calls that were given up,
// it comes less close.
func TestAdaptiveGoodput(t *testing.T) {
	mean := surge.Shape{Workers: 20, Service: 50 * time.Millisecond, Jitter: 0.3, Load: 3, Deadline: time.Second, Phase: 30 * time.Second}
	for _, c := range []struct {
		change func(*surge.Shape)
		slow   float64 // the least share while it is slow; 0.9 otherwise
	}{
		{func(*surge.Shape) {}, 0.9},
		{func(s *surge.Shape) { s.Load = 0.5 }, 0.9},
		{func(s *surge.Shape) { s.Load = 1 }, 0.9},
		{func(s *surge.Shape) { s.Closed, s.Load, s.Phase = true, 1, time.Minute }, 0.9},
		{func(s *surge.Shape) { s.Jitter = 1 }, 0.9},
		{func(s *surge.Shape) { s.Deaf = true }, 0.9},
		{func(s *surge.Shape) { s.Workers, s.Phase = 5, time.Minute }, 0.85},
		{func(s *surge.Shape) { s.Workers, s.Load, s.Phase = 5, 0.5, time.Minute }, 0.85},
		{func(s *surge.Shape) {
			s.Workers, s.Service, s.Deadline, s.Phase = 5, s.Service/10, s.Deadline/10, s.Phase/2
		}, 0.9},
		{func(s *surge.Shape) { s.Workers, s.Deaf, s.Phase = 5, true, time.Minute }, 0.5},
	} {
		s := mean
		c.change(&s)
		t.Run(s.String(), func(t *testing.T) {
			best, _ := surge.Best(s, 1, s.Workers, 3*s.Workers)
			a := newAdaptive(t, isolate.AdaptiveConfig{}, nil)
			r := surge.Run(s, 1, surge.Held(a.Limit, a.Record))
			for p, least := range [surge.Phases]float64{0.9, c.slow, 0.9} {
				if share := r.Goodput[p] / best.Goodput[p]; share < least {
					t.Errorf("phase %d: %.2f of the best fixed limit's goodput, want %v", p, share, least)
				}
			}
		})
	}
}

// steady tells of calls that always take so long, with so many in flight or as many as
// the limit lets through.
func steady(a *isolate.Adaptive, calls int, took time.Duration, inFlight int) {
	for range calls {
		a.Record(took, min(inFlight, a.Limit()), false)
	}
}

func TestAdaptiveUnusedStays(t *testing.T) {
	a := newAdaptive(t, isolate.AdaptiveConfig{}, func(limit int) {
		if limit != 20 {
			t.Errorf("the limit became %d although it was not used", limit)
		}
	})
	random := rand.New(rand.NewPCG(1, 1))
	for range 100_000 {
		a.Record(time.Duration(random.ExpFloat64()*float64(time.Millisecond)), 1+random.IntN(15), false)
	}
	if l := a.Limit(); l != 20 {
		t.Errorf("limit %d, want 20", l)
	}
}

func TestAdaptiveGrows(t *testing.T) {
	a := newAdaptive(t, isolate.AdaptiveConfig{Max: 100}, nil)
	steady(a, 5000, time.Millisecond, 1000)
	if l := a.Limit(); l != 100 && l != 50 { // half in a probe
		t.Errorf("limit %d of what takes everything at once, want Max", l)
	}
}

// TestAdaptiveOutage has all calls given up, and then none.
func TestAdaptiveOutage(t *testing.T) {
	a := newAdaptive(t, isolate.AdaptiveConfig{Min: 2}, nil)
	steady(a, 1000, 10*time.Millisecond, 15)
	for range 200 {
		a.Record(time.Second, a.Limit(), true)
	}
	if l := a.Limit(); l != 2 {
		t.Fatalf("limit %d after an outage, want Min", l)
	}
	for calls := 0; a.Limit() < 15; calls++ {
		if calls == 1000 {
			t.Fatalf("limit %d after 1000 good calls, want what is asked for", a.Limit())
		}
		steady(a, 1, 10*time.Millisecond, 15)
	}
}

// TestAdaptiveClocks has clocks jump, stand still and tick coarsely.
func TestAdaptiveClocks(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 1))
	for name, took := range map[string]func(call, inFlight int) time.Duration{
		"zero":   func(int, int) time.Duration { return 0 },
		"coarse": func(int, int) time.Duration { return time.Duration(random.IntN(2)) * 16 * time.Millisecond },
		"jumps": func(call, inFlight int) time.Duration {
			switch call % 1000 {
			case 0:
				return -1 << 63
			case 500:
				return 1<<63 - 1
			}
			return time.Duration(max(inFlight, 10)) * time.Millisecond
		},
	} {
		a := newAdaptive(t, isolate.AdaptiveConfig{Min: 5, Max: 50}, nil)
		inTime := 0
		for call := range 100_000 {
			l := a.Limit()
			if l < 5 || l > 50 {
				t.Fatalf("%s: limit %d", name, l)
			}
			if l >= 10 {
				inTime++
			}
			a.Record(took(call, l), l, false)
		}
		if inTime < 80_000 {
			t.Errorf("%s: the limit was 10 or more for only %d of 100000 calls", name, inTime)
		}
	}
}

func TestAdaptiveSet(t *testing.T) {
	var told []int
	var a *isolate.Adaptive
	a = newAdaptive(t, isolate.AdaptiveConfig{Initial: 7}, func(limit int) {
		if told = append(told, limit); len(told) > 1 && a.Limit() != limit {
			t.Errorf("told of %d while the limit is %d", limit, a.Limit())
		}
		a.Record(time.Second, 1, true) // must not hang
	})
	steady(a, 1000, time.Millisecond, 100)
	if len(told) < 2 || told[0] != 7 || told[len(told)-1] != a.Limit() {
		t.Errorf("told of %v, want 7 first and %d last", told, a.Limit())
	}
	for i := range len(told) - 1 {
		if told[i] == told[i+1] {
			t.Errorf("told of %d twice", told[i])
		}
	}
}

// TestAdaptiveSetPanics sees that a panic of the callback does not stop the rest.
func TestAdaptiveSetPanics(t *testing.T) {
	broken := false
	a := newAdaptive(t, isolate.AdaptiveConfig{}, func(int) {
		if broken {
			panic("broken")
		}
	})
	broken = true
	func() {
		defer func() { _ = recover() }()
		steady(a, 1000, time.Millisecond, 100)
	}()
	broken = false
	before := a.Limit()
	steady(a, 1000, time.Millisecond, 1000)
	if a.Limit() <= before {
		t.Errorf("limit %d, as it was when the callback panicked", a.Limit())
	}
}

func TestAdaptiveNil(t *testing.T) {
	var a *isolate.Adaptive
	a.Record(time.Second, 1, false)
	if a.Limit() != 0 {
		t.Errorf("limit %d", a.Limit())
	}
}

func TestAdaptiveConfig(t *testing.T) {
	for _, c := range []struct {
		in    isolate.AdaptiveConfig
		field string
	}{
		{isolate.AdaptiveConfig{Min: -1}, "AdaptiveConfig.Min"},
		{isolate.AdaptiveConfig{Min: 10, Max: 5}, "AdaptiveConfig.Min"},
		{isolate.AdaptiveConfig{Max: 5, Initial: 6}, "AdaptiveConfig.Initial"},
	} {
		a, err := isolate.NewAdaptive(c.in, nil)
		bad, ok := errors.AsType[*isolate.ConfigError](err)
		if a != nil || !ok || bad.Field != c.field || bad.Hint() == "" {
			t.Errorf("%+v: %v, want an error that names %s", c.in, err, c.field)
		}
	}
}

func TestAdaptiveConcurrent(t *testing.T) {
	inside := false // what the race detector sees, were it two at once
	a := newAdaptive(t, isolate.AdaptiveConfig{}, func(int) { inside = !inside })
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for range 2000 {
				a.Record(time.Duration(i)*time.Millisecond, a.Limit(), i == 0)
			}
		})
	}
	all.Wait()
	if l := a.Limit(); l < 1 || l > 200 {
		t.Errorf("limit %d", l)
	}
}

func TestAdaptiveAllocations(t *testing.T) {
	a := newAdaptive(t, isolate.AdaptiveConfig{}, func(int) {})
	if n := testing.AllocsPerRun(10_000, func() { a.Record(time.Millisecond, a.Limit(), false) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkAdaptive(b *testing.B) {
	for _, inFlight := range []int{1, 1000} {
		b.Run(fmt.Sprint(inFlight), func(b *testing.B) {
			a := newAdaptive(b, isolate.AdaptiveConfig{}, func(int) {})
			b.ReportAllocs()
			for b.Loop() {
				a.Record(time.Millisecond, min(inFlight, a.Limit()), false)
			}
		})
	}
}
