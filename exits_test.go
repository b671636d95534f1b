package hale_test

import (
	"context"
	"errors"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/observe"
)

// hostile is a context of somebody's whose methods hang or end the goroutine once
// it is armed. It is no context of the standard library's inside: its Done is its
// own.
type hostile struct {
	context.Context
	done   chan struct{}
	armed  atomic.Bool
	method string
	harm   func()
}

func (h *hostile) call(method string) {
	if h.method == method && h.armed.Load() {
		h.harm()
	}
}

func (h *hostile) Done() <-chan struct{} { h.call("Done"); return h.done }
func (h *hostile) Value(key any) any     { h.call("Value"); return h.Context.Value(key) }

func (h *hostile) Err() error {
	h.call("Err")
	select {
	case <-h.done:
		return context.Canceled
	default:
		return nil
	}
}

// hostilities runs f in a bubble for each method and each harm of a hostile context.
func hostilities(t *testing.T, f func(t *testing.T, fresh func() *hostile)) {
	for _, method := range methods {
		for _, harm := range []string{"hangs", "exits"} {
			t.Run(method+" "+harm, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					release := make(chan struct{})
					defer func() {
						close(release)
						time.Sleep(time.Minute) // what hangs comes back
					}()
					harms := map[string]func(){"hangs": func() { <-release }, "exits": runtime.Goexit}
					f(t, func() *hostile {
						return &hostile{Context: context.Background(), done: make(chan struct{}), method: method, harm: harms[harm]}
					})
				})
			})
		}
	}
}

// A context that hangs or exits costs the pool neither its scanner nor the slot of
// the unit that has it.
func TestPoolWithHostileContexts(t *testing.T) {
	hostilities(t, func(t *testing.T, fresh func() *hostile) {
		rt := newRuntime(t)
		log := collect(rt)
		p := newPool(t, rt, hale.PoolConfig{Workers: 4, Budget: 10 * time.Second, Grace: time.Second, MaxAbandoned: 100})
		release := make(chan struct{})
		bodies := map[string]func(context.Context) error{
			"ignores": block(release),
			"asks":    func(ctx context.Context) error { ctx.Done(); <-release; return nil },
			"fails":   func(context.Context) error { time.Sleep(time.Second); return errors.New("x") },
			"panics":  func(context.Context) error { time.Sleep(time.Second); panic(errors.New("x")) },
			"ends":    func(context.Context) error { time.Sleep(time.Second); return nil },
		}
		for name, body := range bodies {
			for _, when := range []string{"before", "queued", "while"} {
				ctx := fresh()
				armed := func(c context.Context) error {
					if when == "while" {
						ctx.armed.Store(true)
					}
					return body(c)
				}
				began := make(chan struct{})
				go func() {
					ctx.armed.Store(when == "before")
					defer close(began)
					_ = p.Go(ctx, armed)
				}()
				if when == "queued" {
					ctx.armed.Store(true)
				}
				select {
				case <-began:
				case <-time.After(time.Second): // it hangs in the caller's own context
				}
				time.Sleep(15 * time.Second)
				if err := p.Submit(t.Context(), succeed); err != nil {
					t.Fatalf("%s, armed %s: a unit behind it: %v", name, when, err)
				}
			}
		}
		n := len(log.of(observe.EventAbandoned))
		if err := p.Go(t.Context(), block(release)); err != nil {
			t.Fatal(err)
		}
		if !eventually(func() bool { return len(log.of(observe.EventAbandoned)) > n }) {
			t.Error("nothing is abandoned any more: the scanner is gone")
		}
		if !eventually(func() bool { return p.Stat().Busy == 0 }) {
			t.Errorf("%d are busy", p.Stat().Busy)
		}
		close(release)
		synctest.Wait()
		closed := make(chan error, 1)
		go func() { closed <- rt.Close() }()
		if _, ok := patiently(closed); !ok {
			t.Error("Close hangs")
		}
	})
}

