package hale_test

import (
	"context"
	"errors"
	"io"
	"math"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/observe"
)

func newSupervisor(t *testing.T, rt *hale.Runtime, name string, cfg hale.SupervisorConfig) *hale.Supervisor {
	t.Helper()
	s, err := rt.NewSupervisor(name, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestRestartKinds(t *testing.T) {
	for _, c := range []struct {
		kind hale.RestartKind
		end  func() error // how each run ends
		runs int32        // within an hour; 0: it never stops being restarted
	}{
		{hale.Temporary, func() error { return nil }, 1},
		{hale.Temporary, func() error { return io.EOF }, 1},
		{hale.Temporary, func() error { panic("x") }, 1},
		{hale.Transient, func() error { return nil }, 1},
		{hale.Transient, func() error { return io.EOF }, 0},
		{hale.Transient, func() error { panic("x") }, 0},
		{hale.Permanent, func() error { return nil }, 0},
		{hale.Permanent, func() error { panic("x") }, 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			rt := newRuntime(t)
			var runs atomic.Int32
			task := rt.Go(t.Context(), "child", func(context.Context) error { runs.Add(1); return c.end() }, hale.Restart(c.kind))
			time.Sleep(time.Hour)
			got := runs.Load()
			if c.runs > 0 && got != c.runs {
				t.Errorf("%v: %d runs, want %d", c.kind, got, c.runs)
			}
			select {
			case <-task.Done():
				if c.runs == 0 {
					t.Errorf("%v: the child ended after %d runs: %v", c.kind, got, task.Wait())
				}
			default:
				if c.runs > 0 {
					t.Errorf("%v: the child has not ended", c.kind)
				}
			}
			// An hour of failing at once: the storms are spaced, not endless.
			if c.runs == 0 && (got < 50 || got > 2000) {
				t.Errorf("%v: %d runs in an hour", c.kind, got)
			}
		})
	}
}

func TestBackoffGrowsAndStartsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := newRuntime(t)
		s := newSupervisor(t, rt, "sup", hale.SupervisorConfig{Intensity: 1000, Period: time.Minute, Backoff: hale.Backoff{Initial: 100 * time.Millisecond, Max: time.Second}})
		var starts []time.Time
		healthy := make(chan struct{})
		s.Go("child", func(ctx context.Context) error {
			starts = append(starts, time.Now())
			if len(starts) == 8 {
				<-healthy
			}
			return io.EOF
		}, hale.Restart(hale.Permanent))
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- s.Run(ctx) }()
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if len(starts) != 8 {
			t.Fatalf("%d starts, want 8", len(starts))
		}
		for i, want := range []time.Duration{0, 100, 200, 400, 800, 1000, 1000} {
			want *= time.Millisecond
			if d := starts[i+1].Sub(starts[i]); d < want/2 || d > want {
				t.Errorf("wait before restart %d = %v, want %v..%v", i+1, d, want/2, want)
			}
		}
		close(healthy) // it ran for longer than the period: the next restart is at once
		synctest.Wait()
		if n := len(starts); n < 9 {
			t.Errorf("%d starts: the backoff did not start over", n)
		}
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run = %v", err)
		}
	})
}

// A child whose siblings are fine must be restarted alone.
func TestOneForOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := newRuntime(t)
		s := newSupervisor(t, rt, "sup", hale.SupervisorConfig{})
		crash := make(chan struct{})
		var steadyRuns, crashRuns atomic.Int32
		steady := s.Go("steady", func(ctx context.Context) error { steadyRuns.Add(1); return untilDone(ctx) }, hale.Restart(hale.Permanent))
		s.Go("crasher", func(ctx context.Context) error {
			crashRuns.Add(1)
			select {
			case <-crash:
				panic("crash")
			case <-ctx.Done():
				return nil
			}
		}, hale.Restart(hale.Permanent))
		if !steady.ID().IsZero() {
			t.Error("a child runs before its supervisor")
		}
		ctx, cancel := context.WithCancel(t.Context())
		run := rt.Go(ctx, "sup", s.Run)
		synctest.Wait()
		id := steady.ID()
		for range 3 {
			crash <- struct{}{}
			time.Sleep(time.Second)
		}
		if crashRuns.Load() != 4 || steadyRuns.Load() != 1 || steady.ID() != id {
			t.Errorf("crasher ran %d times, want 4; steady %d times, want 1", crashRuns.Load(), steadyRuns.Load())
		}
		cancel()
		if err := run.Wait(); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		if n := len(rt.Tasks()); n != 0 {
			t.Errorf("%d tasks are left", n)
		}
	})
}

