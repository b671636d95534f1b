package main

import (
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
	"runtime/pprof"
	"strings"
	"time"

	"github.com/hale-go/hale/internal/goroutine"
	"github.com/hale-go/hale/observe"
	"go.uber.org/goleak"
)

// lookers are the ways to look at all goroutines. Each returns its figures.
func lookers() map[string]func() (map[string]float64, error) {
	return map[string]func() (map[string]float64, error){
		"hale":          lookHale(),
		"runtime.Stack": func() (map[string]float64, error) { return looked(dumpAll) },
		"goleak":        func() (map[string]float64, error) { return looked(dumpGoleak) },
		"gops":          func() (map[string]float64, error) { return looked(dumpGops) },
	}
}

// looked measures one look.
func looked(look func() error) (map[string]float64, error) {
	s := newStops()
	used, began := processorTime(), time.Now()
	err := look()
	took, cpu := time.Since(began), processorTime()-used
	return map[string]float64{
		"stop": s.longest().Seconds() * 1000, "nanos": float64(took), "cpu": float64(cpu),
	}, err
}

// dumpAll is what runtime.Stack is used like: into a buffer that doubles until
// all fits.
func dumpAll() error {
	for size := 1 << 20; ; size *= 2 {
		if buf := make([]byte, size); runtime.Stack(buf, true) < size {
			return nil
		}
	}
}

// dumpGops is what a gops agent does when it is asked for the stacks: the
// profile with debug=2, which is cut at 64 MB.
func dumpGops() error { return pprof.Lookup("goroutine").WriteTo(io.Discard, 2) }

// dumpGoleak has goleak leave out the parked goroutines, so that it finds none
// and does not try again 20 times.
func dumpGoleak() error {
	return goleak.Find(goleak.IgnoreAnyFunction("main.parkDeep"), goleak.IgnoreCurrent())
}

// lookHale measures hale's snapshot: all of it, with the folding into groups and
// the question to whom each label belongs. Before each one the memory guard is
// asked, by a limit that nothing can fit into, how much it takes the snapshot to
// need. It lets none pass that needs more than its share of what is left: bytes
// that were allocated beyond that figure would be beyond the share.
func lookHale() func() (map[string]float64, error) {
	cell := func(l goroutine.Label, _ time.Time) (observe.TaskID, time.Duration, bool) {
		return observe.TaskID{}, -1, strings.HasPrefix(l.Cell, "1.")
	}
	c := goroutine.NewCapturer(goroutine.Config{}, cell)
	return func() (map[string]float64, error) {
		limit := debug.SetMemoryLimit(-1)
		collect := debug.SetGCPercent(-1) // the limit of a moment must not start a collection
		debug.SetMemoryLimit(1)
		skipped := c.Capture(time.Now()).Skipped
		debug.SetMemoryLimit(limit)
		debug.SetGCPercent(collect)
		var goroutines int
		var foreseen float64
		if _, err := fmt.Sscanf(skipped, "memory: %d goroutines need about %f MB", &goroutines, &foreseen); err != nil {
			return nil, fmt.Errorf("the guard says %q: %w", skipped, err)
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		var snap observe.Snapshot
		values, err := looked(func() error {
			if snap = c.Capture(time.Now()); snap.Skipped != "" {
				return fmt.Errorf("no snapshot: %s", snap.Skipped)
			}
			return nil
		})
		runtime.ReadMemStats(&after)
		if err == nil {
			values["memory"] = float64(after.TotalAlloc-before.TotalAlloc) / (foreseen * 1e6)
			values["share"] = 100 * values["cpu"] / float64(interval(snap.CPU))
		}
		return values, err
	}
}
