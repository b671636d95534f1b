// Package dump reads what Go prints about goroutines: the crash of a process on its
// standard error, and dumps of all stacks. It knows the forms of Go 1.20 to 1.27.
//
// A [Parser] is fed the output of a process as it comes, finds the crashes in it, and
// passes over all else at next to no cost. [Goroutines] reads a whole dump, one
// goroutine after another. Both are the same code.
//
// A dump is not a format: what other goroutines, threads and processes write at the
// same time lies between its lines, and it may be cut off anywhere. So nothing here
// fails. Lines that belong to no stack are passed over, what was cut off stays empty
// and is marked, and what goes beyond a bound is dropped and counted. Only lines are
// told apart: of a line that others wrote into the middle of, what is unreadable is
// lost. Lines with something in front, such as a container's timestamps, are not
// looked into; take the prefix off before.
package dump
