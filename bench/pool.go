package main

import (
	"context"
	"fmt"
	"runtime"
	"time"

	"github.com/alitto/pond/v2"
	"github.com/bytedance/gopkg/util/gopool"
	"github.com/gammazero/workerpool"
	"github.com/hale-go/hale"
	"github.com/panjf2000/ants/v2"
	concpool "github.com/sourcegraph/conc/pool"
)

// queuePerWorker is the length of the queue where a pool lets one say it. It is
// hale's default.
const queuePerWorker = 64

// poolTargets are for hale against a raw go statement, by number of producers.
var poolTargets = map[int]float64{1: 0.45, 16: 0.5}

// poolContest is handing no-ops to a pool and waiting until all have run.
func poolContest(producers, units int) contest {
	name := fmt.Sprintf("pool/%d", producers)
	return contest{
		name: name,
		open: func() ([]contestant, error) {
			return load{producers: producers, units: units}.contestants(poolWays())
		},
		rows: func(r results) []row {
			rows := []row{
				r.ratio(name, "hale", rawName, nanos, poolTargets[producers]),
				{name: name + " hale allocations per unit", values: r.of("hale", allocations), unit: allocs, target: 1},
			}
			for _, w := range poolWays()[2:] {
				rows = append(rows, r.ratio(name, w.name, rawName, nanos, 0))
			}
			return rows
		},
	}
}

// poolWays returns the contestants: hale, the base, and the peers. Every pool
// has GOMAXPROCS workers.
func poolWays() []way {
	return []way{
		{"hale", openHalePool},
		{rawName, openRaw},
		{"ants", openAnts},
		{"pond", openPond},
		{"gopool", openGopool},
		{"conc pool", openConcPool},
		{"workerpool", openWorkerpool},
	}
}

// openHalePool turns everything on: a budget, and so the scanner that replaces
// stuck workers, and the runtime's loop.
func openHalePool(body func()) (starter, func(), error) {
	rt, closer, err := newRuntime()
	if err != nil {
		return nil, nil, err
	}
	workers := runtime.GOMAXPROCS(0)
	p, err := rt.NewPool("bench.pool", hale.PoolConfig{Workers: workers, Queue: queuePerWorker * workers, Budget: time.Second})
	if err != nil {
		closer()
		return nil, nil, err
	}
	ctx := context.Background()
	fn := func(context.Context) error { body(); return nil }
	return func() error { return p.Go(ctx, fn) }, closer, nil // closing the runtime closes the pool
}

// openAnts uses the defaults, but for the purge of idle workers, whose ticker it
// is better off without. ants has no queue: a submitter blocks until a worker is
// free.
func openAnts(body func()) (starter, func(), error) {
	p, err := ants.NewPool(runtime.GOMAXPROCS(0), ants.WithDisablePurge(true))
	if err != nil {
		return nil, nil, err
	}
	return func() error { return p.Submit(body) }, p.Release, nil
}

// openPond uses Go, which makes no handle to wait on, and the same queue as
// hale: a submitter blocks while it is full.
func openPond(body func()) (starter, func(), error) {
	workers := runtime.GOMAXPROCS(0)
	p := pond.NewPool(workers, pond.WithQueueSize(queuePerWorker*workers))
	return func() error { return p.Go(body) }, p.StopAndWait, nil
}

// openGopool uses the defaults. Its queue is unbounded, so that nobody ever
// blocks, and its units are recycled.
func openGopool(body func()) (starter, func(), error) {
	p := gopool.NewPool("bench", int32(runtime.GOMAXPROCS(0)), gopool.NewConfig())
	return func() error { p.Go(body); return nil }, func() {}, nil
}

// openConcPool has no queue: a submitter blocks until a worker takes the unit.
func openConcPool(body func()) (starter, func(), error) {
	p := concpool.New().WithMaxGoroutines(runtime.GOMAXPROCS(0))
	return func() error { p.Go(body); return nil }, p.Wait, nil
}

// openWorkerpool uses the defaults. Its queue is unbounded and fed by a
// dispatcher goroutine.
func openWorkerpool(body func()) (starter, func(), error) {
	p := workerpool.New(runtime.GOMAXPROCS(0))
	return func() error { return p.Do(body) }, p.StopWait, nil
}
