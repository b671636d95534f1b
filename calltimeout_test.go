package hale_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/isolate"
	"github.com/hale-go/hale/observe"
)

// stuckCall is a function that ignores its context until release is closed.
func stuckCall(release <-chan struct{}) func(context.Context) (int, error) {
	return func(context.Context) (int, error) { <-release; return 1, nil }
}

func TestCallTimeoutGivesControlBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := walled(t, map[string]hale.DomainConfig{"stock": {
			Timeout: time.Second, Grace: 2 * time.Second,
			Bulkhead: &isolate.BulkheadConfig{Limit: 2, MaxWait: hale.NoWait},
		}})
		events := collect(rt)
		release := make(chan struct{})
		began := time.Now()
		got, err := hale.Call(t.Context(), "stock.reserve", stuckCall(release))
		if late, ok := errors.AsType[*isolate.TimeoutError](err); !errors.Is(err, hale.ErrTimeout) || !ok || late.After != time.Second || got != 0 {
			t.Errorf("got %d, %v, want ErrTimeout", got, err)
		}
		if took := time.Since(began); took != time.Second {
			t.Errorf("control came back after %v, want 1s", took)
		}
		if hale.ErrorType(err) != "timeout" {
			t.Errorf("it counts as %q", hale.ErrorType(err))
		}
		if st := domainStat(t, rt, "stock"); st.InUse != 1 || st.Lost != 0 {
			t.Errorf("within its grace: %+v, want its place taken", st)
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if st := domainStat(t, rt, "stock"); st.InUse != 0 || st.Lost != 1 {
			t.Errorf("after its grace: %+v, want its place free and 1 lost", st)
		}
		if len(events.of(observe.EventAbandoned)) != 1 || rt.Status().Abandoned != 1 {
			t.Errorf("%d events of an abandoned body, %d in the status, want 1", len(events.of(observe.EventAbandoned)), rt.Status().Abandoned)
		}
		close(release)
		synctest.Wait()
		if st := domainStat(t, rt, "stock"); st.InUse != 0 || st.Lost != 0 || rt.Status().Abandoned != 0 {
			t.Errorf("when it came back: %+v, %d abandoned, want all free", st, rt.Status().Abandoned)
		}
	})
}

// Bodies that are stuck for good take as many goroutines as the bulkhead holds twice, and
// no more.
func TestCallTimeoutBoundsWhatIsLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const limit = 3
		rt := walled(t, map[string]hale.DomainConfig{"stock": {
			Timeout: time.Second, Grace: time.Second,
			Bulkhead: &isolate.BulkheadConfig{Limit: limit, MaxWait: hale.NoWait},
		}})
		release := make(chan struct{})
		full := 0
		for range 10 {
			for range limit {
				go func() { _, _ = hale.Call(context.Background(), "stock.reserve", stuckCall(release)) }()
			}
			synctest.Wait()
			if errors.Is(callN(t, 1, "stock.reserve", answer), hale.ErrFull) {
				full++
			}
			time.Sleep(5 * time.Second)
		}
		if st := domainStat(t, rt, "stock"); st.Lost != limit || st.InUse != limit {
			t.Errorf("%+v, want %d lost and as many that keep their places", st, limit)
		}
		if n := len(rt.Tasks()); n != 2*limit {
			t.Errorf("%d goroutines are stuck, want %d", n, 2*limit)
		}
		if full != 10 {
			t.Errorf("full %d times of 10", full)
		}
		close(release)
		synctest.Wait()
		if st := domainStat(t, rt, "stock"); st.Lost != 0 || st.InUse != 0 || callN(t, 1, "stock.reserve", answer) != nil {
			t.Errorf("when they came back: %+v", st)
		}
	})
}

func TestCallTimeoutHeeded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := walled(t, map[string]hale.DomainConfig{"stock": {Timeout: time.Second, Bulkhead: &isolate.BulkheadConfig{Limit: 1}}})
		var cause error
		err := callN(t, 1, "stock.reserve", func(ctx context.Context) (int, error) {
			<-ctx.Done()
			cause = context.Cause(ctx)
			return 0, ctx.Err()
		})
		synctest.Wait()
		if _, ok := errors.AsType[*isolate.TimeoutError](err); !ok || !errors.Is(err, context.DeadlineExceeded) || !errors.Is(cause, hale.ErrTimeout) {
			t.Errorf("got %v, and the function saw %v, want ErrTimeout", err, cause)
		}
		if st := wallStat(t, rt, "stock.reserve"); st.TimedOut != 1 {
			t.Errorf("%+v, want 1 timeout", st)
		}
		if st := domainStat(t, rt, "stock"); st.InUse != 0 || st.Lost != 0 {
			t.Errorf("%+v, want nothing in use", st)
		}
	})
}

// The caller's own end gives control back too, and is not taken for the domain's timeout.
func TestCallTimeoutAndTheCallersEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := walled(t, map[string]hale.DomainConfig{"stock": {
			Timeout: time.Minute, Breaker: &isolate.BreakerConfig{Failures: 1, Of: 1}, Bulkhead: &isolate.BulkheadConfig{Limit: 1},
		}})
		release := make(chan struct{})
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, context.Canceled)
		defer cancel()
		outer, stop := context.WithCancel(ctx)
		time.AfterFunc(500*time.Millisecond, stop)
		if _, err := hale.Call(outer, "stock.reserve", stuckCall(release)); !errors.Is(err, context.Canceled) || errors.Is(err, hale.ErrTimeout) {
			t.Errorf("got %v, want the caller's own end", err)
		}
		close(release)
		synctest.Wait()
		if st := domainStat(t, rt, "stock"); st.InUse != 0 {
			t.Errorf("%+v", st)
		}
		if st := wallStat(t, rt, "stock.reserve"); st.Opened != 0 || st.TimedOut != 0 {
			t.Errorf("%+v, want no failure", st)
		}
	})
}

