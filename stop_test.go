package hale_test

import (
	"context"
	"errors"
	"fmt"
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

// A tree of supervisors stops from its last leaf to its first, whoever ends it:
// the context, or the runtime.
func TestNestedStopOrder(t *testing.T) {
	for _, end := range []string{"context", "close"} {
		bubble(t, end, func(t *testing.T) {
			rt := newRuntime(t)
			tr := newTroupe("a", "x", "y", "b")
			top := newSupervisor(t, rt, "top", hale.SupervisorConfig{})
			sub := newSupervisor(t, rt, "sub", hale.SupervisorConfig{Strategy: hale.OneForAll})
			perm := hale.Restart(hale.Permanent)
			top.Go("a", tr.body("a"), perm)
			sub.Go("x", tr.body("x"), perm)
			sub.Go("y", tr.body("y"), perm)
			subTask := top.Go("sub", sub.Run, perm)
			top.Go("b", tr.body("b"), perm)
			ctx, cancel := context.WithCancelCause(t.Context())
			done := make(chan error, 1)
			go func() { done <- top.Run(ctx) }()
			tr.took()
			if end == "close" {
				if err := rt.Close(); err != nil {
					t.Errorf("Close = %v", err)
				}
			} else {
				cancel(io.EOF)
			}
			if err := <-done; err != nil {
				t.Errorf("Run = %v", err)
			}
			tr.want(t, "at the end", "b y x a", "")
			if err := subTask.Wait(); err != nil {
				t.Errorf("Wait of the supervisor below = %v", err)
			}
			cancel(nil)
			if end == "close" {
				if err := top.Run(t.Context()); !errors.Is(err, hale.ErrClosed) {
					t.Errorf("Run on a closed runtime = %v", err)
				}
			}
		})
	}
}

// What did not stop is named up to the top, with where it hangs, and every level
// has the time that those below it need.
func TestNamesOfWhatDidNotStopComeUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := newRuntime(t)
		release := make(chan struct{})
		top := newSupervisor(t, rt, "top", hale.SupervisorConfig{StopTimeout: time.Second})
		mid := newSupervisor(t, rt, "mid", hale.SupervisorConfig{StopTimeout: 2 * time.Second})
		low := newSupervisor(t, rt, "low", hale.SupervisorConfig{StopTimeout: 3 * time.Second, Strategy: hale.RestForOne})
		perm := hale.Restart(hale.Permanent)
		for i := range 12 {
			low.Go(fmt.Sprintf("stuck.%d", i), block(release), perm, hale.Grace(100*time.Millisecond))
		}
		polite := low.Go("polite", untilDone, perm)
		mid.Go("low", func(ctx context.Context) error { return low.Run(ctx) }, perm)
		top.Go("mid", mid.Run, perm)
		top.Go("own", block(release), perm)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- top.Run(ctx) }()
		synctest.Wait()
		cancel()
		began := time.Now()
		err := <-done
		var stop *hale.StopError
		if !errors.As(err, &stop) || stop.Count != 13 || len(stop.Tasks) != 10 || stop.By != "supervisor top" {
			t.Fatalf("Run = %v, want a StopError with 13 tasks, ten of them named", err)
		}
		if stop.Tasks[0].ID.Name != "own" || stop.Tasks[1].ID.Name != "stuck.0" {
			t.Errorf("named %v", stop.Tasks)
		}
		for _, u := range stop.Tasks[:2] {
			if !strings.Contains(u.Site.Function, ".block") || !strings.Contains(u.Blocked.Function, ".block") {
				t.Errorf("%s: site %v, blocked at %v", u.ID, u.Site, u.Blocked)
			}
		}
		if hale.Hint(err) == "" || !strings.Contains(err.Error(), "and 3 more") {
			t.Errorf("error %q, hint %q", err, hale.Hint(err))
		}
		if d := time.Since(began); d > 10*time.Second {
			t.Errorf("it took %v", d)
		}
		if err := polite.Wait(); errors.Is(err, hale.ErrAbandoned) {
			t.Errorf("one that stops was given up: %v", err)
		}
		if n := len(rt.Tasks()); n != 13 {
			t.Errorf("%d tasks are left, want the 13 that hang", n)
		}
		close(release)
		synctest.Wait()
		if n := len(rt.Tasks()) + rt.Status().Abandoned; n != 0 {
			t.Errorf("%d are left after they came back", n)
		}
	})
}

func TestCloseNamesWhatDidNotStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt, err := hale.New()
		if err != nil {
			t.Fatal(err)
		}
		release := make(chan struct{})
		for range 11 {
			rt.Go(t.Context(), "stuck", block(release))
		}
		child := rt.Go(t.Context(), "stuck.child", block(release), hale.Restart(hale.Permanent))
		s := newSupervisor(t, rt, "sup", hale.SupervisorConfig{StopTimeout: time.Hour})
		run := make(chan error, 1)
		s.Go("first", untilDone)
		s.Go("second", block(release), hale.Grace(time.Hour))
		go func() { run <- s.Run(context.Background()) }()
		synctest.Wait()
		var stop *hale.StopError
		err = rt.Close()
		if !errors.As(err, &stop) || stop.By != "hale" || stop.Count != 13 || len(stop.Tasks) != 10 {
			t.Fatalf("Close = %v", err)
		}
		for _, u := range stop.Tasks {
			if u.ID.Name != "stuck" || !strings.Contains(u.Site.Function, "block") || !strings.Contains(u.Blocked.Function, "block") {
				t.Errorf("named %+v", u)
			}
		}
		close(release)
		if err := <-run; err != nil {
			t.Errorf("Run = %v", err)
		}
		<-child.Done()
	})
}

