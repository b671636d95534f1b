package hale_test

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hale-go/hale"
)

// A context may be asked while its body ends: Done must not be closed before Err says
// why, or the context package panics where somebody derives from it.
func TestErrSaysWhyDoneIsClosed(t *testing.T) {
	ctx := hale.EndedWhileAsked()
	select {
	case <-ctx.Done():
	default:
		t.Error("Done of what has ended is not closed")
	}
	if ctx.Err() == nil {
		t.Error("Done is closed and Err is nil")
	}
}

// Whoever waits for a child is told of its end, also when Close comes while Run
// begins.
func TestRunRacesClose(t *testing.T) {
	for i := range 300 {
		rt := newRuntime(t)
		sup, err := rt.NewSupervisor("s", hale.SupervisorConfig{})
		if err != nil {
			t.Fatal(err)
		}
		child := sup.Go("c", func(ctx context.Context) error { <-ctx.Done(); return nil })
		var both sync.WaitGroup
		both.Go(func() { _ = sup.Run(context.Background()) }) // ErrClosed or nil: which of them is first is open
		both.Go(func() {
			for range i % 50 {
				runtime.Gosched()
			}
			_ = rt.Close()
		})
		both.Wait()
		select {
		case <-child.Done():
		case <-time.After(10 * time.Second):
			t.Fatalf("round %d: the child's handle has not ended", i)
		}
	}
}

// The end of a parent that nobody has asked for stays the cause, whoever cancels the
// task later.
func TestErrStaysWhatItWas(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := newRuntime(t)
		parent, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		goOn := make(chan struct{})
		task := rt.Go(parent, "a.b", func(ctx context.Context) error {
			<-goOn
			if err := ctx.Err(); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("before: %v", err)
			}
			<-goOn
			if err := ctx.Err(); !errors.Is(err, context.DeadlineExceeded) || !errors.Is(context.Cause(ctx), context.DeadlineExceeded) {
				t.Errorf("after: %v, %v", err, context.Cause(ctx))
			}
			return nil
		})
		time.Sleep(2 * time.Second)
		goOn <- struct{}{}
		task.Cancel(errors.New("mine"))
		goOn <- struct{}{}
		if err := task.Wait(); err != nil {
			t.Error(err)
		}
	})
}
