package hale_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/detect"
	"github.com/hale-go/hale/diagnose"
	"github.com/hale-go/hale/heal"
	"github.com/hale-go/hale/observe"
)

type detectFunc func(observe.Turn) []detect.Finding

func (f detectFunc) Detect(t observe.Turn) []detect.Finding { return f(t) }

func making(f detectFunc) func() detect.Detector { return func() detect.Detector { return f } }

type remedyFunc func(context.Context, heal.Target, heal.Command) error

func (f remedyFunc) Apply(ctx context.Context, t heal.Target, c heal.Command) error {
	return f(ctx, t, c)
}

type panicWriter struct{}

func (panicWriter) Write([]byte) (int, error) { panic("write") }

// alwaysWrong reports a fault of its own every turn.
func alwaysWrong(observe.Turn) []detect.Finding {
	return []detect.Finding{{
		Kind: "custom", Subject: observe.Subject{Name: "x.y"}, Confidence: detect.Confirmed, Active: true, Level: 1,
		Evidence: []detect.Evidence{{Channel: detect.Logs, Text: "seen"}},
	}}
}

// Whatever is plugged in may panic or hang: the service and the loop go on.
func TestFaultsOfPluginsAreContained(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := contain()
		cfg.Policy.Ladders = map[diagnose.Fault][]string{"custom": {"panics", "hangs"}}
		release := make(chan struct{})
		rt := newRuntime(
			t, hale.WithConfig(cfg), hale.WithJournal(panicWriter{}),
			hale.WithLogger(slog.New(slog.NewTextHandler(panicWriter{}, nil))),
			hale.WithDetector("panics", making(func(observe.Turn) []detect.Finding { panic("x") })),
			hale.WithDetector("hangs", making(func(observe.Turn) []detect.Finding { <-release; return nil })),
			hale.WithDetector("garbage", making(func(observe.Turn) []detect.Finding { return make([]detect.Finding, 1000) })),
			hale.WithDetector("custom", making(alwaysWrong)),
			hale.WithRemedy(heal.Named{Name: "panics", Remedy: remedyFunc(func(context.Context, heal.Target, heal.Command) error { panic("x") })}),
			hale.WithRemedy(heal.Named{Name: "hangs", Remedy: remedyFunc(func(context.Context, heal.Target, heal.Command) error { <-release; return nil })}),
		)
		calls := 0
		sub := rt.Subscribe(1000, func(observe.Event) { calls++; panic("subscriber") })
		log := collect(rt)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		loop := make(chan error, 1)
		go func() { loop <- rt.Run(ctx) }()
		time.Sleep(10 * time.Second)
		task := rt.Go(t.Context(), "mail.send", func(context.Context) error { panic("poison") }, hale.Restart(hale.Permanent))
		time.Sleep(30 * time.Second)
		synctest.Wait()

		if st := rt.Status(); st.Observer != "up" || st.Overrun != 2 {
			t.Errorf("observer %s, %d overrun, want up and 2 (a detector and a remedy)", st.Observer, st.Overrun)
		}
		if n := len(log.of(observe.EventDetectorDisabled)); n != 2 {
			t.Errorf("%d detectors disabled, want 2", n)
		}
		faults := map[diagnose.Fault]diagnose.Phase{}
		for _, i := range rt.Incidents() {
			faults[i.Fault] = i.Phase
		}
		if faults["custom"] != diagnose.Escalated || faults[diagnose.PanicLoop] == "" {
			t.Errorf("incidents %v: the loop does not go on", faults)
		}
		if calls == 0 || sub.Panics() != uint64(calls) {
			t.Errorf("%d calls, %d panics of the subscriber", calls, sub.Panics())
		}
		if task.Err() != nil {
			t.Errorf("the worker ended: %v", task.Err())
		}
		close(release)
		cancel()
		if err := <-loop; err != nil {
			t.Error(err)
		}
	})
}

// When hale's own loop breaks, it says so, lets go of what it holds, and starts
// afresh.
func TestLoopThatBreaksStartsAfresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := newRuntime(t, hale.WithConfig(contain()))
		log := collect(rt)
		rt.Go(t.Context(), "mail.send", func(context.Context) error { panic("poison") }, hale.Restart(hale.Permanent))
		steps(t, rt, 5)
		if err := rt.Do(t.Context(), "mail.send", succeed); !errors.Is(err, hale.ErrQuarantined) {
			t.Fatalf("not in quarantine: %v", err)
		}
		hale.BreakLoop(rt)
		if err := rt.Step(t.Context()); err == nil {
			t.Fatal("a broken turn was not reported")
		}
		synctest.Wait()
		if n := len(log.of(observe.EventObserverDown)); n != 1 || rt.Status().Observer != "down" {
			t.Errorf("%d observer.down events, observer %s", n, rt.Status().Observer)
		}
		if err := rt.Do(t.Context(), "mail.send", succeed); err != nil {
			t.Errorf("a quarantine outlived the loop that held it: %v", err)
		}
		steps(t, rt, 60)
		if rec := rt.Recording(); len(rec.Segments) < 2 || len(rec.Segments[0].Turns) != 6 {
			t.Errorf("the turn that broke is not recorded: %d segments", len(rec.Segments))
		}
		if all := rt.Incidents(); len(all) > 0 && all[0].ID == "inc-1" {
			t.Error("an incident's ID was used twice")
		}
		if st := rt.Status(); st.Observer != "off" || len(st.Incidents) == 0 {
			t.Errorf("after the restart: observer %s, %d incidents", st.Observer, len(st.Incidents))
		}
	})
}

func TestRunEndsAndLetsGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := newRuntime(t, hale.WithConfig(contain()))
		ctx, cancel := context.WithCancel(t.Context())
		loop := make(chan error, 1)
		go func() { loop <- rt.Run(ctx) }()
		rt.Go(t.Context(), "mail.send", func(context.Context) error { panic("poison") }, hale.Restart(hale.Permanent))
		time.Sleep(5 * time.Second)
		var ce *hale.ConfigError
		if err := rt.Run(ctx); !errors.As(err, &ce) {
			t.Errorf("second Run = %v", err)
		}
		if err := rt.Do(ctx, "mail.send", succeed); !errors.Is(err, hale.ErrQuarantined) {
			t.Fatalf("not in quarantine: %v", err)
		}
		cancel()
		if err := <-loop; err != nil {
			t.Error(err)
		}
		if err := rt.Do(t.Context(), "mail.send", succeed); err != nil {
			t.Errorf("a quarantine outlived Run: %v", err)
		}
	})
}

// The status must be there, and say so, while a turn hangs.
func TestStatusOfALoopThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		rt := newRuntime(t, hale.WithLogger(slog.New(slog.NewTextHandler(blockWriter{release}, nil))))
		ctx, cancel := context.WithCancel(t.Context())
		loop := make(chan error, 1)
		go func() { loop <- rt.Run(ctx) }()
		time.Sleep(3 * time.Second)
		if o := rt.Status().Observer; o != "up" {
			t.Errorf("observer %s", o)
		}
		rt.Go(t.Context(), "a", func(context.Context) error { panic("x") }) // its incident is logged, which blocks
		time.Sleep(10 * time.Second)
		if o := rt.Status().Observer; o != "late" {
			t.Errorf("observer %s while a turn hangs", o)
		}
		close(release)
		cancel()
		if err := <-loop; err != nil {
			t.Error(err)
		}
	})
}

type blockWriter struct{ release chan struct{} }

func (b blockWriter) Write(p []byte) (int, error) { <-b.release; return len(p), nil }

// A quarantine that nobody lifts is a lease.
func TestQuarantineIsALease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := contain()
		cfg.Policy.MaxQuarantine = time.Minute
		rt := newRuntime(t, hale.WithConfig(cfg))
		var runs atomic.Int32
		rt.Go(t.Context(), "mail.send", func(context.Context) error { runs.Add(1); panic("poison") }, hale.Restart(hale.Permanent))
		steps(t, rt, 5)
		held := runs.Load()
		if err := rt.Do(t.Context(), "mail.send", succeed); !errors.Is(err, hale.ErrQuarantined) {
			t.Fatalf("not in quarantine: %v", err)
		}
		time.Sleep(3 * time.Minute) // no turn
		if err := rt.Do(t.Context(), "mail.send", succeed); err != nil {
			t.Errorf("cut off for ever: %v", err)
		}
		if runs.Load() == held {
			t.Error("the child that was held was not started again")
		}
	})
}

func TestSubscription(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := newRuntime(t)
		release := make(chan struct{})
		var got atomic.Int32
		slow := rt.Subscribe(2, func(observe.Event) { <-release; got.Add(1) })
		for range 10 {
			rt.Go(t.Context(), "a", func(context.Context) error { panic("x") })
			synctest.Wait()
		}
		if slow.Dropped() != 7 { // one in the callback, two that wait
			t.Errorf("%d dropped, want 7", slow.Dropped())
		}
		slow.Close()
		slow.Close()
		close(release)
		<-slow.Done()
		if got.Load() != 3 {
			t.Errorf("%d delivered, want 3", got.Load())
		}
		select {
		case <-rt.Subscribe(-1, nil).Done():
		default:
			t.Error("a subscription without a callback is alive")
		}
	})
}

// The inbox is bounded, and remedies' outcomes always fit.
func TestEventFloodIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := newRuntime(t)
		for range 10_000 {
			if err := rt.Do(t.Context(), "a", func(context.Context) error { panic(io.EOF) }); err == nil {
				t.Fatal("no error")
			}
		}
		steps(t, rt, 1)
		rec := rt.Recording()
		turn := rec.Segments[0].Turns[0]
		if len(turn.Events) != 4096 || turn.Dropped != 10_000-4096 {
			t.Errorf("%d events, %d dropped", len(turn.Events), turn.Dropped)
		}
	})
}
