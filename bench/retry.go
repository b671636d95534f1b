package main

import (
	"context"
	"errors"
	"runtime"

	retrygo "github.com/avast/retry-go/v5"
	"github.com/cenkalti/backoff/v5"

	"github.com/hale-go/hale/isolate"
)

// retryContest is a call that succeeds at once, under what would try it again if it had
// not: what retries cost while nothing is wrong.
func retryContest(calls int) contest {
	const name, ours, avast, cenkalti, base = "retry", "isolate.Do", "retry-go", "backoff", "bare call"
	return contest{
		name: name,
		open: func() ([]contestant, error) {
			r, err := isolate.NewRetry(isolate.RetryConfig{})
			if err != nil {
				return nil, err
			}
			ctx := context.Background()
			// Three tries with a doubled, spread delay, as hale's defaults have it.
			once := retrygo.NewWithData[int](retrygo.Attempts(3), retrygo.Context(ctx), retrygo.DelayType(retrygo.FullJitterBackoffDelay))
			answer := 0
			fn := func(context.Context) (int, error) {
				answer++
				if answer < 0 {
					return 0, errors.New("bench: overflow") // or the compiler leaves the error out
				}
				return answer, nil
			}
			bare := func() (int, error) { return fn(ctx) }
			by := func(name string, call func() (int, error)) contestant {
				return contestant{name: name, close: func() {}, measure: func() (m reading, err error) {
					m = tight(calls, func(n int) {
						for range n {
							v, failed := call()
							if failed != nil {
								err = failed
							}
							runtime.KeepAlive(v)
						}
					})
					return m, err
				}}
			}
			return []contestant{
				by(ours, func() (int, error) { return isolate.Do(ctx, r, fn) }),
				by(avast, func() (int, error) { return once.Do(bare) }),
				by(cenkalti, func() (int, error) { return backoff.Retry(ctx, bare, backoff.WithMaxTries(3)) }),
				by(base, bare),
			}, nil
		},
		rows: func(r results) []row {
			return []row{
				r.ratio(name, ours, avast, nanos, 2),
				{name: name + " " + ours + " allocations", values: r.of(ours, allocations), unit: allocs, sense: none},
				r.ratio(name, ours, cenkalti, nanos, 0),
				{name: name + " " + avast + " allocations", values: r.of(avast, allocations), unit: allocs},
				{name: name + " " + cenkalti + " allocations", values: r.of(cenkalti, allocations), unit: allocs},
				r.ratio(name, ours, base, nanos, 0),
			}
		},
	}
}
