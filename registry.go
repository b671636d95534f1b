package hale

import (
	"cmp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hale-go/hale/internal/goroutine"
	"github.com/hale-go/hale/observe"
)

// Bounds of the tables that names and tasks can grow.
const (
	maxFamilies = 4096  // further names share the family "hale.other"
	maxOwnCells = 16384 // that are known, live or ended; further tasks share a cell
)

// otherName is the family that takes tasks whose name came after the bound.
const otherName = "hale.other"

// registry knows the live tasks, the families and the cells. It holds tasks, never
// the functions that they run: a closure that is reachable from here would hide
// what it leaks from the garbage collector.
type registry struct {
	rt       *Runtime
	families sync.Map                   // name → *family
	recent   [32]atomic.Pointer[family] // by a hash of their names: a look here is cheaper
	tasks    slots

	mu     sync.Mutex
	count  int       // families
	sorted []*family // all of them by name, as of the last call of all
	cells  map[string]*cell
	owned  int     // own cells that are live
	ended  []*cell // in the order in which they ended
	aging  []*cell // as ended: older ones that somebody outlives
}

// lookup returns the family of a name, nil if no task ever had it.
func (r *registry) lookup(name string) *family {
	i := len(name)
	if i > 0 {
		i += int(name[i-1])<<1 + int(name[i/2])<<3
	}
	recent := &r.recent[i%len(r.recent)]
	if s := recent.Load(); s != nil && s.name == name {
		return s
	}
	if s, ok := r.families.Load(name); ok {
		recent.Store(s.(*family))
		return s.(*family)
	}
	return nil
}

// family returns the family of a name, making it when needed.
func (r *registry) family(name string, domain observe.Domain) *family {
	if s, ok := r.families.Load(name); ok {
		return s.(*family)
	}
	r.mu.Lock()
	if s, ok := r.families.Load(name); ok {
		r.mu.Unlock()
		return s.(*family)
	}
	full := r.count >= maxFamilies && name != otherName
	if full {
		r.mu.Unlock()
		r.rt.misuse(observe.Subject{Name: otherName}, "too many task names: further ones are counted as hale.other; names must not carry user data")
		return r.family(otherName, observe.Domain("hale"))
	}
	if domain == "" {
		domain = observe.DomainOf(name)
	}
	r.count++
	s := &family{rt: r.rt, name: name, domain: domain, number: r.count}
	s.catchAll.Store(name == otherName)
	r.families.Store(name, s)
	r.mu.Unlock()
	return s
}

// all returns the families, sorted by name. The slice is shared and must not be
// changed. Several steps of every turn ask for it, and names hardly ever come.
func (r *registry) all() []*family {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.sorted) == r.count { // families are never taken away
		return r.sorted
	}
	out := make([]*family, 0, r.count)
	r.families.Range(func(_, s any) bool {
		out = append(out, s.(*family))
		return true
	})
	slices.SortFunc(out, func(a, b *family) int { return strings.Compare(a.name, b.name) })
	r.sorted = out // a new one: an older one may still be read
	return out
}

// find returns the live task of an ID, nil if there is none. It looks at all.
func (r *registry) find(id observe.TaskID) *Task {
	for t := range r.tasks.all {
		if t.scope.seq.Load() == id.Seq && t.scope.id() == id {
			return t
		}
	}
	return nil
}

// live returns the live tasks that match, in the order in which they started.
func (r *registry) live(match func(*Task) bool) []*Task {
	var out []*Task
	for t := range r.tasks.all {
		if match(t) {
			out = append(out, t)
		}
	}
	slices.SortFunc(out, func(a, b *Task) int { return cmp.Compare(a.scope.seq.Load(), b.scope.seq.Load()) })
	return slices.Compact(out) // one that was being moved is found twice
}

func (r *registry) addCell(c *cell) {
	r.mu.Lock()
	r.cells[c.id] = c
	r.mu.Unlock()
}

// ownCell returns a cell for one task, nil when there are too many already.
func (r *registry) ownCell(s *family, id observe.TaskID) *cell {
	s.mu.Lock()
	name := s.cellID()
	s.mu.Unlock()
	r.mu.Lock()
	if r.owned >= maxOwnCells {
		r.mu.Unlock()
		return nil
	}
	r.owned++
	r.mu.Unlock()
	c := newCell(s, name, nil)
	c.task, c.sealed = id, c.opened
	r.addCell(c)
	return c
}

func (r *registry) ownEnded(c *cell) {
	r.mu.Lock()
	c.zero = time.Now()
	c.family.lived(c.zero.Sub(c.opened))
	r.ended = append(r.ended, c)
	r.mu.Unlock()
}

// tick ends the epoch of every family and forgets cells that ended longer ago
// than keep, or than maxGrace where goroutines outlive them.
func (r *registry) tick(now time.Time, epoch, keep time.Duration) {
	live := int64(0)
	for _, s := range r.all() {
		ended := s.seal(now, epoch)
		live += s.live()
		if len(ended) == 0 {
			continue
		}
		r.mu.Lock()
		for _, c := range ended {
			c.zero = now
		}
		r.ended = append(r.ended, ended...)
		r.mu.Unlock()
	}
	r.tasks.trim(int(max(live, 0)))
	r.mu.Lock()
	defer r.mu.Unlock()
	old := 0
	for old < len(r.ended) && now.Sub(r.ended[old].zero) > keep {
		c := r.ended[old]
		if c.own() {
			r.owned--
		}
		if c.seen && len(r.aging) < maxOwnCells {
			r.aging = append(r.aging, c)
		} else {
			delete(r.cells, c.id)
		}
		old++
	}
	r.ended = slices.Delete(r.ended, 0, old)
	old = 0
	for old < len(r.aging) && now.Sub(r.aging[old].zero) > maxGrace {
		delete(r.cells, r.aging[old].id)
		old++
	}
	r.aging = slices.Delete(r.aging, 0, old)
}

// resolve is a [goroutine.Resolve]. A cell of this runtime that is not known
// any more ended long ago.
func (r *registry) resolve(l goroutine.Label, began time.Time) (observe.TaskID, time.Duration, bool) {
	if !strings.HasPrefix(l.Cell, r.rt.prefix) {
		return observe.TaskID{}, -1, false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	c, ok := r.cells[l.Cell]
	switch {
	case !ok:
		return observe.TaskID{}, maxGrace, true
	case c.zero.IsZero() || c.zero.After(began):
		return c.task, -1, true
	default:
		c.seen = true
		return c.task, began.Sub(c.zero), true
	}
}
