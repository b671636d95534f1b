package leaks_test

import (
	"context"
	"flag"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/detect"
	"github.com/hale-go/hale/examples/healthy"
	"github.com/hale-go/hale/examples/leaks"
	"github.com/hale-go/hale/examples/trial"
	"github.com/hale-go/hale/heal"
)

var times = flag.Int("leaks.times", 30, "how often each kind leaks at the least")

// A goroutine that waits on a nil channel is for ever.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction(leaks.Entry("nil channel")))
}

const grace = 2 * time.Second

// watch runs hale, looking as often as it can, and hears what it says.
func watch(t *testing.T, s *score) (*hale.Runtime, *trial.Log) {
	t.Helper()
	cfg := trial.Harsh(heal.Observe)
	cfg.Leak = detect.LeakConfig{Grace: grace, Patience: grace}
	rt, log := trial.Run(t, hale.WithConfig(cfg), hale.WithLogger(slog.New(slog.DiscardHandler)),
		hale.WithDetector("score", func() detect.Detector { return s }))
	s.mu.Lock()
	defer s.mu.Unlock()
	s.incidents = rt.Incidents
	return rt, log
}

func TestAllLeaksAreFoundAndNothingElse(t *testing.T) {
	zoo, err := leaks.New(3)
	if err != nil {
		t.Fatal(err)
	}
	s := &score{zoo: zoo, grace: grace}
	rt, log := watch(t, s)
	service, err := healthy.Start(t.Context(), rt, healthy.Config{Routes: zoo.Routes()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := service.Close(); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(zoo.Release) // first
	load := &healthy.Load{Service: service, Seed: 3, Paths: zoo.Paths(), Phases: []healthy.Phase{
		{For: 15 * time.Second, Rate: healthy.Ramp(20, 60), Polls: 10},
		{For: time.Hour, Rate: healthy.Steady(60), Polls: 10},
	}}
	leak(t, load, zoo)
	settle(t, s)

	n, pause, cost, size := s.snapshots()
	t.Logf("%d requests; %d snapshots, at most %v apart, of at most %d goroutines in at most %v", load.Sent(), n, pause.Round(time.Millisecond), size, cost.Round(time.Millisecond))
	var old, covered, inTime int
	for _, r := range s.results() {
		t.Logf("%-25s %3d leaked, %3d old, %3d covered, %3d in time; first confirmed in %d snapshots, %v", r.kind, r.leaked, r.old, r.covered, r.inTime, r.first, r.took.Round(100*time.Millisecond))
		if r.covered == 0 {
			t.Errorf("%s was not found", r.kind)
		}
		old, covered, inTime = old+r.old, covered+r.covered, inTime+r.inTime
	}
	t.Logf("%d leaks older than the grace period: %.1f %% covered, %.1f %% within %d snapshots", old, percent(covered, old), percent(inTime, old), inTimeLooks)
	if percent(covered, old) < 95 {
		t.Errorf("%.1f %% of the leaked goroutines are covered by confirmed findings, want 95", percent(covered, old))
	}
	for _, e := range log.Confirmed() {
		if !strings.HasPrefix(e.Subject.Name, "GET /leak/") {
			t.Errorf("accused, and healthy: %s: %s", e.Finding, e.Detail)
			continue
		}
		if i := slices.IndexFunc(leaks.Kinds(), func(kind string) bool { return leaks.Route(kind) == e.Subject.Name }); i < 0 || e.Subject.Site.Function != leaks.Entry(leaks.Kinds()[i]) {
			t.Errorf("%s is blamed on %s: %s", e.Subject.Name, e.Subject.Site.Function, e.Detail)
		}
	}
}

// leak runs the load until each kind has leaked often enough: on a machine that is
// busy that takes longer.
func leak(t *testing.T, load *healthy.Load, zoo *leaks.Zoo) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- load.Run(ctx) }()
	least := func() int {
		counts := map[string]int{}
		for _, l := range zoo.Leaked() {
			counts[l.Kind]++
		}
		n := *times
		for _, kind := range leaks.Kinds() {
			n = min(n, counts[kind])
		}
		return n
	}
	for least() < *times && ctx.Err() == nil {
		time.Sleep(100 * time.Millisecond)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if n := least(); n < *times {
		t.Fatalf("a kind leaked only %d times, want %d", n, *times)
	}
}

func percent(part, whole int) float64 { return 100 * float64(part) / float64(max(whole, 1)) }

// settle waits until the last leak has been older than the grace period in three
// snapshots, which is all that a detector gets to cover it.
func settle(t *testing.T, s *score) {
	t.Helper()
	last := youngest(s.zoo.Leaked())
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(50 * time.Millisecond) {
		s.mu.Lock()
		n := 0
		for _, k := range s.looks {
			if k.wall.Sub(last) > s.grace && k.confirmed != nil {
				n++
			}
		}
		s.mu.Unlock()
		if n >= inTimeLooks {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d snapshots after the last leak became old, want %d", n, inTimeLooks)
		}
	}
}
