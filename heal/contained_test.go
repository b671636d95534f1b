package heal_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/hale-go/hale/detect"
	"github.com/hale-go/hale/diagnose"
	"github.com/hale-go/hale/heal"
)

// A symptom that comes in bursts has not gone between two of them, be it that
// nothing is done about it.
func TestWithheldIsNotClosedBetweenTwoBursts(t *testing.T) {
	w := newWorld(t, heal.Policy{})
	for range 20 {
		w.turn(leak(true, 5))
		w.turns(2, leak(false, 5))
	}
	w.want(diagnose.Diagnosed, "", "would apply quarantine")
	w.turns(3, leak(false, 5)) // for as long as it takes to be seen again
	w.want(diagnose.Verified, diagnose.Contained, "would apply quarantine")
	if n := len(w.d.Incidents()); n != 1 {
		t.Errorf("%d incidents", n)
	}
}

// hang is so many tasks that hang, as the detector tells of them.
func hang(n int) []detect.Finding {
	var out []detect.Finding
	for i := range n {
		f := stuck(uint64(i + 1))
		f.Level = float64(n)
		out = append(out, f)
	}
	return out
}

// quarantined is a world in which n tasks hang and a quarantine for them helped.
func quarantined(t *testing.T, n int) *world {
	t.Helper()
	w := newWorld(t, contain)
	w.results[heal.RemedyCancel] = heal.ResultNotApplicable
	w.results[heal.RemedyAbandon] = heal.ResultNotApplicable
	w.turns(4, hang(n-2)...)
	w.turn(hang(n - 1)...) // what was let in before still gets stuck
	w.turn(hang(n)...)
	w.want(diagnose.Isolating, "", "apply cancel", "apply abandon", "apply quarantine")
	w.turns(2, hang(n)...)
	w.want(diagnose.Recovering, "", "apply cancel", "apply abandon", "apply quarantine")
	if detail := w.inc.Steps[len(w.inc.Steps)-1].Detail; detail != fmt.Sprintf("isolated: the symptom has stopped, %d tasks are left", n) {
		t.Errorf("it says %q", detail)
	}
	w.commands = nil
	return w
}

// What hangs may do so until the process ends: a quarantine that stopped more from
// hanging has helped, and is not taken back for it.
func TestQuarantineHoldsWhileMoreHangOnProbation(t *testing.T) {
	w := quarantined(t, 8)
	for n := 8; n < 30; {
		probes := strings.Count(strings.Join(w.commands, " "), "probe")
		w.turn(hang(n)...)
		if strings.Count(strings.Join(w.commands, " "), "probe") > probes {
			n++ // what is let in hangs
		}
		if w.now.Sub(t0).Minutes() > 20 {
			break
		}
	}
	if slices.Contains(w.commands, "undo quarantine") || w.inc.Phase != diagnose.Escalated {
		t.Errorf("phase %s, commands %q", w.inc.Phase, w.commands)
	}
	w.turns(700)
	if w.inc.Phase != diagnose.Verified || w.inc.Outcome != diagnose.Recovered {
		t.Errorf("all have gone: %s %s: %+v", w.inc.Phase, w.inc.Outcome, w.inc.Steps)
	}
}

// Once no more hang on probation, the quarantine is lifted, and it comes back when
// as many more hang as it takes to impose it.
func TestWhatHangsOnIsContained(t *testing.T) {
	w := quarantined(t, 8)
	w.turns(20, hang(8)...)
	w.want(diagnose.Escalated, "", "probe quarantine", "undo quarantine")
	w.turns(60, hang(10)...)
	w.want(diagnose.Escalated, "", "probe quarantine", "undo quarantine")
	w.turns(2, hang(11)...)
	w.want(diagnose.Escalated, "", "probe quarantine", "undo quarantine", "apply quarantine")
	w.turns(10, hang(11)...)
	w.want(diagnose.Escalated, "", "probe quarantine", "undo quarantine", "apply quarantine") // for longer
	w.turns(60)
	w.want(diagnose.Verified, diagnose.Recovered, "probe quarantine", "undo quarantine", "apply quarantine", "probe quarantine", "undo quarantine")
}

// A remedy of somebody's own that says nothing of its mode is not carried out in
// observe mode either.
func TestRemedyWithoutAModeNeedsContain(t *testing.T) {
	page := heal.Named{Name: "page", Remedy: heal.Builtin()[0].Remedy}
	for act, want := range map[heal.Act]string{heal.Observe: "would apply page", heal.Contain: "apply page"} {
		w := newWorld(t, heal.Policy{Act: act, Ladders: map[diagnose.Fault][]string{diagnose.Leak: {"page"}}}, page)
		if w.turns(20, leak(true, 5)); len(w.commands) == 0 || w.commands[0] != want {
			t.Errorf("act %s: commands %q, want %q", act, w.commands, want)
		}
	}
}
