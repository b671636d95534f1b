//go:build !race

package detect_test

const usualSeeds = 12

// For so many hours and with so many seeds a service is watched that is well, and
// with so many seeds each fault.
const (
	usualHours   = 30
	usualHealthy = 2
	usualFaults  = 2
)
