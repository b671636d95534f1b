package standby_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hale-go/hale/standby"
)

const interval = 500 * time.Millisecond // the default

func TestFailover(t *testing.T) {
	run(t, standby.Config{}, nil, func(r *rig) {
		r.serves("a")
		sleep(time.Minute)
		r.told(standby.Started)
		r.a.down.Store(true)
		sleep(interval)
		r.serves("a") // one failure is none
		sleep(interval)
		r.serves("b")
		s := r.Status()
		if s.Switches != 1 || s.Sides[0].State != standby.Failing || s.Sides[0].Error == "" || s.Sides[1].State != standby.Up || s.Sides[1].Passing.IsZero() {
			t.Errorf("%+v", s)
		}
		r.mu.Lock()
		last := r.changes[len(r.changes)-1]
		r.mu.Unlock()
		if last.From != "a" || last.To != "b" || !last.Serving || !errors.Is(last.Err, errDown) || !last.At.Equal(s.Since) {
			t.Errorf("%+v", last)
		}
		r.told(standby.Failover)
		r.a.down.Store(false)
		sleep(10 * time.Minute)
		r.serves("b") // nobody asked
		if err := r.Switch.Switch(r.Context(), "a"); err != nil {
			t.Error(err)
		}
		r.serves("a")
		r.told(standby.Asked)
		if err := r.stop(); err != nil || r.a.closes.Load() != 1 || r.b.closes.Load() != 1 {
			t.Error(err, r.a.closes.Load(), r.b.closes.Load())
		}
		r.serves("")
		r.told(standby.Ended)
	})
}

// A standby that follows is promoted, once, and nobody is served by either meanwhile. The old primary is
// not used by itself until it follows.
func TestPromote(t *testing.T) {
	run(t, standby.Config{SwitchBack: standby.Auto}, func(a, b *fake) (standby.Side[string], standby.Side[string]) {
		b.follows.Store(true)
		slow := func(context.Context) error { time.Sleep(3 * time.Second); return nil }
		b.promote.Store(&slow)
		return a.side(), b.side()
	}, func(r *rig) {
		sleep(time.Minute)
		r.serves("a")
		r.a.down.Store(true)
		sleep(2 * interval)
		r.a.down.Store(false) // too late: the other is being promoted
		sleep(time.Second)
		r.serves("")
		sleep(3 * time.Second)
		r.serves("b")
		sleep(10 * time.Minute)
		r.serves("b")
		if n := r.b.promotes.Load(); n != 1 {
			t.Errorf("promoted %d times", n)
		}
		if s := r.Status(); !s.Sides[0].Stale || s.Sides[1].Stale {
			t.Errorf("%+v", s)
		}
		r.b.down.Store(true)
		sleep(time.Minute)
		r.serves("") // a lacks writes
		r.b.down.Store(false)
		sleep(interval)
		r.serves("b")
		r.a.follows.Store(true) // it was built anew
		sleep(time.Minute)
		r.serves("b")
		r.b.down.Store(true)
		sleep(3 * interval)
		r.serves("a")
		r.told(standby.Started, standby.Down, standby.Failover, standby.Down, standby.Recovered, standby.Down, standby.Failover)
	})
}

// Another process was faster: the promotion fails, and the side can be used.
func TestPromotedMeanwhile(t *testing.T) {
	run(t, standby.Config{}, func(a, b *fake) (standby.Side[string], standby.Side[string]) {
		b.follows.Store(true)
		other := func(context.Context) error { b.follows.Store(false); return errDown }
		b.promote.Store(&other)
		return a.side(), b.side()
	}, func(r *rig) {
		r.a.down.Store(true)
		sleep(2 * interval)
		r.serves("b")
	})
}

func TestPromoteFails(t *testing.T) {
	for name, body := range map[string]func(context.Context) error{
		"fails": func(context.Context) error { return errDown },
		"hangs": func(ctx context.Context) error { <-ctx.Done(); return context.Cause(ctx) },
	} {
		t.Run(name, func(t *testing.T) {
			run(t, standby.Config{}, func(a, b *fake) (standby.Side[string], standby.Side[string]) {
				b.follows.Store(true)
				b.promote.Store(&body)
				return a.side(), b.side()
			}, func(r *rig) {
				r.serves("a")
				r.a.down.Store(true)
				sleep(60 * time.Second)
				r.serves("")
				if n := r.b.promotes.Load(); n < 2 || n > 6 {
					t.Errorf("tried %d times within 60 s, with 10 s between", n)
				}
				if err := r.Switch.Switch(r.Context(), "b"); err == nil {
					t.Error("switched to what cannot be promoted")
				}
				r.a.down.Store(false)
				sleep(11 * time.Second) // one may be under way
				r.serves("a")
			})
		})
	}
}

