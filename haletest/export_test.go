package haletest

import "time"

// Scaled makes [Detector] fast enough for a test of each of its rules.
func Scaled(endless int, limit time.Duration) DetectorOption {
	return func(c *detectorTest) { c.endless, c.limit = endless, limit }
}

// SetHangs sets how long a call may take, and returns a function that puts it
// back.
func SetHangs(d time.Duration) func() {
	old := hangs
	hangs = d
	return func() { hangs = old }
}

// Patience returns how long a bubble may take with that much time left.
var Patience = patience
