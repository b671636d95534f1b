package haletest_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/detect"
	"github.com/hale-go/hale/diagnose"
	"github.com/hale-go/hale/haletest"
	"github.com/hale-go/hale/observe"
)

func TestRunTakesTurnsInFakeTime(t *testing.T) {
	begin := time.Now()
	haletest.Run(t, func(t *testing.T, b *haletest.Bubble) {
		at := time.Now()
		b.Turn(3)
		if took := time.Since(at); took != 3*time.Second {
			t.Errorf("three turns took %v", took)
		}
		time.Sleep(10 * time.Second)
		at = time.Now()
		b.Turn(1)
		if took := time.Since(at); took > time.Second {
			t.Errorf("a turn after a pause took %v", took)
		}
		b.Turn(600)
		if st := b.Status(); st.Observer != "up" || time.Since(st.Time) > time.Second {
			t.Errorf("the observer is %s", st.Observer)
		}
		b.NothingConfirmed()
		if n := len(b.Events()); n > 0 {
			t.Errorf("%d events of a runtime that has nothing to do", n)
		}
	})
	if took := time.Since(begin); took > time.Minute {
		t.Errorf("ten minutes of fake time took %v", took)
	}
}

// A leak is found by real snapshots, and an overdue task by its events.
func TestRunFindsFaults(t *testing.T) {
	haletest.Run(t, func(t *testing.T, b *haletest.Bubble) {
		release := make(chan struct{})
		var leaked sync.WaitGroup
		t.Cleanup(func() { close(release); leaked.Wait() })
		b.Go(t.Context(), "load", func(ctx context.Context) error {
			for ctx.Err() == nil {
				_ = b.Do(ctx, "GET /leaky", func(context.Context) error {
					leaked.Go(func() { <-release })
					return nil
				})
				time.Sleep(500 * time.Millisecond)
			}
			return nil
		})
		b.Go(t.Context(), "late", func(ctx context.Context) error {
			<-ctx.Done()
			return context.Cause(ctx)
		}, hale.Budget(2*time.Second))
		e := b.Event(10*time.Second, func(e observe.Event) bool { return e.Kind == observe.EventBudget })
		if e.Subject.Name != "late" {
			t.Errorf("%+v", e)
		}
		inc := b.Incident(10*time.Minute, diagnose.Leak)
		if inc.Subject.Name != "GET /leaky" || inc.Confidence != detect.Confirmed {
			t.Errorf("%+v", inc)
		}
	})
}

func TestRunTakesOptions(t *testing.T) {
	haletest.Run(t, func(t *testing.T, b *haletest.Bubble) {
		at := time.Now()
		b.Turn(2)
		if took := time.Since(at); took != 10*time.Second {
			t.Errorf("two turns of 5s took %v", took)
		}
	}, hale.WithConfig(hale.Config{Tick: 5 * time.Second}))
}

// A bubble that is well is left alone shortly before the deadline too.
func TestPatience(t *testing.T) {
	for left, want := range map[time.Duration]time.Duration{
		10 * time.Minute: 10*time.Minute - 5*time.Second,
		10 * time.Second: 5 * time.Second,
		5 * time.Second:  2500 * time.Millisecond,
		time.Second:      500 * time.Millisecond,
	} {
		if got := haletest.Patience(left); got != want {
			t.Errorf("with %v left: %v, want %v", left, got, want)
		}
	}
}

// A test of a package with hundreds pays little for the bubble itself.
func TestRunTakesLittleMemory(t *testing.T) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	haletest.Run(t, func(*testing.T, *haletest.Bubble) {})
	runtime.ReadMemStats(&after)
	if took := after.TotalAlloc - before.TotalAlloc; took > 8<<20 {
		t.Errorf("a bubble takes %d bytes", took)
	}
}

