package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/failsafe-go/failsafe-go"
	"github.com/failsafe-go/failsafe-go/bulkhead"
	"github.com/failsafe-go/failsafe-go/circuitbreaker"
	"github.com/sony/gobreaker/v2"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/isolate"
	"github.com/hale-go/hale/observe"
)

// Names of what a function can be called through.
const (
	callName      = "hale.Call"
	gobreakerName = "gobreaker"
	failsafeName  = "failsafe-go"
	inSpanName    = "hale.Call in a span"
	timedName     = "hale.Call with a timeout"
)

// callContest is calling a function that returns at once, behind a bulkhead, a breaker and
// a guard against panics, by one goroutine or by some at once. gobreaker has no bulkhead
// and failsafe-go no guard.
func callContest(callers, calls int) contest {
	name := fmt.Sprintf("call/%d", callers)
	return contest{
		name: name,
		open: func() ([]contestant, error) { return openCalls(callers, calls) },
		rows: func(r results) []row {
			return []row{
				r.ratio(name, callName, gobreakerName, nanos, 1),
				r.ratio(name, callName, failsafeName, nanos, 0.15),
				{name: name + " " + callName + " allocations", values: r.of(callName, allocations), unit: allocs, sense: none},
				r.ratio(name, inSpanName, callName, nanos, 0),
				r.ratio(name, timedName, callName, nanos, 0),
				r.ratio(name, inSpanName, failsafeName, nanos, 0),
				r.ratio(name, timedName, failsafeName, nanos, 0),
				{name: name + " " + failsafeName + " allocations", values: r.of(failsafeName, allocations), unit: allocs},
				{name: name + " " + inSpanName + " allocations", values: r.of(inSpanName, allocations), unit: allocs},
				{name: name + " " + timedName + " allocations", values: r.of(timedName, allocations), unit: allocs},
			}
		},
	}
}

func openCalls(callers, calls int) ([]contestant, error) {
	walls := hale.DomainConfig{Bulkhead: &isolate.BulkheadConfig{Limit: 64}, Breaker: &isolate.BreakerConfig{}}
	rt, closer, err := newRuntime(hale.WithConfig(hale.Config{Domains: map[string]hale.DomainConfig{"bench": walls, "bench.timed": {Timeout: time.Hour}}}))
	if err != nil {
		return nil, err
	}
	hale.SetDefault(rt)
	answer := func() (int, error) { return 42, nil }
	withContext := func(context.Context) (int, error) { return 42, nil }
	ctx := context.Background()
	inSpan, span := rt.Operation(observe.Server, "GET /bench", "bench").Start(ctx)
	through := func(ctx context.Context, name string) func() (int, error) {
		return func() (int, error) { return hale.Call(ctx, name, withContext) }
	}
	breaker := gobreaker.NewCircuitBreaker[int](gobreaker.Settings{Name: "bench"})
	executor := failsafe.With[int](bulkhead.New[int](64), circuitbreaker.NewWithDefaults[int]())
	by := func(name string, calls int, call func() (int, error)) contestant {
		return contestant{name: name, close: func() {}, measure: func() (reading, error) { return calling(callers, calls, call) }}
	}
	plain := by(callName, calls, through(ctx, "bench.call"))
	plain.close = func() { span.End(nil); hale.SetDefault(nil); closer() }
	measure := plain.measure
	plain.measure = func() (reading, error) {
		for from := rt.Status().Loop.Turns; rt.Status().Loop.Turns < from+2; { // only then it knows how often it is called
			if _, err := calling(callers, calls/10, through(ctx, "bench.call")); err != nil {
				return reading{}, err
			}
		}
		return measure()
	}
	return []contestant{
		plain,
		by(gobreakerName, calls, func() (int, error) { return breaker.Execute(answer) }),
		by(failsafeName, calls/10, func() (int, error) { return executor.Get(answer) }),
		by(inSpanName, calls/10, through(inSpan, "bench.call")),
		by(timedName, calls/10, through(ctx, "bench.timed.call")),
	}, nil
}

// calling measures calls by some goroutines at once.
func calling(callers, calls int, call func() (int, error)) (reading, error) {
	errs := make([]error, callers)
	loop := func(caller, n int) {
		for range n {
			if v, err := call(); err != nil || v != 42 {
				errs[caller] = fmt.Errorf("bench: a call gave %d, %w", v, err)
			}
		}
	}
	m := tight(calls, func(n int) {
		if callers == 1 {
			loop(0, n)
			return
		}
		var all sync.WaitGroup
		for caller := range callers {
			all.Go(func() { loop(caller, n/callers) })
		}
		all.Wait()
	})
	return m, errors.Join(errs...)
}
