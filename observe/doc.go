// Package observe holds the signals that hale works on, the facts about a
// process: a [Sample] of counters every second, a goroutine [Snapshot] when one
// is due, and an [Event] at once when something happens. It also holds the
// words that name things in those signals ([TaskID], [Site], [Domain],
// [Subject]), and the recording of the loop's inputs, so that its decisions can be
// replayed: a [Recorder] keeps one in memory, a [Writer] on disk, and
// [ReadRecording] and [Segments] read it.
//
// It is the first stage of the loop
//
//	observe → detect → diagnose → heal → verify
//
// and imports none of the others. Its types are plain data: copying them is
// cheap, they encode to JSON and back without loss, and nothing in them is
// shared with the running service.
package observe
