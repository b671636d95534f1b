package haletest_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/hale-go/hale/detect"
	"github.com/hale-go/hale/haletest"
	"github.com/hale-go/hale/observe"
)

// crowd is a detector that keeps the contract: it confirms a name that has had
// more than 100 tasks in three turns in a row. Each test breaks one rule of it.
type crowd struct {
	state struct{ Turns int }
	brk   func(c *crowd, t observe.Turn, out []detect.Finding) []detect.Finding
	names map[string]bool // what it keeps against the rules
}

func (c *crowd) Detect(t observe.Turn) []detect.Finding {
	var most observe.TaskStat
	for _, ts := range t.Sample.Tasks {
		if ts.Live > most.Live {
			most = ts
		}
	}
	if most.Live <= 100 || most.Live > 1<<30 {
		c.state.Turns = 0
	} else {
		c.state.Turns++
	}
	var out []detect.Finding
	if c.state.Turns >= 3 {
		out = append(out, finding("crowd", most.Name, detect.Confirmed))
	}
	if c.brk != nil {
		out = c.brk(c, t, out)
	}
	return out
}

func finding(kind detect.Kind, name string, sure detect.Confidence) detect.Finding {
	return detect.Finding{
		Kind: kind, Subject: observe.Subject{Name: name}, Confidence: sure, Evidence: []detect.Evidence{{Channel: detect.Metrics, Text: "many"}},
	}
}

func (c *crowd) State() (json.RawMessage, error) { return json.Marshal(c.state) }

func (c *crowd) SetState(raw json.RawMessage) error {
	c.state.Turns = 0
	return json.Unmarshal(raw, &c.state)
}

// crowded are turns in which the crowd comes.
func crowded() []observe.Turn {
	var out []observe.Turn
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for i := range 40 {
		at = at.Add(time.Second)
		out = append(out, observe.Turn{
			Seq: uint64(i) + 1, Time: at, Disabled: []string{"another"},
			Sample:   observe.Sample{Time: at, Tasks: []observe.TaskStat{{Name: "a.b", Live: int64(10 * i)}}},
			Snapshot: &observe.Snapshot{Time: at, Groups: []observe.Group{{Name: "a.b", Count: 10 * i}}},
		})
	}
	return out
}

func TestDetectorPassesOneThatKeepsTheContract(t *testing.T) {
	r := record(t)
	haletest.Detector(r, func() detect.Detector { return &crowd{} }, haletest.Finds("crowd", crowded()...))
	told(t, r.end())
}

