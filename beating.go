package hale

import (
	"fmt"
	"time"
)

// Beating reports whether a task of a name runs and, where tasks of it declare a
// [Heartbeat], has not missed it; why says what is wrong if not. It asks the tasks
// themselves and not the loop, so that it is right while that is down. A child that waits
// to be restarted does not run. It takes as long as there are tasks, about 100 ns for each.
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
		return false, fmt.Sprintf("no task %s runs", name)
	}
	return false, fmt.Sprintf("%s has had no heartbeat for %v", name, quiet)
}
