//go:build race

package detect_test

import "time"

// usualSeeds is how many seeds of each shape are simulated: the race detector
// makes each ten times as slow.
const usualSeeds = 2

// For so many hours and with so many seeds a service is watched that is well, and
// with so many seeds each fault that takes no longer than mostOfFault: without the race
// detector all are.
const (
	usualHours   = 1
	usualHealthy = 1
	usualFaults  = 1
	mostOfFault  = 27 * time.Minute
)

// everyContract is which part of the detectors is tried against the contract: they are
// used by one goroutine, and all of them are without the race detector.
const everyContract = 6

// everyState is which part of the values that cannot be are tried in states.
const everyState = 17
