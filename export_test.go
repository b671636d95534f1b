package hale

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
