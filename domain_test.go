package hale_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/isolate"
)

// Settings of domains change while calls are under way, and nothing is lost.
func TestDomainsChangeUnderLoad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := walled(t, nil)
		settings := []map[string]hale.DomainConfig{
			nil,
			{"shop": {Bulkhead: &isolate.BulkheadConfig{Limit: 2, Queue: 2, MaxWait: time.Millisecond}}},
			{"shop": {Bulkhead: &isolate.BulkheadConfig{Limit: 8}, Breaker: &isolate.BreakerConfig{}, Adaptive: &isolate.AdaptiveConfig{}}},
			{"shop": {Timeout: time.Millisecond, Grace: time.Millisecond}, "shop.page": {Bulkhead: &isolate.BulkheadConfig{Limit: 3}}},
			{"shop": {Rate: &isolate.RateConfig{Calls: 1000, MaxWait: time.Second}, Retry: &isolate.RetryConfig{}}},
		}
		stop := make(chan struct{})
		var wg sync.WaitGroup
		for range 16 {
			wg.Go(func() {
				for {
					select {
					case <-stop:
						return
					default:
					}
					_, _ = hale.Call(context.Background(), "shop.page.home", func(context.Context) (int, error) { time.Sleep(3 * time.Millisecond); return 1, nil })
					time.Sleep(time.Millisecond)
				}
			})
		}
		for i := range 200 {
			if err := rt.Reconfigure(hale.Config{Domains: settings[i%len(settings)]}); err != nil {
				t.Fatal(err)
			}
			time.Sleep(7 * time.Millisecond)
		}
		bad := map[string]hale.DomainConfig{"shop": {Bulkhead: &isolate.BulkheadConfig{Limit: 0}}}
		if err := rt.Reconfigure(hale.Config{Domains: bad}); err == nil || !strings.Contains(err.Error(), `Config.Domains["shop"].Bulkhead.Limit`) {
			t.Errorf("a limit of 0 gave %v", err)
		}
		close(stop)
		wg.Wait()
		time.Sleep(time.Minute)
		if err := rt.Reconfigure(hale.Config{Domains: settings[2]}); err != nil {
			t.Fatal(err)
		}
		if st := domainStat(t, rt, "shop"); st.InUse != 0 || st.Lost != 0 || st.Waiting != 0 {
			t.Errorf("places are lost: %+v", st)
		}
	})
}

// An open breaker stays open when its settings change.
func TestBreakerOutlivesItsSettings(t *testing.T) {
	rt := walled(t, map[string]hale.DomainConfig{"payments": {Breaker: &isolate.BreakerConfig{Failures: 1, Of: 1}}})
	_ = callN(t, 1, "payments.quote", failing)
	if err := rt.Reconfigure(hale.Config{Domains: map[string]hale.DomainConfig{"payments": {Breaker: &isolate.BreakerConfig{Failures: 5, Of: 9}}}}); err != nil {
		t.Fatal(err)
	}
	if err := callN(t, 1, "payments.quote", answer); !errors.Is(err, hale.ErrOpen) {
		t.Errorf("got %v, want ErrOpen", err)
	}
}

func TestDomainNames(t *testing.T) {
	for name, mend := range map[string]string{
		"":                             "give the domain a name",
		"a..b":                         "give each part between dots a name",
		".a":                           "give each part between dots a name",
		"a.":                           "give each part between dots a name",
		"a.b.c.d.e.f.g.h.i":            "nest domains at most 8 deep",
		"ä":                            "printable name in ASCII",
		"a#b":                          "printable name in ASCII",
		strings.Repeat("a", 200):       "printable name in ASCII",
		"a\nb":                         "printable name in ASCII",
		strings.Repeat("a", 122):       "at most 121 bytes",
		strings.Repeat("a.", 60) + "a": "nest domains at most 8 deep",
	} {
		_, err := hale.New(hale.WithConfig(hale.Config{Domains: map[string]hale.DomainConfig{name: {}}}))
		if err == nil || !strings.Contains(hale.Hint(err), mend) {
			t.Errorf("%q: %v, hint %q, want %q", name, err, hale.Hint(err), mend)
		}
	}
}

// Thousands of domains cost what they are, and no turn of the loop shows them all.
func TestTenThousandDomains(t *testing.T) {
	domains := map[string]hale.DomainConfig{}
	for i := range 10_000 {
		domains[fmt.Sprintf("tenants.t%d", i)] = hale.DomainConfig{
			Bulkhead: &isolate.BulkheadConfig{Limit: 4}, Breaker: &isolate.BreakerConfig{}, Retry: &isolate.RetryConfig{},
		}
	}
	rt := walled(t, domains)
	for i := range 10_000 {
		if err := callN(t, 1, fmt.Sprintf("tenants.t%d.get", i), answer); err != nil {
			t.Fatal(err)
		}
	}
	_ = callN(t, 30, "tenants.t7.get", failing)
	st := sample(t, rt)
	if len(st.Domains) != 0 || len(st.Walls) != 1 {
		t.Errorf("the sample shows %d domains and %d walls, want only the one whose breaker is open", len(st.Domains), len(st.Walls))
	}
	if n := len(rt.Domains()); n != 10_000 {
		t.Errorf("%d domains, want all", n)
	}
	too := map[string]hale.DomainConfig{}
	for i := range 20_000 {
		too[fmt.Sprintf("t%d", i)] = hale.DomainConfig{}
	}
	if err := rt.Reconfigure(hale.Config{Domains: too}); err == nil || hale.Hint(err) != "give at most 16384" {
		t.Errorf("20000 domains gave %v", err)
	}
}

