package detect_test

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/hale-go/hale/detect"
	"github.com/hale-go/hale/observe"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var t0 = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// feed makes turns, one a second, and returns the findings of the last.
type feed struct {
	d   detect.Detector
	now time.Time
}

func (f *feed) turn(sample observe.Sample, snap *observe.Snapshot, events ...observe.Event) []detect.Finding {
	if f.now.IsZero() {
		f.now = t0
	}
	f.now = f.now.Add(time.Second)
	sample.Time = f.now
	if snap != nil {
		snap.Time = f.now
	}
	for i := range events {
		events[i].Time = f.now
	}
	return withUnits(f.d.Detect(observe.Turn{Time: f.now, Sample: sample, Snapshot: snap, Events: events}))
}

func orphans(name string, count int) observe.Group {
	return observe.Group{
		Name: name, Domain: observe.DomainOf(name), Ended: 20 * time.Second, Count: count, Wait: observe.WaitReceive,
		Entry: observe.Site{Function: "vendor/reco.(*Client).watch"}, Blocked: observe.Site{Function: "vendor/reco.(*Client).wait"},
	}
}

func peak(n int64) observe.Sample {
	return observe.Sample{Tasks: []observe.TaskStat{{Name: "a.b", Peak: n}}}
}

func TestLeak(t *testing.T) {
	for _, c := range []struct {
		name   string
		counts []int   // orphans in each snapshot
		peaks  []int64 // highest number of tasks at once so far; the last repeats
		entry  string
		want   detect.Confidence // after the last; 0: no finding
		active bool
	}{
		{"grows", []int{1, 5, 9, 13, 17}, []int64{1}, "", detect.Confirmed, true},
		{"grows and stops", []int{1, 5, 9, 13, 17, 17, 17, 17, 17}, []int64{1}, "", detect.Confirmed, false},
		{"stopped long ago", append([]int{1, 5, 9, 13}, slices.Repeat([]int{17}, 300)...), []int64{1}, "", detect.Confirmed, false},
		{"stands", []int{50, 50, 50, 50, 50, 50}, []int64{1}, "", 0, false},
		{"grows and shrinks", []int{1, 3, 2, 4, 3, 5, 4, 6, 5}, []int64{1}, "", 0, false},
		{"one step", []int{1, 40, 40, 40}, []int64{1}, "", detect.Suspected, true},
		{"one step, some time ago", []int{1, 40, 40, 40, 40}, []int64{1}, "", 0, false},
		{"pool that ramps with the load", []int{1, 2, 3, 4, 5, 6, 7}, []int64{2, 4, 6, 8, 10, 12, 14}, "", 0, false},
		{"outgrows the load", []int{1, 9, 20, 30, 40, 50, 60}, []int64{1, 2, 3, 4, 5, 6, 7}, "", detect.Confirmed, true},
		{"pool that shrank and grows again", []int{9, 9, 1, 2, 3, 4, 5, 6, 7, 8, 9}, []int64{9}, "", 0, false},
		{"steady, where a pool could hold as many", []int{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}, []int64{50}, "", detect.Confirmed, true},
		{"now and then, where a pool could hold as many", []int{1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 6, 6, 6, 6}, []int64{50}, "", 0, false},
		{"declared pool", []int{1, 2, 3, 4, 5, 6}, []int64{1}, "net/http.(*persistConn).readLoop", 0, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := feed{d: detect.NewLeak(detect.LeakConfig{})}
			var got []detect.Finding
			for range 20 { // the peak has been known for long
				f.turn(peak(c.peaks[0]), &observe.Snapshot{})
			}
			for i, n := range c.counts {
				g := orphans("a.b", n)
				if c.entry != "" {
					g.Entry.Function = c.entry
				}
				got = f.turn(peak(c.peaks[min(i, len(c.peaks)-1)]), &observe.Snapshot{Groups: []observe.Group{g}})
			}
			if c.want == 0 {
				if len(got) != 0 {
					t.Fatalf("finding %+v, want none", got[0])
				}
				return
			}
			if len(got) != 1 || got[0].Confidence != c.want || got[0].Active != c.active {
				t.Fatalf("findings %+v, want %v, active %v", got, c.want, c.active)
			}
			if s := got[0].Subject; s.Name != "a.b" || s.Domain != "a" || s.Site.Function != "vendor/reco.(*Client).watch" {
				t.Errorf("subject %+v", s)
			}
			if got[0].Level != float64(c.counts[len(c.counts)-1]) {
				t.Errorf("level %v", got[0].Level)
			}
		})
	}
}

