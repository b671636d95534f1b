//go:build race

package detect_test

import "time"

// usualSeeds is how many seeds of each shape are simulated: the race detector
// makes each ten times as slow.
const usualSeeds = 2

// For so many hours and with so many seeds a service is watched that is well, and
// with so many seeds each fault that takes no longer than mostOfFault.
const (
	usualHours   = 1
	usualHealthy = 1
	usualFaults  = 1
	mostOfFault  = 40 * time.Minute
)
