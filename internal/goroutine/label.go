package goroutine

import (
	"time"

	"github.com/hale-go/hale/observe"
)

// The keys of the pprof labels that hale writes on the goroutines it starts.
// Goroutines inherit them from the goroutine that starts them.
const (
	LabelName   = "hale.task"
	LabelDomain = "hale.domain"
	LabelCell   = "hale.cell"
)

// Label is what hale wrote on a goroutine. Its strings are as long as their
// setter made them: this package does not cut them.
type Label struct{ Name, Domain, Cell string }

// Resolve tells which task a label belongs to, and how long before began that
// task had ended; negative means that it is still running or ended later than
// began. The task ID is zero where the tasks of an epoch share the label.
// ok is false for a label that hale did not write: its goroutines are then
// treated as not started by hale.
//
// began is the time before the capture started. It must be the cut-off: a task
// that ended while the capture ran may still be seen with goroutines that were
// about to go.
//
// It is called once for each distinct label of a snapshot, after the profile
// was taken, on the goroutine that called [Capturer.Capture]. It may take locks,
// but it must not capture. Its cost is part of the snapshot's.
type Resolve func(l Label, began time.Time) (task observe.TaskID, ended time.Duration, ok bool)

// running is the Ended of groups whose task still runs, or that have none.
const running = time.Duration(-1)

// maxEnded is where Ended stops counting: beyond it, all is long ago.
const maxEnded = 90 * time.Second

// coarse is how exactly Ended tells what is longer ago than it: each value is a
// group of its own.
const coarse = 15 * time.Second

// Age rounds down to what Ended tells: whole seconds, from 15s on multiples of
// 15s, and at most 90s.
func Age(d time.Duration) time.Duration {
	switch {
	case d >= maxEnded:
		return maxEnded
	case d >= coarse:
		return d.Truncate(coarse)
	}
	return d.Truncate(time.Second)
}

// owner is a label after resolution: what a group keeps of it.
type owner struct {
	name   string
	domain observe.Domain
	task   observe.TaskID
	ended  time.Duration
}

// nobody owns the goroutines that hale did not start.
var nobody = owner{ended: running}

// own resolves a label. Ended is rounded down by [Age], so that cells that ended
// at about the same time fold into one group while those within a grace period
// stay apart from those beyond it.
func own(l Label, began time.Time, resolve Resolve) owner {
	if l == (Label{}) || resolve == nil {
		return nobody
	}
	task, ended, ok := resolve(l, began)
	if !ok {
		return nobody
	}
	if ended < 0 {
		ended = running
	} else {
		ended = Age(ended)
	}
	return owner{l.Name, observe.Domain(l.Domain), task, ended}
}