// The settings of a domain are those of the pool of its name, and change its size while
// it runs.
func TestDomainPool(t *testing.T) {
	domains := func(workers int) map[string]hale.DomainConfig {
		return map[string]hale.DomainConfig{"thumbnails": {Pool: &hale.PoolConfig{Workers: workers, Queue: 7}}}
	}
	rt := walled(t, domains(3))
	size := func(p *hale.Pool, want int) {
		t.Helper()
		if got := p.Stat().Size; got != want {
			t.Errorf("%d workers, want %d", got, want)
		}
	}
	p, err := rt.NewPool("thumbnails", hale.PoolConfig{})
	if err != nil {
		t.Fatal(err)
	}
	other := newRuntime(t, hale.WithConfig(hale.Config{Domains: domains(3)}))
	own, err := other.NewPool("thumbnails", hale.PoolConfig{Workers: 2})
	if err != nil {
		t.Fatal(err)
	}
	size(p, 3)
	size(own, 2)
	if err := rt.Reconfigure(hale.Config{Domains: domains(5)}); err != nil {
		t.Fatal(err)
	}
	if err := other.Reconfigure(hale.Config{Domains: domains(5)}); err != nil {
		t.Fatal(err)
	}
	size(p, 5)
	size(own, 2)
	if err := rt.Reconfigure(hale.Config{}); err != nil {
		t.Fatal(err)
	}
	size(p, 5) // nobody says otherwise
	err = rt.Reconfigure(hale.Config{Domains: domains(-1)})
	if err == nil || !strings.Contains(err.Error(), `Config.Domains["thumbnails"].Pool.Workers`) {
		t.Errorf("-1 workers gave %v", err)
	}
}

// The limit of a domain follows what is called: it falls when calls are not answered in
// time, and rises again with those that are.
func TestAdaptiveDomain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := walled(t, map[string]hale.DomainConfig{"search": {
			Adaptive: &isolate.AdaptiveConfig{Initial: 20, Max: 40},
			Bulkhead: &isolate.BulkheadConfig{Limit: 1000, MaxWait: hale.NoWait}, // not what counts
			Timeout:  100 * time.Millisecond,
		}})
		limit := func() int { return domainStat(t, rt, "search").Limit }
		if got := limit(); got != 20 {
			t.Errorf("it begins at %d, want 20", got)
		}
		load := func(takes, lasts time.Duration) {
			var wg sync.WaitGroup
			for range 40 {
				wg.Go(func() {
					for end := time.Now().Add(lasts); time.Now().Before(end); time.Sleep(time.Millisecond) {
						_, _ = hale.Call(context.Background(), "search.find", func(ctx context.Context) (int, error) {
							return 1, isolate.Sleep(ctx, takes)
						})
					}
				})
			}
			wg.Wait()
		}
		load(time.Second, 8*time.Second)
		low := limit()
		if low > 10 {
			t.Errorf("after 8 s in which nothing was answered in time the limit is %d", low)
		}
		load(20*time.Millisecond, 10*time.Second)
		if high := limit(); high < 20 {
			t.Errorf("after 10 s in which all is well the limit is %d, was %d", high, low)
		}
		if st := domainStat(t, rt, "search"); st.InUse != 0 || st.Lost != 0 {
			t.Errorf("%+v", st)
		}
	})
}

// Names for which there is no room keep to the walls of their domain.
func TestTooManyNamesKeepToTheirDomain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := walled(t, map[string]hale.DomainConfig{"pay": {Bulkhead: &isolate.BulkheadConfig{Limit: 1, MaxWait: hale.NoWait}, Breaker: &isolate.BreakerConfig{Failures: 1, Of: 1}}})
		for i := range 5000 {
			_ = callN(t, 1, fmt.Sprintf("user.u%d", i), answer)
		}
		release := make(chan struct{})
		go func() { _, _ = hale.Call(context.Background(), "pay.quote", stuckCall(release)) }()
		synctest.Wait()
		if err := callN(t, 1, "pay.card.charge", answer); !errors.Is(err, hale.ErrFull) {
			t.Errorf("got %v, want ErrFull", err)
		}
		close(release)
		synctest.Wait()
		_ = callN(t, 1, "pay.quote", failing)
		if err := callN(t, 1, "pay.quote", answer); err != nil { // a breaker would cut off all for the sake of one
			t.Errorf("got %v", err)
		}
		must(t, rt.Reconfigure(hale.Config{}))
		if err := callN(t, 1, "pay.quote", answer); err != nil {
			t.Errorf("without the domain: %v", err)
		}
	})
}
