package heal_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/hale-go/hale/detect"
	"github.com/hale-go/hale/diagnose"
	"github.com/hale-go/hale/heal"
	"github.com/hale-go/hale/observe"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var t0 = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// world runs diagnoser and healer over a symptom that a test scripts, a turn a
// second, and carries commands out by writing them down.
type world struct {
	t        *testing.T
	now      time.Time
	d        *diagnose.Diagnoser
	h        *heal.Healer
	sample   observe.Sample
	halted   bool
	results  map[string]string // result by remedy; default: applied
	pending  []observe.Event
	commands []string // "apply quarantine", in order
	inc      *diagnose.Incident
}

func newWorld(t *testing.T, p heal.Policy, more ...heal.Named) *world {
	t.Helper()
	h, err := heal.NewHealer(p, append(heal.Builtin(), more...)...)
	if err != nil {
		t.Fatal(err)
	}
	return &world{t: t, now: t0, d: diagnose.New(), h: h, results: map[string]string{}}
}

func (w *world) turn(findings ...detect.Finding) {
	w.now = w.now.Add(time.Second)
	turn := observe.Turn{Time: w.now, Sample: w.sample, Events: w.pending, Halted: w.halted}
	w.pending = nil
	open := w.d.Diagnose(w.now, findings)
	for _, c := range w.h.Heal(turn, open) {
		what := string(c.Op) + " " + c.Remedy
		result := heal.ResultApplied
		if c.Withheld != "" {
			what, result = "would "+what, heal.ResultWithheld
		} else if r := w.results[c.Remedy]; r != "" {
			result = r
		}
		w.commands = append(w.commands, what)
		w.pending = append(w.pending, observe.Event{Kind: observe.EventRemedy, Command: c.ID, Result: result})
	}
	if len(open) > 0 {
		w.inc = open[0]
	}
}

func (w *world) turns(n int, findings ...detect.Finding) {
	for range n {
		w.turn(findings...)
	}
}

func (w *world) want(phase diagnose.Phase, outcome diagnose.Outcome, commands ...string) {
	w.t.Helper()
	if w.inc == nil {
		w.t.Fatal("no incident")
	}
	if w.inc.Phase != phase || w.inc.Outcome != outcome || !slices.Equal(w.commands, commands) {
		var steps []string
		for _, s := range w.inc.Steps {
			steps = append(steps, fmt.Sprintf("%v %s: %s", s.Time.Sub(t0), s.Phase, s.Detail))
		}
		w.t.Fatalf("phase %s, outcome %q, commands %q\nwant %s, %q, %q\n%s",
			w.inc.Phase, w.inc.Outcome, w.commands, phase, outcome, commands, strings.Join(steps, "\n"))
	}
}

func leak(active bool, level float64) detect.Finding {
	return detect.Finding{
		Kind: detect.KindLeak, Subject: observe.Subject{Name: "reco.list", Domain: "reco"}, Confidence: detect.Confirmed,
		Active: active, Level: level, Unit: "goroutines", TimeToVisible: 3 * time.Second,
		Evidence: []detect.Evidence{{Channel: detect.Profiles, Text: "orphans"}},
	}
}

func stuck(seq uint64) detect.Finding {
	f := leak(true, 1)
	f.Kind, f.Unit, f.TimeToVisible = detect.KindStuck, "tasks", 2*time.Second
	f.Subject.Task = observe.TaskID{Name: "reco.list", Seq: seq}
	f.Evidence[0].Channel = detect.Tasks
	return f
}

var contain = heal.Policy{Act: heal.Contain, Quarantine: 10 * time.Second}

