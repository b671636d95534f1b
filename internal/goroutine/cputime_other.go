//go:build !linux

package goroutine

import "time"

// threadTime reports that this system does not tell the time of a thread.
func threadTime() (time.Duration, bool) { return 0, false }