func TestDetectorSaysWhichRuleIsBroken(t *testing.T) {
	calls := 0
	var kept []*[]observe.TaskStat
	for _, c := range []struct {
		name string
		brk  func(c *crowd, t observe.Turn, out []detect.Finding) []detect.Finding
		want []string
	}{
		{"panics", func(_ *crowd, t observe.Turn, out []detect.Finding) []detect.Finding {
			if t.Time.IsZero() {
				panic("no time")
			}
			return out
		}, []string{"on garbage: turn 300: Detect panicked: no time"}},
		{"ends its goroutine", func(_ *crowd, t observe.Turn, out []detect.Finding) []detect.Finding {
			if t.Time.IsZero() {
				runtime.Goexit()
			}
			return out
		}, []string{"on garbage: turn 300: Detect ended its goroutine"}},
		{"chance", func(_ *crowd, _ observe.Turn, out []detect.Finding) []detect.Finding {
			calls++
			for i := range out {
				out[i].Level = float64(calls)
			}
			return out
		}, []string{"the turns that were given for crowd", "the same turns led to other findings"}},
		{"map order", func(c *crowd, _ observe.Turn, out []detect.Finding) []detect.Finding {
			for name := range map[string]bool{"a": true, "b": true} {
				for i := range out {
					out[i].Evidence[0].Text = name // the last
				}
			}
			return out
		}, []string{"the turns that were given for crowd", "the same turns led to other findings"}},
		{"changes the turn", func(_ *crowd, t observe.Turn, out []detect.Finding) []detect.Finding {
			if len(t.Sample.Tasks) > 0 && t.Seq == 20 {
				t.Sample.Tasks[0].Live = 0
			}
			return out
		}, []string{"Detect changed the turn"}},
		{"keeps the turn", func(c *crowd, t observe.Turn, out []detect.Finding) []detect.Finding {
			if c.state.Turns == 3 {
				kept = append(kept[:0], &t.Sample.Tasks)
			}
			if c.state.Turns > 3 {
				out[0].Subject.Name = (*kept[0])[0].Name
			}
			return out
		}, []string{"overwriting turns after their call changed later findings"}},
		{"accuses the healthy", func(_ *crowd, t observe.Turn, _ []detect.Finding) []detect.Finding {
			if t.Sample.Tasks == nil || t.Sample.Tasks[0].Live != 22 || t.Seq < 3 {
				return nil
			}
			return []detect.Finding{finding("crowd", "GET /orders/{id}", detect.Confirmed)}
		}, []string{"on a healthy service", "it confirmed crowd GET /orders/{id}: many"}},
		{"says nothing", func(*crowd, observe.Turn, []detect.Finding) []detect.Finding { return nil }, []string{"it confirmed no crowd"}},
		{"writes garbage", func(_ *crowd, _ observe.Turn, out []detect.Finding) []detect.Finding {
			for i := range out {
				out[i].Evidence = append(out[i].Evidence, detect.Evidence{Text: strings.Repeat("x", 1<<10)})
			}
			return out
		}, []string{"detector.garbage", "evidence of 1024 bytes"}},
		{"says too much", func(_ *crowd, _ observe.Turn, out []detect.Finding) []detect.Finding {
			for i := range 101 * len(out) {
				out = append(out, finding("crowd", fmt.Sprint("name.", i), detect.Confirmed))
			}
			return out
		}, []string{"detector.garbage", "102 findings in one turn, 100 are kept"}},
		{"panics on many names", func(_ *crowd, t observe.Turn, out []detect.Finding) []detect.Finding {
			if len(t.Sample.Tasks) > 1000 {
				panic("too many")
			}
			return out
		}, []string{"on turns of 4096 names: turn 0: Detect panicked: too many"}},
		{"sleeps", func(_ *crowd, t observe.Turn, out []detect.Finding) []detect.Finding {
			if len(t.Sample.Tasks) > 1000 {
				time.Sleep(300 * time.Millisecond)
			}
			return out
		}, []string{"Detect takes 3"}},
		{"remembers every name", hoard, []string{"10000 turns with ever new names: memory grew"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := record(t)
			turns := 100
			if c.name == "remembers every name" {
				turns = 10_000
			}
			haletest.Detector(r, func() detect.Detector { return &crowd{brk: c.brk, names: map[string]bool{}} },
				haletest.Finds("crowd", crowded()...), haletest.Scaled(turns, 300*time.Millisecond))
			if c.name == "says nothing" || c.name == "accuses the healthy" || c.name == "changes the turn" { // with other things, or on each series
				r.errors = r.errors[:min(1, len(r.errors))]
			}
			told(t, r.end(), c.want...)
		})
	}
}

// hoard keeps every name that is new each time.
func hoard(c *crowd, t observe.Turn, out []detect.Finding) []detect.Finding {
	for _, ts := range t.Sample.Tasks {
		if len(ts.Name) > 80 {
			c.names[strings.Clone(ts.Name)] = true
		}
	}
	return out
}

// silent is a detector that remembers and tells nobody what.
type silent struct{ crowd crowd }

func (s *silent) Detect(t observe.Turn) []detect.Finding { return s.crowd.Detect(t) }

// momentary is one that remembers nothing.
type momentary struct{}

func (momentary) Detect(t observe.Turn) []detect.Finding {
	for _, ts := range t.Sample.Tasks {
		if ts.Live > 100 && ts.Live < 1<<30 {
			return []detect.Finding{finding("crowd", "a.b", detect.Confirmed)}
		}
	}
	return nil
}

func TestDetectorWantsAStateOfWhatRemembers(t *testing.T) {
	r := record(t)
	haletest.Detector(r, func() detect.Detector { return &silent{} },
		haletest.Finds("crowd", crowded()...), haletest.Scaled(100, 5*time.Second))
	told(t, r.end(), "the turns that were given for crowd: turn 13", "it remembers, and has no State and SetState")
	r = record(t)
	haletest.Detector(r, func() detect.Detector { return momentary{} },
		haletest.Finds("crowd", crowded()...), haletest.Scaled(100, 5*time.Second))
	told(t, r.end())
}