// More restarts than a supervisor bears are the failure of the supervisor,
// which its own supervisor restarts, with fresh children.
func TestIntensityEscalatesToTheParent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := newRuntime(t)
		log := collect(rt)
		top := newSupervisor(t, rt, "top", hale.SupervisorConfig{Intensity: 2, Period: time.Minute})
		sub := newSupervisor(t, rt, "sub", hale.SupervisorConfig{Intensity: 3, Period: time.Minute, Backoff: hale.Backoff{Initial: time.Millisecond, Max: time.Millisecond}})
		var bad, good, subs atomic.Int32
		sub.Go("bad", func(context.Context) error { bad.Add(1); return io.EOF }, hale.Restart(hale.Permanent))
		sub.Go("good", func(ctx context.Context) error { good.Add(1); return untilDone(ctx) }, hale.Restart(hale.Permanent))
		top.Go("sub", func(ctx context.Context) error { subs.Add(1); return sub.Run(ctx) }, hale.Restart(hale.Permanent))
		err := top.Run(t.Context())
		if !errors.Is(err, hale.ErrIntensity) || !errors.Is(err, io.EOF) {
			t.Errorf("Run of the top = %v, want ErrIntensity with the last error", err)
		}
		if subs.Load() != 3 || bad.Load() != 12 || good.Load() != 3 {
			t.Errorf("sub ran %d times (want 3), bad %d (want 12), good %d (want 3)", subs.Load(), bad.Load(), good.Load())
		}
		synctest.Wait()
		if n := len(log.storms()); n != 4 { // three of sub, one of top
			t.Errorf("%d restart storms, want 4", n)
		}
		if n := len(rt.Tasks()); n != 0 {
			t.Errorf("%d tasks are left", n)
		}
	})
}

func TestHeartbeatReplacesAChildThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := newRuntime(t)
		log := collect(rt)
		release := make(chan struct{})
		var runs atomic.Int32
		task := rt.Go(t.Context(), "orders.consume", func(ctx context.Context) error {
			if runs.Add(1) == 1 {
				<-release // ignores its context
				hale.Beat(ctx)
				return io.EOF
			}
			me := hale.FromContext(ctx)
			for ctx.Err() == nil {
				me.Beat()
				time.Sleep(100 * time.Millisecond)
			}
			return nil
		}, hale.Heartbeat(time.Second), hale.Grace(time.Second), hale.Restart(hale.Permanent))
		first := task.ID()
		time.Sleep(time.Minute)
		if runs.Load() != 2 || task.ID() == first {
			t.Errorf("%d runs, ID %v, was %v: want a fresh run", runs.Load(), task.ID(), first)
		}
		if a := log.of(observe.EventAbandoned); len(a) != 1 || a[0].Subject.Task != first {
			t.Errorf("abandoned: %v, want %v", a, first)
		}
		if n := rt.Status().Abandoned; n != 1 {
			t.Errorf("%d abandoned bodies, want 1", n)
		}
		close(release) // the late return must neither end nor restart anything
		time.Sleep(time.Minute)
		if n := rt.Status().Abandoned; n != 0 || runs.Load() != 2 || len(log.of(observe.EventReturned)) != 1 {
			t.Errorf("after the late return: %d abandoned, %d runs", n, runs.Load())
		}
		task.Cancel(nil)
		if err := task.Wait(); err != nil {
			t.Errorf("Wait = %v", err)
		}
	})
}

// A child that hangs in every run must not fill the memory with its bodies.
func TestReplacementIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := newRuntime(t)
		release := make(chan struct{})
		task := rt.Go(t.Context(), "stuck", block(release), hale.Heartbeat(time.Second), hale.Restart(hale.Permanent))
		time.Sleep(5 * time.Hour)
		if n := rt.Status().Abandoned; n != 64 {
			t.Errorf("%d abandoned bodies, want 64", n)
		}
		task.Cancel(nil)
		close(release)
		synctest.Wait()
		if n := rt.Status().Abandoned; n != 0 {
			t.Errorf("%d abandoned bodies after all came back", n)
		}
	})
}

func TestStopTimeoutNamesWhoDidNotStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := newRuntime(t)
		s := newSupervisor(t, rt, "sup", hale.SupervisorConfig{StopTimeout: time.Second})
		release := make(chan struct{})
		var runs atomic.Int32
		h := s.Go("stuck", func(context.Context) error { runs.Add(1); <-release; return nil }, hale.Restart(hale.Permanent))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		err := s.Run(ctx)
		if err == nil || !strings.Contains(err.Error(), "stuck#") {
			t.Errorf("Run = %v, want the child that did not stop", err)
		}
		if err := h.Wait(); !errors.Is(err, hale.ErrAbandoned) {
			t.Errorf("Wait = %v, want ErrAbandoned", err)
		}
		close(release)
		synctest.Wait()
		ctx2, cancel2 := context.WithTimeout(t.Context(), time.Second)
		defer cancel2()
		release = make(chan struct{})
		close(release)
		if err := s.Run(ctx2); !errors.Is(err, hale.ErrIntensity) && err != nil || runs.Load() < 2 {
			t.Errorf("second Run = %v after %d runs: the child did not begin again", err, runs.Load())
		}
	})
}

func TestCancelOfAHandleIsForGood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := newRuntime(t)
		var runs atomic.Int32
		running := rt.Go(t.Context(), "running", func(ctx context.Context) error { runs.Add(1); return untilDone(ctx) }, hale.Restart(hale.Permanent))
		waiting := rt.Go(t.Context(), "waiting", func(context.Context) error { return io.EOF }, hale.Restart(hale.Permanent))
		ctx, cancel := context.WithCancelCause(t.Context())
		byParent := rt.Go(ctx, "parent", func(context.Context) error { return io.EOF }, hale.Restart(hale.Permanent))
		time.Sleep(12 * time.Second)
		boom := errors.New("boom")
		running.Cancel(boom)
		waiting.Cancel(boom)
		cancel(boom)
		for name, h := range map[string]*hale.Task{"running": running, "waiting": waiting, "by parent": byParent} {
			if err := h.Wait(); !errors.Is(err, boom) {
				t.Errorf("%s: Wait = %v, want the cause", name, err)
			}
		}
		time.Sleep(time.Hour)
		if runs.Load() != 1 || len(rt.Tasks()) != 0 {
			t.Errorf("%d runs, %d tasks live after Cancel", runs.Load(), len(rt.Tasks()))
		}
	})
}

// Within a child, FromContext finds the run: to cancel that is no order to stay
// down.
func TestCancelOfARunRestartsTheChild(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := newRuntime(t)
		var runs atomic.Int32
		h := rt.Go(t.Context(), "child", func(ctx context.Context) error {
			if runs.Add(1) == 1 {
				hale.FromContext(ctx).Cancel(nil)
			}
			return untilDone(ctx)
		}, hale.Restart(hale.Permanent))
		time.Sleep(time.Minute)
		synctest.Wait()
		if runs.Load() != 2 || h.Err() != nil {
			t.Errorf("%d runs, want 2; the handle: %v", runs.Load(), h.Err())
		}
		h.Cancel(nil)
		_ = h.Wait()
	})
}

func TestSupervisorConfigErrors(t *testing.T) {
	rt := newRuntime(t)
	for _, cfg := range []hale.SupervisorConfig{
		{Intensity: -1},
		{Period: -1},
		{StopTimeout: -1},
		{Backoff: hale.Backoff{Initial: -1}},
		{Backoff: hale.Backoff{Max: -1}},
		{Period: math.MaxInt64},
		{StopTimeout: 24*time.Hour + 1},
		{Backoff: hale.Backoff{Initial: math.MaxInt64}},
		{Backoff: hale.Backoff{Max: math.MaxInt64}},
	} {
		var ce *hale.ConfigError
		if _, err := rt.NewSupervisor("s", cfg); !errors.As(err, &ce) {
			t.Errorf("%+v: %v, want a ConfigError", cfg, err)
		}
	}
	synctest.Test(t, func(t *testing.T) {
		rt := newRuntime(t)
		s := newSupervisor(t, rt, "", hale.SupervisorConfig{})
		run := rt.Go(t.Context(), "sup", s.Run)
		synctest.Wait()
		var ce *hale.ConfigError
		if err := s.Run(t.Context()); !errors.As(err, &ce) {
			t.Errorf("second Run at once = %v, want a ConfigError", err)
		}
		run.Cancel(nil)
		if err := run.Wait(); err != nil {
			t.Error(err)
		}
	})
}
