package main

import (
	"runtime"
	"sync"
	"time"
)

// starter starts the body once, in a contestant's way, and returns without
// waiting for it.
type starter func() error

// way is how one contestant starts units. open is called once and gets the body
// of all units, so that nobody pays for making it; close releases what open
// made, when all units have ended.
type way struct {
	name string
	open func(body func()) (start starter, close func(), err error)
}

// load is a number of units, started by some producers at once.
type load struct {
	producers, units int
	body             func() // besides signalling its end; nil: a no-op, as it is measured
}

// contestants opens the ways. The body of every unit is WaitGroup.Done: it
// counts the unit and signals the end of all in one atomic addition. A unit that
// does not run makes the round hang, one that runs twice makes it panic.
func (l load) contestants(ways []way) ([]contestant, error) {
	var out []contestant
	for _, w := range ways {
		done := new(sync.WaitGroup)
		body := done.Done
		if l.body != nil {
			body = func() { l.body(); done.Done() }
		}
		start, closer, err := w.open(body)
		if err != nil {
			for _, k := range out {
				k.close()
			}
			return nil, err
		}
		out = append(out, contestant{
			name: w.name, close: closer,
			measure: func() (reading, error) { return l.measure(start, done) },
		})
	}
	return out, nil
}

// measure runs the load twice and counts the second time. The first makes up for
// the collection that went before, which freed the stacks of dead goroutines:
// without it the go statements would pay for new ones and their page faults.
func (l load) measure(start starter, done *sync.WaitGroup) (reading, error) {
	if err := l.run(start, done); err != nil {
		return reading{}, err
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	used, began := processorTime(), time.Now()
	err := l.run(start, done)
	took, cpu := time.Since(began), processorTime()-used
	runtime.ReadMemStats(&after)
	n := float64(l.units)
	return reading{
		nanos:  float64(took.Nanoseconds()) / n,
		cpu:    float64(cpu.Nanoseconds()) / n,
		allocs: float64(after.Mallocs-before.Mallocs) / n,
		bytes:  float64(after.TotalAlloc-before.TotalAlloc) / n,
	}, err
}

// run starts all units and waits for the last.
func (l load) run(start starter, done *sync.WaitGroup) error {
	done.Add(l.units)
	errs := make(chan error, l.producers) // a producer stops at its first error
	for p := 1; p < l.producers; p++ {
		go l.produce(l.share(p), start, errs)
	}
	l.produce(l.share(0), start, errs) // the caller is one of them
	for range l.producers {
		if err := <-errs; err != nil {
			return err
		}
	}
	done.Wait()
	return nil
}

// share is how many units producer p starts.
func (l load) share(p int) int {
	n := l.units / l.producers
	if p < l.units%l.producers {
		n++
	}
	return n
}

func (l load) produce(n int, start starter, errs chan<- error) {
	for range n {
		if err := start(); err != nil {
			errs <- err
			return
		}
	}
	errs <- nil
}
