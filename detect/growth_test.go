package detect_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hale-go/hale/detect"
	"github.com/hale-go/hale/observe"
)

// grow feeds a count and the tasks started in each window of ten seconds, and
// returns the findings of the last.
func grow(d detect.Detector, g observe.Group, windows int, count, starts func(i int) int) (got []detect.Finding) {
	var started uint64
	for i := range windows {
		started += uint64(starts(i))
		g.Count = count(i)
		now := t0.Add(time.Duration(i) * 10 * time.Second)
		got = d.Detect(observe.Turn{
			Time: now, Sample: observe.Sample{Time: now, Tasks: []observe.TaskStat{{Name: "a.b", Started: started}}},
			Snapshot: &observe.Snapshot{Time: now, Groups: []observe.Group{g}},
		})
		withUnits(got)
	}
	return got
}

func always(n int) func(int) int { return func(int) int { return n } }

func line(from, each int) func(int) int { return func(i int) int { return from + each*i } }

func TestGrowth(t *testing.T) {
	for _, c := range []struct {
		name    string
		windows int
		count   func(i int) int
		starts  func(i int) int
		want    detect.Confidence // 0: no finding
	}{
		{"ramp while the load is flat", 30, line(20, 2), always(1000), detect.Confirmed},
		{"stands", 30, always(500), always(1000), 0},
		{"step", 30, func(i int) int { return 20 + 100*min(i/20, 1) }, always(1000), 0},
		{"step over three windows", 30, func(i int) int { return 20 + 30*min(max(i-20, 0), 3) }, always(1000), 0},
		{"ramp with the load", 60, line(100, 10), line(1000, 100), 0},
		{"back to where it was", 60, func(i int) int { return 200 - 10*min(i, 15) + 8*max(i-30, 0)*min(1, (60-i)/15) }, always(1000), 0},
		{"too little", 30, func(i int) int { return 20 + i/5 }, always(1000), 0},
		{"one a minute, in half an hour", 200, func(i int) int { return 10 + i/6 }, always(1000), detect.Confirmed},
		{"one in five minutes is minor", 900, func(i int) int { return 4 + i/30 }, always(1000), detect.Suspected},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := orphans("a.b", 0)
			g.Ended = -1
			got := grow(detect.NewGrowth(detect.LeakConfig{Window: 10 * time.Second}), g, c.windows, c.count, c.starts)
			if c.want == 0 {
				if len(got) > 0 {
					t.Fatalf("finding %+v, want none", got[0])
				}
				return
			}
			if len(got) != 1 || got[0].Confidence != c.want || (got[0].Severity == detect.Minor) != (c.want == detect.Suspected) {
				t.Fatalf("findings %+v, want %v", got, c.want)
			}
			text := got[0].Evidence[0].Text
			for _, part := range []string{"a.b", "reco.(*Client).watch", "reco.(*Client).wait", "→", "growth without load"} {
				if !strings.Contains(text, part) {
					t.Errorf("evidence %q does not say %q", text, part)
				}
			}
		})
	}
}

// Connections whose bodies nobody closes are a leak, though they are a pool's.
func TestGrowthSeesPools(t *testing.T) {
	g := orphans("GET /a", 0)
	g.Entry.Function = "net/http.(*persistConn).readLoop"
	leak := detect.NewLeak(detect.LeakConfig{Window: 10 * time.Second})
	if got := grow(leak, g, 30, line(0, 3), always(100)); len(got) > 0 {
		t.Errorf("by lifetime: %+v", got)
	}
	growth := detect.NewGrowth(detect.LeakConfig{Window: 10 * time.Second})
	if got := grow(growth, g, 30, line(0, 3), always(100)); len(got) != 1 || got[0].Confidence != detect.Confirmed {
		t.Errorf("by growth: %+v", got)
	}
}

