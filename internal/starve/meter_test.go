package starve_test

import (
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hale-go/hale/internal/starve"
)

func TestLatenessIsForgiven(t *testing.T) {
	m := starve.NewMeter()
	if got := m.Counted(10*time.Second, 100*time.Millisecond); got > 100*time.Millisecond {
		t.Errorf("a scanner that came 9.9 s late counted %v, want at most 100ms", got)
	}
	for _, d := range []time.Duration{0, -time.Second} {
		if got := m.Counted(d, time.Second); got != 0 {
			t.Errorf("Counted(%v) = %v, want 0", d, got)
		}
	}
}

// Timers are a little late everywhere. If that were forgiven, every limit would be
// stretched by a tenth for ever.
func TestOrdinaryLatenessCounts(t *testing.T) {
	m := starve.NewMeter()
	if got := m.Counted(126*time.Millisecond, 100*time.Millisecond); got > 100*time.Millisecond {
		t.Errorf("more than a quarter late: counted %v, want at most 100ms", got)
	}
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		got := m.Counted(110*time.Millisecond, 100*time.Millisecond)
		if got == 110*time.Millisecond {
			return
		}
		if time.Now().After(deadline) { // the machine was not starved all the time
			t.Fatalf("a tenth late: counted %v, want all of it", got)
		}
	}
}

// Hogs on every processor make everybody wait; the meter must see it.
func TestHogsSlowTheClock(t *testing.T) {
	var stop atomic.Bool
	var hogs sync.WaitGroup
	for range 8 * runtime.GOMAXPROCS(0) {
		hogs.Go(func() {
			for !stop.Load() {
			}
		})
	}
	defer hogs.Wait()
	defer stop.Store(true)
	m := starve.NewMeter()
	deadline := time.Now().Add(10 * time.Second)
	for {
		start := time.Now()
		time.Sleep(5 * time.Millisecond) // what a scanner does between two scans
		if slow := m.Slowdown(time.Since(start)); slow >= 4 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("8 hogs a processor never showed as a slowdown of 4")
		}
	}
}

func BenchmarkSlowdown(b *testing.B) {
	m := starve.NewMeter()
	b.ReportAllocs()
	for b.Loop() {
		m.Slowdown(time.Millisecond)
	}
}

func ExampleMeter() {
	m := starve.NewMeter()
	counted := m.Counted(time.Minute, time.Second) // the scanner itself was starved
	fmt.Println(counted <= time.Second)
	// Output: true
}
