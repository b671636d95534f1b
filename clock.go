package hale

import (
	"sync/atomic"
	"time"
)

// clock tells how many seconds old a runtime is. To read the machine's clock is a
// tenth of what the start of a task costs; so while the loop turns at least once a
// second, it reads it for all.
type clock struct {
	born time.Time
	read atomic.Uint32 // what the loop read, and 1; 0: each reads for itself
}

func (c *clock) second() uint32 {
	if n := c.read.Load(); n > 0 {
		return n - 1
	}
	return c.now()
}

func (c *clock) now() uint32 { return uint32(time.Since(c.born) / time.Second) }

// turn is told that the loop takes a turn, and that the next follows after tick.
func (c *clock) turn(tick time.Duration) {
	if tick <= time.Second {
		c.read.Store(c.now() + 1)
	}
}

// stop is told that nobody reads for all until the next turn: a turn begins, which
// may hang, or there are no more.
func (c *clock) stop() { c.read.Store(0) }

// at returns the time of a second.
func (c *clock) at(second uint32) time.Time {
	return c.born.Add(time.Duration(second) * time.Second)
}
