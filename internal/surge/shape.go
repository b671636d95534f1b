package surge

import (
	"fmt"
	"math"
	"math/rand/v2"
	"time"
)

// Shape is a dependency and those who call it.
type Shape struct {
	Workers  int           // Workers is how many calls the dependency works on at once.
	Service  time.Duration // Service is how long one takes, on average.
	Jitter   float64       // Jitter is the deviation of the logarithm of that; 0: none.
	Load     float64       // Load is what is asked for, 1 being what the workers can do.
	Closed   bool          // Closed has a fixed number of callers, each with a call at a time.
	Deadline time.Duration // Deadline is when a caller gives up.
	Deaf     bool          // Deaf has the dependency go on with calls that were given up.
	Phase    time.Duration // Phase is how long each [Phase] lasts.
}

// String names the shape in a table.
func (s Shape) String() string {
	loop, ears := "open", ""
	if s.Closed {
		loop = "closed"
	}
	if s.Deaf {
		ears = " deaf"
	}
	return fmt.Sprintf("%d x %v, jitter %g, %s %gx, deadline %v%s", s.Workers, s.Service, s.Jitter, loop, s.Load, s.Deadline, ears)
}

// Phase is a time of a run.
type Phase int

// The phases, in order.
const (
	Normal    Phase = iota
	Slow            // each call takes ten times as long
	Recovered       // as before
	Phases          // how many there are
)

// slower is how much longer calls take while it is slow.
const slower = 10

// settled is the share of a phase after which a limit should have settled.
const settled = 0.2

// service draws how long a call takes.
func (s Shape) service(rng *rand.Rand, p Phase) time.Duration {
	d := float64(s.Service)
	if s.Jitter > 0 {
		d *= math.Exp(s.Jitter*rng.NormFloat64() - s.Jitter*s.Jitter/2)
	}
	if p == Slow {
		d *= slower
	}
	return time.Duration(d)
}

// callers is how many there are in a closed loop. Each thinks for as long as a call
// takes before the next.
func (s Shape) callers() int { return max(1, int(s.Load*2*float64(s.Workers))) }

// pause draws the time until the next call: of anybody in an open loop, of one caller in
// a closed one.
func (s Shape) pause(rng *rand.Rand) time.Duration {
	mean := float64(s.Service)
	if !s.Closed {
		mean /= s.Load * float64(s.Workers)
	}
	return time.Duration(rng.ExpFloat64() * mean)
}
