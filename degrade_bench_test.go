package hale_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hale-go/hale"
)

// What asking for a switch costs: in a task and outside of one, while nothing is
// degraded, while something else is, and while it is; and, to compare, an atomic flag.
func BenchmarkDegraded(b *testing.B) {
	for _, c := range []struct{ name, degraded string }{{"nothing", ""}, {"another", "search"}, {"it", "reco.similar"}, {"what it is in", "reco"}} {
		rt := newRuntime(b)
		if c.degraded != "" {
			if err := rt.Degrade(c.degraded, 2, "", 0); err != nil {
				b.Fatal(err)
			}
		}
		ask := func(b *testing.B, ctx context.Context) {
			b.ReportAllocs()
			n := 0
			for b.Loop() {
				if hale.Degraded(ctx, "reco.similar") {
					n++
				}
			}
			if (n > 0) != (c.degraded != "" && c.degraded != "search") {
				b.Errorf("%s: %d times", c.name, n)
			}
		}
		b.Run("degraded="+c.name+"/default", func(b *testing.B) {
			hale.SetDefault(rt)
			defer hale.SetDefault(nil)
			ask(b, context.Background())
		})
		b.Run("degraded="+c.name+"/task", func(b *testing.B) {
			_ = rt.Do(b.Context(), "orders.create", func(ctx context.Context) error { ask(b, ctx); return nil })
		})
	}
	b.Run("peer=atomic", func(b *testing.B) {
		b.ReportAllocs()
		var flag atomic.Bool
		for b.Loop() {
			if flag.Load() {
				b.Fatal("set")
			}
		}
	})
	for _, c := range []struct {
		name  string
		level int
		lease time.Duration
	}{{"hold=no", 0, 0}, {"hold=for ever", 2, 0}, {"hold=for an hour", 2, time.Hour}} {
		h := hale.NewHold(time.Second)
		if c.level > 0 {
			h.Ask("hand", c.level, c.lease)
		}
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if h.Level() != c.level {
					b.Fatal("another level")
				}
			}
		})
	}
}
