package standby_test

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hale-go/hale/standby"
)

// wild is a value whose text panics.
type wild struct{}

func (wild) Error() string { panic("its text") }

// ways of a function to do harm. Each is let go at the end.
var ways = map[string]func(release <-chan struct{}) error{
	"panics":      func(<-chan struct{}) error { panic("as asked") },
	"panics wild": func(<-chan struct{}) error { panic(wild{}) },
	"panics nil":  func(<-chan struct{}) error { panic(nil) },
	"exits":       func(<-chan struct{}) error { runtime.Goexit(); return nil },
	"hangs":       func(release <-chan struct{}) error { <-release; return nil },
	"errors wild": func(<-chan struct{}) error { return wild{} },
	"fails":       func(<-chan struct{}) error { return errDown },
}

// Whatever a function of the primary does, the standby serves.
func TestHarmOfASide(t *testing.T) {
	for _, at := range []string{"Open", "Check", "Epoch", "Close"} {
		for way, harm := range ways {
			t.Run(at+" "+way, func(t *testing.T) {
				release := make(chan struct{})
				run(t, standby.Config{}, func(a, b *fake) (standby.Side[string], standby.Side[string]) {
					release = make(chan struct{}) // of the bubble
					s, o := a.withEpoch(), b.withEpoch()
					switch at {
					case "Open":
						s.Open = func(context.Context) (string, error) { return "a", harm(release) }
					case "Check":
						s.Check = func(context.Context, string) error { a.checks.Add(1); return harm(release) }
					case "Epoch":
						s.Epoch = func(context.Context, string) (uint64, error) { return 0, harm(release) }
					case "Close":
						s.Close = func(string) error { return harm(release) }
					}
					return s, o
				}, func(r *rig) {
					sleep(10 * time.Second)
					if at == "Close" {
						r.serves("a")
						begun := time.Now()
						err := r.stop()
						if _, ok := errors.AsType[*standby.SideError](err); !ok || time.Since(begun) > 2*time.Second || r.b.closes.Load() != 1 {
							t.Errorf("%v after %v", err, time.Since(begun))
						}
						r.stop = func() error { return nil }
						close(release)
						return
					}
					r.serves("b")
					s := r.Status().Sides[0]
					if s.Error == "" || s.Hanging != (way == "hangs") {
						t.Errorf("%+v", s)
					}
					if n := r.a.checks.Load(); at == "Check" && way == "hangs" && n != 1 {
						t.Errorf("%d checks while one hangs", n)
					}
					close(release)
					sleep(time.Second)
					if way == "hangs" && r.Status().Sides[0].State != standby.Up {
						t.Errorf("%+v: it is back", r.Status().Sides[0])
					}
					r.serves("b")
				})
			})
		}
	}
}

func TestHarmOfAPromotion(t *testing.T) {
	for way, harm := range ways {
		t.Run(way, func(t *testing.T) {
			release := make(chan struct{})
			run(t, standby.Config{}, func(a, b *fake) (standby.Side[string], standby.Side[string]) {
				release = make(chan struct{})
				b.follows.Store(true)
				promote := func(context.Context) error { return harm(release) }
				b.promote.Store(&promote)
				return a.side(), b.side()
			}, func(r *rig) {
				r.a.down.Store(true)
				sleep(15 * time.Second)
				r.serves("")
				r.a.down.Store(false)
				sleep(15 * time.Second)
				r.serves("a")
				close(release)
				sleep(time.Second)
				r.serves("a")
			})
		})
	}
}

func TestHarmOfOnChange(t *testing.T) {
	for way, harm := range ways {
		t.Run(way, func(t *testing.T) {
			var release chan struct{}
			told := 0
			run(t, standby.Config{OnChange: func(standby.Change) { told++; _ = harm(release) }}, func(a, b *fake) (standby.Side[string], standby.Side[string]) {
				release = make(chan struct{})
				return a.side(), b.side()
			}, func(r *rig) {
				for n := range 30 {
					if err := r.Switch.Switch(r.Context(), []string{"b", "a"}[n%2]); err != nil {
						t.Error(err)
					}
					synctest.Wait()
				}
				r.serves("a")
				s := r.Status()
				if hangs := way == "hangs"; hangs != (told == 1) || hangs != (s.Untold > 0) {
					t.Errorf("told %d times, %d dropped", told, s.Untold)
				}
				if way == "hangs" {
					begun := time.Now()
					if err := r.stop(); err == nil || time.Since(begun) > 2*time.Second {
						t.Errorf("%v after %v", err, time.Since(begun))
					}
					r.stop = func() error { return nil }
				}
				close(release)
			})
		})
	}
}

