package hale_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/observe"
)

// What tells work that takes a minute from a leak is for how long its task has
// ended, so a snapshot must know that for longer than hale keeps other cells.
func TestSnapshotKnowsForHowLongATaskHasEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := newRuntime(t)
		release := make(chan struct{})
		if err := rt.Do(t.Context(), "GET /left", func(context.Context) error {
			go func() { <-release }()
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		seen := map[time.Duration]bool{}
		for range 120 {
			steps(t, rt, 1)
			for _, g := range rt.Status().Snapshot.Groups {
				if g.Name == "GET /left" {
					seen[g.Ended] = true
				}
			}
		}
		for _, age := range []time.Duration{15 * time.Second, 30 * time.Second, 45 * time.Second, time.Minute, 75 * time.Second, 90 * time.Second} {
			if !seen[age] {
				t.Errorf("no snapshot told that the task ended %v before; they told %v", age, seen)
			}
		}
		close(release)
	})
}

func TestSampleTellsHowLongTasksRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := newRuntime(t)
		stat := func() observe.TaskStat { return rt.Status().Sample.Tasks[0] }
		release := make(chan struct{})
		held := rt.Go(t.Context(), "job", block(release))
		var longest time.Duration
		for range 30 {
			if err := rt.Do(t.Context(), "job", func(context.Context) error { time.Sleep(500 * time.Millisecond); return nil }); err != nil {
				t.Fatal(err)
			}
			steps(t, rt, 1)
			longest = max(longest, stat().Longest)
		}
		if longest < 500*time.Millisecond || longest > 8*time.Second {
			t.Errorf("tasks of half a second lived for %v", longest)
		}
		if oldest := stat().Oldest; oldest < 40*time.Second || oldest > 45*time.Second {
			t.Errorf("the oldest has run for %v, want 45s less an epoch", oldest)
		}
		close(release)
		if err := held.Wait(); err != nil {
			t.Fatal(err)
		}
		steps(t, rt, 1)
		if st := stat(); st.Longest < 40*time.Second || st.Oldest > 5*time.Second {
			t.Errorf("it ended: %+v", st)
		}
	})
}

func TestPatienceIsBounded(t *testing.T) {
	cfg := hale.Config{}
	cfg.Leak.Patience = 2 * time.Minute
	if _, err := hale.New(hale.WithConfig(cfg)); err == nil {
		t.Error("a patience beyond what snapshots tell was taken")
	}
}
