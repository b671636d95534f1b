//go:build unix

package pools_test

import (
	"flag"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/detect"
	"github.com/hale-go/hale/examples/healthy"
	"github.com/hale-go/hale/examples/pools"
	"github.com/hale-go/hale/examples/trial"
	"github.com/hale-go/hale/heal"
	"github.com/hale-go/hale/internal/pgtest"
	"github.com/hale-go/hale/observe"
)

var duration = flag.Duration("pools.duration", time.Minute, "how long the service is under load")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// started starts a server for the test.
func started(t *testing.T, start func() (*pools.Server, error)) *pools.Server {
	t.Helper()
	s, err := start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// witness sees what the leak detector sees, and concludes nothing.
type witness struct {
	mu        sync.Mutex
	snapshots int
	outlived  map[string]int // most goroutines in a snapshot whose task had ended, by module
	grew      map[string]int // how often there were more of them than ever
}

// modules are whose goroutines are counted. Those of go-redis do not outlive a
// request; its connections have none.
var modules = []string{"github.com/jackc/", "github.com/redis/", "github.com/nats-io/"}

// Detect implements [detect.Detector].
func (w *witness) Detect(t observe.Turn) []detect.Finding {
	if t.Snapshot == nil || t.Snapshot.Skipped != "" {
		return nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.snapshots++
	counts := map[string]int{}
	for _, g := range t.Snapshot.Groups {
		for _, m := range modules {
			if g.Ended >= 0 && strings.HasPrefix(g.Entry.Function, m) {
				counts[m] += g.Count
			}
		}
	}
	for m, n := range counts {
		if n > w.outlived[m] {
			w.outlived[m] = n
			w.grew[m]++
		}
	}
	return nil
}

func TestPoolsOfOthersAreNeverAccused(t *testing.T) {
	p, err := pools.Open(t.Context(), pgtest.Start(t, "max_connections=100").URL(), started(t, pools.StartRedis), started(t, pools.StartNATS))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	w := &witness{outlived: map[string]int{}, grew: map[string]int{}}
	rt, log := trial.Run(t, hale.WithConfig(trial.Harsh(heal.Full)), hale.WithLogger(slog.New(slog.NewTextHandler(t.Output(), nil))),
		hale.WithDetector("witness", func() detect.Detector { return w }))
	s, err := healthy.Start(t.Context(), rt, healthy.Config{Routes: p.Routes()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	load := &healthy.Load{Service: s, Phases: day(*duration), Seed: 5, Paths: p.Paths()}
	if err := load.Run(t.Context()); err != nil {
		t.Error(err)
	}

	for _, e := range append(log.Confirmed(), log.Heard(observe.EventRemedy, "")...) {
		t.Errorf("accused, and healthy: %s %s: %s", e.Kind, e.Finding, e.Detail)
	}
	suspected := len(log.Heard(observe.EventFinding, detect.Suspected.String()))
	w.mu.Lock()
	defer w.mu.Unlock()
	dialled := p.Dialled()
	t.Logf("%d requests, %d snapshots, %d suspicions; dialled: %v; goroutines that outlived their request: %v, with a new record: %v",
		load.Sent(), w.snapshots, suspected, dialled, w.outlived, w.grew)

	// It had something to accuse.
	for server, want := range map[string]int{"postgres": 10, "redis": 10, "nats": 8} {
		if dialled[server] < want {
			t.Errorf("%d connections to %s were dialled in requests, want at least %d", dialled[server], server, want)
		}
	}
	for module, want := range map[string]int{"github.com/jackc/": 1, "github.com/nats-io/": 16} {
		if w.outlived[module] < want {
			t.Errorf("%d goroutines of %s were seen to outlive the request that started them, want at least %d", w.outlived[module], module, want)
		}
	}
	if w.snapshots < 5 {
		t.Errorf("%d snapshots were taken", w.snapshots)
	}
}

// day is little traffic, a long ramp in which the pools grow, a steady noon, a
// pause in which they shrink, and bursts.
func day(total time.Duration) []healthy.Phase {
	part := func(n int) time.Duration { return total * time.Duration(n) / 12 }
	return []healthy.Phase{
		{For: part(1), Rate: healthy.Steady(10), Polls: 5},
		{For: part(4), Rate: healthy.Ramp(10, 200), Polls: 20},
		{For: part(2), Rate: healthy.Steady(200), Polls: 20},
		{For: part(2), Rate: healthy.Steady(5), Polls: 5},
		{For: part(3), Rate: healthy.Bursts(80, 400, 3), Polls: 20},
	}
}