func TestLeakIsContained(t *testing.T) {
	w := newWorld(t, contain)
	suspected := leak(true, 3)
	suspected.Confidence = detect.Suspected
	w.turns(3, suspected)
	w.want(diagnose.Detected, "")
	w.turn(leak(true, 5))
	w.want(diagnose.Diagnosed, "", "apply quarantine")
	w.turns(2, leak(true, 7)) // what was on its way still comes
	w.want(diagnose.Isolating, "", "apply quarantine")
	w.turns(3, leak(false, 7))
	w.want(diagnose.Recovering, "", "apply quarantine")
	w.turns(7, leak(false, 7))
	w.want(diagnose.Recovering, "", "apply quarantine", "probe quarantine")
	w.turns(5, leak(false, 7))
	w.want(diagnose.Verified, diagnose.Contained, "apply quarantine", "probe quarantine", "undo quarantine")
	w.turns(100, leak(false, 7)) // what is left of it is no new incident
	if n := len(w.d.Incidents()); n != 1 {
		t.Errorf("%d incidents", n)
	}
}

// A detector that looks seldom must have looked after the remedy before the
// remedy is judged.
func TestVerificationWaitsForALook(t *testing.T) {
	w := newWorld(t, contain)
	w.turns(2, leak(true, 5))
	seldom := leak(true, 50) // grew before the gate closed, as the last look tells
	seldom.From = w.now
	w.turns(60, seldom)
	w.want(diagnose.Isolating, "", "apply quarantine")
	seldom.Active, seldom.From = false, w.now
	w.turns(2, seldom)
	w.want(diagnose.Recovering, "", "apply quarantine", "probe quarantine")
}

func TestProbationThatFails(t *testing.T) {
	w := newWorld(t, contain)
	w.turns(2, leak(true, 5))
	applied := 0
	var waits []time.Duration
	var last time.Time
	for range 600 {
		onProbation := len(w.commands) > 0 && w.commands[len(w.commands)-1] == "probe quarantine"
		before := len(w.commands)
		w.turn(leak(onProbation, 5))
		for _, c := range w.commands[before:] {
			switch c {
			case "apply quarantine":
				applied++
				last = w.now
			case "probe quarantine":
				waits = append(waits, w.now.Sub(last).Round(10*time.Second))
			case "undo quarantine":
				t.Fatal("a leak that comes back was let in")
			}
		}
	}
	if w.inc.Phase != diagnose.Escalated {
		t.Errorf("phase %s, want escalated", w.inc.Phase)
	}
	if len(waits) < 4 || waits[1] != 2*waits[2]/4 || waits[2] != 40*time.Second || waits[3] != 80*time.Second {
		t.Errorf("quarantines lasted %v, want each twice the last", waits)
	}
}

func TestStuckTaskClimbsTheLadder(t *testing.T) {
	w := newWorld(t, heal.Policy{Act: heal.Contain})
	w.turns(2, stuck(7))
	w.want(diagnose.Isolating, "", "apply cancel")
	if len(w.inc.Tasks) != 1 || w.inc.Tasks[0].Seq != 7 {
		t.Errorf("tasks %v", w.inc.Tasks)
	}
	w.turns(4, stuck(7)) // ignores it
	w.want(diagnose.Isolating, "", "apply cancel", "apply abandon")
	w.turns(3)
	w.want(diagnose.Verified, diagnose.Recovered, "apply cancel", "apply abandon")
}

func TestNotApplicableClimbsAtOnce(t *testing.T) {
	w := newWorld(t, contain)
	w.results[heal.RemedyCancel] = heal.ResultNotApplicable
	w.results[heal.RemedyAbandon] = heal.ResultFailed
	w.turns(4, stuck(7), stuck(8), stuck(9))
	w.want(diagnose.Isolating, "", "apply cancel", "apply abandon", "apply quarantine")
	w.turns(3, stuck(7), stuck(8), stuck(9)) // no more hang: it has helped
	w.want(diagnose.Recovering, "", "apply cancel", "apply abandon", "apply quarantine")
}

func TestRemedyThatMakesItWorseIsRolledBack(t *testing.T) {
	w := newWorld(t, contain)
	w.turns(2, leak(true, 10))
	w.turns(3, leak(true, 100))
	w.want(diagnose.Escalated, "", "apply quarantine", "undo quarantine")
	if !strings.Contains(fmt.Sprint(w.inc.Steps), "made it worse: level 100 goroutines, was 10 goroutines") {
		t.Errorf("steps %v", w.inc.Steps)
	}
}

