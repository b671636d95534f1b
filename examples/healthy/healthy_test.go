package healthy_test

import (
	"context"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/examples/healthy"
	"github.com/hale-go/hale/examples/trial"
	"github.com/hale-go/hale/heal"
	"github.com/hale-go/hale/observe"
)

// start starts the service and a load on it. What the load came to is sent when
// it is through; stop ends it before.
func start(t *testing.T, rt *hale.Runtime, cfg healthy.Config, phases []healthy.Phase) (load *healthy.Load, stop func(), done <-chan error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	s, err := healthy.Start(ctx, rt, cfg)
	if err != nil {
		cancel()
		t.Fatal(err)
	}
	load = &healthy.Load{Service: s, Phases: phases, Seed: 1}
	result := make(chan error, 1)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		result <- load.Run(ctx)
	}()
	t.Cleanup(func() {
		cancel()
		<-ended
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return load, cancel, result
}

func TestHealthyServiceIsNeverAccused(t *testing.T) {
	total := *duration
	if testing.Short() {
		total = min(total, 15*time.Second)
	}
	rt, w := watch(t, trial.Harsh(heal.Full))
	load, _, done := start(t, rt, healthy.Config{}, healthy.Day(total))
	if err := <-done; err != nil {
		t.Error(err)
	}
	acquitted(t, rt, w)

	// It was not blind: it looked, at a service of the size and with the traps
	// that it was meant to look at.
	w.mu.Lock()
	snapshots, most, held := w.snapshots, w.most, maps.Clone(w.held)
	w.mu.Unlock()
	t.Logf("%d requests, %d snapshots, at most %d goroutines in one, %d findings; held cells: %v", load.Sent(), snapshots, most,
		len(w.Heard(observe.EventFinding, "")), held)
	if want := max(3, int(total/(20*time.Second))); snapshots < want {
		t.Errorf("%d snapshots were taken, want at least %d", snapshots, want)
	}
	if most < 900 {
		t.Errorf("at most %d goroutines were in a snapshot, want 900", most)
	}
	for entry, want := range map[string]int{
		"healthy.(*conn).watch": 10, "healthy.(*cache).sweep": 1, "http.(*persistConn).readLoop": 1,
	} {
		if n := w.sawOutlive(entry); n < want {
			t.Errorf("%d goroutines of %s were seen to outlive the request that started them, want at least %d", n, entry, want)
		}
	}
	for name, n := range held {
		// Requests of seconds hold a few cells open. Only long polls hold many,
		// for which each then gets a cell of its own.
		if n > 8 && name != "GET /changes" {
			t.Errorf("%s held %d cells: orphans in them could not be seen", name, n)
		}
	}
}

func TestLeakIsFoundInIt(t *testing.T) {
	cfg := trial.Harsh(heal.Observe)
	rt, w := watch(t, cfg)
	begin := time.Now()
	_, stop, done := start(t, rt, healthy.Config{Leak: true}, []healthy.Phase{
		{For: patience, Rate: healthy.Steady(30), Polls: 2},
	})
	found := func() *observe.Event {
		for _, e := range w.Confirmed() {
			if strings.HasSuffix(e.Subject.Site.Function, "leakylib.(*Client).wait") {
				return &e
			}
		}
		return nil
	}
	for found() == nil && time.Since(begin) < patience {
		time.Sleep(20 * time.Millisecond)
	}
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
	e := found()
	if e == nil {
		t.Fatalf("the leak was not found within %v; findings: %v", patience, w.Heard(observe.EventFinding, ""))
	}
	t.Logf("found after %v: %s: %s", e.Time.Sub(begin).Round(100*time.Millisecond), e.Finding, e.Detail)
	if e.Subject.Name != "GET /quote/{id}" {
		t.Errorf("the leak is attributed to %q", e.Subject.Name)
	}
	for _, other := range w.Confirmed() {
		if other.Finding != e.Finding {
			t.Errorf("accused beside the leak: %s: %s", other.Finding, other.Detail)
		}
	}
}
