package hale_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/detect"
	"github.com/hale-go/hale/diagnose"
	"github.com/hale-go/hale/heal"
	"github.com/hale-go/hale/observe"
)

// revisions returns those of the segments.
func revisions(rec observe.Recording) (out []string) {
	for _, s := range rec.Segments {
		out = append(out, s.Revision)
	}
	return slices.Compact(out)
}

func held(rt *hale.Runtime, name string) bool {
	return slices.ContainsFunc(rt.Status().Sample.Tasks, func(ts observe.TaskStat) bool { return ts.Name == name && ts.Quarantined })
}

// What is open and what is held stays so under other settings, and each part of the
// recording replays under those that decided it.
func TestReconfigureKeepsWhatIsKnown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		rt := newRuntime(t, hale.WithConfig(contain()), hale.WithDir(dir))
		live := collect(rt)
		poison(rt)
		for !held(rt, "mail.send") {
			steps(t, rt, 1)
		}
		before := only(t, rt)
		others := contain()
		others.PanicLoop = detect.PanicLoopConfig{Count: 5, Window: time.Minute}
		others.Policy.Quarantine = 20 * time.Second
		others.Policy.Guardrails.MaxAttempts = 1
		others.Objectives = []detect.Objective{{Operation: "*", Target: 0.9}}
		if err := rt.Reconfigure(others); err != nil {
			t.Fatal(err)
		}
		steps(t, rt, 1)
		if after := only(t, rt); after.ID != before.ID || !held(rt, "mail.send") || len(after.Steps) < len(before.Steps) {
			t.Errorf("before %+v, after %+v", before, after)
		}
		steps(t, rt, 70)
		if i := only(t, rt); i.Phase != diagnose.Escalated { // after one attempt, not three
			t.Errorf("%+v", i)
		}
		if err := rt.Reconfigure(contain()); err != nil {
			t.Fatal(err)
		}
		steps(t, rt, 100)
		if err := rt.Close(); err != nil {
			t.Fatal(err)
		}
		rec := rt.Recording()
		revs := revisions(rec)
		if len(revs) != 3 || revs[0] != revs[2] || revs[0] == revs[1] || rt.Status().Revision != revs[2] {
			t.Fatalf("%v", revs)
		}
		told := live.of(observe.EventReconfigured)
		if len(told) != 2 || !strings.Contains(told[0].Detail, revs[0]) || !strings.Contains(told[0].Detail, revs[1]) {
			t.Errorf("%+v", told)
		}
		disk, err := observe.ReadRecording(filepath.Join(dir, "recording"))
		if a, b := asJSON(t, rec), asJSON(t, disk); err != nil || !bytes.Equal(a, b) {
			t.Errorf("%v: the disk has something else", err)
		}
		for i, cfg := range []hale.Config{contain(), others} {
			var mine observe.Recording
			for _, s := range rec.Segments {
				if s.Revision == revs[i] {
					s.Fresh = true
					mine.Segments = append(mine.Segments, s)
				}
			}
			if err := hale.VerifyReplay(mine, hale.WithConfig(cfg)); err != nil {
				t.Error(err)
			}
			err := hale.VerifyReplay(rec, hale.WithConfig(cfg))
			if !errors.Is(err, hale.ErrOtherSettings) || !strings.Contains(err.Error(), revs[1-i]) {
				t.Errorf("all of it: %v", err)
			}
		}
		last := &rec.Segments[len(rec.Segments)-1]
		last.Turns = slices.Clone(last.Turns)
		last.Turns[3].Decided = "0123"
		if err := hale.VerifyReplay(rec, hale.WithConfig(contain())); !errors.Is(err, hale.ErrDiffers) {
			t.Errorf("a decision that differs: %v", err)
		}
	})
}

// What detectors have learned fits whatever settings they get.
func TestReconfigureKeepsWhatWasLearned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := newRuntime(t, hale.WithConfig(hale.Config{Objectives: []detect.Objective{{Operation: "GET /", Target: 0.9}}}))
		log := slog.New(hale.LogHandler(slog.NewTextHandler(io.Discard, nil), hale.WithRuntime(rt)))
		op := rt.Operation(observe.Server, "GET /", "web")
		poison(rt)
		for i := range 150 {
			for k := range 20 {
				ctx, span := op.Start(t.Context())
				log.WarnContext(ctx, "slow answer")
				if (i+k)%3 == 0 {
					span.End(errors.New("no answer"))
				} else {
					span.End(nil)
				}
			}
			steps(t, rt, 1)
		}
		before, err := hale.LoopState(rt)
		if err != nil || len(before) < 5000 {
			t.Fatalf("%d bytes: %v", len(before), err)
		}
		if err := rt.Reconfigure(hale.Config{
			Epoch: 5 * time.Second, Snapshots: time.Minute,
			Leak: detect.LeakConfig{Grace: 20 * time.Second}, Overdue: detect.OverdueConfig{Times: 3}, PanicLoop: detect.PanicLoopConfig{Count: 9},
			Abandoned: detect.AbandonedConfig{Cap: 2}, ErrorRate: detect.ErrorRateConfig{MinErrors: 50}, LogVolume: detect.LogVolumeConfig{MinStorm: 5},
			Objectives: []detect.Objective{{Operation: "GET /", Target: 0.99}},
			Latency:    detect.LatencyConfig{Thresholds: map[string]detect.Threshold{"*": {P99: time.Millisecond}}},
			Policy:     heal.Policy{Act: heal.Full},
		}); err != nil {
			t.Fatal(err)
		}
		if after, err := hale.LoopState(rt); err != nil || string(after) != string(before) {
			t.Errorf("%v\n%s\n%s", err, before, after)
		}
		steps(t, rt, 30)
	})
}

