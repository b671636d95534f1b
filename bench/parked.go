package main

import (
	"context"
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"sync"

	"github.com/hale-go/hale"
	"github.com/sourcegraph/conc"
	"golang.org/x/sync/errgroup"
)

// parkedContest is the memory of a goroutine that waits, in the forms in which
// one keeps it. Every reading is a process of its own, since a goroutine that
// has ended leaves its descriptor for the next one.
func parkedContest(n int) contest {
	const name, base = "parked", "raw goroutine"
	peers := []string{"errgroup", "conc WaitGroup", "raw goroutine with a context"}
	return contest{
		name: name,
		open: func() (out []contestant, err error) {
			for _, k := range append([]string{"hale", "hale, done", "hale, both done", "hale.Go, done", base}, peers...) {
				out = append(out, contestant{name: k, close: func() {}, measure: func() (reading, error) {
					m, err := measureInChild("parked", n, k)
					m.bytes = m.values["bytes"]
					return m, err
				}})
			}
			return out, nil
		},
		rows: func(r results) []row {
			rows := []row{
				r.memory(name, "hale, done", base, 1.25),
				r.memory(name, "hale, both done", base, 1.25),
				r.memory(name, "hale", base, 0),
				r.memory(name, "hale.Go, done", base, 0),
			}
			for _, k := range peers {
				rows = append(rows, r.memory(name, k, base, 0))
			}
			return rows
		},
	}
}

// memory returns the row of a contestant's bytes against another's.
func (r results) memory(prefix, a, b string, target float64) row {
	x, y := r.of(a, allocatedBytes), r.of(b, allocatedBytes)
	return row{
		name: fmt.Sprintf("%s %s / %s", prefix, a, b), values: x.over(y), unit: times, target: target,
		note: fmt.Sprintf("medians %.0f B / %.0f B", x.median(), y.median()),
	}
}

// parkedChild parks n goroutines in one form. words are n and the form.
func parkedChild(words []string) (map[string]float64, error) {
	n, err := strconv.Atoi(words[0])
	if err != nil {
		return nil, err
	}
	form := strings.Join(words[1:], " ")
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	rt, closer, err := newRuntime()
	if err != nil {
		return nil, err
	}
	defer closer()
	var ready sync.WaitGroup
	ready.Add(n)
	release := make(chan struct{})
	park := func() { ready.Done(); <-release }
	group, wait := new(errgroup.Group), conc.NewWaitGroup()
	tasks := make([]*hale.Task, 0, n)
	var one func()
	switch form {
	case "raw goroutine":
		one = func() { go park() }
	case "raw goroutine with a context": // what one writes by hand to be able to stop it
		one = func() {
			ctx, cancel := context.WithCancelCause(ctx)
			go func() { defer cancel(nil); ready.Done(); <-ctx.Done() }()
		}
	case "errgroup":
		one = func() { group.Go(func() error { park(); return nil }) }
	case "conc WaitGroup":
		one = func() { wait.Go(park) }
	case "hale", "hale, done", "hale, both done", "hale.Go, done":
		fn := func(context.Context) error { park(); return nil }
		if form == "hale, both done" {
			fn = func(ctx context.Context) error { ready.Done(); <-ctx.Done(); return nil }
		}
		options := []hale.TaskOption{hale.Restart(hale.Permanent)}
		if form == "hale.Go, done" {
			options = nil
		}
		one = func() {
			t := rt.Go(ctx, "bench.parked", fn, options...)
			if form != "hale" {
				t.Done()
			}
			tasks = append(tasks, t)
		}
	default:
		return nil, fmt.Errorf("unknown form %s", form)
	}
	before := inUse()
	for range n {
		one()
	}
	ready.Wait()
	used := inUse() - before
	runtime.KeepAlive(tasks)
	return map[string]float64{"bytes": used / float64(n)}, nil
}

// inUse is what heap and stacks take after a collection.
func inUse() float64 {
	runtime.GC()
	runtime.GC() // what finalizers and pools held for one more cycle
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapInuse + m.StackInuse)
}
