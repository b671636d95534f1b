package hale_test

import (
	"bytes"
	"context"
	"errors"
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

// contain lets remedies act, soon.
func contain() hale.Config {
	return hale.Config{Policy: heal.Policy{Act: heal.Contain, Quarantine: 5 * time.Second}}
}

// only returns the runtime's one incident.
func only(t testing.TB, rt *hale.Runtime) diagnose.Incident {
	t.Helper()
	all := rt.Incidents()
	if len(all) != 1 {
		t.Fatalf("%d incidents, want 1: %+v", len(all), all)
	}
	return all[0]
}

// confirmed returns the runtime's first incident that is more than a suspicion.
func confirmed(rt *hale.Runtime) (diagnose.Incident, bool) {
	for _, i := range rt.Incidents() {
		if i.Confidence == detect.Confirmed {
			return i, true
		}
	}
	return diagnose.Incident{}, false
}

// A worker that panics in a loop is held back, let in on probation when its
// cause has gone, and verified.
func TestPanicLoopRecovers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := contain()
		cfg.Policy.Quarantine, cfg.Policy.MaxQuarantine = 20*time.Second, time.Hour
		rt := newRuntime(t, hale.WithConfig(cfg))
		var poisoned atomic.Bool
		var runs atomic.Int32
		poisoned.Store(true)
		worker := rt.Go(t.Context(), "mail.send", func(ctx context.Context) error {
			runs.Add(1)
			if poisoned.Load() {
				panic("poison")
			}
			return untilDone(ctx)
		}, hale.Restart(hale.Permanent))
		steps(t, rt, 10)
		inc := only(t, rt)
		if inc.Fault != diagnose.PanicLoop || inc.Subject.Name != "mail.send" || inc.At(diagnose.Isolating).IsZero() {
			t.Fatalf("%+v", inc)
		}
		held := runs.Load()
		if err := rt.Go(t.Context(), "mail.send", succeed).Wait(); !errors.Is(err, hale.ErrQuarantined) || hale.Hint(err) == "" {
			t.Errorf("Go in quarantine: %v", err)
		}
		time.Sleep(time.Hour) // no turn of the loop: nobody lets it out
		if n := runs.Load(); n != held {
			t.Errorf("%d runs in quarantine", n-held)
		}
		poisoned.Store(false)
		steps(t, rt, 60)
		if inc = only(t, rt); inc.Phase != diagnose.Verified || inc.Outcome != diagnose.Recovered {
			t.Fatalf("phase %s, outcome %s: %+v", inc.Phase, inc.Outcome, inc.Steps)
		}
		if worker.Err() != nil || len(rt.Tasks()) != 1 {
			t.Errorf("the worker does not run: %v", worker.Err())
		}
	})
}

// A child in a restart storm waits long. Probation must start it all the same:
// otherwise it would pass without having tried anything.
func TestProbationTriesAChildInAStorm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := contain()
		cfg.PanicLoop.Count = 1000 // only the storm confirms
		rt := newRuntime(t, hale.WithConfig(cfg))
		var poisoned atomic.Bool
		poisoned.Store(true)
		rt.Go(t.Context(), "mail.send", func(ctx context.Context) error {
			if poisoned.Load() {
				panic("poison")
			}
			return untilDone(ctx)
		}, hale.Restart(hale.Permanent))
		for range 60 {
			steps(t, rt, 1)
			if all := rt.Incidents(); len(all) > 0 {
				if !all[0].At(diagnose.Isolating).IsZero() {
					poisoned.Store(false)
				}
				if all[0].Phase == diagnose.Verified {
					break
				}
			}
		}
		if inc := only(t, rt); inc.Outcome != diagnose.Recovered || len(rt.Tasks()) != 1 {
			t.Errorf("%s %s with %d tasks alive: %+v", inc.Phase, inc.Outcome, len(rt.Tasks()), inc.Steps)
		}
	})
}

func TestHangingConsumerRecovers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := newRuntime(t, hale.WithConfig(contain()))
		release := make(chan struct{})
		var runs atomic.Int32
		rt.Go(t.Context(), "orders.consume", func(ctx context.Context) error {
			if runs.Add(1) == 1 {
				<-release
			}
			for ctx.Err() == nil {
				hale.Beat(ctx)
				time.Sleep(100 * time.Millisecond)
			}
			return nil
		}, hale.Heartbeat(time.Second), hale.Restart(hale.Permanent))
		steps(t, rt, 20)
		inc := only(t, rt)
		if inc.Fault != diagnose.StuckTask || inc.Phase != diagnose.Verified || inc.Outcome != diagnose.Recovered {
			t.Errorf("%s %s %s: %+v", inc.Fault, inc.Phase, inc.Outcome, inc.Steps)
		}
		if n := len(rt.Status().Journal); n != 0 {
			t.Errorf("%d remedies for what a contract dealt with", n)
		}
		close(release)
	})
}

