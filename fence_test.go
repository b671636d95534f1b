package hale_test

import (
	"context"
	"errors"
	"io"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/observe"
)

// What an abandoned run does late is refused: its beats, its result, its writes.
func TestAbandonedPredecessorIsFenced(t *testing.T) {
	for name, end := range map[string]func() error{
		"returns nil": func() error { return nil },
		"fails":       func() error { return io.EOF },
		"panics":      func() error { panic("late") },
	} {
		bubble(t, name, func(t *testing.T) {
			rt := newRuntime(t)
			log := collect(rt)
			release, late := make(chan struct{}), make(chan error, 4)
			var runs atomic.Int32
			var highest uint64
			var successor atomic.Pointer[hale.Task]
			handle := rt.Go(t.Context(), "orders.consume", func(ctx context.Context) error {
				runs.Add(1)
				if g := hale.Generation(ctx); g <= highest {
					t.Errorf("generation %d after %d", g, highest)
				} else {
					highest = g
				}
				if runs.Load() == 1 {
					late <- hale.Fenced(ctx)
					sub := rt.Go(context.WithoutCancel(ctx), "orders.write", func(ctx context.Context) error {
						<-release
						late <- hale.Fenced(ctx)
						return nil
					})
					<-release
					for range 1000 { // would keep the successor alive
						hale.Beat(ctx)
						time.Sleep(100 * time.Millisecond)
					}
					late <- hale.Fenced(ctx)
					if err := sub.Wait(); err != nil {
						t.Error(err)
					}
					return end()
				}
				successor.Store(hale.FromContext(ctx))
				if runs.Load() > 2 { // replaced the one whose beats were missing
					for ctx.Err() == nil {
						hale.Beat(ctx)
						time.Sleep(100 * time.Millisecond)
					}
					return nil
				}
				late <- hale.Fenced(ctx)
				<-ctx.Done() // and no beat of its own
				return nil
			}, hale.Heartbeat(2*time.Second), hale.Grace(time.Second), hale.Restart(hale.Permanent))
			first := handle.ID()
			until := func(ok func() bool) {
				for range 600 {
					if time.Sleep(100 * time.Millisecond); ok() {
						break
					}
				}
				synctest.Wait()
			}
			until(func() bool { return runs.Load() == 2 })
			close(release)
			until(func() bool { return runs.Load() == 3 })
			if runs.Load() != 3 {
				t.Errorf("%d runs, want 3: the late beats counted for the successor", runs.Load())
			}
			time.Sleep(2 * time.Minute)
			synctest.Wait()
			current := handle.ID()
			if current != successor.Load().ID() || handle.Err() != nil {
				t.Errorf("the handle stands for %v (%v), want %v", current, handle.Err(), successor.Load().ID())
			}
			for i, fenced := range []bool{false, false, true, true} { // first, second, what the first started, first late
				if err := <-late; errors.Is(err, hale.ErrFenced) != fenced || (err == nil) == fenced || (err != nil && hale.Hint(err) == "") {
					t.Errorf("%d: Fenced = %v, want fenced %v", i, err, fenced)
				}
			}
			for _, kind := range []observe.EventKind{observe.EventAbandoned, observe.EventReturned} {
				if e := log.of(kind); len(e) != 1 || e[0].Subject.Task != first {
					t.Errorf("%s: %v, want one of %v", kind, e, first)
				}
			}
			for _, e := range log.of(observe.EventPanic) {
				if e.Subject.Task != first {
					t.Errorf("the late panic is told of %v, want %v", e.Subject.Task, first)
				}
			}
			handle.Cancel(nil)
			if err := handle.Wait(); err != nil {
				t.Errorf("Wait = %v, want what the last run returned", err)
			}
		})
	}
}