// Somebody else promoted the standby: while we run, and before.
func TestEpoch(t *testing.T) {
	for _, before := range []bool{false, true} {
		run(t, standby.Config{SwitchBack: standby.Auto}, func(a, b *fake) (standby.Side[string], standby.Side[string]) {
			a.epoch.Store(1)
			b.epoch.Store(1)
			b.follows.Store(true)
			if before {
				b.follows.Store(false)
				b.epoch.Store(2)
			}
			return a.withEpoch(), b.withEpoch()
		}, func(r *rig) {
			if !before {
				r.serves("a")
				sleep(time.Minute)
				r.b.epoch.Store(2)
				r.b.follows.Store(false)
				sleep(interval)
			}
			r.serves("b")
			sleep(10 * time.Minute)
			r.serves("b") // for all that a passes its checks
			if s := r.Status(); !s.Sides[0].Stale || s.Sides[1].Epoch != 2 {
				t.Errorf("%+v", s)
			}
			r.b.down.Store(true)
			sleep(time.Minute)
			r.serves("") // a lacks writes
			if err := r.Switch.Switch(r.Context(), "a"); err != nil {
				t.Error(err)
			}
			r.serves("a") // a person may
			r.b.down.Store(false)
			sleep(10 * time.Minute)
			r.serves("a") // and it stays
			r.b.epoch.Store(3)
			sleep(interval)
			r.serves("b")
		})
	}
}

// What the first checks say is waited for.
func TestStart(t *testing.T) {
	for name, prepare := range map[string]func(a, b *fake) string{
		"the other hangs": func(_, _ *fake) string { return "a" },
		"the first is down": func(a, _ *fake) string {
			a.down.Store(true)
			return "" // until it has failed twice
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a, b := &fake{name: "a"}, &fake{name: "b"}
				want := prepare(a, b)
				if name == "the other hangs" {
					b.hang(t.Context().Done())
				}
				sw, err := standby.New(standby.Config{}, a.side(), b.side())
				if err != nil {
					t.Fatal(err)
				}
				begun := time.Now()
				get := func() string {
					got := ""
					_ = sw.Use(t.Context(), func(_ context.Context, v string) error { got = v; return nil })
					return got
				}
				if got := get(); got != "" || time.Since(begun) > 2*time.Second {
					t.Errorf("%q after %v without Run", got, time.Since(begun))
				}
				ctx, cancel := context.WithCancel(t.Context())
				ended := make(chan error)
				go func() { ended <- sw.Run(ctx) }()
				if got := get(); got != want {
					t.Errorf("%q, want %q", got, want)
				}
				sleep(2 * interval)
				if got := get(); got == "" {
					t.Error("none")
				}
				if err := sw.Run(ctx); !errors.Is(err, standby.ErrRunning) {
					t.Error(err)
				}
				cancel()
				if err := <-ended; err != nil {
					t.Error(err)
				}
				if err := sw.Switch(t.Context(), "b"); !errors.Is(err, standby.ErrNone) {
					t.Error(err)
				}
			})
		})
	}
}

func TestBothDown(t *testing.T) {
	run(t, standby.Config{}, nil, func(r *rig) {
		r.a.down.Store(true)
		r.b.down.Store(true)
		sleep(time.Minute)
		r.serves("")
		err := r.Use(r.Context(), nil)
		hint, ok := errors.AsType[interface {
			error
			Hint() string
		}](err)
		if !errors.Is(err, errDown) || !ok || hint.Hint() == "" {
			t.Errorf("%v does not say why", err)
		}
		if err := r.Switch.Switch(r.Context(), "b"); !errors.Is(err, errDown) {
			t.Error(err)
		}
		r.a.down.Store(false)
		sleep(interval)
		r.serves("a")
		r.told(standby.Started, standby.Down, standby.Recovered)
	})
}

