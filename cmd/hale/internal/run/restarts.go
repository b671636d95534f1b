package run

import (
	"math/rand/v2"
	"time"
)

const (
	firstDelay = 100 * time.Millisecond // after the second failure in a row; the first restart is at once
	healthy    = 10 * time.Second       // a service that lived so long did not fail at its start
)

// allowance is how many times something may be done within a while. It is used by one
// goroutine.
type allowance struct {
	most   int
	within time.Duration
	recent []time.Time // at most most, oldest first
	told   time.Time   // when it was last told that there is none
}

// used is how many were taken within the while.
func (a *allowance) used(now time.Time) int {
	for len(a.recent) > 0 && now.Sub(a.recent[0]) > a.within {
		a.recent = a.recent[1:]
	}
	return len(a.recent)
}

// take takes one, and reports whether there was one.
func (a *allowance) take(now time.Time) bool {
	if a.used(now) >= a.most {
		return false
	}
	a.recent = append(a.recent, now)
	return true
}

// restarts decides how soon a service is started again, and when that is of no use. It is
// used by one goroutine.
type restarts struct {
	allowance
	delay time.Duration // the longest
	row   int           // of services that ended soon
	total int
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
	if ok = r.take(now); ok {
		r.total++
	}
	return wait, ok
}
