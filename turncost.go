package hale

import (
	"sync/atomic"
	"time"

	"github.com/hale-go/hale/observe"
)

// LoopStat is what the loop did since the runtime was made, and what that took. All
// of it is counters.
type LoopStat struct {
	Turns  uint64        `json:"turns"`  // that were completed
	Broken uint64        `json:"broken"` // that were not
	Time   time.Duration `json:"time"`   // that turns took, by the clock

	Snapshots   uint64        `json:"snapshots"`    // those that were skipped are not among them
	SnapshotCPU time.Duration `json:"snapshot_cpu"` // see [observe.Snapshot]

	// Unseen counts what the tables had no room for; see [observe.Sample].
	Unseen uint64 `json:"unseen"`
	// Unread counts readings that were not had because the service's callback did harm
	// or overran; see [Runtime.Measure].
	Unread uint64 `json:"unread"`
}

// turnCost adds up a [LoopStat], for readers on any goroutine.
type turnCost struct {
	turns, broken, snapshots, unseen atomic.Uint64
	time, snapshotCPU                atomic.Int64 // nanoseconds
}

// add counts a turn that began at a time.
func (c *turnCost) add(t *observe.Turn, began time.Time, done bool) {
	c.time.Add(int64(time.Since(began)))
	c.unseen.Add(t.Sample.Unseen)
	if s := t.Snapshot; s != nil && s.Skipped == "" {
		c.snapshotCPU.Add(int64(s.CPU))
		c.snapshots.Add(1)
	}
	if done {
		c.turns.Add(1)
	} else {
		c.broken.Add(1)
	}
}

func (c *turnCost) stat() LoopStat {
	return LoopStat{
		Turns: c.turns.Load(), Broken: c.broken.Load(), Time: time.Duration(c.time.Load()),
		Snapshots: c.snapshots.Load(), SnapshotCPU: time.Duration(c.snapshotCPU.Load()), Unseen: c.unseen.Load(),
	}
}