// A supervisor that restarts its whole subtree again and again hides nothing: each
// storm below is told, and the last error comes up.
func TestStormsComeUpThroughTheTree(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := newRuntime(t)
		log := collect(rt)
		fast := hale.Backoff{Initial: time.Millisecond, Max: time.Millisecond}
		top := newSupervisor(t, rt, "top", hale.SupervisorConfig{Intensity: 1, Period: time.Hour, Backoff: fast})
		mid := newSupervisor(t, rt, "mid", hale.SupervisorConfig{Intensity: 2, Period: time.Hour, Backoff: fast, Strategy: hale.OneForAll})
		low := newSupervisor(t, rt, "low", hale.SupervisorConfig{Intensity: 3, Period: time.Hour, Backoff: fast, Strategy: hale.RestForOne})
		perm := hale.Restart(hale.Permanent)
		var bad, neighbour atomic.Int32
		handle := low.Go("bad", func(context.Context) error { bad.Add(1); panic(io.ErrNoProgress) }, perm)
		mid.Go("neighbour", func(ctx context.Context) error { neighbour.Add(1); return untilDone(ctx) }, perm)
		mid.Go("low", low.Run, perm)
		top.Go("mid", mid.Run, perm)
		err := top.Run(t.Context())
		if !errors.Is(err, hale.ErrIntensity) || !errors.Is(err, io.ErrNoProgress) || !strings.Contains(err.Error(), "supervisor top") {
			t.Errorf("Run = %v", err)
		}
		// low fails 4 times in each of its runs, which are 3 in each of mid's 2.
		if bad.Load() != 24 || neighbour.Load() != 6 {
			t.Errorf("bad ran %d times, want 24; its neighbour above %d, want 6", bad.Load(), neighbour.Load())
		}
		synctest.Wait()
		storms := map[string]int{}
		for _, e := range log.storms() {
			storms[e.Subject.Name]++
		}
		if storms["bad"] != 6 || storms["low"] != 2 || storms["mid"] != 1 {
			t.Errorf("storms told: %v", storms)
		}
		if n := len(log.of(observe.EventPanic)); n != 24 {
			t.Errorf("%d panics told, want 24", n)
		}
		if handle.Err() == nil || len(rt.Tasks()) != 0 {
			t.Errorf("handle %v, %d tasks left", handle.Err(), len(rt.Tasks()))
		}
	})
}

// A supervisor that was given up by the one above may be run again at once: the
// new run waits for the old one to end.
func TestRunAgainWhileTheLastRunStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := newRuntime(t)
		release := make(chan struct{})
		s := newSupervisor(t, rt, "sup", hale.SupervisorConfig{StopTimeout: 10 * time.Second})
		var runs atomic.Int32
		s.Go("slow", func(ctx context.Context) error {
			if runs.Add(1) == 1 {
				<-release
				return nil
			}
			return untilDone(ctx)
		}, hale.Restart(hale.Permanent))
		ctx, cancel := context.WithCancel(t.Context())
		first, second, third := make(chan error, 1), make(chan error, 1), make(chan error, 1)
		go func() { first <- s.Run(ctx) }()
		synctest.Wait()
		cancel()
		synctest.Wait()
		ctx2, cancel2 := context.WithCancel(t.Context())
		go func() { second <- s.Run(ctx2) }()
		go func() { third <- s.Run(ctx) }() // its context is done: it does not wait
		synctest.Wait()
		if err := <-third; err != nil || runs.Load() != 1 {
			t.Errorf("Run with a context that is done = %v, %d runs", err, runs.Load())
		}
		time.Sleep(time.Second)
		close(release)
		if err := <-first; err != nil {
			t.Error(err)
		}
		synctest.Wait()
		if runs.Load() != 2 {
			t.Errorf("%d runs, want 2", runs.Load())
		}
		cancel2()
		if err := <-second; err != nil {
			t.Error(err)
		}
	})
}

// The longest times that can be given add up to what is waited for, and not to a
// time that is over already.
func TestLongestGraceOfASubtree(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := newRuntime(t)
		const day = 24 * time.Hour
		release := make(chan struct{})
		top := newSupervisor(t, rt, "top", hale.SupervisorConfig{StopTimeout: day})
		inner := newSupervisor(t, rt, "inner", hale.SupervisorConfig{StopTimeout: day})
		inner.Go("slow", block(release), hale.Grace(math.MaxInt64))
		top.Go("inner", inner.Run, hale.Restart(hale.Permanent), hale.Grace(math.MaxInt64))
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- top.Run(ctx) }()
		synctest.Wait()
		cancel()
		time.Sleep(12*time.Hour - time.Second) // half of inner's StopTimeout, for which order is kept
		close(release)
		if err := <-done; err != nil {
			t.Errorf("Run = %v: the subtree was not waited for", err)
		}
	})
}
