package hale

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/hale-go/hale/internal/nearest"
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
	name = asNamed(name)
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
		switch s := rt.reg.lookup(name); {
		case s == nil || !s.known():
			return false, fmt.Sprintf("no task %s runs: no task of that name ever ran", name)
		case s.abandoned.Load() > 0:
			return false, fmt.Sprintf("no task %s runs: one that hung was given up, and nothing takes its place", name)
		}
		return false, fmt.Sprintf("no task %s runs: it has ended for good, or its supervisor does not run", name)
	}
	return false, fmt.Sprintf("%s has had no heartbeat for %v", name, quiet)
}

// maxLike is how many names [Runtime.Known] returns.
const maxLike = 3

// Known reports whether a task of a name was ever started or added to a supervisor. Units of
// pools, and calls that run on their caller's goroutine, are no tasks. If none was, like has the
// names of tasks that may be meant: one that is spelt nearly so, and those that begin or end with
// the name, or it with them, at most three. Then it takes tens of microseconds
// for each name that there is.
func (rt *Runtime) Known(name string) (known bool, like []string) {
	if rt.made() == nil {
		return false, nil
	}
	name = asNamed(name)
	if s := rt.reg.lookup(name); s != nil && s.known() || s == nil && rt.reg.lookup(otherName) != nil {
		return true, nil // or it came after the bound of names, and shares one
	}
	var all []string
	for _, s := range rt.reg.all() {
		if s.known() {
			all = append(all, s.name)
		}
	}
	if n := nearest.Name(name, all); n != "" {
		like = append(like, n)
	}
	for _, n := range all {
		if len(like) < maxLike && (partOf(name, n) || partOf(n, name)) && !slices.Contains(like, n) {
			like = append(like, n)
		}
	}
	return false, like
}

// Ran reports whether a task of a name was ever started: one that was only added to a supervisor
// which does not run yet was not. A nil runtime has seen all. It takes about 1 µs.
func (rt *Runtime) Ran(name string) bool {
	if rt.made() == nil {
		return true
	}
	s := rt.reg.lookup(asNamed(name))
	if s == nil {
		return rt.reg.lookup(otherName) != nil // it may be among those that came after the bound of names
	}
	return s.known() && s.stat().Started > 0
}

// partOf reports whether a dotted name begins or ends with another one.
func partOf(part, name string) bool {
	return part != "" && (strings.HasPrefix(name, part+".") || strings.HasSuffix(name, "."+part))
}

// asNamed returns a name as a task of it bears it.
func asNamed(name string) string {
	clean, _ := cleanName(name, func() string { return "" })
	return clean
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
