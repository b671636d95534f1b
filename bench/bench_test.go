package main

import (
	"fmt"
	"sync"
	"testing"
)

// batch is how many units one iteration of a benchmark starts and waits for.
const batch = 16_384

// benchmark measures every way with 1 and with 16 producers, as ns/unit and
// allocs/unit.
func benchmark(b *testing.B, ways []way) {
	for _, w := range ways {
		for _, producers := range []int{1, 16} {
			b.Run(fmt.Sprintf("%s/%d", w.name, producers), func(b *testing.B) {
				var done sync.WaitGroup
				start, closer, err := w.open(done.Done)
				if err != nil {
					b.Fatal(err)
				}
				defer closer()
				l := load{producers: producers, units: batch}
				units, used := 0, processorTime()
				for b.Loop() {
					if err := l.run(start, &done); err != nil {
						b.Fatal(err)
					}
					units += batch
				}
				b.ReportMetric(float64((processorTime()-used).Nanoseconds())/float64(units), "cpu-ns/unit")
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(units), "ns/unit")
			})
		}
	}
}

func BenchmarkPool(b *testing.B) { benchmark(b, poolWays()) }

func BenchmarkGo(b *testing.B) { benchmark(b, goWays()) }

func BenchmarkRestart(b *testing.B) {
	for _, c := range []struct {
		name string
		s    supervise
	}{{"hale", superviseHale}, {"suture", superviseSuture}} {
		b.Run(c.name, func(b *testing.B) {
			k := restartContestant(c.name, 500, c.s)
			var all results = map[string][]reading{}
			for b.Loop() {
				m, err := k.measure()
				if err != nil {
					b.Fatal(err)
				}
				all[c.name] = append(all[c.name], m)
			}
			b.ReportMetric(all.of(c.name, p50).median(), "p50-ns/restart")
			b.ReportMetric(all.of(c.name, p99).median(), "p99-ns/restart")
			b.ReportMetric(all.of(c.name, allocatedBytes).median(), "B/restart")
		})
	}
}
