package goroutine

import (
	"cmp"
	"slices"
	"time"

	"github.com/google/pprof/profile"
	"github.com/hale-go/hale/observe"
)

// groupKey is what the goroutines of a group have in common, by numbers in the
// tables of a folder: hashing five strings for each sample would cost more than
// all the rest.
type groupKey struct {
	owner, entry, blocked int
	wait                  observe.WaitKind
}

// table numbers distinct values in the order in which they come.
type table[T comparable] struct {
	index  map[T]int
	values []T
}

func (t *table[T]) number(v T) int {
	i, ok := t.index[v]
	if !ok {
		if t.index == nil {
			t.index = map[T]int{}
		}
		i = len(t.values)
		t.index[v] = i
		t.values = append(t.values, v)
	}
	return i
}

// folder turns one profile into groups.
type folder struct {
	began   time.Time
	resolve Resolve

	owners table[owner]
	sites  table[observe.Site]
	labels map[Label]int // to owners
	groups table[groupKey]
	counts []int // by number of the group
	stack  []frame

	goroutines int // all of them, hale's own included
	frames     int // sum of their depths
}

// fold adds up the samples of a profile.
func (f *folder) fold(p *profile.Profile) {
	f.labels = map[Label]int{}
	frames := framesOf(p)
	for _, s := range p.Sample {
		n := int(s.Value[0])
		f.stack = f.stack[:0]
		for _, l := range s.Location {
			f.stack = append(f.stack, frames[l.ID]...)
		}
		f.goroutines += n
		f.frames += n * len(f.stack)

		l := Label{first(s.Label[LabelName]), first(s.Label[LabelDomain]), first(s.Label[LabelCell])}
		owner := f.owner(l)
		entry, ok := entryOf(f.stack, f.owners.values[owner] != nobody)
		if !ok || n == 0 {
			continue
		}
		wait := waitOf(f.stack)
		i := f.groups.number(groupKey{
			owner:   owner,
			entry:   f.sites.number(entry),
			blocked: f.sites.number(blockedOf(f.stack, wait)),
			wait:    wait,
		})
		if i == len(f.counts) {
			f.counts = append(f.counts, 0)
		}
		f.counts[i] += n
	}
}

func first(values []string) string {
	if len(values) == 0 {
		return ""
	}
	return values[0]
}

func (f *folder) owner(l Label) int {
	i, ok := f.labels[l]
	if !ok {
		i = f.owners.number(own(l, f.began, f.resolve))
		f.labels[l] = i
	}
	return i
}

// top returns the groups in their order, at most limit of them: those with the
// highest counts. folded counts the goroutines of the others.
func (f *folder) top(limit int) (groups []observe.Group, folded int) {
	groups = make([]observe.Group, len(f.counts))
	for i, k := range f.groups.values {
		o := f.owners.values[k.owner]
		groups[i] = observe.Group{
			Name: o.name, Domain: o.domain, Task: o.task, Ended: o.ended,
			Entry: f.sites.values[k.entry], Blocked: f.sites.values[k.blocked],
			Wait: k.wait, Count: f.counts[i],
		}
	}
	if len(groups) > limit {
		slices.SortFunc(groups, func(a, b observe.Group) int {
			return cmp.Or(cmp.Compare(b.Count, a.Count), compareGroups(a, b))
		})
		for _, g := range groups[limit:] {
			folded += g.Count
		}
		groups = slices.Clone(groups[:limit]) // let the tail go
	}
	slices.SortFunc(groups, compareGroups)
	return groups, folded
}

// compareGroups orders groups by all that tells them apart, so that a snapshot
// does not depend on the order of the profile.
func compareGroups(a, b observe.Group) int {
	return cmp.Or(
		cmp.Compare(a.Name, b.Name),
		compareSites(a.Entry, b.Entry),
		compareSites(a.Blocked, b.Blocked),
		cmp.Compare(a.Wait, b.Wait),
		a.Task.Compare(b.Task),
		cmp.Compare(a.Ended, b.Ended),
		cmp.Compare(a.Domain, b.Domain),
	)
}

func compareSites(a, b observe.Site) int {
	return cmp.Or(
		cmp.Compare(a.Function, b.Function),
		cmp.Compare(a.File, b.File),
		cmp.Compare(a.Line, b.Line),
	)
}
