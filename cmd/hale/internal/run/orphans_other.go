//go:build unix && !linux

package run

// inherits is false: no container and no reaper is known here.
func inherits() bool { return false }

func reapOrphans(func(int) bool) {}
