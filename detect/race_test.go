//go:build race

package detect_test

// usualSeeds is how many seeds of each shape are simulated: the race detector
// makes each ten times as slow.
const usualSeeds = 2

// For so many hours and with so many seeds a service is watched that is well, and
// with so many seeds each fault.
const (
	usualHours   = 2
	usualHealthy = 1
	usualFaults  = 1
)
