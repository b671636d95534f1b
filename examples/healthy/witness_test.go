package healthy_test

import (
	"context"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/detect"
	"github.com/hale-go/hale/heal"
	"github.com/hale-go/hale/observe"
)

// harsh makes hale look as often and wait as little as it can.
func harsh() hale.Config {
	return hale.Config{
		Tick: 200 * time.Millisecond, Epoch: 400 * time.Millisecond, Snapshots: 400 * time.Millisecond,
		Leak: detect.LeakConfig{Grace: 2 * time.Second}, Policy: heal.Policy{Act: heal.Full},
	}
}

// witness sees what the detectors see, and what they conclude.
type witness struct {
	mu        sync.Mutex
	snapshots int
	most      int            // goroutines in a snapshot
	outlived  map[string]int // most goroutines in a snapshot whose task had ended, by entry
	held      map[string]int // most held cells in a sample, by name
	events    map[observe.EventKind][]observe.Event
}

// Detect implements [detect.Detector]. It finds nothing.
func (w *witness) Detect(t observe.Turn) []detect.Finding {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, ts := range t.Sample.Tasks {
		w.held[ts.Name] = max(w.held[ts.Name], ts.HeldCells)
	}
	if t.Snapshot == nil || t.Snapshot.Skipped != "" {
		return nil
	}
	w.snapshots++
	w.most = max(w.most, t.Snapshot.Goroutines)
	counts := map[string]int{}
	for _, g := range t.Snapshot.Groups {
		if g.Ended >= 2*time.Second {
			counts[g.Entry.Function] += g.Count
		}
	}
	for entry, n := range counts {
		w.outlived[entry] = max(w.outlived[entry], n)
	}
	return nil
}

func (w *witness) hear(e observe.Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.events[e.Kind] = append(w.events[e.Kind], e)
}

// heard returns the events of a kind, of a state where that is not "".
func (w *witness) heard(kind observe.EventKind, state string) []observe.Event {
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []observe.Event
	for _, e := range w.events[kind] {
		if state == "" || e.State() == state {
			out = append(out, e)
		}
	}
	return out
}

// sawOutlive returns the most goroutines with that ending of their entry which
// outlived their task.
func (w *witness) sawOutlive(entry string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := 0
	for function, count := range w.outlived {
		if strings.HasSuffix(function, entry) {
			n += count
		}
	}
	return n
}

// watch runs hale with a witness for the rest of the test.
func watch(t *testing.T, cfg hale.Config, others ...detect.Detector) (*hale.Runtime, *witness) {
	t.Helper()
	w := &witness{outlived: map[string]int{}, held: map[string]int{}, events: map[observe.EventKind][]observe.Event{}}
	logger := slog.New(slog.NewTextHandler(t.Output(), nil))
	opts := []hale.Option{hale.WithConfig(cfg), hale.WithLogger(logger), hale.WithDetector("witness", func() detect.Detector { return w })}
	for i, d := range others {
		opts = append(opts, hale.WithDetector("other."+strconv.Itoa(i), func() detect.Detector { return d }))
	}
	rt, err := hale.New(opts...)
	if err != nil {
		t.Fatal(err)
	}
	sub := rt.Subscribe(1<<16, w.hear)
	ctx, cancel := context.WithCancel(context.Background())
	var loop sync.WaitGroup
	loop.Go(func() { _ = rt.Run(ctx) }) // nil, or called twice
	t.Cleanup(func() {
		cancel()
		loop.Wait()
		if err := rt.Close(); err != nil {
			t.Error(err)
		}
		<-sub.Done()
		if n := sub.Dropped(); n > 0 {
			t.Errorf("%d events were dropped: the witness did not hear all", n)
		}
	})
	return rt, w
}

// acquitted fails the test if hale accused anybody of anything.
func acquitted(t *testing.T, rt *hale.Runtime, w *witness) {
	t.Helper()
	for _, e := range w.heard(observe.EventFinding, detect.Confirmed.String()) {
		t.Errorf("confirmed: %s: %s", e.Finding, e.Detail)
	}
	for _, kind := range []observe.EventKind{
		observe.EventBudget, observe.EventOverdue, observe.EventHeartbeatMissed, observe.EventAbandoned, observe.EventPanic,
		observe.EventRestarted, observe.EventMisuse, observe.EventDetectorDisabled, observe.EventObserverDown, observe.EventRemedy,
	} {
		for _, e := range w.heard(kind, "") {
			t.Errorf("%s: %s: %s", kind, e.Subject, e.Detail)
		}
	}
	st := rt.Status()
	for _, inc := range st.Incidents {
		if at := inc.Phase; at != "detected" && at != "dismissed" {
			t.Errorf("incident %s is %s: %s", inc.ID, at, inc.Root)
		}
	}
	if len(st.Journal) > 0 || st.Abandoned > 0 || st.Overrun > 0 {
		t.Errorf("%d remedies in the journal, %d bodies abandoned, %d detectors or remedies hang; want none of them", len(st.Journal), st.Abandoned, st.Overrun)
	}
}
