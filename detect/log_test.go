package detect_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hale-go/hale/detect"
	"github.com/hale-go/hale/observe"
)

// logWorld is a service that logs: each request a line, some of them errors, and a
// job that tells once a second that it is alive.
type logWorld struct {
	at   time.Time
	rnd  *rand.Rand
	seq  uint64
	load float64 // requests a second

	errors float64 // part of the requests that fail
	extra  []observe.LogStat
	silent bool // the job says nothing
}

func newLogWorld(seed uint64) *logWorld {
	return &logWorld{at: t0, rnd: rand.New(rand.NewPCG(seed, 7)), load: 50, errors: 0.01}
}

// poisson draws how often something happens that happens mean times on average.
func (w *logWorld) poisson(mean float64) (n uint64) {
	for left := mean - w.rnd.ExpFloat64(); left > 0; left -= w.rnd.ExpFloat64() {
		n++
	}
	return n
}

func (w *logWorld) turn() observe.Turn {
	w.at = w.at.Add(time.Second)
	w.seq++
	served := w.poisson(w.load)
	s := observe.Sample{
		Time: w.at, Slowdown: 1,
		Tasks:      []observe.TaskStat{{Name: "stock.count", Live: 1, Started: 1}},
		Operations: []observe.OperationStat{{Name: "GET /orders", Kind: observe.Server, Started: served, Ended: served}},
	}
	log := func(form string, level int, name string, n uint64, patterns ...string) {
		if n > 0 {
			s.Logs = append(s.Logs, observe.LogStat{Form: form, Level: level, Name: name, Count: n, Patterns: patterns})
		}
	}
	failed := w.poisson(w.load * w.errors)
	log("order <*> failed", 8, "GET /orders", failed, "error")
	log("order <*> placed", 0, "GET /orders", served)
	if !w.silent {
		log("stock counted", 0, "stock.count", 1)
	}
	s.Logs = append(s.Logs, w.extra...)
	return observe.Turn{Seq: w.seq, Time: w.at, Sample: s}
}

func logDetectors() *detect.Panel {
	return detect.NewPanel(0, detect.Named{Name: "log_pattern", Detector: detect.NewLogPattern()},
		detect.Named{Name: "log_volume", Detector: detect.NewLogVolume(detect.LogVolumeConfig{})}, detect.Named{Name: "log_form", Detector: detect.NewLogForm()})
}

// until runs the world for at most d, and returns what was found once ok says so.
func (w *logWorld) until(p *detect.Panel, d time.Duration, ok func([]detect.Finding) bool) ([]detect.Finding, time.Duration) {
	for began := w.at; w.at.Sub(began) < d; {
		t := w.turn()
		if found, _ := p.Detect(&t); ok(withUnits(found)) {
			return found, w.at.Sub(began)
		}
	}
	return nil, d
}

func has(kind detect.Kind, name string, c detect.Confidence) func([]detect.Finding) bool {
	return func(fs []detect.Finding) bool {
		return slices.ContainsFunc(fs, func(f detect.Finding) bool { return f.Kind == kind && f.Subject.Name == name && f.Confidence >= c })
	}
}

func TestLogsOfAHealthyServiceAreQuiet(t *testing.T) {
	for seed := range uint64(usualSeeds) / 2 { // four hours each
		w, p := newLogWorld(seed), logDetectors()
		found, after := w.until(p, 4*time.Hour, func(fs []detect.Finding) bool {
			switch at := w.at.Sub(t0); { // what healthy services go through
			case at%(20*time.Minute) == 0:
				w.load = 10 + 400*w.rnd.Float64()
			case at == 90*time.Minute: // a release has other words
				w.extra = []observe.LogStat{{Form: "cache is cold for <*>", Level: 4, Name: "GET /orders", Count: 2}}
			case at == 100*time.Minute:
				w.extra = nil
			}
			return slices.ContainsFunc(fs, func(f detect.Finding) bool { return f.Confidence == detect.Confirmed })
		})
		if found != nil {
			t.Errorf("seed %d after %v: %+v", seed, after, found)
		}
	}
}

