package main

import "time"

// step is how far a fault has come, as the timeline tells it.
type step string

// The steps, in their usual order.
const (
	stepBegun     step = "fault begun"
	stepSuspected step = "suspected"
	stepConfirmed step = "confirmed"
	stepIsolated  step = "isolated"
	stepContract  step = "by contract" // what the developer declared deals with it
	stepLifted    step = "fault over"  // by the script: what was broken is mended
	stepContained step = "contained"
	stepTold      step = "people told" // hale has no remedy for it yet
	stepRestored  step = "restored"    // what was switched down is back
	stepRecovered step = "recovered"
	stepVerified  step = "verified"

	// Of a fault that only the end of the process cures.
	stepHandover  step = "handover"  // hale asks for a successor
	stepDied      step = "died"      // the process has
	stepSuccessor step = "successor" // it serves
	stepReported  step = "reported"  // hale run tells of the handover
	stepGone      step = "gone"      // the process that was hurt is
)

// line is one line of the timeline.
type line struct {
	Time time.Time
	Step step
	Text string
}

// track is when each step was first reached.
type track struct{ Steps map[step]time.Time }

func (t *track) reached(s step) bool { return !t.Steps[s].IsZero() }

// mark notes a step, and returns its line if it is the first of its kind.
func (t *track) mark(at time.Time, s step, text string) []line {
	if t.reached(s) {
		return nil
	}
	if t.Steps == nil {
		t.Steps = map[step]time.Time{}
	}
	t.Steps[s] = at
	return []line{{at, s, text}}
}

// after returns how long after the begin of the fault a step was reached, 0 if it was not.
func (t *track) after(s step) time.Duration {
	if !t.reached(s) {
		return 0
	}
	return t.Steps[s].Sub(t.Steps[stepBegun])
}
