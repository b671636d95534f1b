// Package leakylib is somebody else's client library with a classic mistake: a
// request that is not answered in time leaves a goroutine behind, which waits
// for ever to hand over an answer that nobody wants any more.
package leakylib
