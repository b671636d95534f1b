package heal_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hale-go/hale/detect"
	"github.com/hale-go/hale/diagnose"
	"github.com/hale-go/hale/heal"
	"github.com/hale-go/hale/observe"
)

// degrading answers leaks and stuck tasks by degrading alone.
var degrading = heal.Policy{Act: heal.Contain, Quarantine: 10 * time.Second, Ladders: map[diagnose.Fault][]string{
	diagnose.Leak: {heal.RemedyDegrade}, diagnose.StuckTask: {heal.RemedyDegrade},
}}

// switched is a sample in which the switch of the domain reco is degraded.
func (w *world) switched(on bool) {
	w.sample.Degraded = nil
	if on {
		w.sample.Degraded = []observe.DegradedStat{{Name: "reco", Level: 1}}
	}
}

// degraded is a world in which a switch was just degraded for a leak of that level.
func degraded(t *testing.T, level float64) *world {
	t.Helper()
	w := newWorld(t, degrading)
	w.turn(leak(true, level))
	w.switched(true)
	w.turn(leak(true, level))
	w.want(diagnose.Isolating, "", "apply degrade")
	return w
}

// detail returns the last thing that was said of the incident.
func (w *world) detail() string { return w.inc.Steps[len(w.inc.Steps)-1].Detail }

// A degradation is held although nothing is in quarantine, and probation lasts until the
// switch has come down and the symptom had the time to come back.
func TestDegradationIsHeldAndTriedOut(t *testing.T) {
	w := degraded(t, 5)
	w.sample.Tasks = []observe.TaskStat{{Name: "reco.list", Domain: "reco"}, {Name: "reco", Domain: "reco"}} // none of them quarantined
	w.turns(2, leak(true, 5))
	w.turns(3, leak(false, 5))
	w.want(diagnose.Recovering, "", "apply degrade")
	if got := "degraded: the symptom has stopped, 5 goroutines are left"; w.detail() != got {
		t.Errorf("it says %q, want %q", w.detail(), got)
	}
	w.turns(8, leak(false, 5))
	w.want(diagnose.Recovering, "", "apply degrade", "probe degrade")
	if got := "probation: the switch is let go"; w.detail() != got {
		t.Errorf("it says %q, want %q", w.detail(), got)
	}
	w.turns(30, leak(false, 5)) // it comes down by and by
	w.want(diagnose.Recovering, "", "apply degrade", "probe degrade")
	w.switched(false)
	w.turns(2, leak(false, 5))
	w.want(diagnose.Recovering, "", "apply degrade", "probe degrade")
	w.turns(3, leak(false, 5))
	w.want(diagnose.Verified, diagnose.Contained, "apply degrade", "probe degrade", "undo degrade")
}

// Probation fails when the symptom comes back with the switch, and each time that it
// does the switch is held for longer, until a person is called.
func TestDegradationComesBack(t *testing.T) {
	w := degraded(t, 5)
	var waits []time.Duration
	last := w.now
	for range 300 {
		probing := w.commands[len(w.commands)-1] == "probe degrade"
		before := len(w.commands)
		w.switched(!probing)
		w.turn(leak(probing, 5))
		for _, c := range w.commands[before:] {
			switch c {
			case "apply degrade":
				last = w.now
			case "probe degrade":
				waits = append(waits, w.now.Sub(last).Round(10*time.Second))
			default:
				t.Fatalf("%q: what comes back was restored", c)
			}
		}
	}
	if len(waits) < 4 || waits[2] != 40*time.Second || waits[3] != 80*time.Second {
		t.Errorf("it was held for %v, want each twice the last", waits)
	}
	if want := "it stays degraded but for probes, a person is needed"; w.inc.Phase != diagnose.Escalated || !strings.Contains(fmt.Sprint(w.inc.Steps), want) {
		t.Errorf("phase %s, steps %v", w.inc.Phase, w.inc.Steps)
	}
}

// Another who holds the switch as well does not keep the incident open for ever.
func TestProbationOfWhatOthersHold(t *testing.T) {
	w := degraded(t, 5)
	w.turns(30, leak(false, 5))
	w.want(diagnose.Recovering, "", "apply degrade", "probe degrade")
	w.turns(610, leak(false, 5))
	w.want(diagnose.Verified, diagnose.Contained, "apply degrade", "probe degrade", "undo degrade")
}

