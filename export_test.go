package hale

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
