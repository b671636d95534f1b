package hale

import (
	"math/rand/v2"
	"time"
)

// Backoff is the wait between the restarts of a child. It grows from one
// restart to the next and starts over once the child has run for the
// supervisor's Period.
type Backoff struct {
	// Initial is the wait before the second restart; the first is immediate.
	// Default: 100ms.
	Initial time.Duration `json:"initial" yaml:"initial"`
	// Max is the longest wait. Default: 30s.
	Max time.Duration `json:"max" yaml:"max"`
}

func (b Backoff) withDefaults() Backoff {
	if b.Initial == 0 {
		b.Initial = 100 * time.Millisecond
	}
	if b.Max == 0 {
		b.Max = 30 * time.Second
	}
	b.Max = max(b.Max, b.Initial)
	return b
}

// tooShortToWait is below what a timer can keep.
const tooShortToWait = time.Microsecond

// delay returns the wait before restart n, counted from 1: it doubles, and half
// of it is random, so that children that failed together do not come back
// together (equal jitter, as AWS's "Exponential Backoff and Jitter" has it).
func (b Backoff) delay(n int, random func() float64) time.Duration {
	if n <= 1 {
		return 0
	}
	d := b.Max
	if shift := n - 2; shift < 32 && b.Initial<<shift < b.Max && b.Initial<<shift > 0 {
		d = b.Initial << shift
	}
	d = d/2 + time.Duration(random()*float64(d)/2)
	if d < tooShortToWait {
		return 0
	}
	return d
}

// jitter needs no seed: when a child comes back is a reflex, and no input to a
// decision of the loop.
func jitter() float64 { return rand.Float64() }
