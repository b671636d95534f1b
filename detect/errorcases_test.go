package detect_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/hale-go/hale/detect"
	"github.com/hale-go/hale/observe"
)

func TestBusinessErrors(t *testing.T) {
	for _, spans := range []bool{true, false} {
		w, d := newErrorWorld(2), detect.NewErrorRate(detect.ErrorRateConfig{})
		o := w.add(simOperation{name: "checkout", rate: 20, reports: map[string]float64{"card_declined": 0.03, "out_of_stock": 0.02}})
		feed := func(n int) (fs []detect.Finding) {
			for range n {
				turn := w.turn(1)
				if !spans { // reported where no span is
					for i := range turn.Sample.Operations {
						turn.Sample.Operations[i].Ended, turn.Sample.Operations[i].Started = 0, 0
					}
				}
				fs = d.Detect(turn)
				if fs != nil && o.reports["card_declined"] < 0.1 {
					t.Fatalf("as usual: %+v", fs)
				}
			}
			return fs
		}
		feed(1200)
		o.reports["card_declined"] = 0.4
		fs := feed(15)
		f := ofKind(fs, detect.KindBusinessErrors, "checkout")
		if f == nil || f.Confidence != detect.Confirmed || len(fs) != 1 {
			t.Fatalf("spans %v: %+v", spans, fs)
		}
		if text := f.Evidence[0].Text; !strings.Contains(text, "card_declined") || strings.Contains(text, "out_of_stock") || f.Level < 200 {
			t.Errorf("%v %s", f.Level, text)
		}
		t.Log(f.Evidence[0].Text)
	}
}

// A type of error that an operation never had is found at a share that would be
// nothing otherwise.
func TestErrorRateFindsANewType(t *testing.T) {
	w, d := newErrorWorld(2), detect.NewErrorRate(detect.ErrorRateConfig{})
	o := w.add(simOperation{name: "GET /a", rate: 100, fails: map[string]float64{"timeout": 0.01}})
	w.run(d, 600, nil)
	o.fails["timeout"] = 0.035
	if fs := w.run(d, 60, nil); len(fs) > 0 {
		t.Fatalf("a known type: %+v", fs)
	}
	o.fails["sql.NoSuchTable"] = 0.025
	fs := w.run(d, 30, nil)
	if len(fs) != 1 || fs[0].Confidence != detect.Confirmed || !strings.HasPrefix(fs[0].Evidence[1].Text, "new to GET /a: sql.NoSuchTable") {
		t.Fatalf("%+v", fs)
	}
}

// Bursts that come again and again are one case, not one each.
func TestErrorRateBurstsAreOneCase(t *testing.T) {
	w, d := newErrorWorld(2), detect.NewErrorRate(detect.ErrorRateConfig{})
	o := w.add(simOperation{name: "GET /a", rate: 20})
	w.run(d, 300, nil)
	cases, there := 0, false
	for range 60 {
		for _, share := range []float64{0.5, 0} {
			o.fails["timeout"] = share
			w.run(d, 10+20*int(2.5*(0.5-share)/0.5), func(_ int, fs []detect.Finding) {
				if now := len(fs) > 0; now != there {
					if there = now; now {
						cases++
					}
				}
			})
		}
	}
	if cases > 3 {
		t.Errorf("%d cases in an hour of bursts", cases)
	}
}

// tasks feeds counters of a name that no operation has.
func tasks(f *feed, started, failed uint64) []detect.Finding {
	return f.turn(observe.Sample{Tasks: []observe.TaskStat{{Name: "mail", Started: started, Failed: failed}}}, nil)
}

func TestErrorRateOfTasks(t *testing.T) {
	f := &feed{d: detect.NewErrorRate(detect.ErrorRateConfig{})}
	started, failed := uint64(1_000_000), uint64(900_000) // of a time that nobody knows
	for range 300 {
		started += 5
		if fs := tasks(f, started, failed); len(fs) > 0 {
			t.Fatalf("%+v", fs)
		}
	}
	started, failed = 3, 0 // the runtime was made anew
	for range 10 {
		started += 5
		if fs := tasks(f, started, failed); len(fs) > 0 {
			t.Fatalf("counters went back: %+v", fs)
		}
	}
	var fs []detect.Finding
	for range 15 {
		started, failed = started+5, failed+4
		fs = tasks(f, started, failed)
	}
	if len(fs) != 1 || fs[0].Subject.Name != "mail" || fs[0].Confidence != detect.Confirmed || fs[0].Cause.Name != "mail" {
		t.Fatalf("%+v", fs)
	}
	if fs = tasks(f, 1, 0); len(fs) == 1 && strings.Contains(fs[0].Evidence[0].Text, "NaN") {
		t.Errorf("%+v", fs)
	}
}

// A task and an operation of one name are one thing.
func TestErrorRateCountsATaskOnce(t *testing.T) {
	w, d := newErrorWorld(2), detect.NewErrorRate(detect.ErrorRateConfig{})
	w.add(simOperation{name: "GET /a", rate: 20, fails: map[string]float64{"timeout": 1}})
	var started uint64
	var fs []detect.Finding
	for range 30 {
		turn := w.turn(1)
		started += turn.Sample.Operations[0].Ended
		turn.Sample.Tasks = []observe.TaskStat{{Name: "GET /a", Started: started, Failed: started}}
		fs = d.Detect(turn)
	}
	if len(fs) != 1 || !fs[0].Cause.IsZero() {
		t.Errorf("%+v", fs)
	}
}

