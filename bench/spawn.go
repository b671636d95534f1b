package main

import (
	"context"
	"fmt"
	"runtime/pprof"
	"sync/atomic"

	"github.com/hale-go/hale"
	"github.com/sourcegraph/conc"
	"golang.org/x/sync/errgroup"
)

// Names of what hale is measured against.
const (
	rawName  = "go+WaitGroup"
	handName = "go+recover+WithCancelCause"
)

// goContest is starting a goroutine for each no-op and waiting until all have
// run.
func goContest(producers, units int) contest {
	name := fmt.Sprintf("go/%d", producers)
	return contest{
		name: name,
		open: func() ([]contestant, error) {
			return load{producers: producers, units: units}.contestants(goWays())
		},
		rows: func(r results) []row {
			rows := []row{
				r.ratio(name, "hale", rawName, nanos, 1.5),
				r.ratio(name, "hale", handName, nanos, 0.8),
				{name: name + " hale allocations per task", values: r.of("hale", allocations), unit: allocs, target: 3},
			}
			for _, w := range goWays()[2:] {
				rows = append(rows, r.ratio(name, w.name, rawName, nanos, 0))
			}
			return rows
		},
	}
}

// goWays returns the contestants: hale, the base, and the peers.
func goWays() []way {
	return []way{
		{"hale", openHaleGo},
		{rawName, openRaw},
		{handName, openHand},
		{"errgroup", openErrgroup},
		{"conc WaitGroup", openConc},
		{"go+pprof.Do", openLabels},
	}
}

// openRaw is the base of the pool and go contests: a bare go statement on a
// function value that is at hand, which allocates nothing.
func openRaw(body func()) (starter, func(), error) {
	return func() error { go body(); return nil }, func() {}, nil
}

// openHaleGo has everything on: a runtime whose loop turns, so that every task
// has an ID, labels, a cause, an entry in the registry, and its panic contained.
func openHaleGo(body func()) (starter, func(), error) {
	rt, closer, err := newRuntime()
	if err != nil {
		return nil, nil, err
	}
	hale.SetDefault(rt)
	ctx := context.Background()
	fn := func(context.Context) error { body(); return nil }
	start := func() error { hale.Go(ctx, "bench.go", fn); return nil }
	return start, func() { hale.SetDefault(nil); closer() }, nil
}

// openHand is what one writes by hand for two of the things that hale.Go gives:
// a contained panic and a context that can be cancelled with a cause. The parent
// is the background context, the cheapest there is.
func openHand(body func()) (starter, func(), error) {
	parent := context.Background()
	fn := func(context.Context) error { body(); return nil }
	var failed atomic.Uint64
	start := func() error {
		ctx, cancel := context.WithCancelCause(parent)
		go func() {
			defer func() {
				if recover() != nil {
					failed.Add(1)
				}
				cancel(nil)
			}()
			if fn(ctx) != nil {
				failed.Add(1)
			}
		}()
		return nil
	}
	return start, func() {}, nil
}

// openErrgroup uses one group, without a limit.
func openErrgroup(body func()) (starter, func(), error) {
	g := new(errgroup.Group)
	fn := func() error { body(); return nil }
	return func() error { g.Go(fn); return nil }, func() { _ = g.Wait() }, nil // no unit returns an error
}

// openConc uses one WaitGroup.
func openConc(body func()) (starter, func(), error) {
	g := conc.NewWaitGroup()
	return func() error { g.Go(body); return nil }, g.Wait, nil
}

// openLabels is the standard way to give a goroutine labels, with a label set
// that is made once.
func openLabels(body func()) (starter, func(), error) {
	ctx := context.Background()
	labels := pprof.Labels("name", "bench.go", "domain", "bench")
	fn := func(context.Context) { body() }
	return func() error { go pprof.Do(ctx, labels, fn); return nil }, func() {}, nil
}