// What opens after the end is closed.
func TestLateOpen(t *testing.T) {
	release := make(chan struct{})
	run(t, standby.Config{}, func(a, b *fake) (standby.Side[string], standby.Side[string]) {
		release = make(chan struct{})
		s := a.side()
		s.Open = func(context.Context) (string, error) { <-release; return "a", nil }
		return s, b.side()
	}, func(r *rig) {
		sleep(time.Minute)
		r.serves("b")
		if err := r.stop(); err != nil || r.a.closes.Load() != 0 {
			t.Error(err)
		}
		close(release)
		synctest.Wait()
		if r.a.closes.Load() != 1 {
			t.Error("what came late is left open")
		}
	})
}

// A switch whose own goroutine was not woken in time forgives the check as long.
func TestStarved(t *testing.T) {
	sw, err := standby.New(standby.Config{}, (&fake{name: "a"}).side(), (&fake{name: "b"}).side())
	if err != nil {
		t.Fatal(err)
	}
	if fails := sw.Starve(700 * time.Millisecond); fails != [3]int{0, 0, 1} {
		t.Errorf("failures %v", fails)
	}
}

func TestConfigErrors(t *testing.T) {
	good, other := (&fake{name: "a"}).side(), (&fake{name: "b"}).side()
	unnamed, unopened, unchecked := good, good, good
	unnamed.Name, unopened.Open, unchecked.Check = "", nil, nil
	for _, c := range []struct {
		cfg  standby.Config
		a, b standby.Side[string]
		want string
	}{
		{standby.Config{Interval: -1}, good, other, "Config.Interval"},
		{standby.Config{Timeout: time.Nanosecond}, good, other, "Config.Timeout"},
		{standby.Config{PromoteTimeout: 1 << 62}, good, other, "Config.PromoteTimeout"},
		{standby.Config{Probation: -1}, good, other, "Config.Probation"},
		{standby.Config{Failures: -1}, good, other, "Config.Failures"},
		{standby.Config{SwitchBack: 7}, good, other, "Config.SwitchBack"},
		{standby.Config{}, unnamed, other, "primary.Name"},
		{standby.Config{}, unopened, other, "primary.Open"},
		{standby.Config{}, other, unchecked, "standby.Check"},
		{standby.Config{}, good, good, "standby.Name"},
	} {
		_, err := standby.New(c.cfg, c.a, c.b)
		if e, ok := errors.AsType[*standby.ConfigError](err); !ok || e.Field != c.want || e.Hint() == "" {
			t.Errorf("%v, want one of %s", err, c.want)
		}
	}
	if _, err := standby.NewConnector(standby.Config{}, standby.DBSide{Name: "a"}, standby.DBSide{Name: "b"}); err == nil {
		t.Error("a connector without connectors")
	}
}

func TestUseAllocatesNothing(t *testing.T) {
	run(t, standby.Config{}, nil, func(r *rig) {
		fn := func(context.Context, string) error { return nil }
		ctx := context.Background()
		if n := testing.AllocsPerRun(100, func() { _ = r.Use(ctx, fn) }); n != 0 {
			t.Errorf("%v allocations", n)
		}
	})
}

func BenchmarkUse(b *testing.B) {
	sw, err := standby.New(standby.Config{}, (&fake{name: "a"}).side(), (&fake{name: "b"}).side())
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(b.Context())
	ended := make(chan error, 1)
	go func() { ended <- sw.Run(ctx) }()
	fn := func(context.Context, string) error { return nil }
	for sw.Use(ctx, fn) != nil {
		runtime.Gosched()
	}
	b.Run("use", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_ = sw.Use(ctx, fn)
		}
	})
	b.Run("bare", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_ = fn(ctx, "a")
		}
	})
	cancel()
	if err := <-ended; err != nil {
		b.Error(err)
	}
}