func TestCallRetries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := walled(t, map[string]hale.DomainConfig{"mail": {Retry: &isolate.RetryConfig{Max: 3}}})
		n := 0
		flaky := func(context.Context) (int, error) {
			if n++; n < 3 {
				return 0, errDown
			}
			return n, nil
		}
		if got, err := hale.Call(t.Context(), "mail.send", flaky); got != 3 || err != nil {
			t.Errorf("got %d, %v, want the third try's", got, err)
		}
		n = 0
		err := callN(t, 1, "mail.send", func(context.Context) (int, error) { n++; return 0, errDown })
		if tried, ok := errors.AsType[*isolate.RetryError](err); !errors.Is(err, errDown) || !ok || tried.Tries != 4 || n != 4 {
			t.Errorf("got %v after %d runs, want 4", err, n)
		}
		n = 0
		_ = callN(t, 1, "mail.send", func(context.Context) (int, error) { n++; return 0, errDown }, hale.NotIdempotent())
		if n != 1 {
			t.Errorf("what must not run twice ran %d times", n)
		}
		if st := wallStat(t, rt, "mail.send"); st.Retried != 5 {
			t.Errorf("%+v, want 5 retries", st)
		}
	})
}

// A body that is left behind may still be at work: it runs again only where that does no
// harm.
func TestCallRetriesAfterATimeoutOnlyWhatMayRunTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		walled(t, map[string]hale.DomainConfig{"mail": {Timeout: time.Second, Retry: &isolate.RetryConfig{Max: 2}}})
		release := make(chan struct{})
		runs := make(chan int, 10)
		body := func(context.Context) (int, error) { runs <- 1; <-release; return 0, nil }
		if err := callN(t, 1, "mail.send", body); !errors.Is(err, hale.ErrTimeout) || len(runs) != 1 {
			t.Errorf("got %v after %d runs, want 1", err, len(runs))
		}
		if err := callN(t, 1, "mail.send", body, hale.Idempotent()); !errors.Is(err, hale.ErrTimeout) || len(runs) != 4 {
			t.Errorf("got %v after %d runs, want 3 more", err, len(runs))
		}
		close(release)
		synctest.Wait()
	})
}

func TestCallFallback(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := walled(t, map[string]hale.DomainConfig{
			"stock":  {Breaker: &isolate.BreakerConfig{Failures: 1, Of: 1}},
			"prices": {Timeout: time.Second},
		})
		var why error
		cached := hale.Fallback(func(_ context.Context, err error) (int, error) { why = err; return 7, nil })
		got, err := hale.Call(t.Context(), "stock.find", failing, cached)
		if got != 7 || err != nil || !errors.Is(why, errDown) {
			t.Errorf("after a failure: %d, %v, given %v", got, err, why)
		}
		got, err = hale.Call(t.Context(), "stock.find", answer, cached)
		if got != 7 || err != nil || !errors.Is(why, hale.ErrOpen) {
			t.Errorf("refused: %d, %v, given %v", got, err, why)
		}
		release := make(chan struct{})
		if got, err = hale.Call(t.Context(), "prices.get", stuckCall(release), cached); got != 7 || err != nil || !errors.Is(why, hale.ErrTimeout) {
			t.Errorf("timed out: %d, %v, given %v", got, err, why)
		}
		ctx, cancel := context.WithCancel(t.Context())
		why = nil
		_, err = hale.Call(ctx, "prices.get", func(ctx context.Context) (int, error) { cancel(); return 0, ctx.Err() }, cached)
		if !errors.Is(err, context.Canceled) || why != nil {
			t.Errorf("for a caller who has gone: %v, fallback given %v", err, why)
		}
		for name, bad := range map[string]hale.CallOption{
			"panics": hale.Fallback(func(context.Context, error) (int, error) { panic("fallback") }),
			"hangs":  hale.Fallback(func(context.Context, error) (int, error) { <-release; return 0, nil }),
			"fails":  hale.Fallback(func(context.Context, error) (int, error) { return 0, errors.New("empty") }),
			"text":   hale.Fallback(func(context.Context, error) (string, error) { return "", nil }),
			"nil":    hale.Fallback[int](nil),
		} {
			began := time.Now()
			_, err := hale.Call(t.Context(), "prices.get", failing, bad)
			if !errors.Is(err, errDown) {
				t.Errorf("one that %s hides the error: %v", name, err)
			}
			if took := time.Since(began); took > time.Second {
				t.Errorf("one that %s took %v", name, took)
			}
		}
		close(release)
		synctest.Wait()
		if st := wallStat(t, rt, "stock.find"); st.FellBack != 2 {
			t.Errorf("%+v, want 2 fallbacks", st)
		}
		if n := rt.Status().Abandoned; n != 0 {
			t.Errorf("%d bodies are abandoned", n)
		}
	})
}
