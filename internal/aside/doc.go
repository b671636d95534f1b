// Package aside runs other people's code where it can do no harm: on a goroutine
// of its own, which may panic, hang or end without the caller's.
package aside
