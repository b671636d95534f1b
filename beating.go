package hale

import (
	"fmt"
	"maps"
	"slices"
	"time"
)

// Beating reports whether a task of a name runs and, where tasks of it declare a
// [Heartbeat], has not missed it; why says what is wrong if not. It asks the tasks
// themselves and not the loop, so that it is right while that is down. A child that waits for
// its restart, in its backoff or in a quarantine, is looked after and counts as one that runs: it
// may fail for what it depends on, and a new process would help it no more than a new run does. One
// that has ended for good does not. It takes as long as there are tasks, about 100 ns for each.
func (rt *Runtime) Beating(name string) (ok bool, why string) {
	if rt.made() == nil {
		return true, ""
	}
	name = printable(name, maxName)
	running := 0
	quiet := time.Duration(0)
	for _, t := range rt.reg.live(func(t *Task) bool { return t.scope.family().name == name }) {
		if t.scope.state.Load() != taskRunning {
			continue
		}
		w := t.watch()
		if w == nil || w.heartbeat == 0 || !w.late.Load() {
			return true, ""
		}
		running++
		quiet = max(quiet, w.heartbeat)
	}
	if running == 0 {
		if rt.awaited(name) {
			return true, ""
		}
		return false, fmt.Sprintf("no task %s runs", name)
	}
	return false, fmt.Sprintf("%s has had no heartbeat for %v", name, quiet)
}

// awaited reports whether a supervised child of a name is between two runs, or one that runs
// a supervisor of such a child is.
func (rt *Runtime) awaited(name string) bool {
	rt.poolMu.Lock()
	all := append(slices.Collect(maps.Keys(rt.supervisors)), rt.root)
	rt.poolMu.Unlock()
	for _, s := range all {
		if s.awaits(name, false) {
			return true
		}
	}
	return false
}

// awaits reports whether a child of a name is to run again. Where the supervisor waits for its
// own restart, all of its children do.
func (s *Supervisor) awaits(name string, waits bool) bool {
	s.mu.Lock()
	waits = waits || s.running == nil || s.running.Err() != nil // whoever runs it is about to, or has not seen its end
	s.mu.Unlock()
	for _, c := range s.list() {
		c.mu.Lock()
		between := c.stopped == nil && !c.running && (c.under != nil || waits)
		running, below := c.running, c.led
		c.mu.Unlock()
		if between && c.family.name == name || (between || running) && below != nil && below.awaits(name, between) {
			return true
		}
	}
	return false
}
