//go:build !linux

package cputime

import "time"

// Thread reports that this system does not tell the time of a thread.
func Thread() (time.Duration, bool) { return 0, false }
