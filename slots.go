package hale

import (
	"math/bits"
	"sync"
	"sync/atomic"
)

// slots is where the live tasks are found: a table of pointers without locks, so
// that a start and an end are one compare-and-swap each. A table that is
// full is followed by one of twice the size. Tasks stay where they are, until
// they are the last few of an old table, which would not be forgotten for them.
// What is found may just have ended, and one that is being moved is found twice.
type slots struct {
	newest atomic.Pointer[slotTable] // takes new tasks

	mu sync.Mutex // one change of tables at a time
}

type slotTable struct {
	slots []atomic.Pointer[Task] // a power of two of them
	older atomic.Pointer[slotTable]
}

// How a slot is found, and the smallest table.
const (
	nextProbes   = 4  // beside the first: tasks that ended free slots in the order in which they were taken
	randomProbes = 12 // where long tasks stand in the way
	minSlots     = 256
)

// add makes t known, which has its number already.
func (s *slots) add(t *Task) {
	for {
		table := s.newest.Load()
		if table == nil {
			s.replace(nil, minSlots)
			continue
		}
		p := table.swap(nil, t, t.scope.seq.Load())
		if p == nil {
			s.replace(table, 2*len(table.slots))
			continue
		}
		if s.newest.Load() == table {
			return
		}
		s.mu.Lock() // not in the middle of a move
		moved := !p.CompareAndSwap(t, nil)
		s.mu.Unlock()
		if moved {
			return
		}
		// Another table took over, and this one may already be forgotten.
	}
}

// remove forgets a task that ends.
func (s *slots) remove(t *Task) {
	table, n := s.newest.Load(), t.scope.seq.Load()
	if p := &table.slots[n&uint64(len(table.slots)-1)]; p.Load() != t || !p.CompareAndSwap(t, nil) {
		s.search(t, n)
	}
}

// search removes a task that is not where most are. One that is being moved is in
// one slot or in both, so that it is found, if not at the first look.
func (s *slots) search(t *Task, n uint64) {
	for {
		for table := s.newest.Load(); table != nil; table = table.older.Load() {
			if table.swap(t, nil, n) != nil {
				return
			}
		}
	}
}

// swap puts a task, or nil, in the place of another, or of nil, in one of the slots
// where task n may be. It returns that slot, nil if there is none.
func (t *slotTable) swap(old, task *Task, n uint64) *atomic.Pointer[Task] {
	mask := uint64(len(t.slots) - 1)
	for i := range uint64(nextProbes + randomProbes) {
		at := n + i
		if i >= nextProbes {
			at = bits.ReverseBytes64((n + i<<32) * 0x9e3779b97f4a7c15) // Fibonacci hashing
		}
		if p := &t.slots[at&mask]; p.Load() == old && p.CompareAndSwap(old, task) {
			return p
		}
	}
	return nil
}

// replace puts a table of size in front of old, unless somebody else has.
func (s *slots) replace(old *slotTable, size int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.newest.Load() != old {
		return
	}
	fresh := &slotTable{slots: make([]atomic.Pointer[Task], size)}
	fresh.older.Store(old)
	s.newest.Store(fresh)
}

// trim makes the tables fit live tasks again, and forgets those that are empty.
func (s *slots) trim(live int) {
	newest := s.newest.Load()
	if newest == nil {
		return
	}
	if n := len(newest.slots); n > minSlots && n/16 > live {
		s.replace(newest, max(minSlots, 1<<bits.Len(uint(4*live))))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for at := &s.newest.Load().older; at.Load() != nil; {
		if old := at.Load(); s.clear(old) {
			at.Store(old.older.Load())
		} else {
			at = &old.older
		}
	}
}

// sparse is how many slots there are for each task in a table whose tasks are
// moved.
const sparse = 16

// clear moves the last few tasks of an old table, and reports whether it is empty.
func (s *slots) clear(old *slotTable) bool {
	var left []*atomic.Pointer[Task]
	for i := range old.slots {
		if p := &old.slots[i]; p.Load() != nil {
			if left = append(left, p); sparse*len(left) > len(old.slots) {
				return false
			}
		}
	}
	newest := s.newest.Load()
	for _, from := range left {
		t := from.Load()
		if t == nil {
			continue
		}
		to := newest.swap(nil, t, t.scope.seq.Load())
		if to == nil {
			return false
		}
		if !from.CompareAndSwap(t, nil) { // it ended, or is added to the newest table
			to.CompareAndSwap(t, nil)
			return false
		}
	}
	return true
}

// all yields the live tasks, in no order.
func (s *slots) all(yield func(*Task) bool) {
	for table := s.newest.Load(); table != nil; table = table.older.Load() {
		for i := range table.slots {
			if t := table.slots[i].Load(); t != nil && !yield(t) {
				return
			}
		}
	}
}
