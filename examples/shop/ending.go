package main

import (
	"fmt"

	"github.com/hale-go/hale/detect"
)

// ending is a fault that only the end of the process cures.
type ending struct {
	Fault   string
	Begun   string   // what it does, for the timeline
	Touches []string // the names that hale may say something about
	// Handover says that hale sees it, and asks for a successor: that costs no request.
	// Otherwise the process dies of it, and is started again.
	Handover bool
}

// endings are the demo's last act: whatever the process remembers is lost with it.
var endings = []ending{
	{
		Fault: faultImmortal, Handover: true, Touches: []string{callPrice, detect.LostGoroutines},
		Begun: fmt.Sprintf("%d calls of the suppliers' library wait for ever, whatever their context says", suppliers),
	},
	{
		Fault: faultFatal,
		Begun: "several goroutines count visits in one map, at once",
	},
}

// passes are the steps that it must come to.
func (e ending) passes() []step {
	if e.Handover {
		return []step{stepSuspected, stepConfirmed, stepHandover, stepSuccessor, stepReported, stepGone, stepRecovered}
	}
	return []step{stepDied, stepSuccessor, stepGone, stepRecovered}
}

// found is the step by which it is known what is wrong.
func (e ending) found() step {
	if e.Handover {
		return stepConfirmed
	}
	return stepDied
}
