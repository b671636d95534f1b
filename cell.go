package hale

import (
	"context"
	"reflect"
	"runtime/pprof"
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/hale-go/hale/internal/goroutine"
	"github.com/hale-go/hale/observe"
)

// cell counts the tasks that share one label. Tasks of one family that start in
// the same epoch share a cell, so that a label set and its count cost a start
// nothing but one atomic addition. When a sealed cell's count has stayed zero
// for the grace period before a snapshot began, every goroutine that still
// bears its label outlived the task that caused it: an orphan.
type cell struct {
	family *family
	id     string
	labels any            // pprof's label map, as its context key yields it
	bears  unsafe.Pointer // the same, as goroutines bear it
	opened time.Time
	base   int64 // tasks of older cells that were alive when it opened; only fewer can be later

	count *cellCount     // nil where one task has the cell for itself
	task  observe.TaskID // that task
	over  atomic.Bool    // it has ended

	sealed time.Time // when it stopped taking tasks; guarded by family.mu
	zero   time.Time // when its count was first seen at zero after that; guarded by registry.mu
	seen   bool      // a snapshot found its goroutines after that; guarded by registry.mu
}

// cellCount counts the tasks of a cell. Starts and ends happen on different
// processors, so each side has a cache line of its own.
type cellCount struct {
	starts atomic.Uint64
	seen   atomic.Uint64 // ends, as last looked at by a start
	peak   atomic.Int64  // most tasks alive at once
	_      [40]byte
	ends   atomic.Uint64
	_      [56]byte
}

// own reports whether one task has the cell for itself.
func (c *cell) own() bool { return c.count == nil }

// live returns how many tasks of the cell are alive, or more: ends are read
// first, so that zero means zero.
func (c *cell) live() int64 {
	if c.own() {
		if c.over.Load() {
			return 0
		}
		return 1
	}
	ends := c.count.ends.Load()
	return int64(c.count.starts.Load() - ends)
}

// started returns how many tasks the cell has taken, or more for a moment: one
// that came too late is taken back.
func (c *cell) started() uint64 {
	if c.own() {
		return 1
	}
	return c.count.starts.Load()
}

// ended reports whether every task of a shared cell has ended, and how many it
// took. Before that its starts may hold one that came too late and is taken back;
// ends that are as many say that they do not, since they are read first.
func (c *cell) ended() (n uint64, ok bool) {
	n = c.count.ends.Load()
	return n, c.count.starts.Load() == n
}

// enter counts one more task in. The line of the ends is looked at only when the
// peak may have risen.
func (c *cell) enter() {
	n := c.count
	if n == nil {
		return
	}
	starts := n.starts.Add(1)
	if int64(starts-n.seen.Load()) > n.peak.Load() {
		ends := n.ends.Load()
		n.seen.Store(ends) // an older value of another start's makes the next one look again, no more
		raise(&n.peak, int64(starts-ends))
	}
}

// raise makes v at least n.
func raise(v *atomic.Int64, n int64) {
	for old := v.Load(); n > old && !v.CompareAndSwap(old, n); old = v.Load() {
	}
}

// undo takes back an enter that came too late: the cell was sealed meanwhile.
func (c *cell) undo() { c.count.starts.Add(^uint64(0)) }

// leave counts a task out. The goroutine must have put its former labels back
// before: a zero count means that nobody who bears the label is alive.
func (c *cell) leave() {
	if c.count != nil {
		c.count.ends.Add(1)
		return
	}
	c.over.Store(true)
	c.family.rt.reg.ownEnded(c)
}

func newCell(s *family, id string, count *cellCount) *cell {
	labels := pprof.WithLabels(context.Background(), labelsOf(s, id)).Value(labelKey)
	return &cell{
		family: s, id: id, labels: labels, bears: reflect.ValueOf(labels).UnsafePointer(),
		opened: time.Now(), count: count,
	}
}

// labelsOf returns the labels of a family's cell.
func labelsOf(s *family, id string) pprof.LabelSet {
	return pprof.Labels(
		goroutine.LabelName, s.name,
		goroutine.LabelDomain, string(s.domain),
		goroutine.LabelCell, id,
	)
}
