package detect_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/hale-go/hale/detect"
	"github.com/hale-go/hale/observe"
)

// fresh returns a detector as a runtime has it.
func fresh(name string) detect.Detector {
	all := builtins()
	return all[slices.IndexFunc(all, func(n detect.Named) bool { return n.Name == name })].Detector
}

// sickTurns are those of a service of which much fails, with garbage in between.
var sickTurns = sync.OnceValue(func() (out []observe.Turn) {
	w := newService(3, fault{of: "POST /order", failing: .5}, fault{of: "GET /cart", logStorm: 200}, fault{of: "GET /search", slow: 8}, fault{files: 2})
	for i := range 420 {
		t := w.turn()
		t.Snapshot = nil
		if i > 350 && i < 380 {
			id := observe.TaskID{Name: "a.b", Seq: uint64(i)}
			for _, kind := range []observe.EventKind{observe.EventBudget, observe.EventOverdue, observe.EventAbandoned, observe.EventPanic} {
				for _, name := range []string{"a.b", "c.pool"} {
					t.Events = append(t.Events, observe.Event{Time: t.Time, Kind: kind, Subject: observe.Subject{Task: id, Name: name}, Fingerprint: "f", Detail: "d"})
				}
			}
			t.Sample.Pools = []observe.PoolStat{{Name: "c.pool", Cap: 4}}
			t.Sample.Tasks = append(t.Sample.Tasks, observe.TaskStat{Name: "zz", Live: 9, Abandoned: 40})
		}
		if i%10 == 0 {
			t.Snapshot = &observe.Snapshot{Time: t.Time, Groups: []observe.Group{
				orphans("a.b", i/2), simGroup("", "app.f", observe.WaitSend, -1, 20+i),
			}}
		}
		out = append(out, t)
	}
	return out
})

// stateOf is what a detector remembers of a sick service, and what it learned.
func stateOf(t testing.TB, name string) (state, baseline json.RawMessage) {
	d := fresh(name)
	for _, turn := range sickTurns()[:360] {
		d.Detect(turn)
	}
	state, err := d.(detect.Stateful).State()
	if err != nil {
		t.Fatal(err)
	}
	if l, ok := d.(detect.Learner); ok {
		if baseline, err = l.Baseline(); err != nil {
			t.Fatal(err)
		}
	}
	return state, baseline
}

// goesOn checks that a detector refuses a state with the place that is wrong, and is
// as it was, or goes on with it.
func goesOn(t testing.TB, name, field string, raw []byte) (refused bool) {
	t.Helper()
	d := fresh(name)
	turns := sickTurns()
	for _, turn := range turns[:5] {
		d.Detect(turn)
	}
	remember := func() string {
		out, err := d.(detect.Stateful).State()
		if err != nil || len(out) > 2<<20 {
			t.Fatalf("%s of %s: a state of %d bytes: %v", field, name, len(out), err)
		}
		return string(out)
	}
	before := remember()
	take := d.(detect.Stateful).SetState
	if strings.HasPrefix(field, "baseline") {
		take = d.(detect.Learner).SetBaseline
	}
	if err := take(raw); err != nil {
		if after := remember(); after != before {
			t.Fatalf("%s of %s: refused with %v, and changed all the same", field, name, err)
		}
		if _, ok := errors.AsType[*detect.StateError](err); !ok && json.Valid(raw) {
			t.Fatalf("%s of %s: refused with %v, want a StateError", field, name, err)
		}
		return true
	}
	for i, turn := range turns[360:410] {
		for _, f := range d.Detect(turn) {
			if text := fmt.Sprint(f.Evidence); math.IsNaN(f.Level) || math.IsInf(f.Level, 0) || f.Level < 0 || strings.Contains(text, "NaN") {
				t.Fatalf("%s of %s, turn %d: %+v", field, name, i, f)
			}
		}
	}
	remember()
	return false
}

