package haleprom_test

import (
	"context"
	"fmt"
	"math"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/haleprom"
	"github.com/hale-go/hale/observe"
)

// busy makes a runtime that has something of everything.
func busy(t *testing.T, opts ...hale.Option) *hale.Runtime {
	t.Helper()
	rt := newRuntime(t, opts...)
	quote := rt.Operation(observe.Client, "payments.quote", "")
	serve := func(name, status string, failed bool) {
		ctx, span := rt.Operation(observe.Server, name, "").Start(t.Context())
		hale.ReportErrorAs(ctx, errBroken, "declined")
		_ = quote.Do(ctx, func(context.Context) error { time.Sleep(20 * time.Millisecond); return nil })
		_ = hale.TraceOf(ctx)
		span.Finish(status, failed)
	}
	serve("GET /orders/{id}", "200", false)
	serve("GET /orders/{id}", "200", false)
	serve("GET /orders/{id}", "500", true)
	serve("GET /orders/{id}", "500", false)
	serve("GET (unmatched)", "404", false)
	serve("POST shop.example/cart", "201", false)
	serve("shop.Cart/Add", "OK", false) // of another protocol
	serve("Get /x", "ok", false)
	rt.Operation(observe.Internal, "GET /", "")
	if err := rt.Do(t.Context(), "orders.import", func(context.Context) error { panic("no") }); err == nil {
		t.Fatal("no panic")
	}
	pool, err := rt.NewPool("mail.send", hale.PoolConfig{Workers: 3})
	if err != nil {
		t.Fatal(err)
	}
	if err := pool.Submit(t.Context(), func(context.Context) error { return nil }); err != nil {
		t.Fatal(err)
	}
	rt.Go(t.Context(), "orders.poll", func(ctx context.Context) error { <-ctx.Done(); return nil })
	return rt
}

func TestMetrics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := busy(t)
		time.Sleep(time.Second)
		step(t, rt)
		reg, _ := register(t, rt)
		got := scrape(t, reg)
		wants(t, got, map[string]float64{
			"hale_http_requests_total{method=GET,path=/orders/{id},status=200}":                                2,
			"hale_http_requests_total{method=GET,path=/orders/{id},status=500}":                                2, // one that failed, one that did not
			"hale_http_requests_total{method=GET,path=(unmatched),status=404}":                                 1,
			"hale_http_requests_total{method=POST,path=shop.example/cart,status=201}":                          1,
			"hale_http_request_duration_seconds{method=GET,path=/orders/{id}}":                                 4,
			"hale_active_business_goroutines":                                                                  1,
			"hale_business_logic_errors_total{error_type=declined}":                                            8,
			"hale_operation_requests_total{kind=client,operation=payments.quote,outcome=ok}":                   8,
			"hale_operation_failures_total{kind=server,operation=GET /orders/{id}}":                            1,
			"hale_operation_inherited_failures_total{kind=server,operation=GET /orders/{id}}":                  0,
			"hale_operation_in_flight{kind=server,operation=GET /orders/{id}}":                                 0,
			"hale_operation_calls_total{called=payments.quote,kind=server,operation=GET /orders/{id}}":         4,
			"hale_operation_call_failures_total{called=payments.quote,kind=server,operation=GET /orders/{id}}": 0,
			"hale_operation_call_seconds_total{called=payments.quote,kind=server,operation=GET /orders/{id}}":  0.08,
			"hale_operation_duration_seconds{kind=client,operation=payments.quote}":                            8,
			"hale_tasks{domain=orders,task=orders.poll}":                                                       1,
			"hale_tasks_started_total{domain=orders,task=orders.import}":                                       1,
			"hale_tasks_failed_total{domain=orders,task=orders.import}":                                        1,
			"hale_tasks_panicked_total{domain=orders,task=orders.import}":                                      1,
			"hale_tasks_refused_total{domain=orders,task=orders.import}":                                       0,
			"hale_tasks_abandoned{domain=orders,task=orders.import}":                                           0,
			"hale_tasks_quarantined{domain=orders,task=orders.import}":                                         0,
			"hale_pool_size{domain=mail,pool=mail.send}":                                                       3,
			"hale_pool_busy_workers{domain=mail,pool=mail.send}":                                               0,
			"hale_pool_queued_units{domain=mail,pool=mail.send}":                                               0,
			"hale_pool_units_finished_total{domain=mail,pool=mail.send}":                                       1,
			"hale_pool_abandoned_units{domain=mail,pool=mail.send}":                                            0,
			"hale_pool_abandoned_units_limit{domain=mail,pool=mail.send}":                                      3,
			"hale_incidents{fault=panic,phase=detected}":                                                       1,
			"hale_incidents_opened_total{fault=panic}":                                                         1,
			"hale_incidents_opened_total{fault=goroutine_leak}":                                                0,
			"hale_observer_up":             0, // nobody calls Run
			"hale_halted":                  0,
			"hale_abandoned_goroutines":    0,
			"hale_overrun_goroutines":      0,
			"hale_loop_turns_total":        1,
			"hale_loop_broken_turns_total": 0,
			"hale_snapshots_total":         1,
			"hale_unseen_total":            0,
			"hale_unread_total":            0,
		})
		for _, series := range []string{"hale_http_requests_total{method=Get,path=/x,status=ok}", "hale_http_request_duration_seconds{method=GET,path=/}"} {
			if _, ok := got[series]; ok {
				t.Errorf("%s is there", series)
			}
		}
		if problems, err := testutil.GatherAndLint(reg); err != nil || len(problems) > 0 {
			t.Errorf("%v, %v", problems, err)
		}
	})
}

