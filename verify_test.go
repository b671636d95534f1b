package hale_test

import (
	"context"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/diagnose"
	"github.com/hale-go/hale/heal"
)

// A child whose every run fails is not verified because it hardly gets to run: its
// probation fails each time, until a person is called. Once it is mended, the next
// probation passes.
func TestStormGoesOnPastItsQuarantine(t *testing.T) {
	for _, of := range []string{"the root", "one_for_one", "one_for_all"} {
		t.Run(of, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { testStormGoesOn(t, of) })
		})
	}
}

func testStormGoesOn(t *testing.T, of string) {
	rt := newRuntime(t, hale.WithConfig(hale.Config{Policy: heal.Policy{Act: heal.Contain}}))
	var mended atomic.Bool
	body := func(ctx context.Context) error {
		if mended.Load() {
			return untilDone(ctx)
		}
		return io.EOF
	}
	if of == "the root" {
		rt.Go(t.Context(), "db.connect", body, hale.Restart(hale.Permanent))
	} else {
		strategy := hale.OneForOne
		if of == "one_for_all" {
			strategy = hale.OneForAll
		}
		s := newSupervisor(t, rt, "db", hale.SupervisorConfig{Strategy: strategy})
		s.Go("db.connect", body, hale.Restart(hale.Permanent))
		rt.Go(t.Context(), "db", s.Run, hale.Restart(hale.Permanent))
	}
	steps(t, rt, 600)
	if inc := only(t, rt); inc.Phase != diagnose.Escalated || inc.Fault != diagnose.RestartStorm {
		t.Fatalf("every run fails: %s %s: %+v", inc.Fault, inc.Phase, inc.Steps)
	}
	mended.Store(true)
	before := strings.Count(texts(only(t, rt)), "probation failed")
	steps(t, rt, 900) // the longest quarantine, and its probation
	if inc := only(t, rt); inc.Phase != diagnose.Verified || inc.Outcome != diagnose.Recovered || strings.Count(texts(inc), "probation failed") != before {
		t.Errorf("mended: %s %s: %+v", inc.Phase, inc.Outcome, inc.Steps)
	}
}

// texts is an incident's history as text.
func texts(inc diagnose.Incident) string {
	var b strings.Builder
	for _, s := range inc.Steps {
		b.WriteString(s.Detail + "\n")
	}
	return b.String()
}

// A storm that was held back for a short while only is not taken for one that
// goes on because the child is started again.
func TestStormThatIsMendedPassesItsFirstProbation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := newRuntime(t, hale.WithConfig(contain()))
		var mended atomic.Bool
		rt.Go(t.Context(), "db.connect", func(ctx context.Context) error {
			if mended.Load() {
				return untilDone(ctx)
			}
			return io.EOF
		}, hale.Restart(hale.Permanent))
		steps(t, rt, 4)
		mended.Store(true)
		steps(t, rt, 30)
		inc := only(t, rt)
		if inc.Phase != diagnose.Verified || inc.Outcome != diagnose.Recovered || strings.Contains(texts(inc), "probation failed") {
			t.Errorf("%s %s: %+v", inc.Phase, inc.Outcome, inc.Steps)
		}
		steps(t, rt, 120)
		only(t, rt)
	})
}

// What goes on is one incident also where nothing may be done about it, although it
// comes in steps: a child's backoff is long, and orphans come to light by the epoch.
func TestWhatGoesOnIsOneIncidentInObserveMode(t *testing.T) {
	for name, end := range map[string]func() error{
		"errors": func() error { return io.EOF },
		"panics": func() error { panic("x") },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				rt := newRuntime(t)
				var mended atomic.Bool
				rt.Go(t.Context(), "db.connect", func(ctx context.Context) error {
					if mended.Load() {
						return untilDone(ctx)
					}
					return end()
				}, hale.Restart(hale.Permanent))
				steps(t, rt, 600)
				if inc := only(t, rt); inc.Phase.Closed() {
					t.Errorf("every run fails: %s %s: %+v", inc.Phase, inc.Outcome, inc.Steps)
				}
				mended.Store(true)
				steps(t, rt, 120)
				if inc := only(t, rt); inc.Outcome != diagnose.Recovered {
					t.Errorf("mended: %s %s: %+v", inc.Phase, inc.Outcome, inc.Steps)
				}
			})
		})
	}
}

// A route whose every request hangs, on its caller's goroutine, stays cut off but
// for probes: those that hang cannot be mended, and no more may join them.
func TestRouteThatHangsStaysCutOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := newRuntime(t, hale.WithConfig(hale.Config{Policy: heal.Policy{Act: heal.Contain}}))
		release := make(chan struct{})
		var hung atomic.Int32
		serve := func(seconds int) {
			for range seconds {
				for range 5 {
					go func() {
						defer hung.Add(-1)
						hung.Add(1)
						_ = rt.Do(context.Background(), "GET /x", block(release), hale.Budget(500*time.Millisecond))
					}()
					time.Sleep(200 * time.Millisecond)
				}
				if err := rt.Step(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
		}
		serve(20)
		before := hung.Load()
		serve(280)
		inc := only(t, rt)
		if n := hung.Load(); n > before+15 || inc.Phase != diagnose.Escalated || strings.Contains(texts(inc), "undo") {
			t.Errorf("%d requests hang, %d did after 20 s: %s: %+v", n, before, inc.Phase, inc.Steps)
		}
		close(release)
		serve(700)
		if inc := only(t, rt); inc.Phase != diagnose.Verified || inc.Outcome != diagnose.Recovered {
			t.Errorf("mended: %s %s: %+v", inc.Phase, inc.Outcome, inc.Steps)
		}
	})
}