func TestErrorRateIsBounded(t *testing.T) {
	d := detect.NewErrorRate(detect.ErrorRateConfig{})
	now := t0
	for k := range 5 {
		now = now.Add(time.Second)
		turn := observe.Turn{Time: now}
		for i := range 5000 {
			st := observe.OperationStat{Name: fmt.Sprintf("op%05d", i), Kind: observe.Server, Ended: 20, Failed: 20}
			for j := range 40 {
				st.Outcomes = append(st.Outcomes, observe.Outcome{Name: fmt.Sprintf("type%02d-%d", j, k), Count: 1, Failed: true})
				st.Calls = append(st.Calls, observe.Call{Name: fmt.Sprintf("call%02d-%d", j, k), Count: 1, Failed: 1})
			}
			turn.Sample.Operations = append(turn.Sample.Operations, st)
		}
		if fs := d.Detect(turn); len(fs) > 100 {
			t.Fatalf("%d findings", len(fs))
		}
	}
	raw, err := d.State()
	if err != nil || len(raw) > 5<<20 {
		t.Errorf("a state of %d bytes: %v", len(raw), err)
	}
	for range 700 {
		now = now.Add(time.Second)
		d.Detect(observe.Turn{Time: now})
	}
	now = now.Add(2 * time.Minute)
	w := observe.Turn{Time: now, Sample: observe.Sample{Operations: []observe.OperationStat{{Name: "new", Kind: observe.Server, Ended: 9, Failed: 9}}}}
	if fs := d.Detect(w); ofKind(fs, detect.KindErrorRate, "new") == nil {
		t.Errorf("names that are not used any more left no room: %+v", fs)
	}
}

func TestErrorRateBaseline(t *testing.T) {
	w, a := newErrorWorld(4), detect.NewErrorRate(detect.ErrorRateConfig{})
	w.add(simOperation{name: "GET /a", rate: 20, fails: map[string]float64{"timeout": 0.3}, reports: map[string]float64{"declined": 0.5}})
	if fs := w.run(a, 600, nil); len(fs) > 0 {
		t.Fatalf("what was there from the first day is usual: %+v", fs)
	}
	raw, err := a.Baseline()
	if err != nil || len(raw) > 400 {
		t.Fatalf("%v: %s", err, raw)
	}
	b := detect.NewErrorRate(detect.ErrorRateConfig{})
	if err := b.SetBaseline(raw); err != nil {
		t.Fatal(err)
	}
	w.now = w.now.Add(time.Hour)
	w.run(b, 300, func(s int, fs []detect.Finding) {
		if len(fs) > 0 {
			t.Fatalf("second %d after a restart: %+v", s, fs)
		}
	})
	fresh := false
	w.run(detect.NewErrorRate(detect.ErrorRateConfig{}), 60, func(_ int, fs []detect.Finding) {
		fresh = fresh || len(fs) > 0
		for _, f := range fs {
			if f.Kind == detect.KindErrorRate && f.Confidence == detect.Confirmed {
				t.Fatalf("confirmed before anything is usual: %+v", f)
			}
		}
	})
	if !fresh {
		t.Error("the baseline changed nothing")
	}
	for range 9 { // processes that do not use the name
		raw, _ = b.Baseline()
		b = detect.NewErrorRate(detect.ErrorRateConfig{})
		if err := b.SetBaseline(raw); err != nil {
			t.Fatal(err)
		}
	}
	if raw, _ = b.Baseline(); strings.Contains(string(raw), "GET /a") {
		t.Errorf("never forgotten: %s", raw)
	}
	before, _ := a.State()
	for _, bad := range []string{
		`{`, `[]`, `{"operations":[{"name":""}]}`, `{"operations":[{"name":"b"},{"name":"a"}]}`, `{"operations":[{"name":"a","spans":-1}]}`,
		`{"tasks":[{"name":"a","types":[{"name":"b","n":-1}]}]}`, `{"tasks":[{"name":"a","unseen":-1}]}`, `{"tasks":[{"name":"a","reported":[{"name":"b"},{"name":"a"}]}]}`,
	} {
		if err := a.SetBaseline(json.RawMessage(bad)); err == nil {
			t.Errorf("took %s", bad)
		}
	}
	if after, _ := a.State(); string(after) != string(before) {
		t.Error("bad data changed what was known")
	}
}

func BenchmarkErrorRate(b *testing.B) {
	for _, share := range []float64{0.01, 0.3} {
		b.Run(fmt.Sprintf("200 operations, %v fail", share), func(b *testing.B) {
			w := newErrorWorld(1)
			for i := range 200 {
				w.add(simOperation{name: fmt.Sprintf("GET /route/%03d", i), rate: 50, fails: map[string]float64{"timeout": share}})
			}
			d := detect.NewErrorRate(detect.ErrorRateConfig{})
			w.run(d, 200, nil)
			turn := w.turn(1)
			b.ReportAllocs()
			for b.Loop() {
				turn.Time = turn.Time.Add(time.Second)
				d.Detect(turn)
			}
		})
	}
}
