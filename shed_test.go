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
)

func TestShed(t *testing.T) {
	rt := walled(t, map[string]hale.DomainConfig{"shop.batch": {Criticality: hale.Sheddable}})
	for level := range 5 {
		if level > 0 {
			if err := rt.Degrade(heal.ShedSwitch+"shop", level, "", 0); err != nil {
				t.Fatal(err)
			}
		}
		for c := hale.Sheddable; c <= hale.CriticalPlus; c++ {
			_, err := hale.Call(hale.WithCriticality(t.Context(), c), "shop.pages.home", answer)
			if want := c.Rank() < min(level, 3); errors.Is(err, hale.ErrShed) != want {
				t.Errorf("at level %d, what is %v got %v", level, c, err)
			}
		}
		if err := callN(t, 1, "shop.batch.index", answer); errors.Is(err, hale.ErrShed) != (level > 0) { // its domain says how critical it is
			t.Errorf("at level %d a sheddable domain's call got %v", level, err)
		}
		if err := callN(t, 1, "other.call", answer); err != nil {
			t.Errorf("at level %d another domain got %v", level, err)
		}
	}
	if st := domainStat(t, rt, "shop.batch"); st.Shed != 4 {
		t.Errorf("%+v, want 4 that were shed", st)
	}
}

func TestShrink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := walled(t, map[string]hale.DomainConfig{"shop": {Bulkhead: &isolate.BulkheadConfig{Limit: 10}}})
		limit := func(want int) {
			t.Helper()
			if got := domainStat(t, rt, "shop").Limit; got != want {
				t.Errorf("the limit is %d, want %d", got, want)
			}
		}
		for level, want := range map[int]int{1: 5, 2: 2, 3: 1, 9: 1} {
			if err := rt.Degrade(heal.ShrinkSwitch+"shop", level, "", 0); err != nil {
				t.Fatal(err)
			}
			limit(want)
			if err := rt.RestoreNow(heal.ShrinkSwitch+"shop", ""); err != nil {
				t.Fatal(err)
			}
			limit(10)
		}
		if err := rt.Degrade(heal.ShrinkSwitch+"shop", 1, "deploy", time.Minute); err != nil {
			t.Fatal(err)
		}
		if err := rt.Reconfigure(hale.Config{Domains: map[string]hale.DomainConfig{"shop": {Bulkhead: &isolate.BulkheadConfig{Limit: 40}}}}); err != nil {
			t.Fatal(err)
		}
		limit(20)
		time.Sleep(2 * time.Minute) // the lease and its settling are over
		_ = sample(t, rt)
		limit(40)
	})
}

// A degraded domain's calls are answered by their fallbacks at once.
func TestCallOfADegradedDomain(t *testing.T) {
	rt := walled(t, nil)
	if err := rt.Degrade("reco", 1, "", 0); err != nil {
		t.Fatal(err)
	}
	var why error
	ran := false
	got, err := hale.Call(t.Context(), "reco.similar", func(context.Context) (int, error) { ran = true; return 1, nil },
		hale.Fallback(func(_ context.Context, err error) (int, error) { why = err; return 7, nil }))
	if got != 7 || err != nil || ran || !errors.Is(why, hale.ErrDegraded) {
		t.Errorf("got %d, %v, the function ran: %v, the fallback was given %v", got, err, ran, why)
	}
	if got, err := hale.Call(t.Context(), "reco.similar", answer); got != 42 || err != nil {
		t.Errorf("without a fallback got %d, %v", got, err)
	}
}

// contained returns a runtime that may contain faults of these domains, the default one,
// whose loop turns in wg until end is called, which waits for all in wg.
func contained(t *testing.T, wg *sync.WaitGroup, domains map[string]hale.DomainConfig) (rt *hale.Runtime, ctx context.Context, end func()) {
	t.Helper()
	cfg := contain()
	cfg.Policy.Quarantine, cfg.Domains = 0, domains
	rt = newRuntime(t, hale.WithConfig(cfg))
	hale.SetDefault(rt)
	t.Cleanup(func() { hale.SetDefault(nil) })
	ctx, cancel := context.WithCancel(t.Context())
	wg.Go(func() { _ = rt.Run(ctx) })
	return rt, ctx, func() { cancel(); wg.Wait() }
}