func TestRunUnderAShortTimeout(t *testing.T) {
	if os.Getenv("HALETEST_SHORT") != "" {
		haletest.Run(t, func(_ *testing.T, b *haletest.Bubble) { b.Turn(3) })
		return
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestRunUnderAShortTimeout$", "-test.timeout=5s")
	cmd.Env = append(os.Environ(), "HALETEST_SHORT=1")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// failing are tests that must fail, with what they must say. They run in a
// process of their own.
var failing = map[string]struct {
	f    func(t *testing.T, b *haletest.Bubble)
	opts []hale.Option
	want []string
}{
	"leaves": {func(t *testing.T, b *haletest.Bubble) {
		park(2)
		b.Go(t.Context(), "orders.consume", func(ctx context.Context) error {
			park(1)
			return nil
		})
	}, nil, []string{
		"outlives what it started:", "2 × haletest_test.(*parked).wait noleaks_test.go:", "1 × haletest_test.(*parked).wait noleaks_test.go:",
		"of task orders.consume, which has ended: chan receive at haletest_test.(*parked).wait",
	}},
	"ignores": {func(t *testing.T, b *haletest.Bubble) {
		b.Go(t.Context(), "orders.consume", func(context.Context) error { select {} })
	}, nil, []string{"of task orders.consume#", "which is still live: select (no cases) at"}},
	"loses its label": {func(t *testing.T, b *haletest.Bubble) {
		lost := make(chan struct{})
		go func() {
			_ = b.Do(t.Context(), "GET /x", func(context.Context) error { return nil })
			close(lost)
			select {}
		}()
		<-lost // a Do after Close would leave the label where it is
	}, nil, []string{"outlives what it started: goroutines that bear no label of the test's"}},
	"deadlocks": {func(*testing.T, *haletest.Bubble) { select {} }, []hale.Option{hale.WithConfig(hale.Config{Tick: -1})}, []string{"Config.Tick"}},
	"no event": {func(_ *testing.T, b *haletest.Bubble) {
		b.Go(context.Background(), "a.b", func(context.Context) error { panic("boom") })
		b.Event(5*time.Second, func(observe.Event) bool { return false })
	}, nil, []string{"no such event within 5s; there were:", "panic  a.b#", "boom"}},
	"no incident": {func(_ *testing.T, b *haletest.Bubble) { b.Incident(5*time.Second, diagnose.Leak) }, nil, []string{
		"no confirmed incident of goroutine_leak within 5s; there were these events: none",
	}},
	"confirmed": {func(_ *testing.T, b *haletest.Bubble) {
		for range 100 {
			b.Go(context.Background(), "a.b", func(context.Context) error { panic("boom") })
			time.Sleep(100 * time.Millisecond)
		}
		b.Turn(3)
		b.NothingConfirmed()
	}, nil, []string{"was confirmed: panic_loop of a.b: "}},
	"hangs": {func(t *testing.T, b *haletest.Bubble) {
		b.Go(t.Context(), "orders.consume", func(context.Context) error {
			var mu sync.Mutex
			mu.Lock()
			mu.Lock()
			return nil
		})
	}, nil, []string{"the bubble of TestRunFails hangs", "of task orders.consume#", "which is still live: mutex at haletest_test.init.func"}},
	"panics": {func(*testing.T, *haletest.Bubble) { panic("the test's own") }, nil, []string{"panic: the test's own"}},
}

func TestRunFails(t *testing.T) {
	if name := os.Getenv("HALETEST_FAILING"); name != "" {
		haletest.Run(t, failing[name].f, failing[name].opts...)
		return
	}
	for name, c := range failing {
		t.Run(name, func(t *testing.T) {
			cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestRunFails$", "-test.timeout=8s")
			cmd.Env = append(os.Environ(), "HALETEST_FAILING="+name)
			out, err := cmd.CombinedOutput()
			if exit := (*exec.ExitError)(nil); !errors.As(err, &exit) {
				t.Fatalf("it did not fail: %v\n%s", err, out)
			}
			for _, want := range c.want {
				if !strings.Contains(string(out), want) {
					t.Errorf("it does not say %q:\n%s", want, out)
				}
			}
			if strings.Contains(string(out), "deadlock: main bubble goroutine") {
				t.Errorf("synctest's panic came through:\n%s", out)
			}
		})
	}
}
