package hale_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/diagnose"
	"github.com/hale-go/hale/heal"
	"github.com/hale-go/hale/isolate"
)

// A call that was made and failed does not say that it was turned away, because its next
// try was.
func TestRetryThatIsTurnedAway(t *testing.T) {
	walls := hale.DomainConfig{Breaker: &isolate.BreakerConfig{Failures: 1, Of: 1}, Retry: &isolate.RetryConfig{Max: 3}}
	rt := walled(t, map[string]hale.DomainConfig{"payments": walls})
	made := 0
	var why error
	_, err := hale.Call(t.Context(), "payments.charge", func(context.Context) (int, error) { made++; return 0, errDown },
		hale.Fallback(func(_ context.Context, err error) (int, error) { why = err; return 0, err }))
	for _, got := range []error{err, why} {
		retry, ok := errors.AsType[*isolate.RetryError](got)
		if made != 1 || !errors.Is(got, errDown) || errors.Is(got, hale.ErrOpen) || !ok || retry.Tries != 1 || !errors.Is(retry.Refused, hale.ErrOpen) {
			t.Errorf("%d made, got %v", made, got)
		}
	}
	if _, err := hale.Call(t.Context(), "payments.charge", answer); !errors.Is(err, hale.ErrOpen) {
		t.Errorf("one that was not made got %v", err)
	}
	for _, st := range rt.Walls() {
		if st.Name == "payments.charge" && st.Retried != 0 {
			t.Errorf("%d retries were counted, and none was made", st.Retried)
		}
	}
}

// A caller who gives up while the next try waits for room has its own error, beside that
// of the try that was made.
func TestRetryThatNobodyWaitsFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := walled(t, map[string]hale.DomainConfig{"payments": {
			Bulkhead: &isolate.BulkheadConfig{Limit: 1, MaxWait: time.Minute}, Retry: &isolate.RetryConfig{Max: 3, Delay: time.Second},
		}})
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		_, err := hale.Call(ctx, "payments.charge", func(context.Context) (int, error) {
			_ = time.AfterFunc(time.Millisecond, func() { // the only place is taken before the next try
				_, _ = hale.Call(context.Background(), "payments.slow", func(context.Context) (int, error) { time.Sleep(time.Minute); return 0, nil })
			})
			return 0, errDown
		})
		if !errors.Is(err, errDown) || !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, hale.ErrFull) {
			t.Errorf("got %v", err)
		}
		time.Sleep(time.Hour)
		if st := domainStat(t, rt, "payments"); st.InUse != 0 {
			t.Errorf("%+v", st)
		}
	})
}

// What is shed gets the room that is left over, and does not wait.
func TestShedLeavesRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := walled(t, map[string]hale.DomainConfig{"shop": {
			Bulkhead: &isolate.BulkheadConfig{Limit: 4, MaxWait: time.Minute}, Rate: &isolate.RateConfig{Calls: 100, Per: time.Hour},
		}})
		if err := rt.Degrade(heal.ShedSwitch+"shop", 2, "", 0); err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		call := func(c hale.Criticality) error {
			done := make(chan error, 1)
			wg.Go(func() {
				_, err := hale.Call(hale.WithCriticality(t.Context(), c), "shop.page", func(context.Context) (int, error) { time.Sleep(time.Second); return 1, nil })
				done <- err
			})
			synctest.Wait()
			select {
			case err := <-done:
				return err
			default:
				return nil
			}
		}
		for i, want := range []error{nil, nil, hale.ErrShed, hale.ErrShed} {
			if err := call(hale.Sheddable); !errors.Is(err, want) {
				t.Errorf("call %d got %v, want %v", i, err, want)
			}
		}
		for range 4 { // the last two wait
			if err := call(hale.Critical); err != nil {
				t.Error(err)
			}
		}
		if st := domainStat(t, rt, "shop"); st.InUse != 4 || st.Waiting != 2 || st.Shed != 2 {
			t.Errorf("%+v", st)
		}
		wg.Wait()
		if err := call(hale.Sheddable); err != nil {
			t.Errorf("with room, got %v", err)
		}
		wg.Wait()
	})
}

// What is turned away at another wall has not begun, and leaves its turn to others.
func TestRateOfWhatBegins(t *testing.T) {
	for name, walls := range map[string]hale.DomainConfig{
		"full":    {Bulkhead: &isolate.BulkheadConfig{Limit: 1, MaxWait: -1}},
		"breaker": {Breaker: &isolate.BreakerConfig{Failures: 1, Of: 1, Open: time.Second}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				walls.Rate = &isolate.RateConfig{Calls: 10, Per: time.Hour}
				rt := walled(t, map[string]hale.DomainConfig{"a": walls})
				release := func() {}
				if name == "full" {
					v, err := rt.Wall("a.b", "").Enter(t.Context())
					if err != nil {
						t.Fatal(err)
					}
					release = func() { v.Leave(isolate.Succeeded) }
				} else {
					_ = callN(t, 1, "a.b", failing)
				}
				for range 50 {
					if err := callN(t, 1, "a.b", answer); err == nil || errors.Is(err, hale.ErrRateLimited) {
						t.Fatalf("got %v", err)
					}
				}
				release()
				time.Sleep(2 * time.Second) // the breaker lets one try
				for i := range 9 {
					if err := callN(t, 1, "a.b", answer); err != nil {
						t.Errorf("call %d got %v: those that were turned away have used the rate up", i, err)
					}
				}
				if err := callN(t, 1, "a.b", answer); !errors.Is(err, hale.ErrRateLimited) {
					t.Errorf("one too many got %v", err)
				}
			})
		})
	}
}

// A domain whose calls are all alike, and a third more than it can do: its bulkhead deals
// with it, nothing else is turned away, and a person hears of it after minutes.
func TestOverloadIsLeftToTheBulkhead(t *testing.T) {
	for _, c := range []hale.Criticality{hale.Sheddable, hale.Critical} {
		t.Run(c.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var wg sync.WaitGroup
				rt, ctx, end := contained(t, &wg, map[string]hale.DomainConfig{"shop": {Bulkhead: &isolate.BulkheadConfig{Limit: 4, Queue: 4, MaxWait: 100 * time.Millisecond}, Criticality: c}})
				var done atomic.Int64
				wg.Go(func() { // 108 a second; 80 find room
					for ctx.Err() == nil {
						wg.Go(func() {
							out, err := hale.Call(ctx, "shop.page", func(context.Context) (int, error) { time.Sleep(50 * time.Millisecond); return 1, nil },
								hale.Fallback(func(_ context.Context, err error) (int, error) { return 0, nil }))
							if err == nil && out == 1 {
								done.Add(1)
							}
						})
						time.Sleep(9250 * time.Microsecond)
					}
				})
				for at := range 10 {
					before := done.Load()
					time.Sleep(time.Minute)
					if n := done.Load() - before; n < 4600 {
						t.Errorf("in minute %d %d calls were done, want nearly the 4800 that find room", at, n)
					}
					if at != 1 {
						continue
					}
					if inc := rt.Incidents(); len(inc) != 1 || inc[0].Fault != diagnose.FullDomain || !inc[0].Reflex && inc[0].Phase != diagnose.Escalated {
						t.Errorf("after two minutes: %+v", inc)
					}
				}
				if inc := rt.Incidents(); len(inc) != 1 || inc[0].Phase != diagnose.Escalated {
					t.Errorf("after ten minutes: %+v, want that a person was called", inc)
				}
				if on := rt.Degradations(); len(on) > 0 {
					t.Errorf("%+v", on)
				}
				end()
			})
		})
	}
}
