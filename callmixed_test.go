package hale_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/isolate"
)

// Of 100,000 calls that succeed, fail, panic, hang, are cancelled, end their goroutine
// and are shed, behind two walls, with timeout and without, no place is lost.
func TestCallLosesNoPlace(t *testing.T) {
	const limit, workers, calls = 8, 16, 100_000
	rt := walled(t, map[string]hale.DomainConfig{
		"mixed":        {Bulkhead: &isolate.BulkheadConfig{Limit: limit, Queue: 4, MaxWait: time.Millisecond}},
		"mixed.inner":  {Bulkhead: &isolate.BulkheadConfig{Limit: limit / 2, Queue: 4, MaxWait: time.Millisecond}, Retry: &isolate.RetryConfig{Delay: 100 * time.Microsecond}},
		"mixed.timed":  {Timeout: time.Millisecond, Grace: time.Millisecond},
		"mixed.broken": {Breaker: &isolate.BreakerConfig{Failures: 3, Of: 10, Open: time.Millisecond, MaxOpen: time.Millisecond, Probes: 1, MaxProbe: time.Millisecond}},
	})
	names := []string{"mixed.a", "mixed.inner.a", "mixed.inner.b", "mixed.timed.a", "mixed.broken.a"}
	release := make(chan struct{})
	var hanging, ran atomic.Int64
	body := func(kind int) func(context.Context) (int, error) {
		return func(ctx context.Context) (int, error) {
			ran.Add(1)
			switch kind {
			case 0:
				panic("mixed")
			case 1:
				return 0, errDown
			case 2:
				time.Sleep(time.Duration(rand.IntN(100)) * time.Microsecond)
			case 3:
				if hanging.Add(1) <= 6 { // for good, but for those that come back in the end
					<-release
				}
			case 4:
				<-ctx.Done()
				return 0, ctx.Err()
			case 5:
				runtime.Goexit()
			}
			return 1, nil
		}
	}
	one := func(rnd *rand.Rand) {
		kind, name := rnd.IntN(12), names[rnd.IntN(len(names))]
		if kind == 3 {
			name = "mixed.timed.a" // without a timeout it is the caller that hangs
		}
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		if kind == 4 {
			ctx, cancel = context.WithTimeout(ctx, 200*time.Microsecond)
			defer cancel()
		}
		_, _ = hale.Call(hale.WithCriticality(ctx, hale.Criticality(rnd.IntN(5))), name, body(kind),
			hale.Fallback(func(context.Context, error) (int, error) { return 0, nil }))
	}
	var left atomic.Int64
	left.Store(calls)
	var wg sync.WaitGroup
	var work func(seed uint64)
	work = func(seed uint64) {
		wg.Go(func() {
			ended := false
			defer func() {
				if !ended { // by Goexit
					work(seed + 1000)
				}
			}()
			rnd := rand.New(rand.NewPCG(seed, 5))
			for left.Add(-1) >= 0 {
				one(rnd)
			}
			ended = true
		})
	}
	for w := range workers {
		work(uint64(w))
	}
	wg.Wait()
	close(release)
	free := func() bool {
		for _, d := range rt.Domains() {
			if d.InUse != 0 || d.Waiting != 0 || d.Lost != 0 {
				return false
			}
		}
		return rt.Status().Abandoned == 0
	}
	for deadline := time.Now().Add(10 * time.Second); !free() && time.Now().Before(deadline); {
		runtime.Gosched()
	}
	if !free() {
		t.Fatalf("places are lost: %+v, %d abandoned", rt.Domains(), rt.Status().Abandoned)
	}
	if ran.Load() < calls/4 {
		t.Errorf("only %d of %d were let in", ran.Load(), calls)
	}
	block, full := make(chan struct{}), 0
	for range limit { // as many as ever find room
		wg.Go(func() { _, _ = hale.Call(context.Background(), "mixed.a", stuckCall(block)) })
	}
	for deadline := time.Now().Add(10 * time.Second); domainStat(t, rt, "mixed").InUse < limit && time.Now().Before(deadline); {
		runtime.Gosched()
	}
	if errors.Is(callN(t, 1, "mixed.a", answer), hale.ErrFull) {
		full++
	}
	close(block)
	wg.Wait()
	if full != 1 {
		t.Errorf("the bulkhead does not hold %d any more: %+v", limit, domainStat(t, rt, "mixed"))
	}
}
