package heal_test

import (
	"testing"

	"github.com/hale-go/hale/diagnose"
	"github.com/hale-go/hale/heal"
	"github.com/hale-go/hale/observe"
)

// A name that stands for many things is not cut off, whatever the policy allows, and
// the journal has why.
func TestCatchAllIsEscalated(t *testing.T) {
	for _, act := range []heal.Act{heal.Observe, heal.Contain, heal.Full} {
		w := newWorld(t, heal.Policy{Act: act})
		w.sample.Tasks = []observe.TaskStat{{Name: "reco.list", Domain: "reco", CatchAll: true}}
		w.turns(20, leak(true, 5))
		w.want(diagnose.Escalated, "", "would apply quarantine")
	}
}