// A task without a contract is cancelled, then abandoned, by the ladder.
func TestLadderAbandonsAStuckTask(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := newRuntime(t, hale.WithConfig(contain()))
		release := make(chan struct{})
		stuck := rt.Go(t.Context(), "report.build", block(release), hale.Budget(time.Second))
		healthy := rt.Go(t.Context(), "report.build", untilDone)
		steps(t, rt, 30)
		if err := stuck.Wait(); !errors.Is(err, hale.ErrAbandoned) {
			t.Errorf("Wait = %v", err)
		}
		inc := only(t, rt)
		if inc.Phase != diagnose.Verified || inc.Outcome != diagnose.Contained {
			t.Errorf("%s %s: %+v", inc.Phase, inc.Outcome, inc.Steps)
		}
		if healthy.Err() != nil {
			t.Errorf("a healthy task of the same name was touched: %v", healthy.Err())
		}
		var used []string
		for _, e := range rt.Status().Journal {
			if e.Result != "" {
				used = append(used, e.Command.Remedy+" "+e.Result)
			}
		}
		if len(used) != 2 || used[0] != "cancel applied" || used[1] != "abandon applied" {
			t.Errorf("journal %q", used)
		}
		close(release)
	})
}

// The restart rung cancels first, gives the child its grace, and never runs two
// bodies of a child that obeys.
func TestRestartRung(t *testing.T) {
	for _, kind := range []hale.RestartKind{hale.Transient, hale.Permanent} {
		t.Run(kind.String(), func(t *testing.T) { testRestartRung(t, kind) })
	}
}

func testRestartRung(t *testing.T, kind hale.RestartKind) {
	synctest.Test(t, func(t *testing.T) {
		cfg := contain()
		cfg.Policy.Act = heal.Full
		cfg.Policy.Ladders = map[diagnose.Fault][]string{"wedged": {heal.RemedyRestart}}
		var wedged atomic.Bool
		rt := newRuntime(t, hale.WithConfig(cfg), hale.WithDetector("wedged", making(func(observe.Turn) []detect.Finding {
			if !wedged.Load() {
				return nil
			}
			return []detect.Finding{{
				Kind: "wedged", Subject: observe.Subject{Name: "cache.fill"}, Confidence: detect.Confirmed, Active: true, Level: 1,
				Evidence: []detect.Evidence{{Channel: detect.Logs, Text: "silent"}, {Channel: detect.Metrics, Text: "idle"}},
			}}
		})))
		var runs, now, most atomic.Int32
		rt.Go(t.Context(), "cache.fill", func(ctx context.Context) error {
			runs.Add(1)
			most.Store(max(most.Load(), now.Add(1)))
			defer now.Add(-1)
			if runs.Load() > 1 {
				wedged.Store(false)
			}
			<-ctx.Done()
			time.Sleep(100 * time.Millisecond) // obeys, in its own time
			return nil
		}, hale.Restart(kind))
		synctest.Wait()
		wedged.Store(true)
		steps(t, rt, 10)
		if inc := only(t, rt); inc.Phase != diagnose.Verified || inc.Outcome != diagnose.Recovered {
			t.Errorf("%s %s: %+v", inc.Phase, inc.Outcome, inc.Steps)
		}
		if runs.Load() != 2 || most.Load() != 1 || rt.Status().Abandoned != 0 {
			t.Errorf("%d runs, %d at once, %d abandoned; want 2, 1, 0", runs.Load(), most.Load(), rt.Status().Abandoned)
		}
	})
}

func TestStuckPoolRecovers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := newRuntime(t, hale.WithConfig(contain()))
		p := newPool(t, rt, hale.PoolConfig{Workers: 2, Budget: 200 * time.Millisecond, MaxAbandoned: 8})
		release := make(chan struct{})
		for range 4 {
			if err := p.Go(t.Context(), block(release)); err != nil {
				t.Fatal(err)
			}
		}
		steps(t, rt, 12)
		close(release)
		inc := only(t, rt)
		if inc.Fault != diagnose.StuckTask || inc.Phase != diagnose.Verified || inc.Outcome != diagnose.Recovered {
			t.Errorf("%s %s %s: %+v", inc.Fault, inc.Phase, inc.Outcome, inc.Steps)
		}
		if err := p.Submit(t.Context(), succeed); err != nil {
			t.Error(err)
		}
	})
}

// The default mode says what it would have done, and does nothing.
func TestObserveOnlyObserves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := newRuntime(t)
		release := make(chan struct{})
		stuck := rt.Go(t.Context(), "report.build", block(release), hale.Budget(time.Second))
		steps(t, rt, 60)
		if stuck.Err() != nil {
			t.Errorf("touched: %v", stuck.Err())
		}
		j := rt.Status().Journal
		if len(j) != 1 || j[0].Result != heal.ResultWithheld || j[0].Command.Remedy != heal.RemedyCancel {
			t.Errorf("journal %+v", j)
		}
		close(release)
		steps(t, rt, 3)
		if inc := only(t, rt); inc.Phase != diagnose.Verified {
			t.Errorf("phase %s after the symptom went", inc.Phase)
		}
	})
}