// Each setting that a turn goes by is that of the new settings.
func TestReconfigureTakesEffect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		rt := newRuntime(t, hale.WithLogger(slog.New(slog.NewTextHandler(&out, nil))), hale.WithConfig(hale.Config{Tick: time.Hour}))
		log := slog.New(hale.LogHandler(slog.NewTextHandler(io.Discard, nil), hale.WithRuntime(rt)))
		ctx, cancel := context.WithCancel(t.Context())
		ran := make(chan error)
		go func() { ran <- rt.Run(ctx) }()
		synctest.Wait()
		write := func(n int) {
			if err := rt.Do(t.Context(), "orders.import", func(ctx context.Context) error {
				for range n {
					log.WarnContext(ctx, "quota is used up")
				}
				return nil
			}); err != nil {
				t.Fatal(err)
			}
		}
		write(20)
		if n := len(rt.RecordsOf("orders.import")); n != 8 {
			t.Errorf("%d records are kept", n)
		}
		if err := rt.Reconfigure(hale.Config{
			Tick: 100 * time.Millisecond, Snapshots: time.Minute, Policy: heal.Policy{Act: heal.Full},
			Logs: hale.LogConfig{Keep: 12, Patterns: []hale.LogPattern{{Name: "quota", Contains: "quota"}}},
		}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Second)
		synctest.Wait()
		st := rt.Status()
		if st.Loop.Turns < 90 || st.Act != heal.Full || st.Observer != "up" {
			t.Errorf("%d turns, act %v, observer %s", st.Loop.Turns, st.Act, st.Observer)
		}
		write(20)
		write(1)
		if n := len(rt.RecordsOf("orders.import")); n != 12 {
			t.Errorf("%d records are kept", n)
		}
		time.Sleep(time.Second)
		matched := false
		for _, s := range rt.Recording().Segments {
			for _, turn := range s.Turns {
				for _, l := range turn.Sample.Logs {
					matched = matched || slices.Equal(l.Patterns, []string{"quota"})
				}
			}
		}
		if !matched {
			t.Error("the new pattern matched nothing")
		}
		cancel()
		if err := <-ran; err != nil {
			t.Error(err)
		}
		if text := out.String(); !strings.Contains(text, "level=INFO msg=\"hale has other settings\"") || strings.Contains(text, "level=WARN msg=\"hale was") {
			t.Error(text)
		}
	})
}

// Settings that cannot be used change nothing, and the same again are no change.
func TestReconfigureAllOrNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := newRuntime(t, hale.WithConfig(contain()))
		live := collect(rt)
		poison(rt)
		steps(t, rt, 10)
		was := rt.Status()
		for name, bad := range map[string]func(*hale.Config){
			"tick":     func(c *hale.Config) { c.Tick = -1 },
			"policy":   func(c *hale.Config) { c.Policy.Probes = -1 },
			"remedy":   func(c *hale.Config) { c.Policy.Ladders = map[diagnose.Fault][]string{diagnose.Leak: {"reboot"}} },
			"domain":   func(c *hale.Config) { c.Domains = map[string]hale.DomainConfig{"": {}} },
			"patterns": func(c *hale.Config) { c.Logs.Patterns = []hale.LogPattern{{}} },
		} {
			c := hale.Config{Tick: time.Minute, Policy: heal.Policy{Act: heal.Full}}
			bad(&c)
			err := rt.Reconfigure(c)
			if !errors.As(err, new(*hale.ConfigError)) && !errors.As(err, new(*heal.PolicyError)) || hale.Hint(err) == "" {
				t.Errorf("%s: %v", name, err)
			}
		}
		if err := rt.Reconfigure(contain()); err != nil {
			t.Error(err)
		}
		steps(t, rt, 10)
		if st := rt.Status(); st.Revision != was.Revision || st.Act != was.Act || len(live.of(observe.EventReconfigured)) > 0 || len(rt.Recording().Segments) != 1 {
			t.Errorf("%s became %s, %d segments", was.Revision, st.Revision, len(rt.Recording().Segments))
		}
		if err := hale.VerifyReplay(rt.Recording(), hale.WithConfig(contain())); err != nil {
			t.Error(err)
		}
		hale.BreakLoop(rt)
		if err := rt.Reconfigure(hale.Config{}); err == nil || rt.Status().Revision != was.Revision {
			t.Errorf("a loop that is broken: %v", err)
		}
		if err := rt.Close(); err != nil {
			t.Error(err)
		}
		if err := rt.Reconfigure(hale.Config{}); !errors.Is(err, hale.ErrClosed) {
			t.Errorf("after Close: %v", err)
		}
		if err := (*hale.Runtime)(nil).Reconfigure(hale.Config{}); !errors.As(err, new(*hale.ConfigError)) {
			t.Errorf("without a runtime: %v", err)
		}
	})
}

