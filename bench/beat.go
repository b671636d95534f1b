package main

import (
	"context"
	"runtime"
	"time"

	"github.com/hale-go/hale"
)

// beatContest is a task's heartbeat, against reading the clock: what a heartbeat
// with a time in it would cost at least.
func beatContest(beats int) contest {
	const name, base = "beat", "time.Now"
	return contest{
		name: name,
		open: func() ([]contestant, error) {
			rt, closer, err := newRuntime()
			if err != nil {
				return nil, err
			}
			return []contestant{
				{name: "Beat", close: closer, measure: func() (m reading, err error) {
					err = rt.Do(context.Background(), "bench.beat", func(ctx context.Context) error {
						t := hale.FromContext(ctx)
						m = tight(beats, func(n int) {
							for range n {
								t.Beat()
							}
						})
						return nil
					}, hale.Heartbeat(time.Hour))
					return m, err
				}},
				{name: base, close: func() {}, measure: func() (reading, error) {
					return tight(beats, func(n int) {
						var clock time.Time
						for range n {
							clock = time.Now()
						}
						runtime.KeepAlive(clock) // or the compiler leaves the reading out
					}), nil
				}},
			}, nil
		},
		rows: func(r results) []row {
			return []row{
				r.ratio(name, "Beat", base, nanos, 0.15),
				{name: name + " allocations", values: r.of("Beat", allocations), unit: allocs, sense: none},
			}
		},
	}
}

// tight measures a loop of n short steps.
func tight(n int, loop func(int)) reading {
	loop(n / 10)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	used, began := processorTime(), time.Now()
	loop(n)
	took, cpu := time.Since(began), processorTime()-used
	runtime.ReadMemStats(&after)
	return reading{
		nanos:  float64(took.Nanoseconds()) / float64(n),
		cpu:    float64(cpu.Nanoseconds()) / float64(n),
		allocs: float64(after.Mallocs-before.Mallocs) / float64(n),
	}
}
