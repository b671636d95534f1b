package hale_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/haletest"
	"github.com/hale-go/hale/heal"
	"github.com/hale-go/hale/observe"
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

// A name that no task ever had is told from that of one that is gone, with names that may be meant.
func TestKnown(t *testing.T) {
	rt, err := hale.New(hale.WithLogger(slog.New(slog.DiscardHandler)))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rt.Close() }()
	for _, name := range []string{"orders.consume", "orders#import", "crawl", "mirror.d", "mirror.c", "mirror.b", "mirror.a"} {
		if err := rt.Do(t.Context(), name, func(context.Context) error { return nil }); err != nil {
			t.Fatal(err)
		}
	}
	s, err := rt.NewSupervisor("mails", hale.SupervisorConfig{})
	if err != nil {
		t.Fatal(err)
	}
	s.Go("mails.send", func(context.Context) error { return nil }) // it never starts
	pool, err := rt.NewPool("thumbnails", hale.PoolConfig{})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	if err := pool.Go(t.Context(), func(context.Context) error { close(done); return nil }); err != nil {
		t.Fatal(err)
	}
	<-done
	if err := rt.Do(t.Context(), "request", func(ctx context.Context) error {
		_, err := hale.Call(ctx, "payments.quote", func(context.Context) (int, error) { return 0, nil })
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if rt.Operation(observe.Server, "GET /orders", "") == nil {
		t.Fatal("no operation")
	}
	for _, c := range []struct {
		name  string
		known bool
		like  string
	}{
		{"orders.consume", true, ""},
		{"orders#import", true, ""},
		{"mails.send", true, ""},
		{"mails", false, "mails.send"},
		{"orders.consumer", false, "orders.consume"},
		{"Orders.Consume", false, "orders.consume"},
		{"consume", false, "orders.consume"},
		{"shop.orders.consume", false, "orders.consume"},
		{"orders", false, "orders.consume"},
		{"crawls", false, "crawl"},
		{"crawl.page", false, "crawl"},
		{"mirror", false, "mirror.a mirror.b mirror.c"},
		{"sum", false, ""},
		{"thumbnails", false, ""},
		{"payments.quote", false, ""},
		{"GET /orders", false, ""},
		{"", false, ""},
		{strings.Repeat("long", 1000), false, ""},
	} {
		known, like := rt.Known(c.name)
		if known != c.known || strings.Join(like, " ") != c.like {
			t.Errorf("%.40q: %v, like %q, want %v, %q", c.name, known, like, c.known, c.like)
		}
		want := "no task of that name ever ran"
		if c.known {
			want = "it has ended for good"
		}
		if ok, why := rt.Beating(c.name); ok || !strings.Contains(why, want) {
			t.Errorf("%.40q: %v, %q, want %q", c.name, ok, why, want)
		}
	}
	if known, like := (*hale.Runtime)(nil).Known("a"); known || like != nil {
		t.Errorf("without a runtime: %v %q", known, like)
	}
}