// What is loaded, looked at and broken meanwhile goes on.
func TestReconfigureUnderLoad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := newRuntime(t, hale.WithConfig(hale.Config{Tick: time.Millisecond}))
		log := slog.New(hale.LogHandler(slog.NewTextHandler(io.Discard, nil), hale.WithRuntime(rt)))
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		defer cancel()
		var all sync.WaitGroup
		run := func(f func(i int)) {
			all.Go(func() {
				for i := 0; ctx.Err() == nil; i++ {
					f(i)
					time.Sleep(3 * time.Millisecond)
				}
			})
		}
		all.Go(func() { _ = rt.Run(ctx) })
		op := rt.Operation(observe.Server, "GET /", "web")
		for range 3 {
			run(func(i int) {
				_ = rt.Do(ctx, "load", func(ctx context.Context) error {
					log.ErrorContext(ctx, "panic: nothing works", "i", i)
					_, span := op.Start(ctx)
					span.End(errors.New("no answer"))
					return nil
				})
			})
		}
		configs := []hale.Config{{Tick: time.Millisecond}, {Tick: 2 * time.Millisecond, Logs: hale.LogConfig{Keep: 3, Patterns: []hale.LogPattern{}}, Epoch: time.Second}, {
			Tick: time.Millisecond, Policy: heal.Policy{Act: heal.Full}, Latency: detect.LatencyConfig{Thresholds: map[string]detect.Threshold{"*": {P99: time.Second}}},
			ErrorRate: detect.ErrorRateConfig{MinErrors: 9}, Snapshots: time.Second,
		}, {Tick: -1}}
		for k := range 2 {
			run(func(i int) {
				err := rt.Reconfigure(configs[(i+k)%len(configs)])
				if broken := err != nil && strings.Contains(err.Error(), "nil pointer"); !broken && (err != nil) != ((i+k)%len(configs) == 3) {
					t.Error(err)
				}
			})
		}
		run(func(int) { _, _, _ = rt.Status(), rt.RecordsOf("load"), rt.Recording() })
		run(func(i int) {
			if i%20 == 0 {
				hale.BreakLoop(rt)
			}
		})
		all.Wait()
	})
}

// Names that no operation has are told of also when they come later.
func TestReconfigureTellsUnmetNames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := newRuntime(t)
		live := collect(rt)
		pass := func(d time.Duration) {
			time.Sleep(d)
			steps(t, rt, 1)
			synctest.Wait()
		}
		pass(6 * time.Minute)
		pass(2 * time.Hour)
		if err := rt.Reconfigure(hale.Config{Objectives: []detect.Objective{{Operation: "GET /nowhere", Target: 0.9}}}); err != nil {
			t.Fatal(err)
		}
		pass(6 * time.Minute)
		if told := live.of(observe.EventMisuse); len(told) > 0 {
			t.Errorf("too soon: %+v", told)
		}
		pass(time.Hour)
		if told := live.of(observe.EventMisuse); len(told) != 1 || told[0].Subject.Name != "GET /nowhere" {
			t.Errorf("%+v", told)
		}
	})
}

// A turn that hangs holds nobody up for long.
func TestReconfigureBesideATurnThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		stuck := slog.New(hangingHandler{release})
		rt := newRuntime(t, hale.WithLogger(stuck))
		rt.Go(t.Context(), "", nil) // misuse, which the turn logs
		done := make(chan error)
		go func() { done <- rt.Step(context.Background()) }()
		synctest.Wait()
		began := time.Now()
		err := rt.Reconfigure(contain())
		if took := time.Since(began); err == nil || took < 5*time.Second || took > 6*time.Second {
			t.Errorf("%v after %v", err, took)
		}
		close(release)
		if err := <-done; err != nil {
			t.Error(err)
		}
		if err := rt.Reconfigure(contain()); err != nil {
			t.Error(err)
		}
	})
}

// hangingHandler takes no record until it is released.
type hangingHandler struct{ release <-chan struct{} }

func (h hangingHandler) Enabled(context.Context, slog.Level) bool { return true }
func (h hangingHandler) Handle(context.Context, slog.Record) error {
	<-h.release
	return nil
}
func (h hangingHandler) WithAttrs([]slog.Attr) slog.Handler { return h }
func (h hangingHandler) WithGroup(string) slog.Handler      { return h }
