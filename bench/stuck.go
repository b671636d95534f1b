package main

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/hale-go/hale"
)

// A pool scans every sixteenth of its budget or grace, but not more often than
// every millisecond, which is what it does with these.
const (
	stuckScan   = time.Millisecond
	stuckBudget = 10 * time.Millisecond
	stuckGrace  = 10 * time.Millisecond
)

// served is a clock that stands still while the process is not served: it adds up
// the wake-ups of a ticker like the scanner's. A pool stretches budgets by such
// time, so that it would not be fair to count it.
type served struct {
	nanos atomic.Int64
	stop  chan struct{}
}

func newServed() *served {
	s := &served{stop: make(chan struct{})}
	go func() {
		ticker := time.NewTicker(stuckScan)
		defer ticker.Stop()
		for last := time.Now(); ; {
			select {
			case <-s.stop:
				return
			case <-ticker.C:
			}
			now := time.Now()
			if d := now.Sub(last); d <= stuckScan*5/4 {
				s.nanos.Add(int64(d))
			} else {
				s.nanos.Add(int64(stuckScan))
			}
			last = now
		}
	}()
	return s
}

// stuckContest is a unit that ignores its context: from the moment when its
// budget and its grace are over until a fresh worker runs the next unit. None of
// the peers replaces a worker, so that there is nobody to compare with.
func stuckContest(units int) contest {
	const name = "stuck"
	return contest{
		name: name,
		open: func() ([]contestant, error) {
			return []contestant{{name: "hale", close: func() {}, measure: func() (reading, error) { return measureStuck(units) }}}, nil
		},
		rows: func(r results) []row {
			return []row{
				{name: name + " hale scan ticks until replaced, p50", values: r.of("hale", p50), unit: ticks, target: 2},
				{name: name + " hale scan ticks until replaced, p99", values: r.of("hale", p99), unit: ticks, target: 5},
			}
		},
	}
}

// measureStuck gives a pool of one worker one stuck unit after the other, each
// with a unit behind it that can only run on a fresh worker.
func measureStuck(units int) (reading, error) {
	rt, closer, err := newRuntime()
	if err != nil {
		return reading{}, err
	}
	defer closer()
	p, err := rt.NewPool("bench.stuck", hale.PoolConfig{Workers: 1, Budget: stuckBudget, Grace: stuckGrace, MaxAbandoned: units})
	if err != nil {
		return reading{}, err
	}
	release := make(chan struct{})
	defer close(release)
	ctx := context.Background()
	clock := newServed()
	defer close(clock.stop)
	began, next := make(chan int64, 1), make(chan int64, 1)
	var late series
	for range units {
		if err := errors.Join(
			p.Go(ctx, func(context.Context) error { began <- clock.nanos.Load(); <-release; return nil }),
			p.Go(ctx, func(context.Context) error { next <- clock.nanos.Load(); return nil }),
		); err != nil {
			return reading{}, err
		}
		due := <-began + int64(stuckBudget+stuckGrace)
		late = append(late, float64(<-next-due)/float64(stuckScan))
	}
	return reading{p50: late.at(0.5), p99: late.at(0.99)}, nil
}