func fuzzState(f *testing.F, names ...string) {
	for i, name := range names {
		state, baseline := stateOf(f, name)
		f.Add(uint8(i), false, []byte(state))
		if baseline != nil {
			f.Add(uint8(i), true, []byte(baseline))
		}
	}
	f.Fuzz(func(t *testing.T, which uint8, learned bool, raw []byte) {
		name := names[int(which)%len(names)]
		if _, ok := fresh(name).(detect.Learner); ok && learned {
			goesOn(t, name, "baseline", raw)
			return
		}
		goesOn(t, name, "state", raw)
	})
}

func FuzzErrorRateState(f *testing.F)  { fuzzState(f, "error_rate", "burn_rate") }
func FuzzSaturationState(f *testing.F) { fuzzState(f, "saturation", "exhaustion") }
func FuzzAnomalyState(f *testing.F)    { fuzzState(f, "anomaly") }
func FuzzLogState(f *testing.F)        { fuzzState(f, "log_pattern", "log_volume", "log_form") }
func FuzzLeakState(f *testing.F)       { fuzzState(f, "leak", "growth", "overdue") }
func FuzzTaskState(f *testing.F)       { fuzzState(f, "stuck", "panic_loop", "abandoned") }
func FuzzSlownessState(f *testing.F)   { fuzzState(f, "latency", "creep", "stalled", "spans") }

// leaves calls f for one value of each field of what was read as JSON, which set
// replaces.
func leaves(at string, v any, done map[string]bool, f func(at string, v any, set func(any)), set func(any)) {
	if !done[at] || len(at) < 2 {
		done[at] = true
		f(at, v, set)
	}
	switch v := v.(type) {
	case map[string]any:
		for _, k := range slices.Sorted(mapKeys(v)) {
			leaves(at+"."+k, v[k], done, f, func(x any) { v[k] = x })
		}
	case []any:
		for i := range v[:min(len(v), 3)] {
			leaves(at+"[]", v[i], done, f, func(x any) { v[i] = x })
		}
	}
}

func mapKeys(m map[string]any) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// Each field of each state and of each baseline is given values that cannot be: they
// are refused or do no harm. Those that are out of any range are refused.
func TestStatesOutOfRange(t *testing.T) {
	for _, d := range builtins() {
		t.Run(d.Name, func(t *testing.T) {
			t.Parallel()
			state, baseline := stateOf(t, d.Name)
			tried, refused := 0, 0
			for what, raw := range map[string]json.RawMessage{"state": state, "baseline": baseline} {
				if raw == nil {
					continue
				}
				if goesOn(t, d.Name, what, raw) {
					t.Fatalf("its own %s is refused", what)
				}
				var all any
				if err := json.Unmarshal(raw, &all); err != nil {
					t.Fatal(err)
				}
				leaves("", all, map[string]bool{}, func(at string, was any, set func(any)) {
					var wild []any
					switch was := was.(type) {
					case float64:
						wild = []any{nil, -1, 1e9, 1e15, 1e300}
					case string:
						wild = []any{"", "9999-01-01T00:00:00Z", strings.Repeat("n", 100_000)}
					case []any:
						wild = []any{nil, -1}
						if len(was) > 0 {
							wild = append(wild, was[:1], append(slices.Clone(was), was...), slices.Repeat(was, 20_000/len(was)))
						}
					case map[string]any:
						wild = []any{nil, "x"}
					}
					for _, x := range wild {
						set(x)
						changed, err := json.Marshal(all)
						if err != nil || bytes.Equal(changed, raw) {
							continue
						}
						if tried++; tried%everyState != 0 {
							continue
						}
						no := goesOn(t, d.Name, what+at+" = "+cut(x), changed)
						if no {
							refused++
						}
						_, number := was.(float64)
						if x == 1e300 && number && !no && !strings.Contains(at, ".scorer.") { // which bounds what it is given
							t.Errorf("%s%s: %v is taken", what, at, x)
						}
					}
					set(was)
				}, func(any) {})
			}
			t.Logf("%d of %d refused", refused, tried)
		})
	}
}

// cut says which value was tried.
func cut(x any) string {
	s := fmt.Sprintf("%T %[1]v", x)
	return s[:min(len(s), 40)]
}
