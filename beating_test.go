package hale_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/haletest"
	"github.com/hale-go/hale/heal"
)

// A child that waits for its restart is looked after, whoever restarts it; one that has ended
// for good is not.
func TestBeatingOfChildrenThatWait(t *testing.T) {
	backoff := hale.Backoff{Initial: 25 * time.Second, Max: 25 * time.Second}
	fails := func(ctx context.Context) error {
		time.Sleep(500 * time.Millisecond)
		return errors.New("the broker is down")
	}
	for _, c := range []struct {
		name string
		act  heal.Act
		body func(context.Context) error
		tree int // supervisors above it, besides the root
		how  hale.RestartKind
		want bool
	}{
		{"of the root", heal.Observe, fails, 0, hale.Permanent, true},
		{"panics, in quarantine", heal.Contain, func(context.Context) error { panic("no currency") }, 0, hale.Permanent, true},
		{"of a supervisor", heal.Observe, fails, 1, hale.Permanent, true},
		{"of a supervisor that is restarted too", heal.Observe, fails, 3, hale.Permanent, true},
		{"for good", heal.Observe, fails, 1, hale.Temporary, false},
		{"for good, of the root", heal.Observe, func(context.Context) error { return nil }, 0, hale.Transient, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			haletest.Run(t, func(t *testing.T, b *haletest.Bubble) {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				if c.tree == 0 {
					b.Go(ctx, "orders.consume", c.body, hale.Restart(c.how))
				} else {
					var run func(context.Context) error
					for i := range c.tree {
						s, err := b.NewSupervisor(fmt.Sprint("level", i), hale.SupervisorConfig{Intensity: 1, Period: time.Hour, Backoff: backoff})
						if err != nil {
							t.Fatal(err)
						}
						if i == 0 {
							s.Go("orders.consume", c.body, hale.Restart(c.how))
						} else {
							s.Go(fmt.Sprint("level", i-1), run, hale.Restart(hale.Permanent))
						}
						run = s.Run
					}
					b.Go(ctx, "top", run, hale.Restart(hale.Permanent))
				}
				begin := time.Now()
				time.Sleep(2250 * time.Millisecond) // runs end at every half second: not in the middle of one end
				for range 300 {                     // a restart each 25 s, and some supervisors wait as long
					if ok, why := b.Beating("orders.consume"); ok != c.want {
						t.Fatalf("beating is %v after %v: %s", ok, time.Since(begin), why)
					}
					time.Sleep(time.Second)
				}
				cancel()
				time.Sleep(time.Second)
				if ok, _ := b.Beating("orders.consume"); ok {
					t.Error("it beats when all has ended")
				}
			}, hale.WithConfig(hale.Config{Policy: heal.Policy{Act: c.act}}))
		})
	}
}
