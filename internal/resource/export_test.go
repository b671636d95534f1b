package resource

import (
	"time"

	"github.com/hale-go/hale/observe"
)

// SetFileLimit makes the reader take n for the process's soft limit.
func (r *Reader) SetFileLimit(n uint64, err error) {
	r.fileLimit = func() (uint64, error) { return n, err }
}

// What is fuzzed and tried on its own.
var (
	ParseLimit   = parseLimit
	ParseStall   = parseStall
	Unescape     = unescape
	ParseRatio   = ratio
	ParseKeyed   = keyed
	ParseTraffic = func(text []byte) (counts [8]uint64, interfaces int, ok bool) {
		t, ok := parseTraffic(text)
		return t.counts, t.interfaces, ok
	}
	Around = func(root, point, group string) []string { return hierarchy{root: root, point: point}.around(group) }
)

// Waits takes in a histogram.
func (r *Reader) Waits(counts []uint64, buckets []float64) observe.WaitUse {
	return r.waits(counts, buckets)
}

// Counter is a count that never falls.
type Counter struct{ c counter }

// Count takes the next reading.
func (c *Counter) Count(raw uint64, same bool) uint64 { return c.c.count(raw, same) }

// MaxFile bounds what is read of a file.
const MaxFile = maxFile

// MaxWhy bounds a reason.
const MaxWhy = maxWhy

// Pace spaces out what may be dear.
type Pace struct{ p pace }

// Due reports whether it may be done.
func (p *Pace) Due(now time.Time) bool { return p.p.due(now) }

// Age returns how long ago it was done.
func (p *Pace) Age(now time.Time) time.Duration { return p.p.age(now) }

// Spend does it.
func (p *Pace) Spend(now time.Time, do func()) { p.p.spend(now, do) }
