package haleprom_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/isolate"
)

// walled returns a runtime with these domains, which is the default until the test's end.
func walled(t *testing.T, domains map[string]hale.DomainConfig) *hale.Runtime {
	t.Helper()
	rt := newRuntime(t, hale.WithConfig(hale.Config{Domains: domains}))
	hale.SetDefault(rt)
	t.Cleanup(func() { hale.SetDefault(nil) })
	return rt
}

func call(name string, err error, opts ...hale.CallOption) error {
	_, got := hale.Call(context.Background(), name, func(context.Context) (int, error) { return 0, err }, opts...)
	return got
}

func TestDomains(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := walled(t, map[string]hale.DomainConfig{
			"stock": {Bulkhead: &isolate.BulkheadConfig{Limit: 2, Queue: 1, MaxWait: time.Minute}, Timeout: time.Second, Grace: time.Second},
			"mail":  {Rate: &isolate.RateConfig{Calls: 1, Per: time.Hour}},
		})
		reg, c := register(t, rt)
		wants(t, scrape(t, reg), map[string]float64{
			"hale_domain_limit{domain=stock}":                            2,
			"hale_domain_in_use{domain=stock}":                           0,
			"hale_domain_refused_total{domain=stock,reason=full}":        0,
			"hale_domain_refused_total{domain=stock,reason=shed}":        0,
			"hale_domain_refused_total{domain=mail,reason=rate_limited}": 0,
		})
		release := make(chan struct{})
		for range 3 { // two get in and hang, one waits
			go func() {
				_, _ = hale.Call(context.Background(), "stock.reserve", func(context.Context) (int, error) { <-release; return 0, nil })
			}()
		}
		synctest.Wait()
		_ = call("stock.reserve", nil)
		for range 3 {
			_ = call("mail.send", nil)
		}
		for range 2 {
			wants(t, scrape(t, reg), map[string]float64{
				"hale_domain_in_use{domain=stock}":                           2,
				"hale_domain_waiting{domain=stock}":                          1,
				"hale_domain_lost{domain=stock}":                             0,
				"hale_domain_refused_total{domain=stock,reason=full}":        1,
				"hale_domain_refused_total{domain=mail,reason=rate_limited}": 2,
			})
		}
		time.Sleep(2500 * time.Millisecond) // they are given up, and the third gets in
		synctest.Wait()
		wants(t, scrape(t, reg), map[string]float64{
			"hale_domain_in_use{domain=stock}":             1,
			"hale_domain_waiting{domain=stock}":            0,
			"hale_domain_lost{domain=stock}":               2,
			"hale_call_timeouts_total{name=stock.reserve}": 2,
		})
		if n := testutil.CollectAndCount(c, "hale_domain_limit"); n != 1 {
			t.Errorf("%d limits, want none of what has no bulkhead", n)
		}
		if problems, err := testutil.CollectAndLint(c); err != nil || len(problems) > 0 {
			t.Errorf("%v, %v", problems, err)
		}
		close(release)
		synctest.Wait()
	})
}

func TestBreakers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		down := errors.New("it is down")
		breaker := &isolate.BreakerConfig{Failures: 2, Of: 2, Open: time.Second, Probes: 2}
		rt := walled(t, map[string]hale.DomainConfig{
			"payments": {Breaker: breaker},
			"stock":    {Retry: &isolate.RetryConfig{Max: 2, Delay: time.Millisecond}},
		})
		reg, c := register(t, rt)
		_ = call("payments.quote", nil)
		_ = call("stock.reserve", nil)
		state := func(want float64) {
			t.Helper()
			wants(t, scrape(t, reg), map[string]float64{"hale_breaker_state{domain=payments,name=payments.quote}": want})
		}
		state(0)
		for range 4 { // two are let through
			_ = call("payments.quote", down)
		}
		state(2)
		wants(t, scrape(t, reg), map[string]float64{
			"hale_breaker_opened_total{domain=payments,name=payments.quote}":  1,
			"hale_call_refused_total{name=payments.quote,reason=open}":        2,
			"hale_call_refused_total{name=payments.quote,reason=quarantined}": 0,
			"hale_call_refused_total{name=stock.reserve,reason=open}":         0,
			"hale_call_retries_total{name=stock.reserve}":                     0,
			"hale_call_fallbacks_total{name=stock.reserve}":                   0,
			"hale_call_timeouts_total{name=stock.reserve}":                    0,
		})
		time.Sleep(2 * time.Second)
		_ = call("payments.quote", nil)
		state(1)
		_ = call("payments.quote", nil)
		state(0)
		_ = call("stock.reserve", down, hale.Fallback(func(context.Context, error) (int, error) { return 1, nil }))
		wants(t, scrape(t, reg), map[string]float64{
			"hale_call_retries_total{name=stock.reserve}":   2,
			"hale_call_fallbacks_total{name=stock.reserve}": 1,
		})
		if n := testutil.CollectAndCount(c, "hale_breaker_state"); n != 1 {
			t.Errorf("%d states, want none of what has no breaker", n)
		}
		step(t, rt)
		if walls := rt.Status().Sample.Walls; len(walls) != 2 || walls[0].Breaker != "" {
			t.Errorf("the sample has %+v, want a closed breaker left out", walls)
		}
		if problems, err := testutil.CollectAndLint(c); err != nil || len(problems) > 0 {
			t.Errorf("%v, %v", problems, err)
		}
	})
}

// Of more domains and names than are told apart, the rest is told of together.
func TestManyDomains(t *testing.T) {
	const many = 1200
	domains := map[string]hale.DomainConfig{}
	for i := range many {
		domains[fmt.Sprintf("domain%d", i)] = hale.DomainConfig{
			Bulkhead: &isolate.BulkheadConfig{Limit: 2}, Breaker: &isolate.BreakerConfig{Failures: 1, Of: 1},
		}
	}
	rt := walled(t, domains)
	for i := range many {
		_ = call(fmt.Sprintf("domain%d.work", i), errors.New("it is down"))
	}
	reg, c := register(t, rt)
	wants(t, scrape(t, reg), map[string]float64{"hale_domain_limit{domain=other}": 2 * (many - 1000)})
	for _, name := range []string{"hale_domain_limit", "hale_breaker_state", "hale_call_retries_total"} {
		if n := testutil.CollectAndCount(c, name); n > 1001 {
			t.Errorf("%d series of %s", n, name)
		}
	}
}