func TestDegradationLiftedFromOutside(t *testing.T) {
	w := degraded(t, 5)
	w.turns(6, leak(false, 5))
	w.want(diagnose.Recovering, "", "apply degrade")
	w.switched(false)
	w.turn(leak(true, 5))
	if want := "the degradation was lifted from outside"; !strings.Contains(fmt.Sprint(w.inc.Steps), want) {
		t.Errorf("steps %v", w.inc.Steps)
	}
	w.turns(20, leak(true, 5))
	if !slices.Equal(w.commands[:2], []string{"apply degrade", "apply degrade"}) {
		t.Errorf("commands %q", w.commands)
	}
}

// A degradation that did not help is taken back, and the kill switch takes it back too.
func TestDegradationIsTakenBack(t *testing.T) {
	w := degraded(t, 10)
	w.turns(3, leak(true, 100))
	w.want(diagnose.Escalated, "", "apply degrade", "undo degrade")
	w = degraded(t, 5)
	w.turns(6, leak(false, 5))
	w.halted = true
	w.turn(leak(false, 5))
	w.want(diagnose.Recovering, "", "apply degrade", "undo degrade")
}

// A degradation cuts nothing off: it is neither counted nor kept back by the blast
// radius, and used on catch-alls.
func TestDegradationIsNoBlast(t *testing.T) {
	policy := degrading
	policy.Ladders = map[diagnose.Fault][]string{diagnose.Leak: {heal.RemedyDegrade}, diagnose.PanicLoop: {heal.RemedyQuarantine}}
	w := newWorld(t, policy)
	var findings []detect.Finding
	w.sample.Tasks = []observe.TaskStat{{Name: "q1.x", Domain: "q1", Quarantined: true}, {Name: "q2.x", Domain: "q2", Quarantined: true}} // as many as may be
	for _, name := range []string{"d1.x", "d2.x", "d3.x", "GET /"} {                                                                      // the last is a domain of its own
		w.sample.Tasks = append(w.sample.Tasks, observe.TaskStat{Name: name, Domain: observe.DomainOf(name), CatchAll: true})
		findings = append(findings, named(name))
	}
	w.turn(findings...)
	if want := slices.Repeat([]string{"apply degrade"}, 4); !slices.Equal(w.commands, want) {
		t.Errorf("commands %q, want %q", w.commands, want)
	}
	for _, name := range []string{"d1.x", "d2.x", "d3.x", "GET /"} {
		w.sample.Degraded = append(w.sample.Degraded, observe.DegradedStat{Name: string(observe.DomainOf(name)), Level: 1})
	}
	for i := range w.sample.Tasks {
		w.sample.Tasks[i].CatchAll, w.sample.Tasks[i].Quarantined = false, false
	}
	loop := named("d4.x")
	loop.Kind = detect.KindPanicLoop
	other := loop
	other.Subject = observe.Subject{Name: "d5.x", Domain: "d5"}
	w.sample.Tasks = append(w.sample.Tasks, observe.TaskStat{Name: "d4.x", Domain: "d4"}, observe.TaskStat{Name: "d5.x", Domain: "d5"})
	w.commands = nil
	w.turn(append(findings, loop, other)...)
	if want := []string{"apply quarantine", "apply quarantine"}; !slices.Equal(w.commands, want) {
		t.Errorf("commands %q, want %q: what is degraded is not cut off", w.commands, want)
	}
}

// A domain is not degraded for one of its tasks that hangs.
func TestOneStuckTaskIsNoReasonToDegrade(t *testing.T) {
	w := newWorld(t, degrading)
	w.turns(20, hang(2)...)
	w.want(diagnose.Escalated, "")
	w = newWorld(t, degrading)
	w.turns(2, hang(3)...)
	w.want(diagnose.Isolating, "", "apply degrade")
}

// What is held survives in the state.
func TestDegradationInTheState(t *testing.T) {
	w := degraded(t, 5)
	w.turns(4, leak(false, 5))
	state, err := w.h.State()
	if err != nil {
		t.Fatal(err)
	}
	again := newWorld(t, degrading)
	if err := again.h.SetState(state); err != nil {
		t.Fatal(err)
	}
	w.h = again.h
	w.turns(8, leak(false, 5))
	w.switched(false)
	w.turns(5, leak(false, 5))
	w.want(diagnose.Verified, diagnose.Contained, "apply degrade", "probe degrade", "undo degrade")
}
