package hale_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"math"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/detect"
	"github.com/hale-go/hale/observe"
)

// rememberer is a detector with a state and a baseline, one of whose methods does
// harm.
type rememberer struct {
	method string
	harm   func()
}

func (r rememberer) call(method string) {
	if r.method == method {
		r.harm()
	}
}

func (r rememberer) Detect(observe.Turn) []detect.Finding { return nil }

func (r rememberer) State() (json.RawMessage, error) {
	r.call("State")
	return json.RawMessage("{}"), nil
}

func (r rememberer) SetState(json.RawMessage) error { r.call("SetState"); return nil }

func (r rememberer) Baseline() (json.RawMessage, error) {
	r.call("Baseline")
	return json.RawMessage("{}"), nil
}

func (r rememberer) SetBaseline(json.RawMessage) error { r.call("SetBaseline"); return nil }

// What a detector remembers by is its author's code too: neither New nor the loop
// nor Close may hang in it or end with it.
func TestDetectorsThatRememberMayHang(t *testing.T) {
	for _, method := range []string{"State", "Baseline", "SetBaseline"} {
		for _, harm := range []string{"hang", "exit", "panic"} {
			t.Run(method+" "+harm, func(t *testing.T) {
				dir := t.TempDir()
				synctest.Test(t, func(t *testing.T) {
					release := make(chan struct{})
					harms := map[string]func(){"hang": func() { <-release }, "exit": runtime.Goexit, "panic": func() { panic("x") }}
					first := newRuntime(t, hale.WithDir(dir), hale.WithDetector("odd", func() detect.Detector { return rememberer{} }))
					steps(t, first, 1)
					if err := first.Close(); err != nil {
						t.Fatal(err)
					}
					opts := []hale.Option{hale.WithDir(dir), hale.WithDetector("odd", func() detect.Detector { return rememberer{method, harms[harm]} })}
					rt, err := hale.New(opts...)
					if err != nil {
						t.Fatal(err)
					}
					log := collect(rt)
					loop := make(chan error, 1)
					go func() { loop <- rt.Run(context.Background()) }()
					time.Sleep(90 * time.Second)
					if st := rt.Status(); st.Observer != "up" || (harm == "hang") != (st.Overrun == 1) {
						t.Errorf("observer %s, %d overrun", st.Observer, st.Overrun)
					}
					if n := len(log.of(observe.EventDetectorDisabled)); (harm == "hang") != (n == 1) {
						t.Errorf("%d detectors disabled", n)
					}
					began := time.Now()
					if err := rt.Close(); err != nil || time.Since(began) > time.Second {
						t.Errorf("Close = %v after %v", err, time.Since(began))
					}
					if err := <-loop; err != nil {
						t.Error(err)
					}
					rec := rt.Recording()
					if err := hale.VerifyReplay(rec, hale.WithDetector("odd", func() detect.Detector { return rememberer{} })); err != nil && method != "SetBaseline" {
						t.Error(err)
					}
					close(release)
				})
			})
		}
	}
}

// harmWriter does harm when it is written to.
type harmWriter func()

func (w harmWriter) Write(p []byte) (int, error) { w(); return len(p), nil }

// A logger that ends the goroutine which it is called on costs its record.
func TestLoggerThatExits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		logged := 0
		rt := newRuntime(t, hale.WithConfig(contain()), hale.WithLogger(slog.New(slog.NewTextHandler(harmWriter(func() { logged++; runtime.Goexit() }), nil))))
		ctx, cancel := context.WithCancel(t.Context())
		loop := make(chan error, 1)
		go func() { loop <- rt.Run(ctx) }()
		poison(rt)
		time.Sleep(10 * time.Second)
		if st := rt.Status(); st.Observer != "up" || len(st.Incidents) != 1 || logged == 0 {
			t.Errorf("observer %s, %d incidents, %d records", st.Observer, len(st.Incidents), logged)
		}
		cancel()
		if err := <-loop; err != nil {
			t.Error(err)
		}
	})
}

