package hale_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/diagnose"
	"github.com/hale-go/hale/heal"
)

// faulty is a fault of the domain reco that a test switches on, and that only goes while
// the switch of that domain is on or the fault is mended.
func faulty(t *testing.T, cfg hale.Config) (rt *hale.Runtime, mend func()) {
	t.Helper()
	var mended atomic.Bool
	cfg.Policy.Ladders = map[diagnose.Fault][]string{diagnose.PanicLoop: {heal.RemedyDegrade}}
	rt = newRuntime(t, hale.WithConfig(cfg))
	rt.Go(t.Context(), "reco.list", func(ctx context.Context) error {
		for mended.Load() || hale.Degraded(ctx, "reco") {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(time.Second):
			}
		}
		panic("poison")
	}, hale.Restart(hale.Permanent))
	return rt, func() { mended.Store(true) }
}

// An incident degrades its domain and holds it there. On probation it lets go, sees that
// the fault is back, and degrades again for longer; once the fault is mended it restores.
func TestIncidentDegrades(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := contain()
		cfg.Policy.Quarantine = 20 * time.Second
		rt, mend := faulty(t, cfg)
		steps(t, rt, 15)
		st := rt.Degradations()
		if len(st) != 1 || st[0].Name != "reco" || st[0].Level != 1 || len(st[0].Holders) != 1 || st[0].Holders[0].By != only(t, rt).ID || st[0].Holders[0].Until.IsZero() {
			t.Fatalf("%+v: %s", st, texts(only(t, rt)))
		}
		steps(t, rt, 120)
		inc := only(t, rt)
		if n := strings.Count(texts(inc), "probation failed"); n == 0 || len(rt.Degradations()) != 1 {
			t.Fatalf("it did not try without, or let go for good: %s", texts(inc))
		}
		for _, wrong := range []string{"from outside", "did not help", "quarantine"} {
			if strings.Contains(texts(inc), wrong) {
				t.Errorf("%q in: %s", wrong, texts(inc))
			}
		}
		mend()
		steps(t, rt, 400)
		if inc = only(t, rt); inc.Phase != diagnose.Verified || inc.Outcome != diagnose.Recovered || len(rt.Degradations()) != 0 {
			t.Errorf("mended: %s %s %+v: %s", inc.Phase, inc.Outcome, rt.Degradations(), texts(inc))
		}
		if err := hale.VerifyReplay(rt.Recording(), hale.WithConfig(func() hale.Config {
			cfg.Policy.Ladders = map[diagnose.Fault][]string{diagnose.PanicLoop: {heal.RemedyDegrade}}
			return cfg
		}())); err != nil {
			t.Error(err)
		}
	})
}

// What an incident degrades comes back when the loop breaks, or a person says so.
func TestIncidentsLetGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := newRuntime(t)
		x := hale.IncidentTarget(rt)
		for _, name := range []string{"", "a..b", strings.Repeat("x", 200)} {
			if err := x.Degrade(name, "inc-1", 1); !errors.Is(err, heal.ErrNotApplicable) {
				t.Errorf("%q: %v", name, err)
			}
		}
		must(t, x.Restore("reco", "inc-1"))
		must(t, x.Degrade("reco", "inc-1", 1))
		must(t, x.Degrade("reco", "inc-2", 1))
		must(t, rt.Degrade("reco", 1, "", 0))
		must(t, x.Restore("reco", "inc-2"))
		if n := len(rt.Degradations()[0].Holders); n != 2 {
			t.Errorf("%d holders", n)
		}
		hale.BreakLoop(rt)
		time.Sleep(time.Second)
		if err := rt.Step(t.Context()); err == nil {
			t.Error("the loop did not break")
		}
		if st := rt.Degradations()[0]; len(st.Holders) != 1 || st.Holders[0].By != "hand" {
			t.Errorf("%+v", st)
		}
	})
}
