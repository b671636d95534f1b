package goroutine_test

import (
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hale-go/hale/internal/goroutine"
)

// parkMany starts n goroutines with a number of different labels on stacks of some
// depth, and returns when they are where they stay.
func parkMany(n, labels, depth int, name string) (release func()) {
	c := make(chan struct{})
	var ready sync.WaitGroup
	done := make([]chan struct{}, n)
	ready.Add(n)
	for i := range n {
		l := goroutine.Label{Name: name, Domain: "test", Cell: fmt.Sprint("1.1.", i%labels)}
		done[i] = goroutine.GoAsHale(l, func() { deep(depth, &ready, c) })
	}
	ready.Wait()
	return func() {
		close(c)
		for _, d := range done {
			<-d
		}
	}
}

// allocated is what f allocates, with what the rest of the process does
// meanwhile: nothing, in these tests.
func allocated(f func()) float64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return float64(after.TotalAlloc - before.TotalAlloc)
}

// A capture never allocates more than was foreseen, the first one neither, which
// knows nothing of the stacks and labels; and the second one, which does, is
// foreseen within a factor.
func TestMemoryModel(t *testing.T) {
	const n = 1000
	for _, labels := range []int{20, n} {
		for _, depth := range []int{1, 16, 100, 200} {
			for _, name := range []string{"orders.consume", strings.Repeat("long.", 50)} {
				t.Run(fmt.Sprintf("labels=%d/depth=%d/name=%d", labels, depth, len(name)), func(t *testing.T) {
					release := parkMany(n, labels, depth, name)
					defer release()
					runtime.GC() // so that the stacks of former goroutines do not count
					c := goroutine.NewCapturer(goroutine.Config{}, all)
					for _, round := range []string{"first", "second"} {
						need := c.Need(runtime.NumGoroutine(), c.ReadStack())
						used := allocated(func() {
							if s := c.Capture(time.Now()); s.Skipped != "" {
								t.Fatal(s.Skipped)
							}
						})
						long := len(name) > 100 // the first time, labels are taken to be as long as hale's are
						if used > raceFactor*need && (round == "second" || !long) {
							t.Errorf("%s capture: %.0f bytes used of %.0f", round, used, need)
						}
						if round == "second" && need > 2.5*used {
							t.Errorf("%s capture: %.0f bytes foreseen for %.0f", round, need, used)
						}
					}
				})
			}
		}
	}
}

// A capture that is only feared to be large is made in the end, one that is
// known to be large is not.
func TestMemoryWear(t *testing.T) {
	const n = 1000
	release := parkMany(n, n, 60, "orders.consume")
	defer release()
	runtime.GC()
	c := goroutine.NewCapturer(goroutine.Config{}, all)
	feared := c.Need(runtime.NumGoroutine(), c.ReadStack())
	c.SetHeadroom(2 * feared) // a quarter of it is half of what is needed
	skipped := 0
	for c.Capture(time.Now()).Skipped != "" {
		if skipped++; skipped > 20 {
			t.Fatal("skipped for ever")
		}
	}
	if skipped < 2 {
		t.Errorf("skipped %d times", skipped)
	}
	known := c.Need(runtime.NumGoroutine(), c.ReadStack())
	c.SetHeadroom(4 * known * .9)
	for range 50 {
		if c.Capture(time.Now()).Skipped == "" {
			t.Fatalf("made with %.0f bytes left, though %.0f are needed", known*.9, known)
		}
	}
	c.SetHeadroom(4 * known * 1.1)
	if s := c.Capture(time.Now()); s.Skipped != "" {
		t.Error(s.Skipped)
	}
}
