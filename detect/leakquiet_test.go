package detect_test

import (
	"testing"

	"github.com/hale-go/hale/detect"
	"github.com/hale-go/hale/observe"
)

// Orphans of a steady leak come to light an epoch at a time. Snapshots that are
// closer together see nothing in between, and the leak goes on all the same.
func TestLeakThatGrowsByTheEpochStaysActive(t *testing.T) {
	f := feed{d: detect.NewLeak(detect.LeakConfig{})}
	n := 5
	look := func() []detect.Finding {
		return f.turn(peak(1), &observe.Snapshot{Groups: []observe.Group{orphans("a.b", n)}})
	}
	confirmed := false
	for i := range 60 {
		if i%3 == 0 { // an epoch of 2s, which a turn a second meets late
			n += 5
		}
		got := look()
		if len(got) != 1 || got[0].Confidence != detect.Confirmed {
			continue
		}
		confirmed = true
		if !got[0].Active {
			t.Fatalf("second %d, %d orphans: %+v", i, n, got)
		}
		if i > 10 && f.now.Sub(got[0].From).Seconds() < 4 {
			t.Fatalf("From is %v before the snapshot, growth is looked for further back", f.now.Sub(got[0].From))
		}
	}
	if !confirmed {
		t.Fatal("it was never confirmed")
	}
	for range 5 {
		look()
	}
	if got := look(); len(got) != 1 || got[0].Active {
		t.Errorf("it has stopped: %+v", got)
	}
}