func TestGrowthIsForgotten(t *testing.T) {
	g := orphans("", 0)
	g.Ended = -1
	for after, want := range map[int]int{10: 1, 500: 0} {
		got := grow(detect.NewGrowth(detect.LeakConfig{Window: 10 * time.Second}), g, 40+after, func(i int) int { return 20 + 2*min(i, 40) }, always(1000))
		if len(got) != want {
			t.Errorf("%d windows after it stopped: %+v", after, got)
		}
		if want == 1 && (got[0].Active || got[0].Subject.Name != "" || got[0].Subject.Site.IsZero()) {
			t.Errorf("finding %+v", got[0])
		}
	}
}

func TestOverdue(t *testing.T) {
	type second struct{ longest, oldest time.Duration }
	quick := func(n int) (out []second) {
		for range n {
			out = append(out, second{longest: 50 * time.Millisecond})
		}
		return out
	}
	hang := func(from, n int) (out []second) {
		for i := range n {
			out = append(out, second{50 * time.Millisecond, time.Duration(from+i) * time.Second})
		}
		return out
	}
	for _, c := range []struct {
		name string
		life []second
		want bool
	}{
		{"hangs", append(quick(100), hang(0, 62)...), true},
		{"not for long enough", append(quick(100), hang(0, 58)...), false},
		{"ended", append(append(quick(100), hang(0, 90)...), quick(1)...), false},
		{"nothing to compare with", append(quick(20), second{0, 20 * time.Minute}), false},
		{"a daemon that came with the name", hang(0, 600), false},
		{"often nearly as long", append(append(quick(200), slices.Repeat([]second{{longest: 30 * time.Second}}, 10)...), hang(0, 250)...), false},
		{"longer than even those", append(append(quick(200), slices.Repeat([]second{{longest: 30 * time.Second}}, 10)...), hang(0, 270)...), true},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := feed{d: detect.NewOverdue(detect.OverdueConfig{})}
			var got []detect.Finding
			for _, s := range c.life {
				got = f.turn(observe.Sample{Tasks: []observe.TaskStat{{Name: "a.b", Longest: s.longest, Oldest: s.oldest, HeldCells: 2}}}, nil)
			}
			if (len(got) == 1) != c.want {
				t.Fatalf("findings %+v, want one: %v", got, c.want)
			}
			if c.want && (got[0].Confidence != detect.Suspected || got[0].Subject.Name != "a.b" || got[0].Level < 1 || got[0].Level > 1.1) {
				t.Errorf("finding %+v", got[0])
			}
		})
	}
}

// What a product that overflows makes of a limit must not accuse anybody.
func TestOverdueWithEndlessPatience(t *testing.T) {
	f := feed{d: detect.NewOverdue(detect.OverdueConfig{Times: math.MaxInt / 1000})}
	for i := range 200 {
		s := observe.TaskStat{Name: "a.b", Longest: 15 * time.Second, HeldCells: 1}
		if i > 120 {
			s.Oldest = time.Duration(i-120) * time.Second
		}
		if got := f.turn(observe.Sample{Tasks: []observe.TaskStat{s}}, nil); len(got) > 0 {
			t.Fatalf("turn %d: %+v", i, got)
		}
	}
}

func ExampleGrowth() {
	growth := detect.NewGrowth(detect.LeakConfig{Window: 10 * time.Second})
	var findings []detect.Finding
	for i := range 30 {
		at := time.Date(2026, 1, 2, 3, 4, 10*i, 0, time.UTC)
		load := observe.Sample{Tasks: []observe.TaskStat{{Name: "GET /orders", Started: uint64(500 * i)}}}
		findings = growth.Detect(observe.Turn{Time: at, Sample: load, Snapshot: &observe.Snapshot{Time: at, Groups: []observe.Group{{
			Ended: -1, Count: 10 + 2*i, Wait: observe.WaitSend, Entry: observe.Site{Function: "audit.(*Log).flush"}, Blocked: observe.Site{Function: "audit.(*Log).flush"},
		}}}})
	}
	for _, f := range findings {
		fmt.Println(f.Confidence, f.Kind, "at", f.Subject.Site)
	}
	// Output: confirmed goroutine_leak at audit.(*Log).flush
}
