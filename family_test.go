package hale_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/observe"
)

// statOf returns the counts of a name in the last turn.
func statOf(t *testing.T, rt *hale.Runtime, name string) observe.TaskStat {
	t.Helper()
	segments := rt.Recording().Segments
	turns := segments[len(segments)-1].Turns
	for _, st := range turns[len(turns)-1].Sample.Tasks {
		if st.Name == name {
			return st
		}
	}
	t.Fatalf("%s is not in the sample", name)
	return observe.TaskStat{}
}

// What was started is counted once, whatever becomes of the cell that it is in.
func TestStartedIsExact(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := newRuntime(t, hale.WithConfig(hale.Config{Epoch: 2 * time.Second}))
		for range 3 {
			if err := rt.Do(t.Context(), "a.b", succeed); err != nil {
				t.Fatal(err)
			}
		}
		release := make(chan struct{})
		rt.Go(t.Context(), "a.b", block(release)) // holds the cell
		synctest.Wait()
		for i := range 20 {
			steps(t, rt, 1)
			if st := statOf(t, rt, "a.b"); st.Started != 4 || st.Live != 1 {
				t.Errorf("turn %d: %d started, %d live", i, st.Started, st.Live)
			}
		}
		close(release)
		synctest.Wait()
		steps(t, rt, 5)
		if st := statOf(t, rt, "a.b"); st.Started != 4 || st.Live != 0 {
			t.Errorf("when all have ended: %d started, %d live", st.Started, st.Live)
		}
	})
}

// A start may find that its cell was closed under it, and then enters another.
func TestStartedOfALateStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := newRuntime(t, hale.WithConfig(hale.Config{Epoch: 2 * time.Second}))
		if err := rt.Do(t.Context(), "a.b", succeed); err != nil {
			t.Fatal(err)
		}
		goOn := hale.LateStart(rt, "a.b")
		steps(t, rt, 5)
		goOn()
		steps(t, rt, 5)
		if st := statOf(t, rt, "a.b"); st.Started != 2 || st.Live != 0 {
			t.Errorf("%d started, %d live, want two that have ended", st.Started, st.Live)
		}
	})
}
