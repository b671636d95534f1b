package standby_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/standby"
)

// hale knows while no side serves, and while the standby does and nobody asked for it.
func TestHealthOfASwitch(t *testing.T) {
	run(t, standby.Config{}, nil, func(r *rig) {
		rt, err := hale.New()
		if err != nil {
			r.Fatal(err)
		}
		defer rt.Close()
		a, b := &fake{name: "a"}, &fake{name: "b"}
		sw, err := standby.New(standby.Config{}, a.side(), b.side())
		if err != nil {
			r.Fatal(err)
		}
		ctx, cancel := context.WithCancel(r.Context())
		loop := rt.Go(ctx, "hale", rt.Run)
		task := rt.Go(ctx, "db", sw.Run)
		says := func(want string) {
			r.Helper()
			sleep(5 * time.Second)
			got := ""
			for _, p := range rt.Status().Sample.Unhealthy {
				if got = p.Error; p.Name != "standby:db" {
					r.Error(p.Name)
				}
			}
			if (want == "") != (got == "") || !strings.Contains(got, want) {
				r.Errorf("hale knows %q, want %q", got, want)
			}
		}
		says("")
		a.down.Store(true)
		says(`standby: b is used: standby: check of side "a"`)
		b.down.Store(true)
		says("no side can be used: b is down")
		b.down.Store(false)
		says(`standby: b is used: standby: check of side "a"`)
		a.down.Store(false)
		says("standby: b is used, and a could be")
		if err := sw.Switch(ctx, "a"); err != nil {
			r.Error(err)
		}
		says("")
		if err := sw.Switch(ctx, "b"); err != nil { // a person wants it so
			r.Error(err)
		}
		says("")
		b.down.Store(true)
		a.down.Store(true)
		says("no side can be used")
		task.Cancel(nil)
		<-task.Done()
		says("")
		cancel()
		<-loop.Done()
	})
}