func TestLeakLooksOnlyAtOrphans(t *testing.T) {
	f := feed{d: detect.NewLeak(detect.LeakConfig{Grace: 10 * time.Second, Creators: []string{"mine.(*janitor)"}})}
	for i := range 10 {
		young, live, foreign, declared := orphans("a.young", i), orphans("a.live", i), orphans("", i), orphans("a.cache", i)
		young.Ended, live.Ended, foreign.Ended = 9*time.Second, -1, -1
		declared.Entry.Function = "mine.(*janitor).run"
		if got := f.turn(peak(1), &observe.Snapshot{Groups: []observe.Group{young, live, foreign, declared}}); len(got) != 0 {
			t.Fatalf("turn %d: %+v", i, got)
		}
		if got := f.turn(peak(1), &observe.Snapshot{Skipped: "no memory"}); len(got) != 0 {
			t.Fatalf("skipped snapshot: %+v", got)
		}
	}
}

// Connections that one name loses and another dials are not a leak of the other.
func TestLeakIgnoresWhatMovesBetweenNames(t *testing.T) {
	f := feed{d: detect.NewLeak(detect.LeakConfig{})}
	for i := range 10 {
		if got := f.turn(peak(1), &observe.Snapshot{Groups: []observe.Group{orphans("a.b", 10-i), orphans("c.d", 1+i)}}); len(got) != 0 {
			t.Fatalf("snapshot %d: %+v", i, got)
		}
	}
}

func event(kind observe.EventKind, id uint64) observe.Event {
	return observe.Event{Kind: kind, Subject: observe.Subject{Task: observe.TaskID{Name: "a.b", Seq: id}, Name: "a.b", Domain: "a"}, Detail: "d", Fingerprint: "f"}
}

func live(n int64, started uint64) observe.Sample {
	return observe.Sample{Tasks: []observe.TaskStat{{Name: "a.b", Live: n, Started: started}}}
}

func TestStuckTask(t *testing.T) {
	f := feed{d: detect.NewStuck()}
	if got := f.turn(live(2, 2), nil, event(observe.EventBudget, 1)); len(got) != 1 || got[0].Confidence != detect.Suspected {
		t.Fatalf("over budget: %+v", got)
	}
	if got := f.turn(live(2, 2), nil, event(observe.EventEnded, 1)); len(got) != 0 {
		t.Fatalf("ended within its grace: %+v", got)
	}
	f.turn(live(2, 2), nil, event(observe.EventBudget, 2))
	got := f.turn(live(2, 2), nil, event(observe.EventOverdue, 2))
	if len(got) != 1 || got[0].Confidence != detect.Confirmed || !got[0].Active || got[0].Reflex || got[0].Subject.Task.Seq != 2 {
		t.Fatalf("overdue: %+v", got)
	}
	if got := f.turn(live(2, 2), nil, event(observe.EventAbandoned, 2)); len(got) != 1 || got[0].Active || got[0].Level != 1 {
		t.Fatalf("abandoned without a replacement: %+v", got)
	}
	if got := f.turn(live(1, 2), nil, event(observe.EventReturned, 2)); len(got) != 0 {
		t.Fatalf("returned: %+v", got)
	}
}

func TestStuckTaskIsReplaced(t *testing.T) {
	f := feed{d: detect.NewStuck()}
	abandoned := event(observe.EventAbandoned, 3)
	abandoned.Replacing = true
	f.turn(live(1, 1), nil, event(observe.EventHeartbeatMissed, 3))
	got := f.turn(live(2, 2), nil, event(observe.EventOverdue, 3), abandoned, event(observe.EventRestarted, 0))
	if len(got) != 1 || !got[0].Active || !got[0].Reflex || got[0].Confidence != detect.Confirmed {
		t.Fatalf("being replaced: %+v", got)
	}
	f.turn(live(2, 2), nil)
	if got := f.turn(live(2, 2), nil); len(got) != 0 {
		t.Fatalf("the replacement stands: %+v", got)
	}
}

