package hale

import (
	"time"

	"github.com/hale-go/hale/observe"
)

// maxTally is the highest intensity that is counted. Whoever asks for more
// bears any number of restarts.
const maxTally = 1 << 16

// tally counts the restarts of the last period, in a ring that grows with them.
// The zero value is an empty one. It is guarded by whoever owns it.
type tally struct {
	first time.Time // times are kept as the nanoseconds since then
	ring  []int64   // its length is a power of two
	head  int       // index of the oldest
	n     int
}

// bears counts a restart and reports whether there were at most as many within
// the period. If not, the count starts over.
func (t *tally) bears(now time.Time, period time.Duration, most int) bool {
	if most > maxTally {
		return true
	}
	if t.ring == nil {
		t.first, t.ring = now, make([]int64, 8)
	}
	at := int64(now.Sub(t.first))
	for t.n > 0 && at-t.ring[t.head] >= int64(period) {
		t.head = (t.head + 1) & (len(t.ring) - 1)
		t.n--
	}
	if t.n >= most {
		t.n = 0
		return false
	}
	if t.n == len(t.ring) {
		grown := make([]int64, 2*len(t.ring))
		copied := copy(grown, t.ring[t.head:])
		copy(grown[copied:], t.ring[:t.head])
		t.ring, t.head = grown, 0
	}
	t.ring[(t.head+t.n)&(len(t.ring)-1)] = at
	t.n++
	return true
}

// stormsLocked notes that a child was restarted too often, or tells that one that
// was fails again: on probation or after the longest backoff its failures are too
// few to be too many once more, and the storm would seem to be over.
func (c *child) stormsLocked(now bool) {
	if c.stormed && !now {
		c.sup.rt.emit(observe.Event{Kind: observe.EventRestartStorm, Subject: c.family.subject(), Detail: "ended again soon after it was restarted too often"})
	}
	c.stormed = c.stormed || now
}
