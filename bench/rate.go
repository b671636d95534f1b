package main

import (
	"context"
	"errors"
	"time"

	"github.com/failsafe-go/failsafe-go/ratelimiter"

	"github.com/hale-go/hale/isolate"
)

// mostCalls is how many calls a limiter of the rate contest lets begin.
const mostCalls = 1 << 20

// rateContest is asking a rate limiter for calls that may all begin at once.
func rateContest(calls int) contest {
	const name, ours, failsafe = "rate", "isolate.RateLimiter", "failsafe-go"
	return contest{
		name: name,
		open: func() ([]contestant, error) {
			ctx := context.Background()
			of := func(name string, fresh func() (func() bool, error)) contestant {
				return contestant{name: name, close: func() {}, measure: func() (m reading, err error) {
					admit, err := fresh() // for the lap before, too
					if err != nil {
						return reading{}, err
					}
					refused := 0
					m = tight(min(calls, mostCalls/2), func(n int) {
						for range n {
							if !admit() {
								refused++
							}
						}
					})
					if refused > 0 {
						err = errors.New("a call was refused")
					}
					return m, err
				}}
			}
			return []contestant{
				of(ours, func() (func() bool, error) {
					l, err := isolate.NewRateLimiter(isolate.RateConfig{Calls: mostCalls, Per: time.Hour})
					return func() bool { return l.Acquire(ctx) == nil }, err
				}),
				of(failsafe, func() (func() bool, error) {
					l := ratelimiter.NewBursty[any](mostCalls, time.Hour)
					return func() bool { return l.TryReservePermit(0) == 0 }, nil
				}),
			}, nil
		},
		rows: func(r results) []row {
			return []row{
				r.ratio(name, ours, failsafe, nanos, 1),
				{name: name + " " + ours + " allocations", values: r.of(ours, allocations), unit: allocs, sense: none},
			}
		},
	}
}
