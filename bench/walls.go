package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/isolate"
	"github.com/hale-go/hale/observe"
)

const (
	// wallSlices is into how many slices for each side a round is cut, as those of the
	// http contest.
	wallSlices = 8

	wallCallers = 16 // of each domain, each with one call after another
	stuckRoom   = 8  // calls that fit into the stuck domain; the others wait, and are refused
	stuckWait   = 10 * time.Millisecond
	paid        = time.Millisecond // what a call of the other one takes
)

// wallsContest is one domain while another is stuck, against the same alone. The other's
// callers keep coming, its bulkhead is full, and its bodies ignore that their time is up.
// d is how long each side is loaded in a round.
func wallsContest(d time.Duration) contest {
	const name, all = "walls", "all sides"
	return contest{
		name: name,
		open: func() ([]contestant, error) {
			rt, closer, err := newRuntime(hale.WithConfig(hale.Config{Domains: map[string]hale.DomainConfig{
				"payments":        {Bulkhead: &isolate.BulkheadConfig{Limit: 2 * wallCallers}, Breaker: &isolate.BreakerConfig{}},
				"recommendations": {Bulkhead: &isolate.BulkheadConfig{Limit: stuckRoom, Queue: wallCallers, MaxWait: stuckWait}, Timeout: stuckWait, Grace: stuckWait},
			}}))
			if err != nil {
				return nil, err
			}
			hale.SetDefault(rt)
			return []contestant{{
				name:    all,
				measure: func() (reading, error) { return besideAndAlone(rt, d/wallSlices) },
				close:   func() { hale.SetDefault(nil); closer() },
			}}, nil
		},
		rows: func(r results) []row {
			against := func(side, what string, target float64, sense sense) row {
				x, y := r.of(all, value(side+" "+what)), r.of(all, value(alone+" "+what))
				return row{
					name: name + " " + what + " " + side + " / " + alone, values: x.over(y), unit: times, target: target, sense: sense,
					note: fmt.Sprintf("medians %.4g / %.4g", x.median(), y.median()),
				}
			}
			return []row{
				against(besideStuck, "calls/s", .99, atLeast), against(besideStuck, "p99", 1.1, atMost), against(besideStuck, "p50", 0, atMost),
				against(besideWaits, "calls/s", 0, atLeast), against(besideWaits, "p99", 0, atMost),
			}
		},
	}
}

// Sides of a round. That beside waits says what it takes from the domain that as many
// callers wait as long for a place, and get none.
const (
	besideStuck = "beside a stuck domain"
	besideWaits = "beside waits for a semaphore"
	alone       = "alone"
)

// besideAndAlone loads one domain on each side in turn.
func besideAndAlone(rt *hale.Runtime, slice time.Duration) (reading, error) {
	waits, took := map[string]series{}, map[string]time.Duration{}
	order := []string{besideStuck, alone, besideWaits}
	for range wallSlices {
		for _, side := range order {
			end := func() error { return nil }
			var err error
			switch side {
			case besideStuck:
				end, err = stick(rt)
			case besideWaits:
				end = queue()
			}
			if err != nil {
				return reading{}, err
			}
			began := time.Now()
			w, err := pay(slice)
			took[side] += time.Since(began)
			waits[side] = append(waits[side], w...)
			if err := errors.Join(err, end()); err != nil {
				return reading{}, err
			}
		}
		slices.Reverse(order)
	}
	values := map[string]float64{}
	for side, w := range waits {
		values[side+" calls/s"] = float64(len(w)) / took[side].Seconds()
		values[side+" p50"], values[side+" p99"] = w.at(.5), w.at(.99)
	}
	return reading{values: values}, nil
}

// pay makes one call after another, by each caller, for d, and returns how long they took
// in nanoseconds.
func pay(d time.Duration) (series, error) {
	waits, errs := make([]series, wallCallers), make([]error, wallCallers)
	began := time.Now()
	var all sync.WaitGroup
	for i := range wallCallers {
		all.Go(func() {
			for last := time.Now(); errs[i] == nil && last.Sub(began) < d; {
				_, errs[i] = hale.Call(context.Background(), "payments.charge", func(context.Context) (int, error) {
					time.Sleep(paid)
					return 0, nil
				})
				now := time.Now()
				waits[i] = append(waits[i], float64(now.Sub(last)))
				last = now
			}
		})
	}
	all.Wait()
	return slices.Concat(waits...), errors.Join(errs...)
}

// stick has calls come to the other domain until it holds as many that are stuck as it
// will, and go on coming. end ends them all.
func stick(rt *hale.Runtime) (end func() error, err error) {
	release := make(chan struct{})
	var all sync.WaitGroup
	for range wallCallers {
		all.Go(func() {
			for released := false; !released; {
				_, _ = hale.Call(context.Background(), "recommendations.similar", func(context.Context) (int, error) { <-release; return 0, nil })
				select {
				case <-release:
					released = true
				default:
				}
			}
		})
	}
	return func() error {
		close(release)
		all.Wait()
		return settled(rt, 0)
	}, settled(rt, stuckRoom)
}

// queue has as many callers wait for a place in a semaphore that is taken, again and
// again. end ends them all.
func queue() (end func() error) {
	full := semaphore.NewWeighted(1)
	full.TryAcquire(1)
	ctx, cancel := context.WithCancel(context.Background())
	var all sync.WaitGroup
	for range wallCallers {
		all.Go(func() {
			for ctx.Err() == nil {
				waits, given := context.WithTimeout(ctx, stuckWait)
				_ = full.Acquire(waits, 1)
				given()
			}
		})
	}
	return func() error { cancel(); all.Wait(); return nil }
}

// settled waits until a number of calls has a place in the stuck domain, and as many have
// been given up.
func settled(rt *hale.Runtime, n int) error {
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		all := rt.Domains()
		i := slices.IndexFunc(all, func(d observe.DomainStat) bool { return d.Name == "recommendations" })
		if i >= 0 && all[i].InUse == n && all[i].Lost == int64(n) {
			return nil
		}
	}
	return fmt.Errorf("bench: not %d calls are stuck: %+v", n, rt.Domains())
}