// A domain that is full is relieved of what is not critical, and given back to it when
// there is room again.
func TestFullDomainIsRelieved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var wg sync.WaitGroup
		rt, ctx, end := contained(t, &wg, map[string]hale.DomainConfig{"shop": {Bulkhead: &isolate.BulkheadConfig{Limit: 4, Queue: 4, MaxWait: 100 * time.Millisecond}}})
		var mu sync.Mutex
		burst := true
		refused := map[hale.Criticality]int{}
		call := func(c hale.Criticality) {
			_, err := hale.Call(hale.WithCriticality(ctx, c), "shop.page", func(context.Context) (int, error) { time.Sleep(50 * time.Millisecond); return 1, nil })
			if err != nil {
				mu.Lock()
				refused[c]++
				mu.Unlock()
			}
		}
		wg.Go(func() { // 60 a second that are critical, and for a minute 200 that are not: 80 find room
			for i := 0; ctx.Err() == nil; i++ {
				if i%5 < 3 {
					wg.Go(func() { call(hale.Critical) })
				}
				mu.Lock()
				more := burst
				mu.Unlock()
				for range 2 {
					if more {
						wg.Go(func() { call(hale.Sheddable) })
					}
				}
				time.Sleep(10 * time.Millisecond)
			}
		})
		time.Sleep(time.Minute)
		incidents := rt.Incidents()
		if len(incidents) != 1 || incidents[0].Fault != diagnose.FullDomain || incidents[0].Subject.Name != "shop" {
			t.Fatalf("the incidents are %+v, want that of the full domain", incidents)
		}
		switches := rt.Degradations()
		if len(switches) != 1 || switches[0].Name != "shed:shop" || switches[0].Level != 2 || switches[0].Holders[0].By != incidents[0].ID {
			t.Errorf("switches %+v, want that the incident sheds", switches)
		}
		mu.Lock()
		if refused[hale.Critical] > 0 || refused[hale.Sheddable] < 1000 {
			t.Errorf("refused %v, want sheddable ones only", refused)
		}
		burst = false
		mu.Unlock()
		time.Sleep(5 * time.Minute)
		if inc := rt.Incidents()[0]; inc.Phase != diagnose.Verified || len(rt.Degradations()) != 0 {
			t.Errorf("the incident is %s with %+v held: %+v", inc.Phase, rt.Degradations(), inc.Steps)
		}
		mu.Lock()
		before := refused[hale.Sheddable]
		mu.Unlock()
		call(hale.Sheddable)
		end()
		if refused[hale.Sheddable] != before {
			t.Error("what is sheddable is still turned away")
		}
	})
}

// What is called is down: the breaker deals with it, and the incident says so.
func TestOpenBreakerIsAnIncident(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var wg sync.WaitGroup
		rt, ctx, end := contained(t, &wg, map[string]hale.DomainConfig{"payments": {Breaker: &isolate.BreakerConfig{Open: time.Second, MaxOpen: 2 * time.Second}}})
		var mu sync.Mutex
		down := false
		set := func(v bool) { mu.Lock(); down = v; mu.Unlock() }
		wg.Go(func() {
			for ctx.Err() == nil {
				_, _ = hale.Call(ctx, "payments.quote", func(context.Context) (int, error) {
					mu.Lock()
					defer mu.Unlock()
					if down {
						return 0, errDown
					}
					return 1, nil
				})
				time.Sleep(20 * time.Millisecond)
			}
		})
		time.Sleep(3 * time.Minute)
		set(true)
		time.Sleep(30 * time.Second)
		incidents := rt.Incidents()
		if len(incidents) != 1 || incidents[0].Fault != diagnose.DependencyDown || !incidents[0].Reflex || incidents[0].Phase != diagnose.Isolating {
			t.Fatalf("the incidents are %+v, want one that is left to the breaker", incidents)
		}
		set(false)
		time.Sleep(time.Minute)
		if inc := rt.Incidents(); len(inc) != 1 || inc[0].Phase != diagnose.Verified || inc[0].Outcome != diagnose.Recovered {
			t.Errorf("afterwards: %+v", inc)
		}
		set(true)
		time.Sleep(5 * time.Minute)
		if inc := rt.Incidents(); len(inc) != 2 || inc[1].Phase != diagnose.Escalated {
			t.Errorf("after minutes: %+v, want that a person is called", inc[len(inc)-1])
		}
		set(false)
		time.Sleep(time.Minute)
		if inc := rt.Incidents(); inc[len(inc)-1].Phase != diagnose.Verified {
			t.Errorf("in the end: %+v", inc[len(inc)-1])
		}
		end()
	})
}
