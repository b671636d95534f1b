package heal_test

import (
	"testing"

	"github.com/hale-go/hale/detect"
	"github.com/hale-go/hale/diagnose"
	"github.com/hale-go/hale/heal"
	"github.com/hale-go/hale/observe"
)

// A fault that no remedy is known for goes to a person, at once and once, whatever
// remedies may do, and is verified when the symptom is gone.
func TestFaultWithoutALadder(t *testing.T) {
	for _, act := range []heal.Act{heal.Observe, heal.Contain, heal.Full} {
		for _, kind := range []detect.Kind{detect.KindErrorRate, "slow_operation", "saturation", "anomaly"} {
			w := newWorld(t, heal.Policy{Act: act})
			f := detect.Finding{
				Kind: kind, Subject: observe.Subject{Name: "GET /cart"}, Confidence: detect.Confirmed, Active: true, Level: 40,
				Evidence: []detect.Evidence{{Channel: detect.Metrics, Text: "40 of 100 fail"}},
			}
			w.turns(60, f)
			w.want(diagnose.Escalated, "")
			if steps := w.inc.Steps; len(steps) != 3 || steps[2].Detail != "there is no remedy for "+string(w.inc.Fault)+": a person is needed" {
				t.Errorf("%+v", steps)
			}
			w.turn()
			w.want(diagnose.Verified, diagnose.Recovered)
		}
	}
}
