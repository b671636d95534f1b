package goroutine

import (
	"cmp"
	"slices"
	"time"

	"github.com/hale-go/hale/observe"
)

// groupKey is what the goroutines of a group have in common, by numbers in the
// tables of a folder: hashing five strings for each sample would cost more than
// all the rest.
type groupKey struct {
	owner, entry, blocked int32
	wait                  observe.WaitKind
}

// place is what a stack says. Many samples have the same one and differ by
// their labels.
type place struct {
	entry   [2]int32 // number of the site, without and with a label of hale's; -1: none
	blocked int32
	depth   int32
	wait    observe.WaitKind
}

// table numbers distinct values in the order in which they come.
type table[T comparable] struct {
	index  map[T]int32
	values []T
}

func (t *table[T]) number(v T) int32 {
	i, ok := t.index[v]
	if !ok {
		if t.index == nil {
			t.index = map[T]int32{}
		}
		i = int32(len(t.values))
		t.index[v] = i
		t.values = append(t.values, v)
	}
	return i
}

// folder turns one profile into groups.
type folder struct {
	began   time.Time
	resolve Resolve

	owners table[owner] // the first is nobody
	sites  table[observe.Site]
	labels map[[3]int]int32  // numbers of strings to that of the owner
	names  map[int]string    // strings by their number that many labels share
	places map[string]*place // by the stack of a sample
	groups table[groupKey]
	counts []int // by number of the group
	frames []frame

	total totals
}

// totals are what a profile costs to take.
type totals struct {
	goroutines int // all of them, hale's own included
	frames     int // sum of their depths
	labelBytes int // sum of the lengths of their labels
	samples    int
}

// fold adds up the samples of a profile.
func (f *folder) fold(p *profile) error {
	f.labels, f.names, f.places = map[[3]int]int32{}, map[int]string{}, map[string]*place{}
	f.owners.number(nobody)
	return p.each(func(s *sample) error {
		at, err := f.place(p, s)
		if err != nil {
			return err
		}
		f.total.samples++
		f.total.goroutines += s.count
		f.total.frames += s.count * int(at.depth)
		f.total.labelBytes += s.count * s.labelBytes

		owner := f.owner(p, s.label)
		entry := at.entry[min(owner, 1)]
		if entry < 0 || s.count == 0 {
			return nil
		}
		i := f.groups.number(groupKey{owner, entry, at.blocked, at.wait})
		if int(i) == len(f.counts) {
			f.counts = append(f.counts, 0)
		}
		f.counts[i] += s.count
		return nil
	})
}

// place returns what the sample's stack says.
func (f *folder) place(p *profile, s *sample) (*place, error) {
	if at, ok := f.places[string(s.stack)]; ok {
		return at, nil
	}
	var err error
	if f.frames, err = p.frames(s.stack, f.frames[:0]); err != nil {
		return nil, err
	}
	at := &place{entry: [2]int32{-1, -1}, depth: int32(len(f.frames)), wait: waitOf(f.frames)}
	for labelled := range at.entry {
		if entry, ok := entryOf(f.frames, labelled == 1); ok {
			at.entry[labelled] = f.sites.number(entry)
		}
	}
	at.blocked = f.sites.number(blockedOf(f.frames, at.wait))
	f.places[string(s.stack)] = at
	return at, nil
}

// owner returns the number of the owner of a label.
func (f *folder) owner(p *profile, label [3]int) int32 {
	if label == ([3]int{}) {
		return 0
	}
	i, ok := f.labels[label]
	if !ok {
		l := Label{f.name(p, label[0]), f.name(p, label[1]), string(p.strings[label[2]])}
		i = f.owners.number(own(l, f.began, f.resolve))
		f.labels[label] = i
	}
	return i
}

func (f *folder) name(p *profile, i int) string {
	s, ok := f.names[i]
	if !ok {
		s = string(p.strings[i])
		f.names[i] = s
	}
	return s
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
