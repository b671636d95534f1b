package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"
)

// idlePairs is how many processes of each kind idle at once: what idles does not
// disturb its neighbours, and the rounds one after another would take minutes.
const idlePairs = 10

// idleContest is the processor time of a service that does nothing, with hale
// and without: 20 names, 200 goroutines that wait.
func idleContest(d time.Duration) contest {
	const name = "idle"
	return contest{
		name:   name,
		rounds: idlePairs,
		open: func() (out []contestant, err error) {
			readings := sync.OnceValues(func() (map[string][]reading, error) { return idlePairsOf(d) })
			for _, k := range []string{"hale", "bare"} {
				next := 0
				out = append(out, contestant{name: k, close: func() {}, measure: func() (reading, error) {
					all, err := readings()
					if err != nil {
						return reading{}, err
					}
					next++
					return all[k][next-1], nil
				}})
			}
			return out, nil
		},
		rows: func(r results) []row {
			hale, bare := r.of("hale", value("share")), r.of("bare", value("share"))
			more := make(series, 0, len(hale))
			for i := range min(len(hale), len(bare)) {
				more = append(more, hale[i]-bare[i])
			}
			return []row{{
				name: name + " hale - bare", values: more, unit: share, target: 0.1,
				note: fmt.Sprintf("medians %.3f %% / %.3f %% of one core over %v", hale.median(), bare.median(), d),
			}}
		},
	}
}

// idlePairsOf runs all processes at once.
func idlePairsOf(d time.Duration) (map[string][]reading, error) {
	out := map[string][]reading{}
	var errs []error
	var mu sync.Mutex
	var running sync.WaitGroup
	for range idlePairs {
		for _, k := range []string{"hale", "bare"} {
			running.Go(func() {
				m, err := measureInChild("idle", k, d.Milliseconds())
				mu.Lock()
				defer mu.Unlock()
				out[k] = append(out[k], m)
				errs = append(errs, err)
			})
		}
	}
	running.Wait()
	return out, errors.Join(errs...)
}

// idleChild idles. words are "hale" or "bare" and the milliseconds.
func idleChild(words []string) (map[string]float64, error) {
	ms, err := strconv.Atoi(words[1])
	if err != nil {
		return nil, err
	}
	park := func(ctx context.Context) error { <-ctx.Done(); return nil }
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	if words[0] == "hale" {
		rt, closer, err := newRuntime()
		if err != nil {
			return nil, err
		}
		defer closer()
		for i := range 200 {
			rt.Go(ctx, fmt.Sprint("bench.idle", i%20), park)
		}
	} else {
		for range 200 {
			go func() { _ = park(ctx) }()
		}
	}
	time.Sleep(time.Duration(ms) * time.Millisecond / 10) // until all is started
	used, began := processorTime(), time.Now()
	time.Sleep(time.Duration(ms) * time.Millisecond)
	cpu, took := processorTime()-used, time.Since(began)
	return map[string]float64{"share": 100 * cpu.Seconds() / took.Seconds()}, nil
}
