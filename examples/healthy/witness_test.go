package healthy_test

import (
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/detect"
	"github.com/hale-go/hale/examples/trial"
	"github.com/hale-go/hale/observe"
)

// witness sees what the detectors see, and what they conclude.
type witness struct {
	*trial.Log

	mu        sync.Mutex
	snapshots int
	most      int            // goroutines in a snapshot
	outlived  map[string]int // most goroutines in a snapshot whose task had ended, by entry
	held      map[string]int // most held cells in a sample, by name
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
	w := &witness{outlived: map[string]int{}, held: map[string]int{}}
	logger := slog.New(slog.NewTextHandler(t.Output(), nil))
	opts := []hale.Option{hale.WithConfig(cfg), hale.WithLogger(logger), hale.WithDetector("witness", func() detect.Detector { return w })}
	for i, d := range others {
		opts = append(opts, hale.WithDetector("other."+strconv.Itoa(i), func() detect.Detector { return d }))
	}
	rt, log := trial.Run(t, opts...)
	w.Log = log
	return rt, w
}

// acquitted fails the test if hale accused anybody of anything.
func acquitted(t *testing.T, rt *hale.Runtime, w *witness) {
	t.Helper()
	for _, e := range w.Confirmed() {
		t.Errorf("confirmed: %s: %s", e.Finding, e.Detail)
	}
	for _, kind := range []observe.EventKind{
		observe.EventBudget, observe.EventOverdue, observe.EventHeartbeatMissed, observe.EventAbandoned, observe.EventPanic,
		observe.EventRestarted, observe.EventMisuse, observe.EventDetectorDisabled, observe.EventObserverDown, observe.EventRemedy,
	} {
		for _, e := range w.Heard(kind, "") {
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
