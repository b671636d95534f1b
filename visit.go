package hale

import (
	"time"

	"github.com/hale-go/hale/isolate"
)

// Visit is leave to do one thing within a [Wall]. It is ended by one [Visit.Leave].
type Visit struct {
	wall  *Wall
	plan  *plan
	pass  isolate.Pass
	began time.Duration // since the birth of the runtime, where somebody wants to know

	held     uint16               // a bit for each of the plan's bulkheads in which it has a place
	inFlight [maxDomainDeep]int32 // in those with an adaptive limit, when it began
}

// Leave ends the visit: it gives back what was taken, and says how it ended.
// [isolate.Ignored] is for what says nothing about the thing that was done, as when the
// caller gave up.
func (v Visit) Leave(o isolate.Outcome) {
	if v.wall == nil {
		return
	}
	var took time.Duration
	if v.plan.timed {
		took = time.Since(v.wall.rt.clock.born) - v.began
	}
	v.settle(o, took)
	v.release()
}

// settle says how it ended to who decides by that what is let in next.
func (v *Visit) settle(o isolate.Outcome, took time.Duration) {
	v.pass.Settle(o, took)
	for i, s := range v.plan.bulkheads {
		if s.adaptive != nil && v.inFlight[i] > 0 && (o == isolate.Succeeded || o == isolate.Dropped) {
			s.adaptive.Record(took, int(v.inFlight[i]), o == isolate.Dropped)
		}
	}
}

// release gives back the places that were taken.
func (v *Visit) release() {
	for i, s := range v.plan.bulkheads {
		if v.held&(1<<i) != 0 {
			s.bulkhead.Release()
		}
	}
}
