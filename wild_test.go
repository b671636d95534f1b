package hale_test

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/observe"
)

// wild is an error one of whose methods does harm.
type wild struct {
	method string
	harm   func()
}

func (w *wild) call(method string) {
	if w.method == method {
		w.harm()
	}
}

func (w *wild) Error() string { w.call("Error"); return "wild" }
func (w *wild) Unwrap() error { w.call("Unwrap"); return nil }
func (w *wild) Is(error) bool { w.call("Is"); return false }
func (w *wild) As(any) bool   { w.call("As"); return false }

// wildText is no error, and its text does harm.
type wildText struct{ harm func() }

func (w wildText) String() string { w.harm(); return "wild" }

// Work that ends with an error, or panics with a value, whose methods hang or exit
// ends all the same, and is restarted and told of.
func TestErrorsThatHangOrExit(t *testing.T) {
	for _, method := range []string{"Error", "Unwrap", "Is", "As", "String"} {
		for _, harm := range []string{"hangs", "exits"} {
			t.Run(method+" "+harm, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					release := make(chan struct{})
					defer func() {
						close(release)
						time.Sleep(time.Minute) // what hangs comes back
					}()
					f := map[string]func(){"hangs": func() { <-release }, "exits": runtime.Goexit}[harm]
					var bad error = &wild{method, f}
					var value any = bad
					if method == "String" {
						value = wildText{f}
					}
					rt := newRuntime(t)
					log := collect(rt)
					bodies := map[string]func(context.Context) error{
						"returns":   func(context.Context) error { return bad },
						"panics":    func(context.Context) error { panic(value) },
						"cancelled": func(ctx context.Context) error { <-ctx.Done(); return bad },
						"wrapped":   func(ctx context.Context) error { <-ctx.Done(); return errors.Join(bad, errors.New("x")) },
					}
					p := newPool(t, rt, hale.PoolConfig{Workers: 1, Budget: 10 * time.Second, Grace: 10 * time.Second})
					sp, err := hale.NewStatePool(rt, "states", hale.PoolConfig{Workers: 1}, hale.StateConfig[int]{
						Open: func(context.Context) (int, error) { return 0, bad }, MaxFailures: 1,
					})
					if err != nil {
						t.Fatal(err)
					}
					for name, body := range bodies {
						n := len(log.of(observe.EventPanic))
						task := rt.Go(t.Context(), name, body, hale.Budget(10*time.Second))
						unit := make(chan error, 1)
						go func() { unit <- p.Submit(t.Context(), body) }()
						if err, ok := patiently(unit); !ok || err == nil {
							t.Errorf("%s: a unit was lost, or has no error", name)
						}
						if !eventually(func() bool { return task.Err() != nil }) {
							t.Errorf("%s: a task was lost", name)
						}
						synctest.Wait()
						if now := len(log.of(observe.EventPanic)); name == "panics" && now != n+2 {
							t.Errorf("%d panics were told", now-n)
						}
						var runs atomic.Int32
						child := rt.Go(t.Context(), name+".child", func(ctx context.Context) error { runs.Add(1); return body(ctx) }, hale.Restart(hale.Permanent), hale.Budget(time.Second))
						if !eventually(func() bool { return runs.Load() >= 6 }) {
							t.Errorf("%s: %d runs of a child", name, runs.Load())
						}
						child.Cancel(bad)
						if _, ok := patiently(child.Done()); !ok {
							t.Errorf("%s: a child was lost", name)
						}
						s := newSupervisor(t, rt, "s", hale.SupervisorConfig{Strategy: hale.RestForOne, Intensity: 1})
						s.Go("s.child", body, hale.Restart(hale.Permanent), hale.Budget(time.Second))
						ended := make(chan error, 1)
						go func() { ended <- s.Run(t.Context()) }()
						if err, ok := patiently(ended); !ok || !isIntensity(err) {
							t.Errorf("%s: Run hangs, or returned a %T", name, err)
						}
					}
					opened := make(chan error, 1)
					go func() {
						opened <- sp.Submit(t.Context(), func(context.Context, int) error { return nil })
					}()
					if err, ok := patiently(opened); !ok || err == nil || method == "Error" && !strings.Contains(err.Error(), "cannot tell") {
						t.Errorf("a unit without a state was lost, or has a %T", err)
					}
					steps(t, rt, 3)
				})
			})
		}
	}
}

// eventually waits for ok, for an hour in a bubble: budgets are stretched while the
// machine is starved.
func eventually(ok func() bool) bool {
	for range 3600 {
		if ok() {
			return true
		}
		time.Sleep(time.Second)
	}
	return false
}

// patiently receives from c, within an hour.
func patiently[T any](c <-chan T) (v T, ok bool) {
	select {
	case v = <-c:
		return v, true
	case <-time.After(time.Hour):
		return v, false
	}
}

// isIntensity is errors.Is, which would run what does harm.
func isIntensity(err error) bool {
	for err != nil {
		if err == hale.ErrIntensity {
			return true
		}
		u, ok := err.(interface{ Unwrap() []error })
		if !ok {
			return false
		}
		err = u.Unwrap()[0]
	}
	return false
}

// That a context is tame is known by what is inside of those of this version of Go.
func TestTameContexts(t *testing.T) {
	type key struct{}
	ctx, cancel := context.WithCancel(context.WithValue(context.Background(), key{}, 1))
	defer cancel()
	timed, cancel := context.WithTimeout(ctx, time.Hour)
	defer cancel()
	over := context.WithValue(timed, key{}, 2)
	for _, c := range []context.Context{context.Background(), ctx, timed, over} {
		if !hale.EndTame(c) || !hale.ValueTame(c) {
			t.Errorf("%v is not tame", c)
		}
	}
	notified, stop := signal.NotifyContext(over, os.Interrupt)
	defer stop()
	for _, c := range []context.Context{context.TODO(), notified, context.WithValue(notified, key{}, 3), hale.WithRequestID(over, "r1")} {
		if !hale.EndTame(c) || !hale.ValueTame(c) {
			t.Errorf("%v is not tame", c)
		}
	}
	if !hale.EndTame(context.WithoutCancel(over)) {
		t.Error("one that never ends is not tame")
	}
	foreign := &hostile{Context: over}
	below, cancel := context.WithCancel(foreign)
	defer cancel()
	if hale.EndTame(foreign) || hale.ValueTame(foreign) || hale.ValueTame(context.WithValue(below, key{}, 3)) {
		t.Error("a foreign context is tame")
	}
	if !hale.EndTame(below) {
		t.Error("one that knows by itself whether it has ended is not tame")
	}
}