func TestKillSwitch(t *testing.T) {
	t.Setenv("HALE_DISABLE", "1")
	synctest.Test(t, func(t *testing.T) {
		rt := newRuntime(t, hale.WithConfig(contain()))
		release := make(chan struct{})
		stuck := rt.Go(t.Context(), "report.build", block(release), hale.Budget(time.Second))
		steps(t, rt, 30)
		if stuck.Err() != nil || !rt.Status().Halted {
			t.Errorf("a remedy ran: %v", stuck.Err())
		}
		close(release)
	})
}

// Leaks are found by real snapshots, which know nothing of a bubble's clock.
func TestLeakIsFoundAndContained(t *testing.T) {
	cfg := contain()
	cfg.Tick, cfg.Epoch, cfg.Snapshots = 20*time.Millisecond, 40*time.Millisecond, 40*time.Millisecond
	cfg.Leak.Grace = 100 * time.Millisecond
	cfg.Policy.Quarantine = 300 * time.Millisecond
	rt := newRuntime(t, hale.WithConfig(cfg))
	ctx, cancel := context.WithCancel(t.Context())
	loop := make(chan error, 1)
	go func() { loop <- rt.Run(ctx) }()
	defer func() {
		cancel()
		if err := <-loop; err != nil {
			t.Error(err)
		}
	}()
	release := make(chan struct{})
	defer close(release)
	var mended atomic.Bool
	refused := 0
	deadline := time.Now().Add(2 * time.Minute)
	for {
		err := rt.Do(ctx, "GET /reco", func(context.Context) error {
			if !mended.Load() {
				go func() { <-release }()
			}
			return nil
		})
		if errors.Is(err, hale.ErrQuarantined) {
			refused++
			mended.Store(true)
		} else if err != nil {
			t.Fatal(err)
		}
		if confirmed, ok := confirmed(rt); ok && confirmed.Phase == diagnose.Verified {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("not verified in time: %+v", rt.Incidents())
		}
		time.Sleep(200 * time.Millisecond) // few goroutines: a snapshot under -race on a busy machine is dear
	}
	inc, _ := confirmed(rt)
	if inc.Fault != diagnose.Leak || inc.Subject.Name != "GET /reco" || inc.Outcome != diagnose.Contained || refused == 0 {
		t.Errorf("%s of %s: %s, %d refused", inc.Fault, inc.Subject, inc.Outcome, refused)
	}
	if err := rt.Do(ctx, "GET /reco", succeed); err != nil {
		t.Errorf("the name is still cut off: %v", err)
	}
}

func TestDetachedGoroutinesAreNoOrphans(t *testing.T) {
	rt := newRuntime(t, hale.WithConfig(hale.Config{Epoch: time.Millisecond, Leak: detect.LeakConfig{Grace: time.Millisecond}, Snapshots: time.Millisecond}))
	release := make(chan struct{})
	defer close(release)
	started := make(chan struct{})
	if err := rt.Do(hale.WithRequestID(t.Context(), "r"), "GET /cached", func(ctx context.Context) error {
		ctx, cancel := context.WithCancel(ctx)
		go func() {
			ctx := hale.Detach(ctx, "cache.janitor")
			if id := hale.Identify(ctx); id.Name != "cache.janitor" || id.Request != "r" || hale.FromContext(ctx) != nil {
				t.Errorf("identity %+v", id)
			}
			close(started)
			<-release
		}()
		go func() { <-release }()
		cancel()
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	<-started
	poll(t, func() bool {
		if err := rt.Step(t.Context()); err != nil {
			t.Fatal(err)
		}
		var janitor, orphan bool
		if s := rt.Status().Snapshot; s != nil {
			for _, g := range s.Groups {
				if g.Name == "cache.janitor" && g.Ended >= 0 {
					t.Fatalf("a detached goroutine is an orphan: %+v", g)
				}
				janitor = janitor || g.Name == "cache.janitor"
				orphan = orphan || (g.Name == "GET /cached" && g.Ended >= 0)
			}
		}
		return janitor && orphan
	})
}

func TestIncidentIDReachesTheLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := newRuntime(t)
		var buf bytes.Buffer
		log := slog.New(hale.LogHandler(slog.NewJSONHandler(&buf, nil)))
		release := make(chan struct{})
		rt.Go(t.Context(), "report.build", block(release), hale.Budget(time.Second))
		steps(t, rt, 10)
		if err := rt.Do(t.Context(), "report.build", func(ctx context.Context) error {
			log.InfoContext(ctx, "x")
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		if m := decode(t, buf.Bytes()); m["incident"] != "inc-1" {
			t.Errorf("record %v", m)
		}
		close(release)
	})
}
