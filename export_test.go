package hale

import (
	"time"

	"github.com/hale-go/hale/heal"
	"github.com/hale-go/hale/observe"
)

// BearsLabels reports whether the calling goroutine bears any labels.
func BearsLabels() bool { return goroutineLabels() != nil }

// SegmentWriter is what writes the recording to disk.
type SegmentWriter = segmentWriter

// SetWriter puts w in the place of the runtime's writer.
func SetWriter(rt *Runtime, w SegmentWriter) { rt.disk.writer = w }

// BreakLoop makes the next turn of rt's loop panic.
func BreakLoop(rt *Runtime) {
	rt.turnMu.Lock()
	defer rt.turnMu.Unlock()
	rt.loop.healer = nil
}

// Slots is the table of live tasks.
type Slots = slots

// Enter takes a slot for the nth task and returns what gives it back.
func (s *slots) Enter(n uint64) (leave func()) {
	t := &Task{}
	s.add(t, n)
	return func() { t.slot.Store(nil) }
}

// Trim makes the tables fit live tasks.
func (s *slots) Trim(live int) { s.trim(live) }

// Renew puts a fresh table in front and forgets those that are empty.
func (s *slots) Renew() {
	s.replace(s.newest.Load(), minSlots)
	s.trim(0)
}

// Live counts the tasks that are found.
func (s *slots) Live() int {
	n := 0
	for range s.all {
		n++
	}
	return n
}

// Tables returns the sizes of the tables, newest first.
func (s *slots) Tables() []int {
	var out []int
	for t := s.newest.Load(); t != nil; t = t.older.Load() {
		out = append(out, len(t.slots))
	}
	return out
}

// SetGate closes or opens the quarantine of a name, as the remedy does.
func SetGate(rt *Runtime, name string, g heal.Gate, probes int) error {
	return target{rt}.SetGate(name, g, probes)
}

// RestartByRemedy starts the children of a name afresh, as the remedy does.
func RestartByRemedy(rt *Runtime, name string) error { return target{rt}.Restart(name) }

// CountOption declares nothing, and counts in n how often it is asked.
func CountOption(n *int) TaskOption { return func(*taskOptions) { *n++ } }

// AbandonByRemedy gives up a task, as the remedy does.
func AbandonByRemedy(rt *Runtime, id observe.TaskID) error { return target{rt}.Abandon(id) }

// Tally returns a function that counts restarts at times after its first.
func Tally(period time.Duration, most int) func(at time.Duration) bool {
	var t tally
	first := time.Now()
	return func(at time.Duration) bool { return t.bears(first.Add(at), period, most) }
}
