// Soak runs the healthy service under hale for hours, with load and with faults
// that come and go (panics, units that hang, leaks that are released), and
// measures whether hale itself stays as it was: its memory, its goroutines, and
// the files of the process. It prints a line a minute and a verdict, and exits
// with 1 when one of them is not flat. "make soak HOURS=2" runs it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"runtime"
	"sync"
	"syscall"
	"time"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/detect"
	"github.com/hale-go/hale/examples/healthy"
	"github.com/hale-go/hale/heal"
	"github.com/hale-go/hale/isolate"
)

func main() {
	runtime.MemProfileRate = 16 << 10 // before anything is allocated that is to be seen
	hours := flag.Float64("hours", 1, "how long the soak takes")
	flag.Parse()
	length := time.Duration(*hours * float64(time.Hour))
	if length < time.Minute || flag.NArg() > 0 {
		fmt.Fprintln(os.Stderr, "soak: give -hours with a number from 0.02 on, and nothing else")
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := soak(ctx, length, os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "soak:", err)
		os.Exit(1)
	}
}

// sampleEvery is how often hale is measured. It takes two garbage collections.
const sampleEvery = 5 * time.Second

// soak runs everything for length and returns an error when hale did not stay
// flat.
func soak(ctx context.Context, length time.Duration, out io.Writer) error {
	rt, err := hale.New(
		hale.WithConfig(hale.Config{
			// Its recording of 600 turns is full after two and a half minutes.
			Tick: 250 * time.Millisecond, Epoch: 500 * time.Millisecond, Snapshots: time.Second,
			Leak: detect.LeakConfig{Grace: 2 * time.Second},
			Lost: detect.LostConfig{Goroutines: 50},
			Domains: map[string]hale.DomainConfig{
				"quotes": {Breaker: &isolate.BreakerConfig{Open: time.Second}},
				"mail":   {Timeout: time.Second, Bulkhead: &isolate.BulkheadConfig{Limit: 8}},
			},
			Policy: heal.Policy{Act: heal.Contain, Quarantine: 2 * time.Second, MaxQuarantine: 10 * time.Second},
		}),
		hale.WithLogger(slog.New(slog.DiscardHandler)),
	)
	if err != nil {
		return err
	}
	loopCtx, endLoop := context.WithCancel(context.Background())
	var loop sync.WaitGroup
	loop.Go(func() { _ = rt.Run(loopCtx) }) // nil: it is called once
	defer func() {
		endLoop()
		loop.Wait()
	}()
	service, err := healthy.Start(ctx, rt, healthy.Config{})
	if err != nil {
		return errors.Join(err, rt.Close())
	}
	soaking, end := context.WithTimeout(ctx, length)
	defer end()
	faults, err := newFaults(rt)
	if err != nil {
		return errors.Join(err, service.Close(), rt.Close())
	}
	var work sync.WaitGroup
	work.Go(func() { faults.run(soaking) })
	load := &healthy.Load{Service: service, Seed: 9, Phases: []healthy.Phase{{For: length, Rate: healthy.Bursts(30, 80, 1+int(length/time.Minute)), Polls: 10}}}
	var failed error
	work.Go(func() { failed = load.Run(soaking) })

	samples := watch(soaking, rt, load, out)
	end()
	work.Wait()
	st := rt.Status()
	err = errors.Join(failed, service.Close(), rt.Close())
	if ctx.Err() != nil {
		err = errors.Join(err, errors.New("interrupted: the verdict is for the time so far"))
	}
	_, _ = fmt.Fprintf(out, "%d requests, %d faults set off, %d incidents known, %d remedies in the journal\n", load.Sent(), faults.count.Load(), len(st.Incidents), len(st.Journal))
	if len(st.Incidents) == 0 {
		err = errors.Join(err, errors.New("hale found none of the faults: it had nothing to do"))
	}
	return errors.Join(err, judge(samples, out))
}

// watch measures until ctx is done and prints a line a minute.
func watch(ctx context.Context, rt *hale.Runtime, load *healthy.Load, out io.Writer) []Sample {
	ticker := time.NewTicker(sampleEvery)
	defer ticker.Stop()
	begin := time.Now()
	var samples []Sample
	for {
		select {
		case <-ctx.Done():
			return samples
		case <-ticker.C:
		}
		s := measure(time.Since(begin))
		samples = append(samples, s)
		if s.At/time.Minute > (s.At-sampleEvery)/time.Minute {
			st := rt.Status()
			cells := 0
			for _, ts := range st.Sample.Tasks {
				cells += ts.HeldCells
			}
			_, _ = fmt.Fprintf(out, "%6v  %s  sites %d, held cells %d, incidents %d; process: %d goroutines, %d requests, %s\n",
				s.At.Round(time.Second), s, len(st.Sample.Tasks), cells, len(st.Incidents), runtime.NumGoroutine(), load.Sent(), st.Observer)
		}
	}
}
