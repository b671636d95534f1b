package heal_test

import (
	"testing"

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
