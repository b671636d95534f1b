package hale_test

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/isolate"
	"github.com/hale-go/hale/observe"
)

var errDown = errors.New("it is down")

// walled returns a runtime with these domains, which is the default until the test's
// end.
func walled(t testing.TB, domains map[string]hale.DomainConfig) *hale.Runtime {
	t.Helper()
	rt := newRuntime(t, hale.WithConfig(hale.Config{Domains: domains}))
	hale.SetDefault(rt)
	t.Cleanup(func() { hale.SetDefault(nil) })
	return rt
}

func domainStat(t testing.TB, rt *hale.Runtime, name observe.Domain) observe.DomainStat {
	t.Helper()
	all := rt.Domains()
	i := slices.IndexFunc(all, func(d observe.DomainStat) bool { return d.Name == name })
	if i < 0 {
		t.Fatalf("no domain %s among %+v", name, all)
	}
	return all[i]
}

func wallStat(t testing.TB, rt *hale.Runtime, name string) observe.WallStat {
	t.Helper()
	all := rt.Walls()
	i := slices.IndexFunc(all, func(w observe.WallStat) bool { return w.Name == name })
	if i < 0 {
		t.Fatalf("no wall %s among %+v", name, all)
	}
	return all[i]
}

func answer(context.Context) (int, error)  { return 42, nil }
func failing(context.Context) (int, error) { return 0, errDown }

func callN(t testing.TB, n int, name string, fn func(context.Context) (int, error), opts ...hale.CallOption) (err error) {
	t.Helper()
	for range n {
		_, err = hale.Call(t.Context(), name, fn, opts...)
	}
	return err
}

func TestCall(t *testing.T) {
	rt := walled(t, map[string]hale.DomainConfig{"payments": {Bulkhead: &isolate.BulkheadConfig{Limit: 2}, Breaker: &isolate.BreakerConfig{}}})
	got, err := hale.Call(t.Context(), "payments.quote", func(context.Context) (string, error) { return "12.50", nil })
	if got != "12.50" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
	if err := callN(t, 1, "payments.quote", failing); !errors.Is(err, errDown) {
		t.Errorf("got %v, want the function's own error", err)
	}
	if _, err := hale.Call[int](t.Context(), "payments.quote", nil); !errors.Is(err, hale.ErrNilFunc) {
		t.Errorf("a nil function gave %v", err)
	}
	if st := domainStat(t, rt, "payments"); st.InUse != 0 || st.Limit != 2 {
		t.Errorf("the domain is %+v, want nothing in use of 2", st)
	}
	for _, op := range rt.Operations() {
		if op.Name == "payments.quote" && (op.Kind != observe.Internal || op.Ended != 2 || op.Failed != 1 || op.InFlight != 0) {
			t.Errorf("it is measured as %+v, want 2 ended, 1 failed", op)
		}
	}
}

func TestCallWithoutRuntime(t *testing.T) {
	hale.SetDefault(nil)
	if got, err := hale.Call(t.Context(), "payments.quote", answer); got != 42 || err != nil {
		t.Errorf("got %d, %v", got, err)
	}
	_, err := hale.Call(t.Context(), "payments.quote", func(context.Context) (int, error) { panic("no") })
	if p, ok := errors.AsType[*hale.PanicError](err); !ok || p.Value != "no" {
		t.Errorf("a panic gave %v", err)
	}
	got, err := hale.Call(t.Context(), "payments.quote", failing, hale.Fallback(func(context.Context, error) (int, error) { return 7, nil }))
	if got != 7 || err != nil {
		t.Errorf("with a fallback got %d, %v", got, err)
	}
}

func TestCallRefusals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := walled(t, map[string]hale.DomainConfig{
			"stock":    {Bulkhead: &isolate.BulkheadConfig{Limit: 1, MaxWait: hale.NoWait}},
			"mail":     {Rate: &isolate.RateConfig{Calls: 2, Per: time.Second}},
			"payments": {Breaker: &isolate.BreakerConfig{Failures: 2, Of: 2}},
		})
		block := make(chan struct{})
		go func() {
			_, _ = hale.Call(context.Background(), "stock.reserve", func(context.Context) (int, error) { <-block; return 0, nil })
		}()
		synctest.Wait()
		for _, c := range []struct {
			name  string
			want  error
			at    string
			again bool
		}{
			{"stock.reserve", hale.ErrFull, "stock", false},
			{"mail.send", hale.ErrRateLimited, "mail", true},
			{"payments.quote", hale.ErrOpen, "payments.quote", true},
		} {
			if c.want != hale.ErrFull {
				_ = callN(t, 2, c.name, failing)
			}
			err := callN(t, 1, c.name, answer)
			refused, ok := errors.AsType[*isolate.RefusedError](err)
			if !errors.Is(err, c.want) || !ok || refused.At != c.at || (refused.RetryAfter > 0) != c.again {
				t.Errorf("%s: got %#v, want %v at %s", c.name, err, c.want, c.at)
			}
			if hale.Hint(err) == "" {
				t.Errorf("%s: no hint for %v", c.name, err)
			}
		}
		close(block)
		synctest.Wait()
		if st := domainStat(t, rt, "stock"); st.Full != 1 || st.InUse != 0 {
			t.Errorf("stock is %+v, want 1 refused and none in use", st)
		}
		if st := domainStat(t, rt, "mail"); st.RateLimited != 1 {
			t.Errorf("mail is %+v, want 1 refused", st)
		}
		if st := wallStat(t, rt, "payments.quote"); st.Open != 1 || st.Opened != 1 || st.Breaker != "open" {
			t.Errorf("payments.quote is %+v, want 1 refused by an open breaker", st)
		}
	})
}

