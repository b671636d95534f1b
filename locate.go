package hale

import (
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hale-go/hale/internal/goroutine"
	"github.com/hale-go/hale/observe"
)

// maxLocate is how many goroutines there may be for a look at where tasks hang,
// which takes up to 13 µs for each.
const maxLocate = 1000

// locator looks where tasks are that are late or do not stop. Its looks come on top of the loop's
// own snapshots: those at what is late take at most 1 % of a processor, and a stop may take one.
type locator struct {
	mu    sync.Mutex
	pacer goroutine.Pacer
	last  observe.Snapshot
}

// sought is a task or a unit of which it is asked where it is.
type sought struct {
	Unstopped
	since time.Time // it has been silent, too long, or told to end; where it was before says nothing
}

// find finds out where they are. In a process of few goroutines it looks, unless the last look will
// do: those who must know always, others as far as it may cost something now. Where it does not, the
// loop's last snapshot may tell of what has a label of its own.
func (l *locator) find(rt *Runtime, all []sought, must bool) {
	if len(all) == 0 {
		return
	}
	rt.guard("locator", func() bool {
		if must {
			l.mu.Lock()
		} else if !l.mu.TryLock() {
			return true // what is late is to end: it waits for nobody's look
		}
		defer l.mu.Unlock()
		now := time.Now()
		old := slices.ContainsFunc(all, func(s sought) bool { return l.last.Time.Before(s.since) })
		l.pacer.Interval = 1 // only the cost spaces them
		if old && runtime.NumGoroutine() <= maxLocate && (must || l.pacer.Due(now)) {
			l.last = rt.capturer.Capture(now)
			l.pacer.Done(now, l.last.CPU)
		}
		for i := range all {
			s := &all[i]
			if !l.last.Time.Before(s.since) {
				s.locate(l.last.Groups, rt.shared(s.ID.Name, l.last.Groups))
			} else if p := rt.published.Load(); p != nil && p.snapshot != nil && !p.snapshot.Time.Before(rt.stamp(s.since)) {
				s.locate(slices.DeleteFunc(slices.Clone(p.snapshot.Groups), func(g observe.Group) bool { return g.Task != s.ID }), 0)
			}
		}
		return true
	})
}

// shared returns how many tasks and units of a name are alive that have no label of their own.
func (rt *Runtime) shared(name string, groups []observe.Group) int {
	s := rt.reg.lookup(name)
	if s == nil {
		return 0
	}
	own := map[observe.TaskID]struct{}{}
	for _, g := range groups {
		if g.Task.Name == name {
			own[g.Task] = struct{}{}
		}
	}
	return int(s.stat().Live) - len(own)
}

// locate takes the place from the goroutines under the task's own label, and else
// from those of its name, if all of them that run its function hang at one place, and
// are as many as share a label: which of them is the task cannot be told, and one that is in a
// [Do] bears the label of that.
func (t *Unstopped) locate(groups []observe.Group, many int) {
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
		many -= g.Count
		if g.Blocked != first.Blocked || g.Entry != first.Entry || g.Wait != first.Wait {
			return
		}
	}
	if many > 0 {
		return
	}
	t.Blocked, t.Wait = first.Blocked, first.Wait
	if t.Site.IsZero() {
		t.Site = first.Entry
	}
}

// at says where it hangs and what it waits for, after what a text begins with; "" where that is
// not known.
func (t *Unstopped) at(after string) string {
	if t.Blocked.IsZero() {
		return ""
	}
	place := t.Blocked
	if f := place.Function; len(f) > maxPlace { // the line is at the end, and is what counts
		place.Function = head(f, maxPlace/2) + "…" + strings.ToValidUTF8(f[len(f)-maxPlace/2:], "")
	}
	text := after + "at " + printable(place.String(), 2*maxPlace)
	if t.Wait != "" {
		text += " (" + string(t.Wait) + ")"
	}
	return text
}

// maxPlace bounds the name of a function in a text.
const maxPlace = 120