// All metrics there may be keep to Prometheus's conventions, with everything that the
// system can tell.
func TestEveryNameIsConventional(t *testing.T) {
	rt := busy(t)
	for range 2 {
		step(t, rt)
	}
	_, c := register(t, rt, haleprom.WithSummaries(0.5))
	if problems, err := testutil.CollectAndLint(c); err != nil || len(problems) > 0 {
		t.Errorf("%v, %v", problems, err)
	}
	ch := make(chan *prometheus.Desc, 200)
	c.Describe(ch)
	if n := len(ch); n < 70 || n > 100 {
		t.Errorf("%d metrics", n)
	}
}

func TestDurations(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := newRuntime(t)
		op := rt.Operation(observe.Server, "GET /", "")
		traces := map[string]bool{}
		for _, ms := range []time.Duration{1, 4, 6, 11, 90, 3000, 20000} {
			ctx, span := op.Start(t.Context())
			traces[hale.TraceOf(ctx).Trace()] = true
			time.Sleep(ms * time.Millisecond)
			span.Finish("200", false)
		}
		reg, _ := register(t, rt, haleprom.WithBuckets(0.005, 0.01, 0.1, 5, math.Inf(1)))
		h := family(t, reg, "hale_http_request_duration_seconds").GetMetric()[0].GetHistogram()
		if h.GetSampleCount() != 7 || math.Abs(h.GetSampleSum()-23.112) > 1e-9 {
			t.Errorf("%v in %v s", h.GetSampleCount(), h.GetSampleSum())
		}
		want := []uint64{2, 3, 5, 6, 7}
		for i, b := range h.GetBucket() {
			if b.GetCumulativeCount() != want[i] {
				t.Errorf("%v up to %v s, want %v", b.GetCumulativeCount(), b.GetUpperBound(), want[i])
			}
			e := b.GetExemplar()
			if e == nil {
				t.Errorf("no exemplar up to %v s", b.GetUpperBound())
				continue
			}
			of := map[string]string{}
			for _, l := range e.GetLabel() {
				of[l.GetName()] = l.GetValue()
			}
			if !traces[of["trace_id"]] || len(of["span_id"]) != 16 || e.GetValue() > b.GetUpperBound() || time.Since(e.GetTimestamp().AsTime()) > 25*time.Second {
				t.Errorf("up to %v s: exemplar %v", b.GetUpperBound(), e)
			}
		}
		if len(h.GetBucket()) != 5 { // the last one only for its exemplar
			t.Errorf("%d buckets", len(h.GetBucket()))
		}
	})
}

// A service whose names carry user data has a bounded number of series, and what is
// folded together does not fall.
func TestSeriesAreBounded(t *testing.T) {
	rt := newRuntime(t)
	reg, _ := register(t, rt)
	total := 0.
	for round := range 2 {
		for i := range 1200 {
			name := fmt.Sprintf("GET /orders/%d", i*(round+1))
			for _, err := range []error{nil, context.DeadlineExceeded} {
				_ = rt.Operation(observe.Server, name, "").Do(t.Context(), func(context.Context) error { return err })
			}
			_ = rt.Do(t.Context(), name, func(context.Context) error { return nil })
			total++
		}
		step(t, rt)
		got, sum, n := scrape(t, reg), 0., map[string]int{}
		for series, v := range got {
			name, _, _ := strings.Cut(series, "{")
			if n[name]++; name == "hale_tasks_started_total" {
				sum += v
			}
		}
		for name, n := range n {
			if n > 1001 {
				t.Errorf("%s has %d series", name, n)
			}
		}
		if sum != total {
			t.Errorf("%v tasks, want %v", sum, total)
		}
		if got["hale_tasks_started_total{domain=other,task=other}"] == 0 || got["hale_http_requests_total{method=other,path=other,status=other}"] == 0 {
			t.Error("nothing is folded")
		}
	}
}