func TestFlapping(t *testing.T) {
	run(t, standby.Config{SwitchBack: standby.Auto}, nil, func(r *rig) {
		for n := range 1000 {
			r.a.down.Store(n%2 == 0)
			sleep(interval)
			r.serves("a")
		}
		r.a.down.Store(false)
		sleep(interval)
		for n := range 100 { // the standby flaps, and the primary is down for good
			r.b.down.Store(n%2 == 0)
			r.a.down.Store(true)
			sleep(interval)
		}
		if s := r.Status(); s.Switches != 0 {
			t.Errorf("%+v", s)
		}
	})
}

func TestProbation(t *testing.T) {
	const probation = 30 * time.Second
	run(t, standby.Config{SwitchBack: standby.Auto}, nil, func(r *rig) {
		fail := func() {
			r.a.down.Store(true)
			sleep(2 * interval)
			r.serves("b")
			r.a.down.Store(false)
		}
		after := func(d time.Duration) {
			t.Helper()
			sleep(d - interval)
			r.serves("b")
			sleep(2 * interval)
			r.serves("a")
		}
		sleep(time.Minute)
		fail()
		after(probation)
		for n := 2; n <= 64; n *= 2 { // it fails each time soon after
			fail()
			after(min(time.Duration(n), 16) * probation)
		}
		sleep(10 * time.Minute) // it proves itself
		fail()
		sleep(probation - 2*interval)
		r.a.down.Store(true) // one failure on probation
		sleep(interval)
		r.a.down.Store(false)
		after(2 * probation)
	})
}

func TestReport(t *testing.T) {
	run(t, standby.Config{Interval: 10 * time.Second, Timeout: time.Second}, nil, func(r *rig) {
		sleep(time.Minute)
		r.Report(nil)
		r.a.down.Store(true)
		sleep(time.Second)
		before := r.a.checks.Load() + r.b.checks.Load()
		for range 1000 {
			r.Report(errDown)
			sleep(5 * time.Millisecond)
		}
		r.serves("b")
		if n := r.a.checks.Load() + r.b.checks.Load() - before; n > 6 {
			t.Errorf("%d checks within 5 s, with 2 s between those of the active side", n)
		}
	})
}

// A standby is not promoted on the first failure, not even at the start.
func TestStartPatiently(t *testing.T) {
	run(t, standby.Config{}, func(a, b *fake) (standby.Side[string], standby.Side[string]) {
		a.down.Store(true)
		b.follows.Store(true)
		return a.side(), b.side()
	}, func(r *rig) {
		r.a.down.Store(false)
		sleep(time.Minute)
		r.serves("a")
		if n := r.b.promotes.Load(); n != 0 {
			t.Errorf("promoted %d times", n)
		}
	})
}

// Probation begins when the primary is left, also by a person.
func TestManualAndAuto(t *testing.T) {
	run(t, standby.Config{SwitchBack: standby.Auto}, nil, func(r *rig) {
		sleep(time.Minute)
		if err := r.Switch.Switch(r.Context(), "b"); err != nil {
			t.Error(err)
		}
		sleep(29 * time.Second)
		r.serves("b")
		sleep(2 * time.Second)
		r.serves("a")
	})
}

func TestManual(t *testing.T) {
	run(t, standby.Config{}, func(a, b *fake) (standby.Side[string], standby.Side[string]) {
		b.follows.Store(true)
		return a.side(), b.side()
	}, func(r *rig) {
		if _, ok := errors.AsType[*standby.ConfigError](r.Switch.Switch(r.Context(), "c")); !ok {
			t.Error("switched to nothing")
		}
		for _, name := range []string{"a", "b", "b"} {
			if err := r.Switch.Switch(r.Context(), name); err != nil {
				t.Error(err)
			}
			r.serves(name)
		}
		if n := r.b.promotes.Load(); n != 1 {
			t.Errorf("promoted %d times", n)
		}
		slow := func(context.Context) error { time.Sleep(5 * time.Second); return nil }
		r.a.follows.Store(true)
		r.a.promote.Store(&slow)
		sleep(interval)
		ctx, cancel := context.WithTimeout(r.Context(), time.Second)
		defer cancel()
		if err := r.Switch.Switch(ctx, "a"); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		sleep(5 * time.Second)
		r.serves("a") // what has begun goes on
	})
}