func TestStuckPool(t *testing.T) {
	f := feed{d: detect.NewStuck()}
	pool := live(1, 1)
	pool.Pools = []observe.PoolStat{{Name: "a.b"}}
	if got := f.turn(pool, nil, event(observe.EventBudget, 1)); len(got) != 1 || got[0].Confidence != detect.Suspected || !got[0].Reflex || got[0].Evidence[0].Text != "units of a.b run past their budget, the last: d" {
		t.Fatalf("over budget: %+v", got)
	}
	got := f.turn(pool, nil, event(observe.EventAbandoned, 1), event(observe.EventAbandoned, 2))
	if len(got) != 1 || got[0].Confidence != detect.Confirmed || got[0].Level != 2 || !got[0].Active || !got[0].Subject.Task.IsZero() || got[0].Evidence[0].Text != "2 of the units of a.b ignored their cancellation within 5s, the last: d" {
		t.Fatalf("abandoned: %+v", got)
	}
	for range 6 {
		got = f.turn(pool, nil)
	}
	if len(got) != 0 {
		t.Fatalf("nothing for six seconds: %+v", got)
	}
}

// A unit that was late and came back, after the last that was given up, is part of what
// is over.
func TestStuckPoolIsOverOnce(t *testing.T) {
	f := feed{d: detect.NewStuck()}
	pool := live(1, 1)
	pool.Pools = []observe.PoolStat{{Name: "a.b"}}
	f.turn(pool, nil, event(observe.EventBudget, 1))
	f.turn(pool, nil, event(observe.EventAbandoned, 1))
	got := f.turn(pool, nil, event(observe.EventBudget, 2))
	for range 8 {
		if got = f.turn(pool, nil); len(got) != 0 && got[0].Confidence != detect.Confirmed {
			t.Fatalf("a new suspicion: %+v", got)
		}
	}
	if len(got) != 0 {
		t.Errorf("nothing for eight seconds: %+v", got)
	}
	if got = f.turn(pool, nil, event(observe.EventBudget, 3)); len(got) != 1 || got[0].Confidence != detect.Suspected {
		t.Errorf("late again: %+v", got)
	}
}

func TestPanicLoop(t *testing.T) {
	for _, c := range []struct {
		name   string
		panics int
		starts uint64 // tasks started a second
		storm  bool
		want   detect.Confidence
		kind   detect.Kind
	}{
		{"every run", 5, 1, false, detect.Confirmed, detect.KindPanicLoop},
		{"once", 1, 1, false, detect.Suspected, detect.KindPanic},
		{"twice", 2, 1, false, detect.Suspected, detect.KindPanic},
		{"one in a thousand", 10, 1000, false, detect.Suspected, detect.KindPanic},
		{"storm", 1, 1, true, detect.Confirmed, detect.KindPanicLoop},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := feed{d: detect.NewPanicLoop(detect.PanicLoopConfig{})}
			var got []detect.Finding
			var started uint64
			for range c.panics {
				started += c.starts
				got = f.turn(live(0, started), nil, event(observe.EventPanic, 7))
			}
			if c.storm {
				got = f.turn(live(0, started), nil, event(observe.EventRestartStorm, 0))
			}
			if len(got) != 1 || got[0].Confidence != c.want || got[0].Kind != c.kind || !got[0].Active || !got[0].Subject.Task.IsZero() {
				t.Fatalf("findings %+v, want %v %s", got, c.want, c.kind)
			}
			for range 28 { // the first panics are out of the window by then
				got = f.turn(live(0, started), nil)
			}
			if len(got) != 1 || got[0].Active != c.storm || got[0].Kind != c.kind { // a child in a storm waits so long
				t.Fatalf("28 quiet seconds: %+v, want it active %v and of the same kind", got, c.storm)
			}
			for range 40 {
				got = f.turn(live(0, started), nil)
			}
			if len(got) != 0 {
				t.Fatalf("after the window: %+v", got)
			}
		})
	}
	f := feed{d: detect.NewPanicLoop(detect.PanicLoopConfig{})}
	f.turn(live(0, 5000), nil) // many panics within one turn are still few of its tasks
	hit := event(observe.EventPanic, 7)
	if got := f.turn(live(0, 6000), nil, hit, hit, hit, hit, hit); len(got) != 1 || got[0].Confidence != detect.Suspected {
		t.Errorf("5 panics in 1000 tasks of one turn: %+v", got)
	}
	f = feed{d: detect.NewPanicLoop(detect.PanicLoopConfig{})}
	if got := f.turn(live(0, 9), nil, event(observe.EventRestartStorm, 0)); len(got) != 1 || got[0].Confidence != detect.Confirmed {
		t.Errorf("a storm without a panic: %+v", got)
	}
}

