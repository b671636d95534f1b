package run

import "time"

// watchdog decides whether a service that says nothing hangs. Time in which it, or this
// process, could not run does not count: a starved service has not failed. It is used by one
// goroutine.
type watchdog struct {
	every time.Duration // 0: not watched
	armed bool          // it has said once that it is alive

	heard  time.Time // a sign of life, last
	spoke  time.Time // anything, last
	looked time.Time
	quiet  time.Duration // that counts, since it was heard
	due    time.Time     // of the next look
	spent  spent         // as of the last look
}

// spent is how long the threads of a process have run, how long they wanted to and did not
// get a processor, and how often they did; and whether one wants to now.
type spent struct {
	ran, waited time.Duration
	turns       int64
	wants       bool
}

// beat notes a sign of life.
func (w *watchdog) beat(now time.Time) {
	w.armed, w.heard, w.quiet, w.looked = true, now, 0, time.Time{}
	w.due = now.Add(w.every / 2)
}

// on reports whether the service is watched.
func (w *watchdog) on() bool { return w.every > 0 && w.armed }

// step is how often a quiet service is looked at.
func (w *watchdog) step() time.Duration {
	return min(max(w.every/20, 10*time.Millisecond), 250*time.Millisecond)
}

// hangs looks at a service that has been quiet for half of its time, and reports whether it
// has been for all of it. read says what its threads spent so far.
func (w *watchdog) hangs(now time.Time, read func() spent) bool {
	if !w.on() || now.Before(w.due) {
		return false
	}
	was, planned := w.spent, w.due
	w.spent = read()
	if w.looked.IsZero() { // the first half counts whole, but for what this process was late
		w.quiet = w.every / 2
	} else {
		passed := min(now.Sub(w.looked), planned.Sub(w.looked)+w.step()/4)
		if now.Sub(w.spoke) > w.every/2 { // one that says something else could say that it is alive
			passed = time.Duration(float64(passed) * share(was, w.spent, w.every))
		}
		w.quiet += passed
	}
	w.looked = now
	w.due = now.Add(w.step())
	return w.quiet >= w.every
}

// prompt is which part of the interval a thread may wait for its turn: a sign of life takes a
// few turns.
const prompt = 50

// share is which part of the time that its threads wanted to run they did, and 1 where they
// got their turn promptly, or wanted none.
func share(from, to spent, every time.Duration) float64 {
	ran, waited, turns := to.ran-from.ran, to.waited-from.waited, to.turns-from.turns
	switch {
	case turns <= 0 && ran <= 0 && to.wants: // the wait is only counted when it is over
		return 0
	case turns <= 0 || waited <= 0 || waited/time.Duration(turns) < every/prompt:
		return 1
	}
	return float64(max(ran, 0)) / float64(max(ran, 0)+waited)
}
