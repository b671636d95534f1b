package detect_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hale-go/hale/detect"
	"github.com/hale-go/hale/observe"
)

func learned(t *testing.T, d detect.Learner) json.RawMessage {
	t.Helper()
	raw, err := d.Baseline()
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func orphaned(name string, counts ...int) func(d detect.Detector) []detect.Finding {
	return func(d detect.Detector) (got []detect.Finding) {
		f := feed{d: d}
		for _, n := range counts {
			got = f.turn(peak(3), &observe.Snapshot{Groups: []observe.Group{orphans(name, n)}})
		}
		return got
	}
}

// rises is a pool that is filled within a few snapshots and then stands.
func rises(to, stands int) (out []int) {
	for n := 3; n <= to; n += 9 {
		out = append(out, n)
	}
	for range stands {
		out = append(out, to)
	}
	return out
}

func TestPlateauIsNoNewsAfterARestart(t *testing.T) {
	first := detect.NewLeak(detect.LeakConfig{})
	if got := orphaned("a.b", rises(30, 0)...)(first); len(got) != 1 || got[0].Confidence != detect.Confirmed {
		t.Fatalf("a pool beyond the bound, for the first time: %+v", got)
	}
	quiet := detect.NewLeak(detect.LeakConfig{})
	orphaned("a.b", slices.Repeat([]int{30}, 41)...)(quiet)
	for i, c := range []struct {
		from   *detect.Leak
		counts []int
		found  bool
	}{
		{first, rises(30, 0), true}, // what was accused did not become usual
		{quiet, rises(30, 0), false},
		{quiet, rises(90, 0), true}, // more than that is news
	} {
		next := detect.NewLeak(detect.LeakConfig{})
		if err := next.SetBaseline(learned(t, c.from)); err != nil {
			t.Fatal(err)
		}
		if got := orphaned("a.b", c.counts...)(next); (len(got) == 1 && got[0].Confidence == detect.Confirmed) != c.found {
			t.Errorf("case %d: %+v, want a leak: %v", i, got, c.found)
		}
	}
}

func TestBaselineForgets(t *testing.T) {
	d := detect.NewLeak(detect.LeakConfig{})
	orphaned("a.b", slices.Repeat([]int{30}, 41)...)(d)
	for i := range 10 {
		raw := learned(t, d)
		if known := strings.Contains(string(raw), "reco.(*Client).watch"); known != (i <= 8) {
			t.Errorf("after %d processes that did not use it: %s", i, raw)
		}
		d = detect.NewLeak(detect.LeakConfig{})
		if err := d.SetBaseline(raw); err != nil {
			t.Fatal(err)
		}
	}
}

func TestOverdueIsLearnedOverARestart(t *testing.T) {
	f := feed{d: detect.NewOverdue(detect.OverdueConfig{})}
	for range 50 {
		f.turn(observe.Sample{Tasks: []observe.TaskStat{{Name: "a.b", Longest: 20 * time.Millisecond}}}, nil)
	}
	next := detect.NewOverdue(detect.OverdueConfig{})
	if err := next.SetBaseline(learned(t, f.d.(detect.Learner))); err != nil {
		t.Fatal(err)
	}
	f = feed{d: next}
	var got []detect.Finding
	for i := range 110 {
		got = f.turn(observe.Sample{Tasks: []observe.TaskStat{{Name: "a.b", Oldest: max(0, time.Duration(i-40)*time.Second)}}}, nil)
	}
	if len(got) != 1 {
		t.Errorf("findings %+v", got)
	}
}

func TestPanelKeepsBaselinesApart(t *testing.T) {
	mk := func() *detect.Panel {
		return detect.NewPanel(0, detect.Named{Name: "leak", Detector: detect.NewLeak(detect.LeakConfig{})},
			detect.Named{Name: "overdue", Detector: detect.NewOverdue(detect.OverdueConfig{})},
			detect.Named{Name: "stuck", Detector: detect.NewStuck()})
	}
	out, err := mk().Baselines()
	if err != nil || len(out) != 2 {
		t.Fatalf("%v, error %v", out, err)
	}
	out["overdue"] = json.RawMessage(`{"names":[{"name":"a","lives":[1]}]}`)
	err = mk().SetBaselines(out)
	if err == nil || !strings.Contains(err.Error(), "overdue") {
		t.Errorf("error %v, want one that names the detector", err)
	}
	if bad, ok := errors.AsType[*detect.StateError](err); !ok || bad.Hint() == "" {
		t.Errorf("%v does not tell which state cannot be", err)
	}
}

// Whatever a file of baselines holds, it is refused or the detectors go on.
func FuzzBaseline(f *testing.F) {
	f.Add([]byte(`{"codes":[{"key":"a","plateau":3,"ends":true,"unseen":1}],"names":[{"name":"a.b","windows":4}]}`))
	f.Add([]byte(`{"names":[{"name":"a.b","lives":[0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,9]}]}`))
	f.Add([]byte(`{"names":[{"name":"b"},{"name":"a"}]}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		for _, d := range []detect.Learner{detect.NewLeak(detect.LeakConfig{}), detect.NewOverdue(detect.OverdueConfig{})} {
			before := fmt.Sprint(d.Baseline())
			if err := d.SetBaseline(raw); err != nil {
				if after := fmt.Sprint(d.Baseline()); after != before {
					t.Fatalf("refused with %v, and changed all the same: %s", err, after)
				}
			}
			in := feed{d: d}
			for i := range 5 {
				s := peak(2)
				s.Tasks[0].Longest, s.Tasks[0].Oldest = time.Second, time.Hour
				in.turn(s, &observe.Snapshot{Groups: []observe.Group{orphans("a.b", i)}})
			}
			if _, err := d.Baseline(); err != nil {
				t.Fatal(err)
			}
		}
	})
}
