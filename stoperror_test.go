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
)

// wedge hangs at another place than block does.
func wedge(release <-chan struct{}) error { <-release; return nil }

// Close names the units of pools that it gave up, with what they run and where
// they hang; not those that came back in time.
func TestCloseNamesUnits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt, err := hale.New()
		if err != nil {
			t.Fatal(err)
		}
		release, soon := make(chan struct{}), make(chan struct{})
		same := newPool(t, rt, hale.PoolConfig{Workers: 3})
		for range 2 {
			if err := same.Go(t.Context(), func(context.Context) error { return wedge(release) }); err != nil {
				t.Fatal(err)
			}
		}
		mixed, err := rt.NewPool("mixed", hale.PoolConfig{Workers: 2, Budget: time.Second})
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range []func(context.Context) error{
			block(release), func(context.Context) error { return wedge(release) }, block(soon),
		} {
			if err := mixed.Go(t.Context(), f); err != nil {
				t.Fatal(err)
			}
		}
		stuck := rt.Go(t.Context(), "stuck.task", block(release))
		time.AfterFunc(4500*time.Millisecond, func() { close(soon) }) // after it was given up
		synctest.Wait()
		err = rt.Close()
		var stop *hale.StopError
		if !errors.As(err, &stop) || stop.Count != 5 || len(stop.Tasks) != 5 {
			t.Fatalf("Close = %v, want a StopError of 5", err)
		}
		if stop.Tasks[0].ID != stuck.ID() {
			t.Errorf("the first is %v, want the task", stop.Tasks[0].ID)
		}
		for _, u := range stop.Tasks[1:] {
			known := u.ID.Name == "thumbs.render" // in the other pool they hang at two places
			if u.ID.Seq == 0 || known != strings.Contains(u.Blocked.Function, "wedge") || known != strings.Contains(u.Site.Function, "TestCloseNamesUnits") || !known != u.Site.IsZero() {
				t.Errorf("unit %+v", u)
			}
		}
		if text := err.Error(); !strings.Contains(text, "thumbs.render#") || !strings.Contains(text, "mixed#") {
			t.Errorf("error %q", text)
		}
		if hint := hale.Hint(err); !strings.Contains(hint, "block") || strings.Contains(hint, "StopTimeout") {
			t.Errorf("hint %q", hint)
		}
		close(release)
	})
}

// Of tasks without a label of their own that hang at several places, none is said
// to hang at one of them.
func TestStopErrorDoesNotGuess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt, err := hale.New()
		if err != nil {
			t.Fatal(err)
		}
		release := make(chan struct{})
		var begun atomic.Int32
		body := func(context.Context) error {
			if begun.Add(1) == 1 {
				<-release
				return nil
			}
			return wedge(release)
		}
		rt.Go(t.Context(), "two.places", body)
		rt.Go(t.Context(), "two.places", body)
		rt.Go(t.Context(), "one.place", func(context.Context) error {
			go func() { <-release }() // bears the same labels, and is not the task
			return wedge(release)
		})
		synctest.Wait()
		err = rt.Close()
		var stop *hale.StopError
		if !errors.As(err, &stop) || len(stop.Tasks) != 3 {
			t.Fatalf("Close = %v", err)
		}
		for _, u := range stop.Tasks {
			if known := u.ID.Name == "one.place"; known != strings.Contains(u.Blocked.Function, "wedge") || known == u.Blocked.IsZero() {
				t.Errorf("%+v", u)
			}
		}
		close(release)
	})
}
