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
	"github.com/hale-go/hale/observe"
)

// A domain that is cut off starts nothing, whatever its name and whenever it comes, and
// the others go on. It is let go when the fault is gone.
func TestDomainIsQuarantined(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := contain()
		cfg.Policy.Ladders = map[diagnose.Fault][]string{diagnose.PanicLoop: {heal.RemedyQuarantineDomain}}
		cfg.Policy.Quarantine = 20 * time.Second
		cfg.Policy.Guardrails.BlastRadius = 0.9
		rt := newRuntime(t, hale.WithConfig(cfg))
		hale.SetDefault(rt)
		defer hale.SetDefault(nil)
		var mended atomic.Bool
		rt.Go(t.Context(), "shop.orders.consume", func(ctx context.Context) error {
			if mended.Load() {
				<-ctx.Done()
				return ctx.Err()
			}
			panic("poison")
		}, hale.Restart(hale.Permanent), hale.InDomain("shop"))
		nothing := func(context.Context) error { return nil }
		try := func() map[string]error {
			_, call := hale.Call(t.Context(), "shop.pages.home", answer)
			return map[string]error{
				"task":    rt.Go(t.Context(), "shop.index", nothing).Wait(),
				"do":      rt.Do(t.Context(), "shop.orders.place", nothing),
				"call":    call,
				"another": rt.Do(t.Context(), "mail.send", nothing),
			}
		}
		for what, err := range try() {
			if err != nil {
				t.Errorf("before: %s got %v", what, err)
			}
		}
		steps(t, rt, 15)
		inc := only(t, rt)
		for what, err := range try() {
			if cut := what != "another"; errors.Is(err, hale.ErrQuarantined) != cut {
				t.Errorf("cut off: %s got %v: %s", what, err, texts(inc))
			}
		}
		if err := rt.Do(t.Context(), "shop.brandnew", nothing); !errors.Is(err, hale.ErrQuarantined) {
			t.Errorf("a new name got %v", err)
		}
		mended.Store(true)
		steps(t, rt, 300)
		inc = only(t, rt)
		if inc.Phase != diagnose.Verified || strings.Contains(texts(inc), "from outside") {
			t.Errorf("%s", texts(inc))
		}
		for what, err := range try() {
			if err != nil {
				t.Errorf("afterwards: %s got %v", what, err)
			}
		}
	})
}

// A domain's quarantine ends by itself when nobody renews it, and takes back no other.
func TestDomainGate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := newRuntime(t)
		nothing := func(context.Context) error { return nil }
		run := func(name string) error { return rt.Do(t.Context(), name, nothing) }
		if err := hale.SetGate(rt, heal.DomainGate+"shop", heal.GateClosed, 0); !errors.Is(err, heal.ErrNotApplicable) {
			t.Errorf("a domain of which nobody knows gave %v", err)
		}
		for _, name := range []string{"shop.a", "shop.b", "mail.a"} {
			if err := run(name); err != nil {
				t.Fatal(err)
			}
		}
		rt.Operation(observe.Server, "shop.rest", "").SetCatchAll()
		for _, set := range []func() error{
			func() error { return hale.SetGate(rt, "shop.a", heal.GateClosed, 0) },
			func() error { return hale.SetGate(rt, heal.DomainGate+"shop", heal.GateClosed, 0) },
		} {
			if err := set(); err != nil {
				t.Fatal(err)
			}
		}
		want := func(name string, cut bool) {
			t.Helper()
			if err := run(name); errors.Is(err, hale.ErrQuarantined) != cut {
				t.Errorf("%s got %v", name, err)
			}
		}
		want("shop.a", true)
		want("shop.b", true)
		want("shop.rest", false) // it stands for many things
		want("mail.a", false)
		if err := hale.SetGate(rt, heal.DomainGate+"shop", heal.GateProbe, 2); err != nil {
			t.Fatal(err)
		}
		want("shop.b", false)
		want("shop.c", false)
		want("shop.b", true) // two a second, of all names
		if err := hale.SetGate(rt, heal.DomainGate+"shop", heal.GateOpen, 0); err != nil {
			t.Fatal(err)
		}
		want("shop.a", true) // its own is held on
		want("shop.b", false)
		if err := hale.SetGate(rt, heal.DomainGate+"shop", heal.GateClosed, 0); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		want("shop.b", false)
	})
}