// A journal whose writer does harm is one that cannot be written to.
func TestJournalThatHangs(t *testing.T) {
	release := make(chan struct{})
	for name, harm := range map[string]func(){"hang": func() { <-release }, "exit": runtime.Goexit} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				release = make(chan struct{})
				rt := newRuntime(t, hale.WithConfig(contain()), hale.WithJournal(harmWriter(harm)))
				ctx, cancel := context.WithCancel(t.Context())
				loop := make(chan error, 1)
				go func() { loop <- rt.Run(ctx) }()
				poison(rt)
				time.Sleep(10 * time.Second)
				if o := rt.Status().Observer; o != "up" {
					t.Errorf("observer %s", o)
				}
				if err := rt.Do(ctx, "mail.send", succeed); !errors.Is(err, hale.ErrQuarantined) {
					t.Errorf("not in quarantine: %v", err)
				}
				cancel()
				if err := <-loop; err != nil {
					t.Error(err)
				}
				close(release)
			})
		})
	}
}

// What ends the goroutine of a turn breaks the turn, and not its caller.
func TestTurnThatExits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := newRuntime(t)
		log := collect(rt)
		steps(t, rt, 1)
		hale.ExitTurn(rt)
		synctest.Wait()
		if told := log.of(observe.EventObserverDown); len(told) != 1 || rt.Status().Observer != "down" {
			t.Errorf("told %v, observer %s", told, rt.Status().Observer)
		}
		steps(t, rt, 1)
	})
}

// A callback that ends its goroutine misses no later event for it.
func TestSubscriberThatExits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := newRuntime(t)
		calls := 0
		sub := rt.Subscribe(10, func(observe.Event) { calls++; runtime.Goexit() })
		for range 3 {
			_ = rt.Do(t.Context(), "a", func(context.Context) error { panic("x") })
		}
		sub.Close()
		<-sub.Done()
		if calls != 3 || sub.Panics() != 3 {
			t.Errorf("%d calls, %d panics", calls, sub.Panics())
		}
	})
}

// Settings that cannot be meant are refused.
func TestSettingsThatCannotBeMeant(t *testing.T) {
	odd := func() detect.Detector { return rememberer{} }
	for name, opt := range map[string]hale.Option{
		"a tick of 5ns":       hale.WithConfig(hale.Config{Tick: 5}),
		"a name that is huge": hale.WithDetector(strings.Repeat("x", 129), odd),
		"a name that is torn": hale.WithDetector("a\xff", odd),
		"a maker that panics": hale.WithDetector("a", func() detect.Detector { panic("x") }),
		"a limit of 300":      hale.WithConfig(hale.Config{Latency: detect.LatencyConfig{Thresholds: map[string]detect.Threshold{"GET /": {P95: 300}}}}),
		"a promise of 300":    hale.WithConfig(hale.Config{Objectives: []detect.Objective{{Operation: "GET /", Target: 0.99, Latency: 300}}}),
		"a share of NaN":      hale.WithConfig(hale.Config{PanicLoop: detect.PanicLoopConfig{MinShare: math.NaN()}}),
		"a share above 1":     hale.WithConfig(hale.Config{PanicLoop: detect.PanicLoopConfig{MinShare: 7}}),
		"minus three panics":  hale.WithConfig(hale.Config{PanicLoop: detect.PanicLoopConfig{Count: -3}}),
		"growth below 0":      hale.WithConfig(hale.Config{Leak: detect.LeakConfig{MinGrowth: -1}}),
		"a cap below 0":       hale.WithConfig(hale.Config{Abandoned: detect.AbandonedConfig{Cap: -1}}),
		"a rise of NaN":       hale.WithConfig(hale.Config{ErrorRate: detect.ErrorRateConfig{MinRise: math.NaN()}}),
		"minus one error":     hale.WithConfig(hale.Config{ErrorRate: detect.ErrorRateConfig{MinErrors: -1}}),
		"a target of 99.9":    hale.WithConfig(hale.Config{Objectives: []detect.Objective{{Operation: "*", Target: 99.9}}}),
		"an objective twice":  hale.WithConfig(hale.Config{Objectives: []detect.Objective{{Operation: "*", Target: 0.9}, {Operation: "*", Target: 0.99}}}),
		"too many objectives": hale.WithConfig(hale.Config{Objectives: make([]detect.Objective, 65)}),
		"a maker that exits":  hale.WithDetector("a", func() detect.Detector { runtime.Goexit(); return nil }),
	} {
		var ce *hale.ConfigError
		if _, err := hale.New(opt); !errors.As(err, &ce) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
