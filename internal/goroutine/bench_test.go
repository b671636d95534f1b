package goroutine_test

import (
	"fmt"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/hale-go/hale/internal/goroutine"
)

// BenchmarkCapture captures n goroutines, which share 100 labels or have one
// each, on stacks of some depth.
func BenchmarkCapture(b *testing.B) {
	for _, n := range []int{1_000, 10_000, 100_000} {
		for _, labels := range []int{100, n} {
			for _, depth := range []int{1, 12} {
				b.Run(fmt.Sprintf("goroutines=%d/labels=%d/depth=%d", n, labels, depth), func(b *testing.B) {
					benchmark(b, n, labels, depth)
				})
			}
		}
	}
}

func benchmark(b *testing.B, n, labels, depth int) {
	release := make(chan struct{})
	var ready sync.WaitGroup
	done := make([]chan struct{}, n)
	ready.Add(n)
	for i := range n {
		done[i] = labelled(fmt.Sprintf("orders.consume%d", i%labels), func() { deep(depth, &ready, release) })
	}
	ready.Wait()
	c := goroutine.NewCapturer(goroutine.Config{}, all)
	runtime.GC()
	b.ReportAllocs()
	for b.Loop() {
		if s := c.Capture(time.Now()); s.Skipped != "" || s.Goroutines < n {
			b.Fatalf("got %+v", s.Skipped)
		}
	}
	b.StopTimer()
	b.ReportMetric(c.Need(n, c.ReadStack())/float64(n), "expected-B/goroutine")
	close(release)
	for _, d := range done {
		<-d
	}
}

//go:noinline
func deep(n int, ready *sync.WaitGroup, c chan struct{}) {
	if n > 1 {
		deep(n-1, ready, c)
		return
	}
	ready.Done()
	<-c
}
