//go:build !race

package detect_test

import "time"

const usualSeeds = 12

// For so many hours and with so many seeds a service is watched that is well, and
// with so many seeds each fault that takes no longer than mostOfFault.
const (
	usualHours   = 30
	usualHealthy = 1
	usualFaults  = 1
	mostOfFault  = 24 * time.Hour
)

const everyContract = 1

// everyState is which part of the values that cannot be are tried in states.
const everyState = 3