// A domain within another has both walls, and who waits in the inner one takes no place
// in the outer.
func TestCallNested(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := walled(t, map[string]hale.DomainConfig{
			"orders":        {Bulkhead: &isolate.BulkheadConfig{Limit: 3, MaxWait: hale.NoWait}, Timeout: time.Hour},
			"orders.export": {Bulkhead: &isolate.BulkheadConfig{Limit: 1, Queue: 10, MaxWait: time.Minute}},
		})
		block := make(chan struct{})
		for range 5 {
			go func() {
				_, _ = hale.Call(context.Background(), "orders.export.pdf", func(context.Context) (int, error) { <-block; return 0, nil })
			}()
		}
		synctest.Wait()
		if in, out := domainStat(t, rt, "orders.export"), domainStat(t, rt, "orders"); in.InUse != 1 || in.Waiting != 4 || out.InUse != 1 {
			t.Errorf("inner %+v, outer %+v, want 1 that runs in both and 4 that wait in the inner", in, out)
		}
		if err := callN(t, 1, "orders.place", answer); err != nil {
			t.Errorf("beside them: %v", err)
		}
		close(block)
		synctest.Wait()
		if in, out := domainStat(t, rt, "orders.export"), domainStat(t, rt, "orders"); in.InUse != 0 || out.InUse != 0 {
			t.Errorf("afterwards: inner %+v, outer %+v", in, out)
		}
	})
}

func TestCallContainsWhatBreaks(t *testing.T) {
	for _, timeout := range []time.Duration{0, time.Minute} {
		synctest.Test(t, func(t *testing.T) { containsWhatBreaks(t, timeout) })
	}
}

func containsWhatBreaks(t *testing.T, timeout time.Duration) {
	rt := walled(t, map[string]hale.DomainConfig{"payments": {Bulkhead: &isolate.BulkheadConfig{Limit: 1}, Timeout: timeout}})
	events := collect(rt)
	_, err := hale.Call(t.Context(), "payments.quote", func(context.Context) (int, error) { panic("broken quote") })
	p, ok := errors.AsType[*hale.PanicError](err)
	if !ok || !strings.Contains(p.Site().Function, "containsWhatBreaks") {
		t.Errorf("timeout %v: a panic gave %v", timeout, err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		_, err := hale.Call(context.Background(), "payments.quote", func(context.Context) (int, error) { runtime.Goexit(); return 0, nil })
		if timeout == 0 || !errors.Is(err, hale.ErrGoexit) { // without one it is the caller's goroutine that ends
			t.Errorf("timeout %v: Call came back from Goexit with %v", timeout, err)
		}
	})
	wg.Wait()
	if st := domainStat(t, rt, "payments"); st.InUse != 0 {
		t.Errorf("timeout %v: %d places are lost", timeout, st.InUse)
	}
	synctest.Wait()
	if n := len(events.of(observe.EventPanic)); n != 1 {
		t.Fatalf("timeout %v: %d events of the panic", timeout, n)
	}
	if e := events.of(observe.EventPanic)[0]; e.Subject.Name != "payments.quote" || e.Subject.Domain != "payments" {
		t.Errorf("timeout %v: the event is about %+v", timeout, e.Subject)
	}
}

// What failsafe-go's breaker does not survive, and gobreaker's but for the panic: a
// half-open probe that hangs, panics or ends its goroutine.
func TestCallAfterStuckAndPanickingProbes(t *testing.T) {
	for name, probe := range map[string]func(context.Context) (int, error){
		"stuck":    func(ctx context.Context) (int, error) { <-ctx.Done(); return 0, ctx.Err() },
		"panics":   func(context.Context) (int, error) { panic("in the probe") },
		"goes off": func(context.Context) (int, error) { runtime.Goexit(); return 0, nil },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				rt := walled(t, map[string]hale.DomainConfig{"payments": {
					Breaker:  &isolate.BreakerConfig{Failures: 2, Of: 2, Open: time.Second, Probes: 1, MaxProbe: time.Second},
					Bulkhead: &isolate.BulkheadConfig{Limit: 4, MaxWait: hale.NoWait},
				}})
				_ = callN(t, 2, "payments.quote", failing)
				time.Sleep(2 * time.Second)
				ctx, release := context.WithCancel(context.Background())
				go func() { _, _ = hale.Call(ctx, "payments.quote", probe) }()
				synctest.Wait()
				time.Sleep(2 * time.Second)
				_ = callN(t, 1, "payments.quote", answer) // finds out that it hangs
				time.Sleep(5 * time.Second)
				let := 0
				for range 20 {
					if callN(t, 1, "payments.quote", answer) == nil {
						let++
					}
				}
				if let != 20 {
					t.Errorf("%d of 20 later calls were admitted", let)
				}
				release()
				synctest.Wait()
				if st := domainStat(t, rt, "payments"); st.InUse != 0 {
					t.Errorf("%d places are lost", st.InUse)
				}
			})
		})
	}
}

