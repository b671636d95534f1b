package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

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
	const name, pair = "walls", "beside and alone"
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
				name:    pair,
				measure: func() (reading, error) { return besideAndAlone(rt, d/wallSlices) },
				close:   func() { hale.SetDefault(nil); closer() },
			}}, nil
		},
		rows: func(r results) []row {
			against := func(what string, target float64, sense sense) row {
				x, y := r.of(pair, value("beside "+what)), r.of(pair, value("alone "+what))
				return row{
					name: name + " " + what + " beside a stuck domain / alone", values: x.over(y), unit: times, target: target, sense: sense,
					note: fmt.Sprintf("medians %.4g / %.4g", x.median(), y.median()),
				}
			}
			return []row{against("calls/s", .99, atLeast), against("p99", 1.1, atMost), against("p50", 0, atMost)}
		},
	}
}

// besideAndAlone loads one domain, in turn with the other stuck beside it and without.
func besideAndAlone(rt *hale.Runtime, slice time.Duration) (reading, error) {
	var waits [2]series
	var took [2]time.Duration
	for i := range 2 * wallSlices {
		side, end := (i+i/2)%2, func() error { return nil } // 0 1 1 0 0 1 1 0 …
		if side == 0 {
			var err error
			if end, err = stick(rt); err != nil {
				return reading{}, err
			}
		}
		began := time.Now()
		w, err := pay(slice)
		took[side] += time.Since(began)
		waits[side] = append(waits[side], w...)
		if err := errors.Join(err, end()); err != nil {
			return reading{}, err
		}
	}
	values := map[string]float64{}
	for i, name := range []string{"beside ", "alone "} {
		values[name+"calls/s"] = float64(len(waits[i])) / took[i].Seconds()
		values[name+"p50"], values[name+"p99"] = waits[i].at(.5), waits[i].at(.99)
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
