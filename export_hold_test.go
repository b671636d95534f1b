package hale

import "time"

// Hold is a level that several parties ask for.
type Hold = hold

// NewHold returns one that nobody asks for.
func NewHold(settle time.Duration) *Hold { return &hold{settle: settle} }

// Ask, Release, Level and Dropped are what the runtime uses of it.
func (h *hold) Ask(by string, level int, lease time.Duration) bool { return h.ask(by, level, lease) }

// Release takes back what a party asks for.
func (h *hold) Release(by string, atOnce bool) bool { return h.release(by, atOnce) }

// Level returns what counts.
func (h *hold) Level() int { return h.level() }

// Tend is what a turn does, and returns how many hold it.
func (h *hold) Tend() int { return len(h.tend().holders) }

// Dropped returns how many there was no room for.
func (h *hold) Dropped() uint64 { return h.dropped.Load() }

// Idle reports whether a read is one atomic load.
func (h *hold) Idle() bool { return h.state.Load() == nil }

// ReconfigureSwitches is what new settings do.
func ReconfigureSwitches(rt *Runtime, levels map[string]int) error {
	return rt.switches.reconfigure(levels)
}

// IncidentTarget is what remedies reach.
func IncidentTarget(rt *Runtime) interface {
	Degrade(name, by string, level int) error
	Restore(name, by string) error
} {
	return target{rt}
}