// Names of nonsense, and names that are what hale calls the rest.
func TestAbsurdNames(t *testing.T) {
	rt := newRuntime(t)
	for _, name := range []string{"", "\xff\xfe", "GET /\xff\x00\n", "other", "hale.other", "GET  /", " /", "GET ", strings.Repeat("é/", 5000), `GET /"a"\`} {
		for _, kind := range []observe.OperationKind{observe.Server, observe.Client, "other"} {
			_, span := rt.Operation(kind, name, observe.Domain(name)).Start(t.Context())
			span.Operation().Report(name)
			span.Finish(name, true)
		}
		_ = rt.Do(t.Context(), name, func(context.Context) error { return nil })
	}
	step(t, rt)
	reg, _ := register(t, rt, haleprom.WithSummaries(0, 1))
	if got := scrape(t, reg); len(got) < 50 {
		t.Errorf("%d series", len(got))
	}
}

// A pool that is closed and made anew begins anew; its counter goes on.
func TestCountersOutliveTheirPool(t *testing.T) {
	rt := newRuntime(t)
	reg, _ := register(t, rt)
	const series = "hale_pool_units_finished_total{domain=mail,pool=mail.send}"
	for i, want := range []float64{5, 8, 12} {
		pool, err := rt.NewPool("mail.send", hale.PoolConfig{Workers: 1})
		if err != nil {
			t.Fatal(err)
		}
		for range []int{5, 3, 4}[i] {
			if err := pool.Submit(t.Context(), func(context.Context) error { return nil }); err != nil {
				t.Fatal(err)
			}
		}
		step(t, rt)
		wants(t, scrape(t, reg), map[string]float64{series: want})
		if err := pool.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		step(t, rt)
		if v, ok := scrape(t, reg)[series]; ok {
			t.Errorf("%v of no pool", v)
		}
	}
}

func TestSummaries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := newRuntime(t)
		op := rt.Operation(observe.Client, "quote", "")
		call := func(took time.Duration) {
			_ = op.Do(t.Context(), func(context.Context) error { time.Sleep(took); return nil })
		}
		reg, _ := register(t, rt, haleprom.WithSummaries(0.5, 1))
		check := func(when string, median, highest time.Duration, n uint64) {
			t.Helper()
			s := family(t, reg, "hale_operation_latency_seconds").GetMetric()[0].GetSummary()
			for i, want := range []time.Duration{median, highest} {
				got := s.GetQuantile()[i].GetValue()
				if off := math.Abs(got/want.Seconds() - 1); want == 0 && !math.IsNaN(got) || want > 0 && !(off < 0.016) {
					t.Errorf("%s: quantile %v is %v, want %v", when, s.GetQuantile()[i].GetQuantile(), got, want)
				}
			}
			if s.GetSampleCount() != n {
				t.Errorf("%s: %d in all, want %d", when, s.GetSampleCount(), n)
			}
		}
		call(100 * time.Millisecond)
		check("first", 100*time.Millisecond, 100*time.Millisecond, 1)
		time.Sleep(5 * time.Second)
		call(2 * time.Second)
		call(2 * time.Second)
		check("9 s later", 2*time.Second, 2*time.Second, 3) // there is none that is old enough
		time.Sleep(6 * time.Second)
		check("15 s later", 2*time.Second, 2*time.Second, 3) // since the first
		time.Sleep(5 * time.Second)
		call(time.Second)
		check("21 s later", 2*time.Second, 2*time.Second, 4) // since the first
		time.Sleep(15 * time.Second)
		check("36 s later", time.Second, time.Second, 4) // since that at 15 s
		time.Sleep(15 * time.Second)
		check("51 s later", 0, 0, 4) // since that at 36 s
	})
}

// Scrapes by several, while requests and turns go on: no counter falls.
func TestCountersNeverFall(t *testing.T) {
	rt := newRuntime(t)
	reg, _ := register(t, rt, haleprom.WithSummaries(0.9))
	ctx, stop := context.WithTimeout(t.Context(), 2*time.Second)
	defer stop()
	var work, scrapes sync.WaitGroup
	for i := range 4 {
		work.Go(func() {
			op := rt.Operation(observe.Server, fmt.Sprintf("GET /%d", i%2), "")
			for n := 0; ctx.Err() == nil; n++ {
				_ = rt.Do(ctx, op.Name(), func(ctx context.Context) error {
					ctx, span := op.Start(ctx)
					hale.ReportErrorAs(ctx, errBroken, fmt.Sprint(n%100))
					_ = hale.TraceOf(ctx)
					span.Finish(fmt.Sprint(200+n%7), n%7 == 5)
					if n%50 == 0 {
						panic("no")
					}
					return nil
				})
			}
		})
	}
	work.Go(func() {
		for ctx.Err() == nil {
			step(t, rt)
		}
	})
	var mu sync.Mutex
	for range 3 {
		scrapes.Go(func() {
			last := map[string]float64{}
			for ctx.Err() == nil {
				now := scrape(t, reg)
				for series, v := range last {
					name, _, _ := strings.Cut(series, "{")
					if rises := strings.HasSuffix(name, "_total") || strings.HasSuffix(name, "_duration_seconds"); rises && now[series] < v {
						mu.Lock()
						t.Errorf("%s fell from %v to %v", series, v, now[series])
						mu.Unlock()
					}
				}
				last = now
			}
			if len(last) < 50 {
				t.Errorf("%d series", len(last))
			}
		})
	}
	work.Wait()
	scrapes.Wait()
}
