package main

import (
	"context"
	"errors"
	"time"

	"github.com/failsafe-go/failsafe-go"
	"github.com/failsafe-go/failsafe-go/circuitbreaker"
	"github.com/sony/gobreaker/v2"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/isolate"
)

// probeCalls is how many calls are made when what was called is well again.
const probeCalls = 20

// probeContest is how many of later calls a breaker admits after a half-open probe never
// came back, or panicked. Each opens after two failures in a row, for a fiftieth of a
// second, and then lets one probe through.
func probeContest(open time.Duration) contest {
	const name = "probe"
	return contest{
		name: name,
		open: func() ([]contestant, error) {
			var out []contestant
			for _, k := range []struct {
				name string
				make func(open time.Duration) (call probeCall, close func(), err error)
			}{{callName, haleProbe}, {gobreakerName, gobreakerProbe}, {failsafeName, failsafeProbe}} {
				out = append(out, contestant{name: k.name, close: func() {}, measure: func() (reading, error) {
					values := map[string]float64{}
					for _, way := range []string{"hangs", "panics"} {
						call, closer, err := k.make(open)
						if err != nil {
							return reading{}, err
						}
						values[way] = float64(admitted(call, open, way))
						closer()
					}
					return reading{values: values}, nil
				}})
			}
			return out, nil
		},
		rows: func(r results) []row {
			var rows []row
			for _, way := range []string{"hangs", "panics"} {
				rows = append(rows,
					row{name: name + " " + way + ", then " + callName + " admits of 20", values: r.of(callName, value(way)), unit: count, target: probeCalls, sense: atLeast},
					row{name: name + " " + way + ", then " + gobreakerName + " admits", values: r.of(gobreakerName, value(way)), unit: count},
					row{name: name + " " + way + ", then " + failsafeName + " admits", values: r.of(failsafeName, value(way)), unit: count},
				)
			}
			return rows
		},
	}
}

// probeCall calls something through a breaker.
type probeCall func(fn func() (int, error)) (int, error)

func haleProbe(open time.Duration) (probeCall, func(), error) {
	rt, closer, err := newRuntime(hale.WithConfig(hale.Config{Domains: map[string]hale.DomainConfig{
		"bench": {Breaker: &isolate.BreakerConfig{Failures: 2, Of: 2, Open: open, MaxOpen: open, Probes: 1, MaxProbe: open}},
	}}))
	if err != nil {
		return nil, nil, err
	}
	hale.SetDefault(rt)
	return func(fn func() (int, error)) (int, error) {
		return hale.Call(context.Background(), "bench.probe", func(context.Context) (int, error) { return fn() })
	}, func() { hale.SetDefault(nil); closer() }, nil
}

func gobreakerProbe(open time.Duration) (probeCall, func(), error) {
	b := gobreaker.NewCircuitBreaker[int](gobreaker.Settings{
		Name: "bench", MaxRequests: 1, Timeout: open,
		ReadyToTrip: func(c gobreaker.Counts) bool { return c.ConsecutiveFailures >= 2 },
	})
	return b.Execute, func() {}, nil
}

func failsafeProbe(open time.Duration) (probeCall, func(), error) {
	b := circuitbreaker.NewBuilder[int]().WithFailureThreshold(2).WithSuccessThreshold(1).WithDelay(open).Build()
	return failsafe.With[int](b).Get, func() {}, nil
}

var errDown = errors.New("bench: it is down")

// admitted opens a breaker, lets its probe go wrong, and returns how many of later calls
// reach what is well by then. Before them there is one more call, and the breaker's time
// to think it over: whoever looks at a probe only when somebody asks has been asked.
func admitted(call probeCall, open time.Duration, way string) (n int) {
	for range 2 {
		_, _ = call(func() (int, error) { return 0, errDown })
	}
	time.Sleep(2 * open)
	began, release, ended := make(chan struct{}), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		defer func() { _ = recover() }() // of those that let a panic through
		_, _ = call(func() (int, error) {
			close(began)
			if way == "panics" {
				panic("bench: in the probe")
			}
			<-release
			return 1, nil
		})
	}()
	<-began
	time.Sleep(2 * open)
	well := func() (int, error) { return 1, nil }
	_, _ = call(well)
	time.Sleep(2 * open)
	for range probeCalls {
		if v, err := call(well); v == 1 && err == nil {
			n++
		}
	}
	close(release)
	<-ended
	return n
}
