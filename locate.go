package hale

import (
	"runtime"
	"sync"
	"time"

	"github.com/hale-go/hale/internal/goroutine"
	"github.com/hale-go/hale/observe"
)

// maxLocate is how many goroutines there may be for a look at where tasks hang,
// which takes up to 13 µs for each.
const maxLocate = 1000

// lookAgain is for how long a look tells where tasks are that are late.
const lookAgain = time.Second

// locator looks where tasks hang. What its looks cost comes on top of the loop's own
// snapshots: at most 1 % of a processor, while tasks are late.
type locator struct {
	mu    sync.Mutex
	pacer goroutine.Pacer
	last  observe.Snapshot
}

// find finds out where tasks and units hang that do not stop.
func (l *locator) find(rt *Runtime, tasks []Unstopped) {
	if len(tasks) == 0 || runtime.NumGoroutine() > maxLocate {
		return
	}
	rt.guard("locator", func() bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.look(rt, time.Now())
		for i := range tasks {
			tasks[i].locate(l.last.Groups)
		}
		return true
	})
}

// findLate finds out where tasks and units are that are late, as far as that may cost
// something now. Where it may not, the loop's last snapshot says it of tasks with a label of
// their own, if it is from a time in which they were late already: none is older than fresh.
func (l *locator) findLate(rt *Runtime, tasks []Unstopped, fresh time.Duration) {
	if len(tasks) == 0 {
		return
	}
	rt.guard("locator", func() bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		now := time.Now()
		groups := l.last.Groups
		if now.Sub(l.last.Time) > lookAgain {
			groups = nil
			if l.pacer.Due(now) && runtime.NumGoroutine() <= maxLocate {
				l.look(rt, now)
				groups = l.last.Groups
			}
		}
		var kept []observe.Group
		if p := rt.published.Load(); p != nil && p.snapshot != nil && rt.stamp(now).Sub(p.snapshot.Time) <= fresh {
			kept = p.snapshot.Groups
		}
		for i := range tasks {
			tasks[i].locate(groups)
			for k := 0; k < len(kept) && tasks[i].Blocked.IsZero(); k++ {
				if kept[k].Task == tasks[i].ID {
					tasks[i].Blocked, tasks[i].Wait = kept[k].Blocked, kept[k].Wait
				}
			}
		}
		return true
	})
}

// look takes a snapshot. l.mu is held.
func (l *locator) look(rt *Runtime, now time.Time) {
	l.pacer.Interval = lookAgain
	l.last = rt.capturer.Capture(now)
	l.pacer.Done(now, l.last.CPU)
}

// locate takes the place from the goroutines under the task's own label, and else
// from those of its name, if all of them that run its function hang at one place:
// which of them is the task cannot be told.
func (t *Unstopped) locate(groups []observe.Group) {
	var shared []observe.Group
	for _, g := range groups {
		switch {
		case g.Task == t.ID:
			if t.Blocked.IsZero() || g.Entry.Function == t.Site.Function {
				t.Blocked, t.Wait = g.Blocked, g.Wait
			}
		case !g.Task.IsZero(), g.Name != t.ID.Name, g.Ended >= 0:
		case t.Site.IsZero(), g.Entry.Function == t.Site.Function:
			shared = append(shared, g)
		}
	}
	if !t.Blocked.IsZero() || len(shared) == 0 {
		return
	}
	first := shared[0]
	for _, g := range shared {
		if g.Blocked != first.Blocked || g.Entry != first.Entry || g.Wait != first.Wait {
			return
		}
	}
	t.Blocked, t.Wait = first.Blocked, first.Wait
	if t.Site.IsZero() {
		t.Site = first.Entry
	}
}

// at says where it hangs and what it waits for, after what a text begins with; "" where that is
// not known.
func (t *Unstopped) at(after string) string {
	switch {
	case t.Blocked.IsZero():
		return ""
	case t.Wait == "":
		return after + "at " + t.Blocked.String()
	}
	return after + "at " + t.Blocked.String() + " (" + string(t.Wait) + ")"
}
