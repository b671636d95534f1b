package hale_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/heal"
	"github.com/hale-go/hale/isolate"
)

// wildError is an error whose methods panic on a nil pointer, as many do.
type wildError struct{ err error }

func (e *wildError) Error() string { return "wild" }
func (e *wildError) Unwrap() error { return e.err }

// wildContext is one that was recycled: to ask it panics.
type wildContext struct{ context.Context }

func (wildContext) Deadline() (time.Time, bool) { panic("recycled") }

// Whatever the caller's errors and contexts do, no place is lost and nothing escapes.
func TestCallSurvivesWildErrors(t *testing.T) {
	wild := func(context.Context) (int, error) { var e *wildError; return 0, e }
	panics := func(context.Context) (int, error) { var e *wildError; panic(e) }
	fallback := hale.Fallback(func(context.Context, error) (int, error) { return 1, nil })
	for name, c := range map[string]hale.DomainConfig{
		"inline":  {},
		"timeout": {Timeout: time.Minute},
		"retry":   {Retry: &isolate.RetryConfig{Delay: time.Microsecond}},
		"rate":    {Rate: &isolate.RateConfig{Calls: 1000, MaxWait: time.Second}},
	} {
		t.Run(name, func(t *testing.T) {
			c.Bulkhead = &isolate.BulkheadConfig{Limit: 1, MaxWait: hale.NoWait}
			rt := walled(t, map[string]hale.DomainConfig{"wild": c})
			for _, fn := range []func(context.Context) (int, error){wild, panics} {
				for _, opts := range [][]hale.CallOption{nil, {hale.Expect(errDown)}, {fallback}} {
					_ = callN(t, 3, "wild.call", fn, opts...)
					if st := domainStat(t, rt, "wild"); st.InUse != 0 || st.Full != 0 {
						t.Errorf("a place is lost: %+v", st)
					}
				}
			}
			for range 3 {
				if _, err := hale.Call(wildContext{t.Context()}, "wild.call", answer); err != nil {
					t.Errorf("in a context that panics: %v", err)
				}
			}
			if st := domainStat(t, rt, "wild"); st.InUse != 0 {
				t.Errorf("%+v", st)
			}
		})
	}
}

// The cause of a caller's end may be any error.
func TestCallThatWaitsIsCancelledWithAWildCause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		small := hale.DomainConfig{Bulkhead: &isolate.BulkheadConfig{Limit: 1, MaxWait: time.Hour}}
		rt := walled(t, map[string]hale.DomainConfig{"shop": small, "shop.pay": small})
		release := make(chan struct{})
		go func() { _, _ = hale.Call(context.Background(), "shop.page", stuckCall(release)) }()
		synctest.Wait()
		ctx, cancel := context.WithCancelCause(context.Background())
		done := make(chan struct{})
		go func() {
			defer close(done)
			if _, err := hale.Call(ctx, "shop.pay.card", answer); err == nil {
				t.Error("it was let in")
			}
		}()
		synctest.Wait()
		cancel((*wildError)(nil))
		<-done
		if st := domainStat(t, rt, "shop.pay"); st.InUse != 0 {
			t.Errorf("%+v, want its place free", st)
		}
		close(release)
		synctest.Wait()
	})
}

// What an incident shrank is given back when the loop ends, and when a lease does, loop or
// no loop.
func TestShrinkIsTakenBackWithoutTheLoop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := walled(t, map[string]hale.DomainConfig{"shop": {Bulkhead: &isolate.BulkheadConfig{Limit: 8}}})
		limit := func(want int) {
			t.Helper()
			_ = callN(t, 1, "shop.page", answer)
			if got := domainStat(t, rt, "shop").Limit; got != want {
				t.Errorf("the limit is %d, want %d", got, want)
			}
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); _ = rt.Run(ctx) }()
		_ = callN(t, 1, "shop.page", answer)
		must(t, hale.IncidentTarget(rt).Degrade(heal.ShrinkSwitch+"shop", "inc-1", 1))
		limit(4)
		cancel()
		<-done
		time.Sleep(11 * time.Second) // it settles
		limit(8)
		must(t, rt.Degrade(heal.ShrinkSwitch+"shop", 2, "", time.Minute))
		limit(2)
		time.Sleep(time.Hour)
		limit(8)
	})
}

// A change of other settings lets nobody into a domain that is shrunk.
func TestReconfigureKeepsADomainShrunk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		domains := func(wait time.Duration) hale.Config {
			return hale.Config{Domains: map[string]hale.DomainConfig{"shop": {Bulkhead: &isolate.BulkheadConfig{Limit: 100, Queue: 200, MaxWait: wait}}}}
		}
		rt := walled(t, domains(time.Hour).Domains)
		must(t, rt.Degrade(heal.ShrinkSwitch+"shop", 7, "", 0)) // to 1
		release := make(chan struct{})
		var wg sync.WaitGroup
		for range 50 {
			wg.Go(func() { _, _ = hale.Call(context.Background(), "shop.page", stuckCall(release)) })
		}
		synctest.Wait()
		must(t, rt.Reconfigure(domains(2*time.Hour)))
		synctest.Wait()
		if st := domainStat(t, rt, "shop"); st.InUse != 1 || st.Waiting != 49 || st.Limit != 1 {
			t.Errorf("%+v, want 1 that runs and 49 that wait", st)
		}
		close(release)
		wg.Wait()
	})
}

// An adaptive limit that settings took away has no say any more.
func TestAdaptiveLimitOfFormerSettings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := walled(t, map[string]hale.DomainConfig{"shop": {Adaptive: &isolate.AdaptiveConfig{Initial: 50, Max: 50}}})
		var wg sync.WaitGroup
		for range 50 {
			wg.Go(func() {
				_, _ = hale.Call(context.Background(), "shop.page", func(context.Context) (int, error) { time.Sleep(time.Second); return 0, context.DeadlineExceeded })
			})
		}
		synctest.Wait()
		must(t, rt.Reconfigure(hale.Config{Domains: map[string]hale.DomainConfig{"shop": {Bulkhead: &isolate.BulkheadConfig{Limit: 80}}}}))
		wg.Wait()
		if st := domainStat(t, rt, "shop"); st.Limit != 80 || st.InUse != 0 {
			t.Errorf("%+v, want the limit of the settings", st)
		}
	})
}

// Fallbacks that hang are asked no more when a thousand of them do.
func TestHungFallbacksAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := walled(t, map[string]hale.DomainConfig{"shop": {Timeout: time.Second, Bulkhead: &isolate.BulkheadConfig{Limit: 2, MaxWait: hale.NoWait}}})
		release := make(chan struct{})
		hang := hale.Fallback(func(context.Context, error) (int, error) { <-release; return 0, nil })
		var wg sync.WaitGroup
		for range 40 {
			for range 100 {
				wg.Go(func() { _, _ = hale.Call(context.Background(), "shop.page", failing, hang) })
			}
			time.Sleep(2 * time.Second)
		}
		wg.Wait()
		if n := len(rt.Tasks()); n < 1000 || n > 1200 {
			t.Errorf("%d fallbacks hang, want about 1024", n)
		}
		close(release)
		synctest.Wait()
		if got, err := hale.Call(t.Context(), "shop.page", failing, hale.Fallback(func(context.Context, error) (int, error) { return 7, nil })); got != 7 || err != nil {
			t.Errorf("afterwards: %d, %v", got, err)
		}
	})
}
