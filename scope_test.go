package hale_test

import (
	"context"
	"errors"
	"runtime/pprof"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hale-go/hale"
)

type ctxKey struct{}

// The context of a task must behave like any other, whatever is derived from it.
func TestTaskContext(t *testing.T) {
	boom := errors.New("boom")
	synctest.Test(t, func(t *testing.T) {
		rt := newRuntime(t)
		parent, cancelParent := context.WithCancelCause(context.WithValue(t.Context(), ctxKey{}, "v"))
		deadline, cancelDeadline := context.WithTimeout(parent, time.Hour)
		defer cancelDeadline()

		started := make(chan context.Context)
		task := rt.Go(deadline, "ctx.body", func(ctx context.Context) error {
			started <- ctx
			<-ctx.Done()
			return context.Cause(ctx)
		})
		ctx := <-started
		if got := ctx.Value(ctxKey{}); got != "v" {
			t.Errorf("value of the parent = %v", got)
		}
		if d, ok := ctx.Deadline(); !ok || time.Until(d) != time.Hour {
			t.Errorf("deadline = %v %v", d, ok)
		}
		if ctx.Err() != nil || context.Cause(ctx) != nil {
			t.Errorf("a live task's context has Err %v, Cause %v", ctx.Err(), context.Cause(ctx))
		}
		child, cancelChild := context.WithCancel(ctx)
		defer cancelChild()
		after := make(chan struct{})
		context.AfterFunc(ctx, func() { close(after) })

		cancelParent(boom)
		synctest.Wait()
		for name, c := range map[string]context.Context{"task": ctx, "child": child} {
			if c.Err() != context.Canceled || context.Cause(c) != boom {
				t.Errorf("%s: Err %v, Cause %v after the parent was cancelled with %v", name, c.Err(), context.Cause(c), boom)
			}
		}
		select {
		case <-after:
		default:
			t.Error("AfterFunc did not run")
		}
		if err := task.Wait(); err != boom {
			t.Errorf("Wait = %v, want the body's own error", err)
		}
	})
}

func TestTaskContextAfterItsEnd(t *testing.T) {
	rt := newRuntime(t)
	for _, asked := range []bool{false, true} {
		var kept context.Context
		err := rt.Go(context.WithValue(t.Context(), ctxKey{}, "v"), "ctx.kept", func(ctx context.Context) error {
			kept = ctx
			if asked {
				ctx.Done()
			}
			return nil
		}).Wait()
		if err != nil {
			t.Fatal(err)
		}
		select {
		case <-kept.Done():
		default:
			t.Errorf("asked=%v: the context of an ended task is not done", asked)
		}
		if kept.Err() != context.Canceled || context.Cause(kept) != context.Canceled {
			t.Errorf("asked=%v: Err %v, Cause %v", asked, kept.Err(), context.Cause(kept))
		}
		if kept.Value(ctxKey{}) != "v" {
			t.Errorf("asked=%v: values are lost after the end", asked)
		}
		child, cancel := context.WithCancel(kept)
		if child.Err() == nil {
			t.Errorf("asked=%v: a child of an ended task's context is alive", asked)
		}
		cancel()
	}
}

func TestCancelReachesChildrenWithItsCause(t *testing.T) {
	boom := errors.New("boom")
	rt := newRuntime(t)
	inner := make(chan context.Context, 1)
	task := rt.Go(t.Context(), "ctx.cancel", func(ctx context.Context) error {
		c, cancel := context.WithCancel(ctx)
		defer cancel()
		inner <- c
		<-c.Done()
		return c.Err()
	})
	c := <-inner
	task.Cancel(boom)
	err := task.Wait()
	if context.Cause(c) != boom {
		t.Errorf("cause in a derived context = %v", context.Cause(c))
	}
	var te *hale.TaskError
	if !errors.As(err, &te) || te.ID != task.ID() || !errors.Is(err, boom) || !errors.Is(err, context.Canceled) {
		t.Errorf("Wait = %v, want a TaskError of %v with both the body's error and the cause", err, task.ID())
	}
}

// labelsOf returns the pprof labels that a context carries.
func labelsOf(ctx context.Context) map[string]string {
	m := map[string]string{}
	pprof.ForLabels(ctx, func(k, v string) bool { m[k] = v; return true })
	return m
}

// A worker of somebody else's that runs a job with a request's context must not
// be left with the labels of that request, which may end before it.
func TestDoLeavesNoForeignLabels(t *testing.T) {
	rt := newRuntime(t)
	jobs, done := make(chan context.Context), make(chan bool)
	go func() {
		for ctx := range jobs {
			if err := rt.Do(ctx, "job.run", succeed); err != nil {
				t.Error(err)
			}
			done <- hale.BearsLabels()
		}
		close(done)
	}()
	if err := rt.Do(t.Context(), "GET /x", func(ctx context.Context) error {
		jobs <- ctx
		if <-done {
			t.Error("the worker bears the labels of the request")
		}
		if err := rt.Do(ctx, "inner", succeed); err != nil || !hale.BearsLabels() {
			t.Errorf("%v; the request's own goroutine lost its labels to a task inside it", err)
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
	if hale.BearsLabels() {
		t.Error("labels are left after the request")
	}
	close(jobs)
	<-done
}

func TestLabels(t *testing.T) {
	rt := newRuntime(t)
	pprof.Do(t.Context(), pprof.Labels("tenant", "blue"), func(ctx context.Context) {
		err := rt.Do(ctx, "orders.create", func(ctx context.Context) error {
			l := labelsOf(ctx)
			if l["hale.task"] != "orders.create" || l["hale.domain"] != "orders" || l["tenant"] != "blue" {
				t.Errorf("labels = %v, want hale's and the caller's", l)
			}
			pprof.Do(ctx, pprof.Labels("step", "1"), func(ctx context.Context) {
				if l := labelsOf(ctx); l["hale.task"] != "orders.create" || l["step"] != "1" {
					t.Errorf("a nested pprof.Do dropped labels: %v", l)
				}
			})
			return rt.Go(ctx, "orders.audit", func(ctx context.Context) error {
				if l := labelsOf(ctx); l["hale.task"] != "orders.audit" {
					t.Errorf("labels of a task in a task = %v", l)
				}
				return nil
			}).Wait()
		})
		if err != nil {
			t.Error(err)
		}
		if l := labelsOf(ctx); l["hale.task"] != "" {
			t.Errorf("labels leaked to the caller: %v", l)
		}
	})
}
