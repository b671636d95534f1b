package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/failsafe-go/failsafe-go"
	"github.com/failsafe-go/failsafe-go/bulkhead"
	"github.com/sourcegraph/conc/pool"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/isolate"
)

const (
	permitLimit = 8 // calls at once, and callers
	permitWait  = 2 * time.Millisecond
	concName    = "conc pool"
)

// permitsContest is how many places a bulkhead has lost after calls that succeed, fail,
// panic, hang until they are released whatever their context says, and are cancelled. Where there
// are timeouts, those that hang have one.
func permitsContest(calls int) contest {
	const name = "permits"
	return contest{
		name: name,
		open: func() ([]contestant, error) {
			var out []contestant
			for _, k := range []struct {
				name string
				make func() (permitCall, func(), error)
			}{{callName, halePermits}, {failsafeName, failsafePermits}, {concName, concPermits}} {
				out = append(out, contestant{name: k.name, close: func() {}, measure: func() (reading, error) {
					call, closer, err := k.make()
					if err != nil {
						return reading{}, err
					}
					defer closer()
					ran := mixed(call, calls)
					return reading{values: map[string]float64{"lost": float64(permitLimit - places(call)), "ran": float64(ran) / float64(calls)}}, nil
				}})
			}
			return out, nil
		},
		rows: func(r results) []row {
			var rows []row
			for _, k := range []string{callName, failsafeName, concName} {
				lost := row{name: fmt.Sprintf("%s of %d lost, %s", name, permitLimit, k), values: r.of(k, value("lost")), unit: count}
				lost.note = fmt.Sprintf("%.3f of the calls were let in", r.of(k, value("ran")).median())
				if k == callName {
					lost.sense = none
				}
				rows = append(rows, lost)
			}
			return rows
		},
	}
}

// permitCall has fn called with a place if one is free. hangs says that it may hang: with
// a timeout it returns before fn does.
type permitCall func(ctx context.Context, hangs bool, fn func(context.Context) error) error

// halePermits has the other half of the calls run on their callers' goroutines.
func halePermits() (permitCall, func(), error) {
	rt, closer, err := newRuntime(hale.WithConfig(hale.Config{Domains: map[string]hale.DomainConfig{
		"bench":       {Bulkhead: &isolate.BulkheadConfig{Limit: permitLimit, MaxWait: permitWait}},
		"bench.timed": {Timeout: time.Millisecond, Grace: time.Millisecond},
	}}))
	if err != nil {
		return nil, nil, err
	}
	hale.SetDefault(rt)
	return func(ctx context.Context, hangs bool, fn func(context.Context) error) error {
		name := "bench.permits"
		if hangs {
			name = "bench.timed.permits"
		}
		_, err := hale.Call(ctx, name, func(ctx context.Context) (int, error) { return 0, fn(ctx) })
		return err
	}, func() { hale.SetDefault(nil); closer() }, nil
}

// failsafePermits does what a server does with a handler that panics: it goes on.
func failsafePermits() (permitCall, func(), error) {
	e := failsafe.With[any](bulkhead.NewBuilder[any](permitLimit).WithMaxWaitTime(permitWait).Build())
	return func(ctx context.Context, _ bool, fn func(context.Context) error) (err error) {
		defer func() {
			if v := recover(); v != nil {
				err = fmt.Errorf("bench: %v", v)
			}
		}()
		return e.WithContext(ctx).RunWithExecution(func(x failsafe.Execution[any]) error { return fn(x.Context()) })
	}, func() {}, nil
}

func concPermits() (permitCall, func(), error) {
	p := pool.New().WithMaxGoroutines(permitLimit)
	return func(ctx context.Context, _ bool, fn func(context.Context) error) error {
			ended := make(chan error, 1)
			p.Go(func() {
				defer close(ended)
				ended <- fn(ctx)
			})
			return <-ended
		}, func() {
			defer func() { _ = recover() }() // Wait gives the first of the panics back
			p.Wait()
		}, nil
}

// mixed makes the calls and returns how many were let in. It stops when a thousand in a
// row were not: nothing gets in any more.
func mixed(call permitCall, calls int) int64 {
	var ran, left, row atomic.Int64
	left.Store(int64(calls))
	var callers sync.WaitGroup
	for seed := range uint64(permitLimit) {
		callers.Go(func() {
			rnd := rand.New(rand.NewPCG(seed, shuffleSeed))
			for left.Add(-1) >= 0 && row.Add(1) <= 1000 {
				kind := rnd.IntN(12)
				ctx, cancel := context.WithCancel(context.Background())
				_ = call(ctx, kind == hangs || rnd.IntN(2) == 0, func(ctx context.Context) error {
					ran.Add(1)
					row.Store(0)
					return mixedBody(ctx, cancel, kind)
				})
				cancel()
			}
		})
	}
	callers.Wait()
	return ran.Load()
}

const hangs = 3

// mixedBody is one of a dozen kinds of calls: most succeed.
func mixedBody(ctx context.Context, cancel func(), kind int) error {
	switch kind {
	case 0:
		panic("bench: mixed")
	case 1, 2:
		return errDown
	case hangs:
		time.Sleep(3 * time.Millisecond)
	case 4:
		cancel()
		<-ctx.Done()
		return ctx.Err()
	}
	return nil
}

// places returns how many calls run at once when as many come as the limit lets in. What
// hung may not have come back yet: it tries again for a second.
func places(call permitCall) (most int) {
	for try := 0; try < 20 && most < permitLimit; try++ {
		in, release := make(chan struct{}, permitLimit), make(chan struct{})
		var all sync.WaitGroup
		for range permitLimit {
			all.Go(func() {
				_ = call(context.Background(), false, func(context.Context) error { in <- struct{}{}; <-release; return nil })
			})
		}
		enough := time.After(50 * time.Millisecond)
		for n := 0; n < permitLimit; {
			select {
			case <-in:
				n++
				most = max(most, n)
				continue
			case <-enough:
			}
			break
		}
		close(release)
		all.Wait()
	}
	return most
}
