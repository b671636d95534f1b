package hale

import (
	"time"

	"github.com/hale-go/hale/heal"
)

// Decisions makes rt tell f each decision of its loop, for tests that compare
// them with a replay.
func Decisions(rt *Runtime, f func(Decision)) { rt.decided = f }

// BearsLabels reports whether the calling goroutine bears any labels.
func BearsLabels() bool { return goroutineLabels() != nil }

// BreakLoop makes the next turn of rt's loop panic.
func BreakLoop(rt *Runtime) {
	rt.turnMu.Lock()
	defer rt.turnMu.Unlock()
	rt.loop.healer = nil
}

// SetGate closes or opens the quarantine of a name, as the remedy does.
func SetGate(rt *Runtime, name string, g heal.Gate, probes int) error {
	return target{rt}.SetGate(name, g, probes)
}

// RestartByRemedy starts the children of a name afresh, as the remedy does.
func RestartByRemedy(rt *Runtime, name string) error { return target{rt}.Restart(name) }

// Tally returns a function that counts restarts at times after its first.
func Tally(period time.Duration, most int) func(at time.Duration) bool {
	var t tally
	first := time.Now()
	return func(at time.Duration) bool { return t.bears(first.Add(at), period, most) }
}
