package main

import (
	"context"
	"fmt"
	"math"
	"runtime"
	"time"

	"github.com/hale-go/hale"
	"github.com/thejerf/suture/v4"
)

// restartContest is a child that panics over and over: from just before its
// panic to the start of its next run, with the stack captured.
func restartContest(restarts int) contest {
	const name, base = "restart", "suture"
	return contest{
		name: name,
		open: func() ([]contestant, error) {
			return []contestant{restartContestant("hale", restarts, superviseHale), restartContestant(base, restarts, superviseSuture)}, nil
		},
		rows: func(r results) []row {
			suture := row{name: name + " suture bytes per restart", values: r.of(base, allocatedBytes), unit: bytes}
			return []row{
				r.ratio(name+" p50", "hale", base, p50, 0.5),
				r.ratio(name+" p99", "hale", base, p99, 0.1),
				{name: name + " hale bytes per restart", values: r.of("hale", allocatedBytes), unit: bytes, target: 1024},
				suture,
			}
		},
	}
}

// supervise starts a service under a supervisor that restarts it at once,
// however often it fails. stop ends both.
type supervise func(service func(context.Context) error) (stop func() error, err error)

// restartContestant measures a fresh supervisor each round: what it keeps of
// the rounds before is not this round's.
func restartContestant(name string, restarts int, s supervise) contestant {
	return contestant{name: name, close: func() {}, measure: func() (reading, error) {
		f := &faulty{waits: make(series, 0, restarts), done: make(chan struct{})}
		stop, err := s(f.serve)
		if err != nil {
			return reading{}, err
		}
		<-f.done
		if err := stop(); err != nil {
			return reading{}, err
		}
		n := float64(restarts)
		return reading{
			p50: f.waits.at(0.5), p99: f.waits.at(0.99),
			allocs: float64(f.after.Mallocs-f.before.Mallocs) / n,
			bytes:  float64(f.after.TotalAlloc-f.before.TotalAlloc) / n,
		}, nil
	}}
}

// faulty is a service that panics until it has been restarted often enough.
// Its runs follow one another, so that it needs no lock.
type faulty struct {
	panicked      time.Time // zero before the first panic
	waits         series    // in nanoseconds; its capacity is how many are wanted
	before, after runtime.MemStats
	done          chan struct{}
}

func (f *faulty) serve(ctx context.Context) error {
	now := time.Now()
	if f.panicked.IsZero() {
		runtime.ReadMemStats(&f.before)
	} else {
		f.waits = append(f.waits, float64(now.Sub(f.panicked)))
	}
	if len(f.waits) == cap(f.waits) {
		runtime.ReadMemStats(&f.after)
		close(f.done)
		<-ctx.Done()
		return nil
	}
	f.panicked = time.Now()
	panic("bench: a fault")
}

// superviseHale uses a supervisor of its own. An initial wait of a nanosecond is
// none, since no timer can keep it. The kill switch keeps the loop from
// quarantining the service; each restart's events are still taken in.
func superviseHale(service func(context.Context) error) (func() error, error) {
	rt, closer, err := newRuntime()
	if err != nil {
		return nil, err
	}
	rt.SetHalted(true)
	s, err := rt.NewSupervisor("bench", hale.SupervisorConfig{
		Intensity: 1 << 16, Backoff: hale.Backoff{Initial: time.Nanosecond, Max: time.Nanosecond},
	})
	if err != nil {
		closer()
		return nil, err
	}
	s.Go("bench.restart", service, hale.Restart(hale.Permanent))
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	return func() error {
		cancel()
		defer closer()
		return <-ended
	}, nil
}

// superviseSuture uses a threshold that is never reached, so that suture never
// backs off, and a hook that drops the events that it has made.
func superviseSuture(service func(context.Context) error) (func() error, error) {
	s := suture.New("bench", suture.Spec{
		EventHook: func(suture.Event) {}, FailureThreshold: math.MaxFloat64,
		FailureBackoff: time.Nanosecond, BackoffJitter: suture.NoJitter{},
	})
	s.Add(sutureService{service})
	ctx, cancel := context.WithCancel(context.Background())
	ended := s.ServeBackground(ctx)
	return func() error {
		cancel()
		if err := <-ended; err != nil && ctx.Err() == nil {
			return fmt.Errorf("suture: %w", err)
		}
		return nil
	}, nil
}

// sutureService has a name, which suture would otherwise print the value for.
type sutureService struct {
	serve func(context.Context) error
}

func (s sutureService) Serve(ctx context.Context) error { return s.serve(ctx) }
func (s sutureService) String() string                  { return "bench.restart" }