// One run tells all that is wrong.
func TestDetectorTellsAllThatIsBroken(t *testing.T) {
	r := record(t)
	haletest.Detector(r, func() detect.Detector {
		return &silent{crowd{names: map[string]bool{}, brk: func(c *crowd, t observe.Turn, out []detect.Finding) []detect.Finding {
			switch {
			case t.Time.IsZero():
				panic("no time")
			case len(t.Sample.Tasks) > 1000:
				time.Sleep(20 * time.Millisecond)
			case len(t.Sample.Tasks) > 0 && t.Seq == 20:
				t.Sample.Tasks[0].Live = 0
				out = append(out, finding("crowd", t.Sample.Tasks[0].Name, detect.Confirmed), detect.Finding{})
			}
			return hoard(c, t, out)
		}}}
	}, haletest.Finds("crowd", crowded()...), haletest.Finds("mob"), haletest.Scaled(10_000, 10*time.Millisecond))
	all := strings.Join(r.end(), "\n")
	for _, want := range []string{
		"on a healthy service: turn 19: it confirmed crowd", "on a sick service: it confirmed no mob",
		"on a healthy service: turn 19: Detect changed the turn", "on the turns that were given for crowd: turn 19: Detect changed the turn",
		"it remembers, and has no State", "detector.garbage", "on garbage: turn 300: Detect panicked: no time",
		"on a turn of 4096 names: Detect takes", "memory grew",
	} {
		if n := strings.Count(all, want); n == 0 {
			t.Errorf("it does not say %q:\n%s", want, all)
		}
	}
}

// forgetful leaves something out of its state.
type forgetful struct {
	crowd
	how   string
	calls int
}

func (f *forgetful) State() (json.RawMessage, error) {
	switch f.how {
	case "nothing":
		return json.RawMessage("{}"), nil
	case "error":
		return nil, errors.New("too lazy")
	case "no JSON":
		return json.RawMessage("turns: 3"), nil
	case "panics too":
		panic("no state")
	case "counts":
		f.calls++
		return json.Marshal(map[string]int{"Turns": f.state.Turns, "Calls": f.calls})
	case "hoards":
		return json.Marshal(map[string]any{"Turns": f.state.Turns, "Names": f.names})
	}
	return f.crowd.State()
}

func (f *forgetful) SetState(raw json.RawMessage) error {
	switch f.how {
	case "adds":
		before := f.state.Turns
		err := f.crowd.SetState(raw)
		f.state.Turns += before
		return err
	case "blind":
		_ = f.crowd.SetState(raw)
		return nil
	case "panics":
		if err := f.crowd.SetState(raw); err != nil {
			panic(err)
		}
		return nil
	}
	return f.crowd.SetState(raw)
}

func TestDetectorChecksTheState(t *testing.T) {
	for how, want := range map[string]string{
		"nothing": "State leaves something out",
		"error":   "too lazy",
		"no JSON": "what is not JSON",
		"blind":   `SetState took "{", which is no state, without an error`,
		"panics":  `SetState of "{" panicked`,
		// Each turn is taken by a fresh one, so that only one which was used tells.
		"adds":       "after SetState it still knows what it knew before",
		"panics too": "its State failed: panicked: no state",
		"counts":     "State returned another state the second time",
		"hoards":     "its state grew from",
	} {
		t.Run(how, func(t *testing.T) {
			r := record(t)
			f := func() detect.Detector { return &forgetful{how: how} }
			turns := 100
			if how == "hoards" {
				turns, f = 10_000, func() detect.Detector {
					return &forgetful{how: how, crowd: crowd{names: map[string]bool{}, brk: hoard}}
				}
			}
			haletest.Detector(r, f, haletest.Finds("crowd", crowded()...), haletest.Scaled(turns, 5*time.Second))
			if len(r.errors) == 0 || !strings.Contains(strings.Join(r.errors, "\n"), want) {
				t.Errorf("not told %q: %q", want, r.errors)
			}
		})
	}
}

func TestDetectorWantsOne(t *testing.T) {
	for _, fresh := range []func() detect.Detector{nil, func() detect.Detector { return nil }} {
		r := record(t)
		haletest.Detector(r, fresh)
		told(t, r.end(), "must return a detector")
	}
}