func TestReflexIsGivenTime(t *testing.T) {
	f := leak(true, 2)
	f.Kind, f.Reflex = detect.KindStuck, true
	w := newWorld(t, contain)
	w.turns(5, f)
	w.want(diagnose.Isolating, "")
	w.turn()
	w.want(diagnose.Verified, diagnose.Recovered)

	w = newWorld(t, contain)
	w.results[heal.RemedyCancel], w.results[heal.RemedyAbandon] = heal.ResultNotApplicable, heal.ResultNotApplicable
	w.turns(10, f)
	w.want(diagnose.Isolating, "")
	exhausted := leak(true, 30)
	exhausted.Kind = detect.KindAbandoned // the contract alone does not do it any more
	w.turns(3, exhausted, f)
	w.want(diagnose.Isolating, "", "apply cancel", "apply abandon", "apply quarantine")
	if n := len(w.d.Incidents()); n != 1 {
		t.Errorf("%d incidents of one cause", n)
	}
}

func TestModes(t *testing.T) {
	for _, c := range []struct {
		name   string
		policy heal.Policy
		halted bool
		want   string
	}{
		{"observe", heal.Policy{}, false, "would apply quarantine"},
		{"dry run", heal.Policy{Act: heal.Full, Guardrails: heal.Guardrails{DryRun: true}}, false, "would apply quarantine"},
		{"kill switch", heal.Policy{Act: heal.Full}, true, "would apply quarantine"},
		{"contain", heal.Policy{Act: heal.Contain}, false, "apply quarantine"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, c.policy)
			w.halted = c.halted
			w.turns(20, leak(true, 5))
			if w.commands[0] != c.want {
				t.Errorf("commands %q, want %q", w.commands, c.want)
			}
			if strings.HasPrefix(c.want, "would") {
				if len(w.commands) != 1 {
					t.Errorf("recorded more than once: %q", w.commands)
				}
				w.turn()
				w.want(diagnose.Verified, diagnose.Recovered, c.want)
			}
		})
	}
}

// The kill switch lets go of what is held, and healing goes on after it.
func TestKillSwitchTakesBackAQuarantine(t *testing.T) {
	w := newWorld(t, contain)
	w.turns(6, leak(true, 5))
	w.turns(4, leak(false, 5))
	w.turns(2, leak(true, 9))
	w.halted = true
	w.commands = nil
	w.turns(30, leak(true, 9))
	w.want(w.inc.Phase, "", "undo quarantine")
	w.halted = false
	w.turns(120, leak(true, 9))
	if len(w.commands) < 2 || w.commands[1] != "apply quarantine" {
		t.Errorf("commands %q, want the ladder to go on", w.commands)
	}
}

func TestRestartNeedsFullAndTwoChannels(t *testing.T) {
	policy := heal.Policy{Act: heal.Full, Ladders: map[diagnose.Fault][]string{diagnose.Leak: {heal.RemedyRestart}}}
	w := newWorld(t, policy)
	w.turns(3, leak(true, 5))
	w.want(diagnose.Escalated, "")
	f := leak(true, 5)
	f.Evidence = append(f.Evidence, detect.Evidence{Channel: detect.Metrics, Text: "growth"})
	w = newWorld(t, policy)
	w.turns(3, f)
	w.want(diagnose.Isolating, "", "apply restart")
	policy.Act = heal.Contain
	w = newWorld(t, policy)
	w.turns(3, f)
	w.want(diagnose.Escalated, "") // contain skips it
}

// named is a confirmed leak of another name.
func named(name string) detect.Finding {
	f := leak(true, 5)
	f.Subject = observe.Subject{Name: name, Domain: observe.DomainOf(name)}
	return f
}

