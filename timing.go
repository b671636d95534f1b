package hale

import (
	"math/bits"
	"time"
)

// Reading the clock twice and noting what it says takes most of the time of a call that
// is no span. So of operations that are called thousands of times a second some calls
// are only counted, and those that are timed count for more.

// maxTimed is about how many calls that are no spans are timed between two samples.
const maxTimed = 1024

// timing is how one such call is measured.
type timing struct {
	began  time.Duration // since the birth of the runtime
	weight uint64        // how many calls it stands for; 0: it is only counted
}

// spread makes numbers that follow one another choose calls as if by chance: what is called
// in turns must not be timed in step with them (Fibonacci hashing, after Knuth).
const spread = 0x9E3779B97F4A7C15

// begin counts a call in that is no span. timed ones are timed in any case.
func (o *Operation) begin(timed bool) timing {
	n, sparse := o.started.Add(1), o.sparse.Load()
	switch {
	case sparse == 0, timed: // or somebody wants to know it of each
		return o.timed(1)
	case n*spread>>32&uint64(sparse) == 0:
		return o.timed(uint64(sparse) + 1)
	}
	return timing{}
}

func (o *Operation) timed(weight uint64) timing {
	t := timing{began: time.Since(o.rt.clock.born), weight: weight}
	o.ages.began(t.second(), uint32(weight))
	return t
}

func (t timing) second() uint32 { return uint32(t.began / time.Second) }

// finish counts the call out and returns how long it took, 0 if it was only counted.
func (o *Operation) finish(t timing, outcome string, failed bool) (took time.Duration) {
	if t.began > 0 {
		took = max(time.Since(o.rt.clock.born)-t.began, 0)
		o.ages.ended(t.second(), uint32(t.weight))
	}
	if t.weight == 0 && outcome == outcomeOK {
		o.untimed.Add(1)
		return took
	}
	if t.weight > 0 {
		o.latency.addTimes(took, t.weight)
	}
	o.outcome(outcome, failed).count.Add(1)
	if failed {
		o.failed.Add(1)
	}
	o.ended.Add(1)
	return took
}

// fold counts those that were only counted among the others.
func (o *Operation) fold() {
	if n := o.untimed.Swap(0); n > 0 {
		o.outcome(outcomeOK, false).count.Add(n)
		o.ended.Add(n)
	}
}

// thin decides how many are timed from now on, by how many there were since the last
// sample.
func (o *Operation) thin(started uint64) {
	o.sparse.Store(uint32(1)<<min(bits.Len64(started/maxTimed), 31) - 1)
}