func TestCallTellsOfTheBreaker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := walled(t, map[string]hale.DomainConfig{"payments": {Breaker: &isolate.BreakerConfig{Failures: 1, Of: 1, Open: time.Second, Probes: 1}}})
		events := collect(rt)
		_ = callN(t, 1, "payments.quote", failing)
		time.Sleep(2 * time.Second)
		_ = callN(t, 1, "payments.quote", answer)
		synctest.Wait()
		var got []string
		for _, e := range events.of(observe.EventBreaker) {
			got = append(got, e.Subject.Name+" "+e.Breaker)
		}
		if want := []string{"payments.quote open", "payments.quote half_open", "payments.quote closed"}; !slices.Equal(got, want) {
			t.Errorf("events %v, want %v", got, want)
		}
	})
}

// A caller who gave up says nothing about what was called.
func TestCallGivenUpIsNoFailure(t *testing.T) {
	rt := walled(t, map[string]hale.DomainConfig{"payments": {Breaker: &isolate.BreakerConfig{Failures: 1, Of: 1}}})
	ctx, cancel := context.WithCancel(t.Context())
	_, err := hale.Call(ctx, "payments.quote", func(ctx context.Context) (int, error) { cancel(); return 0, ctx.Err() })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if err := callN(t, 1, "payments.quote", answer); err != nil {
		t.Errorf("the breaker took it for a failure: %v", err)
	}
	if st := wallStat(t, rt, "payments.quote"); st.Opened != 0 {
		t.Errorf("%+v", st)
	}
}

func TestCallExpect(t *testing.T) {
	walled(t, map[string]hale.DomainConfig{"stock": {Breaker: &isolate.BreakerConfig{Failures: 1, Of: 1}, Retry: &isolate.RetryConfig{}}})
	notFound := errors.New("not found")
	n := 0
	err := callN(t, 5, "stock.find", func(context.Context) (int, error) { n++; return 0, notFound },
		hale.Expect(notFound), hale.Fallback(func(context.Context, error) (int, error) { return 1, nil }))
	if !errors.Is(err, notFound) || n != 5 {
		t.Errorf("an answer was taken for a failure: %v after %d runs", err, n)
	}
}

func TestCallInASpan(t *testing.T) {
	rt := walled(t, nil)
	ctx, span := rt.Operation(observe.Server, "GET /cart", "").Start(t.Context())
	_, _ = hale.Call(ctx, "payments.quote", func(ctx context.Context) (int, error) {
		if got := hale.SpanOf(ctx).Operation().Name(); got != "payments.quote" {
			t.Errorf("the function is in the span of %q", got)
		}
		return 0, errDown
	})
	span.End(errDown)
	st := sample(t, rt)
	i := slices.IndexFunc(st.Operations, func(o observe.OperationStat) bool { return o.Name == "GET /cart" })
	if i < 0 || len(st.Operations[i].Calls) != 1 || st.Operations[i].Calls[0].Name != "payments.quote" || st.Operations[i].Inherited != 1 {
		t.Errorf("the caller's span knows %+v", st.Operations)
	}
}

func TestCallTakesNoAllocation(t *testing.T) {
	walled(t, map[string]hale.DomainConfig{"payments": {Bulkhead: &isolate.BulkheadConfig{Limit: 2}, Breaker: &isolate.BreakerConfig{}}})
	ctx := context.Background()
	if n := testing.AllocsPerRun(1000, func() { _, _ = hale.Call(ctx, "payments.quote", answer) }); n != 0 {
		t.Errorf("a call takes %v allocations", n)
	}
}

// Of an operation that is called very often, most calls are only counted.
func TestCallsAreCountedExactly(t *testing.T) {
	rt := walled(t, nil)
	total := uint64(0)
	for range 3 {
		_ = callN(t, 5000, "stock.find", answer)
		_ = callN(t, 10, "stock.find", failing)
		st := sample(t, rt).Operations[0]
		total += st.Ended
		if st.Ended != 5010 || st.Failed != 10 || st.InFlight != 0 || st.Started != 5010 {
			t.Errorf("counted %+v, want 5010 of which 10 failed", st)
		}
		want := []observe.Outcome{{Name: "error", Count: 10, Failed: true}, {Name: "ok", Count: 5000}}
		if !slices.Equal(st.Outcomes, want) {
			t.Errorf("outcomes %+v, want %+v", st.Outcomes, want)
		}
		if n := st.Latency.Count(); n < 4900 || n > 5100 {
			t.Errorf("the histogram stands for %d calls, want about 5010", n)
		}
	}
	if all := rt.Operations()[0]; all.Ended != total {
		t.Errorf("in all %d, want %d", all.Ended, total)
	}
}