func TestFaultsThatLogsShow(t *testing.T) {
	for name, c := range map[string]struct {
		hurt    func(*logWorld)
		kind    detect.Kind
		subject string
		conf    detect.Confidence
		within  time.Duration
		says    string
	}{
		"error burst": {func(w *logWorld) { w.errors = 0.2 }, detect.KindLogPattern, "GET /orders", detect.Confirmed, 15 * time.Second, `match "error"`},
		"storm": {func(w *logWorld) {
			w.extra = []observe.LogStat{{Form: "retrying <*>", Level: 4, Name: "stock.count", Count: 200}}
		}, detect.KindLogVolume, "stock.count", detect.Confirmed, 10 * time.Second, "retrying <*>"},
		"silence": {func(w *logWorld) { w.silent = true }, detect.KindLogVolume, "stock.count", detect.Confirmed, 20 * time.Second, "stock.count has logged nothing for"},
		"silence but for warnings": {func(w *logWorld) {
			w.silent = true
			w.extra = []observe.LogStat{{Form: "the scale is slow", Level: 4, Name: "stock.count", Count: 1}}
		}, detect.KindLogVolume, "stock.count", detect.Confirmed, 20 * time.Second, "stock.count has logged nothing below WARN for"},
		"vanished form": {func(w *logWorld) {
			w.silent = true
			w.extra = []observe.LogStat{{Form: "waiting for the scale", Name: "stock.count", Count: 1}}
		}, detect.KindVanishedLogForm, "stock.count", detect.Suspected, 20 * time.Second, "stock counted"},
		"new form": {func(w *logWorld) {
			w.extra = []observe.LogStat{{Form: "disk <*> is slow", Level: 4, Name: "GET /orders", Count: 1}}
		}, detect.KindNewLogForm, "GET /orders", detect.Suspected, 5 * time.Second, "disk <*> is slow"},
		"panics": {func(w *logWorld) {
			w.extra = []observe.LogStat{{Form: "panic: <*>", Level: 8, Name: "GET /orders", Count: 1, Stack: "5fbea2c2"}}
		}, detect.KindLoggedPanics, "GET /orders", detect.Confirmed, 10 * time.Second, "5fbea2c2"},
	} {
		t.Run(name, func(t *testing.T) {
			w, p := newLogWorld(3), logDetectors()
			if found, after := w.until(p, 10*time.Minute, func(fs []detect.Finding) bool { return len(fs) > 0 && w.at.Sub(t0) > time.Minute }); found != nil {
				t.Fatalf("before it, after %v: %+v", after, found)
			}
			c.hurt(w)
			found, after := w.until(p, 2*time.Minute, has(c.kind, c.subject, c.conf))
			if found == nil || after > c.within || !strings.Contains(fmt.Sprint(found), c.says) {
				t.Fatalf("after %v: %+v", after, found)
			}
			for _, f := range found {
				if f.Subject.Name != c.subject {
					t.Errorf("a bystander: %+v", f)
				}
			}
			w.errors, w.extra, w.silent = 0.01, nil, false
			if found, _ := w.until(p, 11*time.Minute, func(fs []detect.Finding) bool { return len(fs) == 0 }); found == nil && w.at.Sub(t0) > 22*time.Minute {
				t.Errorf("it never cleared")
			}
		})
	}
}

// A blip is no burst, and what is usual outlives a restart.
func TestLogBaselines(t *testing.T) {
	w, p := newLogWorld(4), logDetectors()
	w.errors = 0.3 // many errors are usual here
	w.until(p, 20*time.Minute, func([]detect.Finding) bool { return false })
	learned, err := p.Baselines()
	if err != nil {
		t.Fatal(err)
	}
	next := logDetectors()
	if err := next.SetBaselines(learned); err != nil {
		t.Fatal(err)
	}
	if found, after := w.until(next, 10*time.Minute, func(fs []detect.Finding) bool { return len(fs) > 0 }); found != nil {
		t.Errorf("after %v of a fresh process: %+v", after, found)
	}
	w.until(next, 3*time.Second, func([]detect.Finding) bool { w.errors = 0.9; return false })
	w.errors = 0.3
	if found, _ := w.until(next, 2*time.Minute, func(fs []detect.Finding) bool {
		return slices.ContainsFunc(fs, func(f detect.Finding) bool { return f.Confidence == detect.Confirmed })
	}); found != nil {
		t.Errorf("a blip of 3 s: %+v", found)
	}
	for _, bad := range []string{"{", `{"series":[{"key":"b"},{"key":"a"}]}`, `{"series":[{"key":"a","mean":-1}]}`, `{"load":{"series":[{"key":"a","mean":1e300}]}}`} {
		for _, d := range []detect.Learner{detect.NewLogPattern(), detect.NewLogVolume(detect.LogVolumeConfig{})} {
			if err := d.SetBaseline([]byte(bad)); err == nil {
				t.Errorf("%T takes %s", d, bad)
			}
		}
	}
}

