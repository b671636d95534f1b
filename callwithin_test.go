package hale_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/diagnose"
	"github.com/hale-go/hale/heal"
	"github.com/hale-go/hale/isolate"
	"github.com/hale-go/hale/observe"
)

// A call that is made by one which has a place in the same bulkhead does not wait for
// another: each might wait for the other.
func TestCallWithinACallOfItsDomain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := walled(t, map[string]hale.DomainConfig{"orders": {Bulkhead: &isolate.BulkheadConfig{Limit: 2, MaxWait: time.Minute}}})
		serve := rt.Operation(observe.Server, "GET /orders", "orders")
		var wg sync.WaitGroup
		for range 2 {
			wg.Go(func() {
				ctx, span := serve.Start(context.Background())
				defer span.End(nil)
				_, err := hale.Call(ctx, "orders.place", func(ctx context.Context) (int, error) {
					time.Sleep(time.Second)
					return hale.Call(ctx, "orders.store", answer)
				})
				if err != nil {
					t.Error(err)
				}
			})
		}
		began := time.Now()
		wg.Wait()
		if took := time.Since(began); took != time.Second {
			t.Errorf("they took %v: they waited for one another", took)
		}
		if st := domainStat(t, rt, "orders"); st.InUse != 0 {
			t.Errorf("%+v, want none in use", st)
		}
		_, over := serve.Start(context.Background())
		over.End(nil)
	})
}

// Of nested adaptive limits, each is told of its own calls.
func TestNestedAdaptiveDomains(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		small := hale.DomainConfig{Adaptive: &isolate.AdaptiveConfig{Initial: 4, Max: 4}}
		rt := walled(t, map[string]hale.DomainConfig{
			"search": {Adaptive: &isolate.AdaptiveConfig{Initial: 10, Max: 40}}, "search.a": small, "search.b": small, "search.c": small, "search.d": small, "search.e": small,
		})
		var wg sync.WaitGroup
		for _, name := range []string{"search.a.x", "search.b.x", "search.c.x", "search.d.x", "search.e.x"} {
			for range 8 {
				wg.Go(func() {
					for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
						_, _ = hale.Call(context.Background(), name, func(context.Context) (int, error) { time.Sleep(20 * time.Millisecond); return 1, nil })
					}
				})
			}
		}
		wg.Wait()
		if st := domainStat(t, rt, "search"); st.Limit < 16 || st.InUse != 0 {
			t.Errorf("%+v, want a limit that five domains of four each can use", st)
		}
	})
}

// A dependency that takes long by nature finds its way back too.
func TestSlowProbesCloseTheBreaker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		walled(t, map[string]hale.DomainConfig{"reports": {Timeout: 20 * time.Second, Breaker: &isolate.BreakerConfig{Failures: 2, Of: 2}}})
		_ = callN(t, 2, "reports.make", failing)
		time.Sleep(6 * time.Second)
		let := 0
		var mu sync.Mutex
		var wg sync.WaitGroup
		for range 120 {
			wg.Go(func() {
				_, err := hale.Call(context.Background(), "reports.make", func(context.Context) (int, error) { time.Sleep(8 * time.Second); return 1, nil })
				mu.Lock()
				defer mu.Unlock()
				if err == nil {
					let++
				}
			})
			time.Sleep(time.Second)
		}
		wg.Wait()
		if let < 100 {
			t.Errorf("%d of 120 were answered", let)
		}
	})
}

// A breaker that opened, and that nobody asks any more, is nobody's concern.
func TestIdleOpenBreakerCallsNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := walled(t, map[string]hale.DomainConfig{"night": {Breaker: &isolate.BreakerConfig{Failures: 2, Of: 2}}})
		steps(t, rt, 5)
		_ = callN(t, 2, "night.job", failing)
		steps(t, rt, 600)
		if inc := only(t, rt); inc.Phase != diagnose.Verified {
			t.Errorf("%s: %s", inc.Phase, texts(inc))
		}
		if st := wallStat(t, rt, "night.job"); st.Breaker != "half_open" {
			t.Errorf("%+v, want that the next call is a probe", st)
		}
	})
}

