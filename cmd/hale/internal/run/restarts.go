package run

import (
	"math/rand/v2"
	"time"
)

const (
	firstDelay = 100 * time.Millisecond // after the second failure in a row; the first restart is at once
	healthy    = 10 * time.Second       // a service that lived so long did not fail at its start
)

// restarts decides how soon a service is started again, and when that is of no use. It is
// used by one goroutine.
type restarts struct {
	most   int           // within
	within time.Duration // this
	delay  time.Duration // the longest
	recent []time.Time   // at most most+1, oldest first
	row    int           // of services that ended soon
	total  int
}

// next returns how long to wait before the restart of a service that lived so long, and
// false when there were too many. The wait doubles, up to the longest, and is between half of
// that and all of it, so that services that failed together do not come back together.
func (r *restarts) next(now time.Time, lived time.Duration) (wait time.Duration, ok bool) {
	if lived >= healthy {
		r.row = 0
	}
	if r.row > 0 {
		d := min(firstDelay<<min(r.row-1, 20), r.delay)
		wait = d/2 + rand.N(d/2+1)
	}
	r.row++
	return wait, r.count(now)
}

// count counts a restart and reports whether it is not one too many.
func (r *restarts) count(now time.Time) bool {
	r.total++
	for len(r.recent) > 0 && now.Sub(r.recent[0]) > r.within {
		r.recent = r.recent[1:]
	}
	if len(r.recent) >= r.most {
		return false
	}
	r.recent = append(r.recent, now)
	return true
}