// Forms and names that nobody bounds do not grow what is kept.
func TestLogTablesAreBounded(t *testing.T) {
	w, p := newLogWorld(5), logDetectors()
	for range 20 {
		w.extra = nil
		for i := range 256 {
			w.extra = append(w.extra, observe.LogStat{
				Form: fmt.Sprintf("%d of %d", i, w.seq), Level: 8, Name: fmt.Sprintf("job %d", w.rnd.IntN(1e6)), Count: 3,
				Patterns: []string{"error"}, Stack: fmt.Sprint(w.rnd.Uint64()),
			})
		}
		turn := w.turn()
		p.Detect(&turn)
	}
	raw, err := p.State()
	if err != nil || len(raw) > 3<<20 {
		t.Errorf("the state has %d bytes, %v", len(raw), err)
	}
}

// formWorld feeds one second of records of warnings, and says which forms are new.
type formWorld struct {
	d  *detect.LogForm
	at time.Time
}

func (w *formWorld) say(after time.Duration, forms ...string) (found []string) {
	w.at = w.at.Add(after)
	turn := observe.Turn{Time: w.at}
	for _, form := range forms {
		turn.Sample.Logs = append(turn.Sample.Logs, observe.LogStat{Form: form, Level: 4, Name: "a", Count: 9})
	}
	for _, f := range w.d.Detect(turn) {
		if f.Kind == detect.KindNewLogForm {
			found = append(found, fmt.Sprint(f.Evidence))
		}
	}
	return found
}

func many(of string, n int) (out []string) {
	for i := range n {
		out = append(out, fmt.Sprintf("%s %04d", of, i))
	}
	return out
}

// A form that made room for others was there: it is not new when it comes again, in
// the same process or in the next one.
func TestAFormThatWasCutIsNotNew(t *testing.T) {
	w := &formWorld{d: detect.NewLogForm(), at: t0}
	known := many("known", 800)
	w.say(0, known...)
	w.say(3 * time.Hour) // all of it makes room
	if found := w.say(time.Second, known[:20]...); found != nil {
		t.Errorf("after it was cut: %v", found)
	}
	if found := w.say(time.Second, "other"); len(found) != 1 {
		t.Errorf("a form that is new: %v", found)
	}
	w.say(time.Second, known...)
	w.say(time.Minute, known...)
	raw, err := w.d.Baseline()
	if err != nil {
		t.Fatal(err)
	}
	next := &formWorld{d: detect.NewLogForm(), at: w.at}
	if err := next.d.SetBaseline(raw); err != nil { // it takes half a table
		t.Fatal(err)
	}
	next.say(0)
	next.say(10 * time.Minute)
	if found := next.say(time.Second, known[:200]...); found != nil {
		t.Errorf("in the next process: %v", found)
	}
	if found := next.say(time.Second, known[600:]...); found != nil {
		t.Errorf("of those for which there was no room in the next process: %v", found)
	}
	if found := next.say(time.Second, "another"); len(found) != 1 {
		t.Errorf("a form that is new there: %v", found)
	}
}

// While more forms come than there is room for nothing is new, and later it is again.
func TestAFullTableOfFormsIsNotForEver(t *testing.T) {
	w := &formWorld{d: detect.NewLogForm(), at: t0}
	w.say(0, many("known", 1000)...)
	w.say(10*time.Minute, many("flood", 100)...)
	if found := w.say(11*time.Minute, "other"); found != nil {
		t.Errorf("while it is full: %v", found)
	}
	w.say(3 * time.Hour)
	if found := w.say(time.Second, "another"); len(found) != 1 {
		t.Errorf("when there is room again: %v", found)
	}
	if found := fmt.Sprint(w.say(time.Second, "flood 0099")); strings.Contains(found, "flood") {
		t.Errorf("what there was no room for is new: %v", found)
	}
}