func TestCallExpectIf(t *testing.T) {
	walled(t, map[string]hale.DomainConfig{"stock": {Breaker: &isolate.BreakerConfig{Failures: 1, Of: 1}}})
	answers := hale.ExpectIf(func(err error) bool { return errors.Is(err, errDown) })
	breaks := hale.ExpectIf(func(error) bool { panic("in the predicate") })
	if err := callN(t, 3, "stock.find", failing, answers, hale.ExpectIf(nil)); !errors.Is(err, errDown) {
		t.Errorf("an answer was taken for a failure: %v", err)
	}
	if err := callN(t, 2, "stock.find", failing, breaks); !errors.Is(err, hale.ErrOpen) {
		t.Errorf("a predicate that panics says yes: %v", err)
	}
}

// What panicked, or was cut off, is not tried again.
func TestCallRetriesNoPanic(t *testing.T) {
	rt := walled(t, map[string]hale.DomainConfig{"mail": {Retry: &isolate.RetryConfig{Delay: time.Microsecond}}})
	n := 0
	_ = callN(t, 1, "mail.send", func(context.Context) (int, error) { n++; panic("no") })
	if n != 1 {
		t.Errorf("it panicked %d times", n)
	}
	if err := hale.SetGate(rt, "mail.send", heal.GateClosed, 0); err != nil {
		t.Fatal(err)
	}
	if err := callN(t, 1, "mail.send", answer); !errors.Is(err, hale.ErrQuarantined) {
		t.Errorf("got %v", err)
	}
	if st := wallStat(t, rt, "mail.send"); st.Quarantined != 1 || st.Retried != 0 {
		t.Errorf("%+v, want one try", st)
	}
}

// While the breaker is open, nobody waits for his turn to be told so.
func TestOpenBreakerTakesNoTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		walled(t, map[string]hale.DomainConfig{"mail": {
			Rate: &isolate.RateConfig{Calls: 2, Smooth: true, MaxWait: time.Minute}, Breaker: &isolate.BreakerConfig{Failures: 1, Of: 1},
		}})
		_ = callN(t, 1, "mail.send", failing)
		began := time.Now()
		if err := callN(t, 5, "mail.send", answer); !errors.Is(err, hale.ErrOpen) || time.Since(began) > 0 {
			t.Errorf("got %v after %v", err, time.Since(began))
		}
	})
}

func TestWallTripAndReset(t *testing.T) {
	rt := walled(t, map[string]hale.DomainConfig{"mail": {Breaker: &isolate.BreakerConfig{}}})
	w := rt.Wall("mail.send", "")
	w.Trip()
	if err := callN(t, 1, "mail.send", answer); !errors.Is(err, hale.ErrOpen) {
		t.Errorf("tripped: %v", err)
	}
	w.Reset()
	if err := callN(t, 1, "mail.send", answer); err != nil {
		t.Errorf("reset: %v", err)
	}
	rt.Wall("other.call", "").Trip() // it has none
	if err := callN(t, 1, "other.call", answer); err != nil {
		t.Errorf("without a breaker: %v", err)
	}
	var none *hale.Wall
	none.Trip()
	none.Reset()
}

// A change of other settings fills no budget of retries, and one that is refused changes
// no limit.
func TestReconfigureKeepsWhatDomainsHave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		domains := map[string]hale.DomainConfig{"mail": {Retry: &isolate.RetryConfig{Delay: time.Microsecond, Max: 1}}, "shop": {Bulkhead: &isolate.BulkheadConfig{Limit: 50}}}
		rt := walled(t, domains)
		_ = callN(t, 100, "mail.send", failing)
		spent := wallStat(t, rt, "mail.send").Retried
		if err := rt.Reconfigure(hale.Config{Tick: 2 * time.Second, Domains: domains}); err != nil {
			t.Fatal(err)
		}
		_ = callN(t, 5, "mail.send", failing)
		if more := wallStat(t, rt, "mail.send").Retried - spent; more > 1 {
			t.Errorf("%d retries of 5 after a change of another setting, and %d of 100 before", more, spent)
		}
		adaptive := map[string]hale.DomainConfig{"shop": {Adaptive: &isolate.AdaptiveConfig{Initial: 3}}}
		for i := range 1024 { // all the switches that there may be
			if err := rt.Degrade(string(rune('a'+i%26))+"-"+string(rune('a'+i/26%26))+"-"+string(rune('a'+i/676)), 1, "", 0); err != nil {
				t.Fatal(err)
			}
		}
		if err := rt.Reconfigure(hale.Config{Domains: adaptive, Degraded: map[string]int{"one-more": 1}}); err == nil {
			t.Error("a switch more than there may be was taken")
		}
		if st := domainStat(t, rt, "shop"); st.Limit != 50 {
			t.Errorf("a change that was refused left a limit of %d", st.Limit)
		}
	})
}