// The watcher outlives what a task's context does, and so does everything else.
func TestTasksWithHostileContexts(t *testing.T) {
	hostilities(t, func(t *testing.T, fresh func() *hostile) {
		rt := newRuntime(t)
		log := collect(rt)
		release := make(chan struct{})
		s := newSupervisor(t, rt, "s", hale.SupervisorConfig{Strategy: hale.OneForAll})
		running := fresh()
		run := make(chan error, 1)
		go func() { run <- s.Run(running) }()
		synctest.Wait()
		fast := []hale.TaskOption{hale.Budget(10 * time.Second), hale.Grace(time.Second)}
		bodies := map[string]func(context.Context) error{
			"ignores": block(release),
			"asks":    func(ctx context.Context) error { ctx.Done(); <-release; return nil },
			"fails":   func(context.Context) error { time.Sleep(time.Second); return errors.New("x") },
			"panics":  func(context.Context) error { time.Sleep(time.Second); panic(errors.New("x")) },
			"heeds":   func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() },
		}
		for name, body := range bodies {
			for _, restart := range []bool{false, true} {
				ctx := fresh()
				opts := fast
				if restart {
					opts = append(opts[:2:2], hale.Restart(hale.Permanent))
				}
				task := rt.Go(ctx, name, body, opts...)
				synctest.Wait()
				ctx.armed.Store(true)
				time.Sleep(20 * time.Second)
				if restart {
					task.Cancel(nil)
				}
				if name == "ignores" || name == "asks" {
					continue
				}
				if _, ok := patiently(task.Done()); !ok {
					t.Errorf("%s, restarted %v: it never ended", name, restart)
				}
			}
		}
		s.Go("child", func(ctx context.Context) error { time.Sleep(time.Second); return errors.New("x") }, hale.Restart(hale.Permanent))
		synctest.Wait()
		running.armed.Store(true)
		time.Sleep(time.Minute)
		n := len(log.of(observe.EventOverdue))
		rt.Go(t.Context(), "other", block(release), fast...)
		if !eventually(func() bool { return len(log.of(observe.EventOverdue)) > n }) {
			t.Error("nothing is overdue any more: the watcher is gone")
		}
		told := make(chan int, 1)
		go func() { told <- len(rt.Tasks()) }()
		if _, ok := patiently(told); !ok {
			t.Error("Tasks hangs")
		}
		closed := make(chan error, 1)
		go func() { closed <- rt.Close() }()
		if _, ok := patiently(closed); !ok {
			t.Error("Close hangs")
		}
		if _, ok := patiently(run); !ok {
			t.Error("the supervisor's Run hangs")
		}
		close(release)
	})
}

// The Close of a state may end its goroutine, also that of an abandoned worker
// whose body came back: that is counted once.
func TestCloseOfAnAbandonedStateThatExits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := newRuntime(t)
		p, err := hale.NewStatePool(rt, "p", hale.PoolConfig{Workers: 2, Budget: time.Second, Grace: time.Second}, hale.StateConfig[int]{
			Open:  func(context.Context) (int, error) { return 0, nil },
			Close: func(int) error { runtime.Goexit(); return nil },
		})
		if err != nil {
			t.Fatal(err)
		}
		release := make(chan struct{})
		for range 3 {
			if err := p.Go(t.Context(), func(context.Context, int) error { <-release; return nil }); err != nil {
				t.Fatal(err)
			}
		}
		if !eventually(func() bool { return p.Stat().Abandoned == 3 }) {
			t.Errorf("%d are abandoned", p.Stat().Abandoned)
		}
		close(release)
		synctest.Wait()
		if n := p.Stat().Abandoned; n != 0 {
			t.Errorf("%d are abandoned, and all came back", n)
		}
		if err := p.Submit(t.Context(), func(context.Context, int) error { return nil }); err != nil {
			t.Error(err)
		}
	})
}
