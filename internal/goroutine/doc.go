// Package goroutine takes snapshots of all goroutines of its own process and
// folds them into groups that look alike.
//
// A [Capturer] asks the runtime for the goroutine profile in its binary form
// (debug=0). That form stops the world for well under a millisecond at any
// number of goroutines, while debug=2 and runtime.Stack(all) stop it for
// seconds; neither is ever used here. The price is that the profile knows no
// goroutine IDs, no wait reasons and no go statements, so the package infers:
//
//   - the task from the labels [LabelName], [LabelDomain] and [LabelCell], which
//     goroutines inherit, by way of a [Resolve] function;
//   - the entry from the root of the stack, past spawn wrappers and hale's own
//     frames (see place.go);
//   - the kind of wait from the runtime's frames at the leaf (see wait.go);
//   - the place where it is blocked from the innermost frame that is not
//     machinery for waiting (see place.go).
//
// A [Pacer] says when the next snapshot is due, so that all of them together
// stay within 1 % of one core. A capture that could take too much of the memory
// that is left is skipped, with the reason in the snapshot (see memory.go).
//
// The profile is read by a reader of its own (wire.go, profile.go, sample.go),
// which turns no sample into a value of its own.
package goroutine
