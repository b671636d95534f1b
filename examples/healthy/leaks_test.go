package healthy_test

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hale-go/hale/detect"
	"github.com/hale-go/hale/examples/healthy"
	"github.com/hale-go/hale/heal"
	"github.com/hale-go/hale/observe"
)

// tally sees how many orphans of each leaking route each snapshot holds.
type tally struct {
	mu        sync.Mutex
	first     map[string]int // number of the first snapshot with one, by route
	snapshots int
	orphans   map[string]int // in the last
}

// Detect implements [detect.Detector]. It finds nothing.
func (w *tally) Detect(t observe.Turn) []detect.Finding {
	if t.Snapshot == nil || t.Snapshot.Skipped != "" {
		return nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.snapshots++
	w.orphans = map[string]int{}
	for _, g := range t.Snapshot.Groups {
		if strings.HasPrefix(g.Name, "GET /leak/") && g.Ended >= 2*time.Second {
			if w.orphans[g.Name] += g.Count; w.first[g.Name] == 0 {
				w.first[g.Name] = w.snapshots
			}
		}
	}
	return nil
}

// Every kind of leak is found beside all that looks like one, within three
// snapshots of the first that could show it, with its task and entry function.
func TestEveryKindOfLeakIsFound(t *testing.T) {
	cfg := harsh()
	cfg.Policy.Act = heal.Observe
	cfg.Snapshots = 2 * time.Second
	// Nothing here sleeps for longer. By default a sleep is given 75 s to end.
	cfg.Leak.Patience = 2 * time.Second
	w := &tally{first: map[string]int{}}
	rt, heard := watch(t, cfg, w)
	_, stop, done := start(t, rt, healthy.Config{}, []healthy.Phase{{For: patience, Rate: healthy.Steady(30), Polls: 2}})
	k := newKinds(t)
	ask := k.ask()
	found := func() map[string]observe.Event {
		out := map[string]observe.Event{}
		for _, e := range heard.heard(observe.EventFinding, detect.Confirmed.String()) {
			out[e.Subject.Name] = e
		}
		return out
	}
	late := map[string]int{} // in how many snapshots
	begin := time.Now()
	for len(late) < len(ask) && time.Since(begin) < patience {
		for name, leak := range ask {
			if err := rt.Do(context.Background(), "GET /leak/"+name, func(context.Context) error { leak(); return nil }); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(200 * time.Millisecond)
		for name := range found() {
			kind, mine := strings.CutPrefix(name, "GET /leak/")
			if _, known := late[kind]; mine && !known {
				w.mu.Lock()
				late[kind] = w.snapshots - w.first[name] + 1
				w.mu.Unlock()
			}
		}
	}
	w.mu.Lock()
	all, seen := 0, 0
	for name, n := range w.orphans {
		all += n
		if _, ok := late[strings.TrimPrefix(name, "GET /leak/")]; ok {
			seen += n
		}
	}
	w.mu.Unlock()
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
	t.Logf("%d of %d kinds, %d of %d leaked goroutines; snapshots until found: %v", len(late), len(ask), seen, all, late)
	for kind, n := range late {
		if n > 3 {
			t.Errorf("%s was found after %d snapshots, want 3", kind, n)
		}
	}
	for kind := range ask {
		if _, ok := late[kind]; !ok {
			t.Errorf("%s was not found", kind)
		}
	}
	if all == 0 || seen*100 < 95*all {
		t.Errorf("%d of %d leaked goroutines were found, want 95 %%", seen, all)
	}
	for name, e := range found() {
		if !strings.HasPrefix(name, "GET /leak/") {
			t.Errorf("accused beside the leaks: %s: %s", e.Fingerprint, e.Detail)
		} else if !slices.ContainsFunc([]string{"kinds", "receivesNil", "numbers"}, func(part string) bool { return strings.Contains(e.Subject.Site.Function, part) }) {
			t.Errorf("%s has the entry function %q", name, e.Subject.Site.Function)
		}
	}
}