func TestBlastRadius(t *testing.T) {
	w := newWorld(t, contain)
	var findings []detect.Finding
	for i := range 8 {
		name := fmt.Sprintf("d%d.x", i)
		w.sample.Tasks = append(w.sample.Tasks, observe.TaskStat{Name: name, Domain: observe.DomainOf(name)})
		findings = append(findings, named(name))
	}
	w.turn(findings...)
	if len(w.commands) != 2 {
		t.Errorf("%d of 8 names are cut off at once, want 2", len(w.commands))
	}
	w = newWorld(t, contain)
	w.sample.Tasks = []observe.TaskStat{{Name: "d.x", Domain: "d"}, {Name: "d.y", Domain: "d"}, {Name: "d.z", Domain: "d"}}
	w.turn(named("d.x"), named("d.y"), named("d.z"))
	if len(w.commands) != 1 {
		t.Errorf("%d of 3 names of a domain are cut off at once, want 1", len(w.commands))
	}
}

func TestActionBudget(t *testing.T) {
	p := contain
	p.Guardrails = heal.Guardrails{Budget: 2, BudgetWindow: time.Minute, BlastRadius: 1}
	w := newWorld(t, p)
	w.turn(named("a.x"), named("b.x"), named("c.x"))
	if len(w.commands) != 2 {
		t.Errorf("%d remedies, the budget is 2", len(w.commands))
	}
	w.turns(3, named("c.x"))
	if len(w.commands) != 2 {
		t.Errorf("%d remedies within the window", len(w.commands))
	}
	w.turns(60, named("c.x"))
	if len(w.commands) < 3 {
		t.Error("the budget never came back")
	}
}

func TestCooldownGrows(t *testing.T) {
	w := newWorld(t, heal.Policy{Act: heal.Contain})
	var at []time.Time
	for range 200 {
		before := len(w.commands)
		w.turn(stuck(7))
		if len(w.commands) > before {
			at = append(at, w.now)
			w.turns(2) // it helped; the incident closes, and comes back
		}
	}
	if len(at) < 4 {
		t.Fatalf("cancelled %d times", len(at))
	}
	for i, want := range []time.Duration{10, 20, 40} {
		if d := at[i+1].Sub(at[i]); d < want*time.Second || d > (want+3)*time.Second {
			t.Errorf("wait %d = %v, want about %ds", i, d, want)
		}
	}
}

// One hung request must not cut off its route.
func TestOneStuckTaskIsNoReasonToQuarantine(t *testing.T) {
	w := newWorld(t, contain)
	w.results[heal.RemedyAbandon] = heal.ResultNotApplicable
	w.turns(20, stuck(7))
	w.want(diagnose.Escalated, "", "apply cancel", "apply abandon")
}

// A contract that keeps replacing what hangs needs no help while it can.
func TestReflexThatHoldsIsLeftAlone(t *testing.T) {
	f := leak(true, 2)
	f.Kind, f.Reflex = detect.KindStuck, true
	w := newWorld(t, contain)
	w.turns(600, f)
	w.want(diagnose.Isolating, "")
}

// Tasks that have ended meanwhile are no reason to climb.
func TestGoneTasksAreWaitedFor(t *testing.T) {
	w := newWorld(t, contain)
	w.results[heal.RemedyCancel] = heal.ResultGone
	w.turns(2, stuck(7))
	w.turns(2)
	w.want(diagnose.Verified, diagnose.Recovered, "apply cancel")
}

func TestQuarantineLiftedFromOutside(t *testing.T) {
	w := newWorld(t, contain)
	w.sample.Tasks = []observe.TaskStat{{Name: "reco.list", Domain: "reco", Quarantined: true}}
	w.turns(2, leak(true, 5))
	w.sample.Tasks[0].Quarantined = false
	w.turns(20, leak(true, 5))
	w.want(diagnose.Isolating, "", "apply quarantine", "apply quarantine")
}

func TestLostOutcome(t *testing.T) {
	w := newWorld(t, heal.Policy{Act: heal.Contain})
	w.turn(stuck(7))
	w.pending = nil // the event was dropped
	w.turns(29, stuck(7))
	w.want(diagnose.Diagnosed, "", "apply cancel")
	w.turns(2, stuck(7))
	w.want(diagnose.Isolating, "", "apply cancel", "apply abandon")
}