func TestAbandoned(t *testing.T) {
	f := feed{d: detect.NewAbandoned(detect.AbandonedConfig{})}
	with := func(n int64) observe.Sample {
		s := live(1, 1)
		s.Tasks[0].Abandoned = n
		s.Pools = []observe.PoolStat{{Name: "a.b", Cap: 4}}
		return s
	}
	for _, c := range []struct {
		n     int64
		found bool
	}{{3, false}, {4, true}, {3, true}, {2, false}, {3, false}, {5, true}} {
		if got := f.turn(with(c.n), nil); (len(got) == 1) != c.found {
			t.Errorf("%d abandoned: %+v, want a finding: %v", c.n, got, c.found)
		}
	}
	s := with(15)
	s.Pools = nil
	if got := f.turn(s, nil); len(got) != 1 { // hysteresis: above half of 16
		t.Errorf("no pool any more: %+v", got)
	}
}

// What a leak finding says is about the time since the oldest snapshot that it
// compares, and verification must be able to tell.
func TestLeakSaysWhatItComparesSince(t *testing.T) {
	f := feed{d: detect.NewLeak(detect.LeakConfig{})}
	var got []detect.Finding
	for i := range 8 {
		got = f.turn(peak(1), &observe.Snapshot{Groups: []observe.Group{orphans("a.b", 5*i+1)}})
	}
	last := f.now
	for range 5 { // turns without a snapshot tell nothing new
		got = f.turn(peak(1), nil)
	}
	if len(got) != 1 || !got[0].From.Equal(last.Add(-4*time.Second)) {
		t.Errorf("findings %+v, want From two epochs before %v", got, last)
	}
}

// A detector that continues from a state must find what the first one finds.
func TestStateContinues(t *testing.T) {
	for name, mk := range map[string]func() detect.Stateful{
		"leak":       func() detect.Stateful { return detect.NewLeak(detect.LeakConfig{}) },
		"stuck":      func() detect.Stateful { return detect.NewStuck() },
		"panic_loop": func() detect.Stateful { return detect.NewPanicLoop(detect.PanicLoopConfig{}) },
		"growth":     func() detect.Stateful { return detect.NewGrowth(detect.LeakConfig{}) },
		"overdue":    func() detect.Stateful { return detect.NewOverdue(detect.OverdueConfig{}) },
		"abandoned":  func() detect.Stateful { return detect.NewAbandoned(detect.AbandonedConfig{Cap: 2}) },
	} {
		t.Run(name, func(t *testing.T) {
			first := mk()
			found := false
			for i := range 120 {
				turn := observe.Turn{
					Time: t0.Add(time.Duration(i) * time.Second), Sample: live(5, uint64(i)),
					Snapshot: &observe.Snapshot{Time: t0.Add(time.Duration(i) * time.Second), Groups: []observe.Group{orphans("a.b", i)}},
					Events:   []observe.Event{event(observe.EventPanic, uint64(i+1)), event(observe.EventOverdue, uint64(i+1))},
				}
				turn.Sample.Tasks[0].Abandoned = int64(i)
				turn.Sample.Tasks[0].Longest, turn.Sample.Tasks[0].Oldest = time.Millisecond, max(0, time.Duration(i-40)*time.Second)
				for j := range turn.Events {
					turn.Events[j].Time = turn.Time
				}
				raw, err := first.State()
				if err != nil {
					t.Fatal(err)
				}
				second := mk()
				if err := second.SetState(raw); err != nil {
					t.Fatal(err)
				}
				a, b := asJSON(t, first.Detect(turn)), asJSON(t, second.Detect(turn))
				if a != b {
					t.Fatalf("turn %d:\n%s\n%s", i, a, b)
				}
				found = found || a != "null"
			}
			if !found {
				t.Error("the detector never found anything: the test shows nothing")
			}
			if err := mk().SetState(json.RawMessage(`{"series": 7, "tasks": 7, "loops": 7, "over": 7, "codes": 7, "names": 7}`)); err == nil {
				t.Error("a broken state was taken")
			}
		})
	}
}

func asJSON(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// How many tasks of a name hang is what a remedy is judged by.
func TestStuckLevelIsHowManyHang(t *testing.T) {
	f := feed{d: detect.NewStuck()}
	for seq := range uint64(40) { // more than are reported one by one
		got := f.turn(live(40, 40), nil, event(observe.EventBudget, seq+1))
		if len(got) == 0 || got[0].Level != float64(seq+1) {
			t.Fatalf("%d hang: %+v", seq+1, got)
		}
	}
}
