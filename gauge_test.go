package hale_test

import (
	"fmt"
	"math"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/observe"
)

// reads takes a turn, a second after the one before, and returns the names of the
// metrics that it read.
func reads(t *testing.T, rt *hale.Runtime) string {
	t.Helper()
	time.Sleep(time.Second)
	var names []string
	for _, r := range sample(t, rt).Readings {
		names = append(names, r.Name)
	}
	return strings.Join(names, " ")
}

func TestMeasure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := newRuntime(t)
		rt.Measure("c.nan", func() float64 { return math.NaN() })
		rt.Measure("a.depth", func() float64 { return 1 })
		stop := rt.Measure("a.depth", func() float64 { return 7 })
		if got := sample(t, rt).Readings; len(got) != 1 || got[0] != (observe.Reading{Name: "a.depth", Value: 7}) {
			t.Errorf("%+v", got)
		}
		stop()
		if got := reads(t, rt); got != "" {
			t.Errorf("after its end: %s", got)
		}
		for i := range 300 {
			rt.Measure(fmt.Sprint("many.", i), func() float64 { return 1 })
		}
		if got := sample(t, rt).Readings; len(got) > 256 || len(got) < 250 {
			t.Errorf("%d metrics", len(got))
		}
		if n := rt.Status().Loop.Unread; n != 0 {
			t.Errorf("%d count as unread", n)
		}
	})
}

// A callback that does harm costs its own reading and no other's, and is told once.
func TestMeasureThatDoesHarm(t *testing.T) {
	release := make(chan struct{})
	for name, harm := range map[string]func(){"panics": func() { panic("x") }, "exits": runtime.Goexit, "hangs": func() { <-release }} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				rt := newRuntime(t)
				log := collect(rt)
				var calls atomic.Int64
				release = make(chan struct{})
				rt.Measure("a.before", func() float64 { return 1 })
				rt.Measure("b.harm", func() float64 { calls.Add(1); harm(); return 1 })
				rt.Measure("c.after", func() float64 { return 1 })
				for turn := range 20 {
					if got := reads(t, rt); got != "a.before c.after" {
						t.Errorf("turn %d: read %q", turn, got)
					}
				}
				if st := rt.Status(); st.Loop.Unread != 20 || (st.Overrun == 1) != (name == "hangs") {
					t.Errorf("%d unread, %d overrun", st.Loop.Unread, st.Overrun)
				}
				if want := map[string]int64{"panics": 20, "exits": 20, "hangs": 1}[name]; calls.Load() != want {
					t.Errorf("asked %d times, want %d", calls.Load(), want)
				}
				close(release)
				synctest.Wait()
				if told := log.of(observe.EventMisuse); len(told) != 1 || told[0].Subject.Name != "b.harm" {
					t.Errorf("told %+v", told)
				}
				if name != "hangs" {
					return
				}
				time.Sleep(time.Minute)
				if got := reads(t, rt); got != "a.before b.harm c.after" || rt.Status().Overrun != 0 {
					t.Errorf("after it came back: %q, %d overrun", got, rt.Status().Overrun)
				}
			})
		})
	}
}

// A hundred callbacks that hang cost one turn after the other a quarter of a second
// at the most, and in the end nothing; slow ones that come back rest.
func TestMeasuresThatHangTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := newRuntime(t)
		release := make(chan struct{})
		for i := range 100 {
			rt.Measure(fmt.Sprintf("hangs.%03d", i), func() float64 { <-release; return 1 })
		}
		for i := range 10 {
			rt.Measure(fmt.Sprintf("slow.%d", i), func() float64 { time.Sleep(60 * time.Millisecond); return 1 })
		}
		rt.Measure("z.good", func() float64 { return 1 })
		var took []time.Duration
		good := 0
		for range 60 {
			time.Sleep(time.Second)
			began := time.Now()
			good += len(sample(t, rt).Readings)
			took = append(took, time.Since(began))
		}
		if slowest := slices.Max(took); slowest > 250*time.Millisecond {
			t.Errorf("a turn took %v", slowest)
		}
		if slices.Max(took[22:]) > 0 || good != 60-22 {
			t.Errorf("turns took %v, %d readings", took, good)
		}
		close(release)
		synctest.Wait()
	})
}