// A run that ended by itself and left something behind is fenced too, once the
// next one has begun. What it detached is not part of it.
func TestFenceOfWhatARunLeftBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := newRuntime(t)
		s := newSupervisor(t, rt, "sup", hale.SupervisorConfig{Backoff: hale.Backoff{Initial: time.Minute, Max: time.Minute}})
		var left, detached [3]context.Context
		runs := 0
		s.Go("a.b", func(ctx context.Context) error {
			left[runs], detached[runs] = ctx, hale.Detach(ctx, "a.janitor")
			if runs++; runs == 3 {
				return untilDone(ctx)
			}
			return io.EOF
		}, hale.Restart(hale.Permanent))
		ctx, cancel := context.WithCancel(t.Context())
		run := rt.Go(ctx, "run", s.Run)
		synctest.Wait()
		if err := hale.Fenced(left[0]); !errors.Is(err, hale.ErrFenced) {
			t.Errorf("the first run: %v", err)
		}
		if err := hale.Fenced(left[1]); err != nil {
			t.Errorf("the second, which nobody has followed: %v", err)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		for i, want := range []bool{true, true, false} {
			if err := hale.Fenced(left[i]); errors.Is(err, hale.ErrFenced) != want {
				t.Errorf("run %d: %v", i, err)
			}
			if g := hale.Generation(left[i]); g == 0 || i > 0 && g <= hale.Generation(left[i-1]) {
				t.Errorf("run %d: generation %d", i, g)
			}
			if err := hale.Fenced(detached[i]); err != nil || hale.Generation(detached[i]) != 0 {
				t.Errorf("detached from run %d: %v, generation %d", i, err, hale.Generation(detached[i]))
			}
		}
		cancel()
		if err := run.Wait(); err != nil {
			t.Error(err)
		}
	})
	for _, ctx := range []context.Context{nil, t.Context()} {
		if err := hale.Fenced(ctx); err != nil || hale.Generation(ctx) != 0 {
			t.Errorf("outside any task: %v, %d", err, hale.Generation(ctx))
		}
	}
}

// The generation goes on counting when the supervisor itself is started again.
func TestGenerationOutlivesARunOfTheSupervisor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := newRuntime(t)
		s := newSupervisor(t, rt, "sup", hale.SupervisorConfig{Strategy: hale.OneForAll})
		var got []uint64
		s.Go("a", func(ctx context.Context) error { got = append(got, hale.Generation(ctx)); return untilDone(ctx) }, hale.Restart(hale.Permanent))
		for range 3 {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			if err := s.Run(ctx); err != nil {
				t.Error(err)
			}
			cancel()
		}
		if len(got) != 3 || got[0] == 0 || got[1] <= got[0] || got[2] <= got[1] {
			t.Errorf("generations %v", got)
		}
	})
}

// The generation goes on counting over a child that is added again, and over a
// supervisor that each run of a child makes for itself: a store that keeps the
// highest refuses no healthy successor.
func TestGenerationOfAChildThatIsAddedAgain(t *testing.T) {
	rising := func(t *testing.T, got []uint64) {
		t.Helper()
		if len(got) != 3 || got[0] == 0 || got[1] <= got[0] || got[2] <= got[1] {
			t.Errorf("generations %v, want three that rise", got)
		}
	}
	bubble(t, "added again", func(t *testing.T) {
		rt := newRuntime(t)
		var got []uint64
		for range 3 {
			err := rt.Go(t.Context(), "x", func(ctx context.Context) error {
				got = append(got, hale.Generation(ctx))
				return nil
			}, hale.Restart(hale.Transient)).Wait()
			if err != nil {
				t.Error(err)
			}
		}
		rising(t, got)
	})
	bubble(t, "below a supervisor made in each run", func(t *testing.T) {
		rt := newRuntime(t)
		var got []uint64
		top := rt.Go(t.Context(), "top", func(ctx context.Context) error {
			inner := newSupervisor(t, rt, "inner", hale.SupervisorConfig{})
			inner.Go("x", func(ctx context.Context) error {
				got = append(got, hale.Generation(ctx))
				return untilDone(ctx)
			}, hale.Restart(hale.Permanent))
			ctx, cancel := context.WithTimeout(ctx, time.Minute)
			defer cancel()
			return inner.Run(ctx)
		}, hale.Restart(hale.Permanent))
		time.Sleep(150 * time.Second)
		synctest.Wait()
		rising(t, got)
		top.Cancel(nil)
		_ = top.Wait()
	})
}
