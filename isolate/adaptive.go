package isolate

import (
	"sync"
	"sync/atomic"
	"time"
)

// Adaptive finds out how many calls a dependency can take at once, from how long they
// take, and sets the limit of what admits them, such as a [Bulkhead].
//
// It counts the calls up in windows. Where they take longer than when few are in flight,
// they queue: the limit is multiplied by the quotient, as in the Gradient limit of
// Netflix's concurrency-limits, so that calls take up to half as long again and all
// workers of the dependency have something to do. How long they take when few are in
// flight cannot be seen while the limit is used up. So the limit is halved now and then
// for one short window, as BBR does with its window (Cardwell et al., "BBR:
// Congestion-Based Congestion Control", ACM Queue, 2016): at once when calls take much
// longer than before, which a queue and a slow dependency both explain, and else in one
// of thirty windows. If most calls are given up, the limit falls at once.
//
// It grows only while it is used, and stays as it is otherwise. It has no clock, goroutine
// or timer. Its methods may be called from many goroutines at once; a nil one does nothing.
type Adaptive struct {
	min, max float64
	set      func(limit int)
	limit    atomic.Int64

	mu    sync.Mutex // never waited for
	found float64    // the limit that was found; a probe has half of it
	base  float64    // how long calls take when few are in flight, in nanoseconds; 0: not known
	probe bool       // this window is one
	since int        // windows since the last, while the limit was used up
	now   window
}

// window is what is known of the calls since the limit was set.
type window struct {
	before          int // calls to come that may have begun before, and are not counted
	size            int
	calls           int
	full            int // began when no more could
	dropped         int
	nanos, inFlight float64 // sums
}

const (
	headroom     = 0.5  // how much longer than base calls may take while the limit is used up
	burstRoom    = 1.0  // and while it is used up now and then, which more room would mend
	perDrop      = 2    // how much of that each share of calls that are given up takes away
	probeEvery   = 30   // windows
	muchLonger   = 2.5  // than base: probe
	muchShorter  = 0.6  // than base: it is no longer true
	shorter      = 0.8  // than base, in a probe: probe again
	soon         = 2    // windows after a probe, for the limit to follow it
	usedUp       = 0.8  // of the limit in flight on average: load is more than the limit lets through
	used         = 0.06 // of calls began when no more could: load comes in bursts beyond the limit
	mostStep     = 2    // that the limit grows by
	leastStep    = 0.5  // and the least
	firstDropped = 6    // calls, before their share says anything
)

// NewAdaptive returns an Adaptive, or a [*ConfigError]. It calls set, if that is not
// nil, with the first limit and each later one: on a goroutine that calls Record, never
// on two at once.
func NewAdaptive(c AdaptiveConfig, set func(limit int)) (*Adaptive, error) {
	c, err := c.WithDefaults()
	if err != nil {
		return nil, err
	}
	a := &Adaptive{min: float64(c.Min), max: float64(c.Max), set: set, found: float64(c.Initial), since: probeEvery}
	a.begin(false)
	return a, nil
}

// Limit returns the limit as it is now; 0 for a nil Adaptive.
func (a *Adaptive) Limit() int {
	if a == nil {
		return 0
	}
	return int(a.limit.Load())
}

// Record tells how a call went: how long it took, how many were in flight when it began,
// itself included, and whether it was given up for taking too long or turned away by the
// other side for being one too many. Calls that failed for other reasons should not be
// told of. Those that began under a higher limit than there is now are not counted, nor
// is one that is told of while another is being counted, so that nobody ever waits. It
// costs some nanoseconds and no allocation.
func (a *Adaptive) Record(took time.Duration, inFlight int, dropped bool) {
	if a == nil || !a.mu.TryLock() {
		return
	}
	defer a.mu.Unlock()
	limit := int(a.limit.Load())
	w := &a.now
	if w.before > 0 {
		w.before--
		return
	}
	if inFlight > limit {
		return
	}
	w.calls++
	w.nanos += float64(min(max(took, 0), maxDuration))
	w.inFlight += float64(max(inFlight, 1))
	if inFlight == limit {
		w.full++
	}
	if dropped {
		w.dropped++
		if w.dropped >= firstDropped && 2*w.dropped > w.calls {
			a.found = max(float64(limit)*(1-w.share(w.dropped)/2), a.min)
			a.begin(false)
			return
		}
	}
	if w.calls >= w.size {
		a.adjust()
	}
}

func (w *window) share(calls int) float64 { return float64(calls) / float64(w.calls) }

// adjust takes what the window says into account and begins the next.
func (a *Adaptive) adjust() {
	w := &a.now
	took := max(w.nanos/float64(w.calls), 1)
	inFlight := w.inFlight / float64(w.calls)
	switch {
	case a.probe && took < shorter*a.base: // there may be a queue of half as many still
		a.base, a.since = took, probeEvery-soon
	case a.base == 0 || took < muchShorter*a.base, a.probe && took > 2*a.base:
		a.base = took
	case a.probe:
		a.base += (took - a.base) / 2
	case inFlight < a.found/2: // which is as good as a probe
		a.base += (took - a.base) / 5
	}
	if a.probe {
		a.begin(false)
		return
	}
	full := inFlight >= usedUp*float64(a.limit.Load())
	if !full && w.share(w.full) < used {
		a.begin(false)
		return
	}
	a.since++
	if full && (a.since > probeEvery || a.since > soon && took > muchLonger*a.base) {
		a.begin(true)
		return
	}
	room := burstRoom
	if full {
		room = headroom
	}
	step := (1 + room*max(0, 1-perDrop*w.share(w.dropped))) * a.base / took
	if !full && step > muchShorter { // that they take longer may be the bursts themselves
		step = max(step, 1)
	}
	a.found = min(max(a.found*(1+min(max(step, leastStep), mostStep))/2, a.min), a.max) // half the way, for the sake of chance
	a.begin(false)
}

// begin begins a window. It is long enough for all calls in flight to end, and for as
// many of few as an average needs.
func (a *Adaptive) begin(probe bool) {
	limit := int(a.found + 0.5)
	if probe {
		a.since = 0
		limit = max(limit/2, int(a.min))
	}
	a.probe = probe
	a.now = window{size: max(min(max(6*limit, 12), 120), limit)}
	was := int(a.limit.Swap(int64(limit)))
	if was > limit { // those that are over first would be the longest of before
		a.now.before = was
	}
	if was != limit && a.set != nil {
		a.set(limit)
	}
}
