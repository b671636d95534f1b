package hale_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hale-go/hale"
)

// recycled is a context that was used after its time: from then on its methods
// panic.
type recycled struct {
	context.Context
	over *atomic.Bool
	what string
}

func recycle(t *testing.T, what string) recycled {
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	return recycled{ctx, new(atomic.Bool), what}
}

func (r recycled) check(method string) {
	if r.what == method && r.over.Load() {
		panic("the request is over")
	}
}

func (r recycled) Done() <-chan struct{} { r.check("Done"); return r.Context.Done() }
func (r recycled) Err() error            { r.check("Err"); return r.Context.Err() }
func (r recycled) Value(key any) any     { r.check("Value"); return r.Context.Value(key) }

var methods = []string{"Done", "Err", "Value"}

// The process must outlive whatever a caller's context does, and so must results.
func TestContextsThatPanic(t *testing.T) {
	for _, what := range methods {
		t.Run(what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				rt := newRuntime(t)
				ctx := recycle(t, what)
				child := rt.Go(ctx, "mail.send", func(ctx context.Context) error {
					ctx.Done()
					time.Sleep(time.Minute)
					return errors.New("gone")
				}, hale.Restart(hale.Permanent))
				task := rt.Go(ctx, "report.build", func(ctx context.Context) error {
					ctx.Done()
					time.Sleep(time.Minute)
					return nil
				})
				p := newPool(t, rt, hale.PoolConfig{Workers: 1, Budget: 10 * time.Second, Grace: time.Second})
				release := make(chan struct{})
				if err := p.Go(ctx, block(release)); err != nil {
					t.Fatal(err)
				}
				synctest.Wait()
				ctx.over.Store(true)
				if err := p.Submit(t.Context(), succeed); err != nil {
					t.Errorf("a unit behind one that is stuck: %v", err)
				}
				time.Sleep(10 * time.Minute)
				if err := task.Wait(); err != nil {
					t.Errorf("the task ended with %v", err)
				}
				if n := len(rt.Tasks()); n > 1 {
					t.Errorf("%d tasks are alive", n)
				}
				_, _ = hale.Identify(ctx), rt.Go(ctx, "late.start", succeed).Wait() // neither panics
				child.Cancel(nil)
				if err := child.Wait(); err == nil {
					t.Error("the child ended without an error")
				}
				close(release)
				synctest.Wait()
				if n := p.Stat().Abandoned; n != 0 {
					t.Errorf("%d bodies count as abandoned, and all have returned", n)
				}
			})
		})
	}
}

func TestSupervisorWithAContextThatPanics(t *testing.T) {
	for _, what := range methods {
		synctest.Test(t, func(t *testing.T) {
			rt := newRuntime(t)
			s, err := rt.NewSupervisor("mail", hale.SupervisorConfig{})
			if err != nil {
				t.Fatal(err)
			}
			ctx := recycle(t, what)
			running, stop := context.WithCancel(ctx)
			h := s.Go("mail.send", untilDone, hale.Restart(hale.Permanent))
			ended := make(chan error, 1)
			go func() { ended <- s.Run(running) }()
			synctest.Wait()
			stop()
			synctest.Wait()
			ctx.over.Store(true)
			_ = h.Wait()
			if err := <-ended; err != nil {
				t.Errorf("%s: %v", what, err)
			}
			if what == "Done" {
				func() {
					defer func() { _ = recover() }() // its caller's own context
					_ = s.Run(ctx)
				}()
			}
			if err := s.Run(running); err != nil { // nothing is locked
				t.Errorf("%s: %v", what, err)
			}
		})
	}
}

// A handle ends with its supervisor's run, also that of a child that never began.
func TestHandlesOfChildrenThatNeverBegan(t *testing.T) {
	for _, strategy := range []hale.Strategy{hale.OneForOne, hale.OneForAll, hale.RestForOne} {
		synctest.Test(t, func(t *testing.T) {
			rt := newRuntime(t)
			s, err := rt.NewSupervisor("mail", hale.SupervisorConfig{Strategy: strategy})
			if err != nil {
				t.Fatal(err)
			}
			var added *hale.Task
			s.Go("mail.send", func(ctx context.Context) error {
				<-ctx.Done()
				added = s.Go("mail.late", untilDone)
				return nil
			})
			ctx, cancel := context.WithCancel(t.Context())
			ended := make(chan error, 1)
			go func() { ended <- s.Run(ctx) }()
			synctest.Wait()
			late := s.Go("mail.last", untilDone)
			cancel()
			if err := <-ended; err != nil {
				t.Error(err)
			}
			_, _ = added.Wait(), late.Wait() // a deadlock would end the test
			idle, err := rt.NewSupervisor("idle", hale.SupervisorConfig{Strategy: strategy})
			if err != nil {
				t.Fatal(err)
			}
			never := idle.Go("idle.task", untilDone)
			if err := rt.Close(); err != nil {
				t.Error(err)
			}
			if err := never.Wait(); !errors.Is(err, hale.ErrClosed) {
				t.Errorf("%v: a child that never ran ended with %v", strategy, err)
			}
		})
	}
}
