package hale

import (
	"context"
	"runtime/pprof"
	"sync/atomic"
	"time"

	"github.com/hale-go/hale/internal/goroutine"
	"github.com/hale-go/hale/observe"
)

// cell counts the tasks that share one label. Tasks of one site that start in
// the same epoch share a cell, so that a label set and its count cost a start
// nothing but one atomic addition. When a sealed cell's count has stayed zero
// for the grace period before a snapshot began, every goroutine that still
// bears its label outlived the task that caused it: an orphan.
type cell struct {
	site   *site
	id     string
	set    pprof.LabelSet
	labels any // pprof's label map
	opened time.Time

	word atomic.Uint64 // starts<<32 | live, so that both move in one addition
	peak atomic.Int64  // most tasks alive at once in this cell
	base int64         // tasks of older cells that were alive when it opened; only fewer can be later

	own  bool           // one task has it for itself
	task observe.TaskID // that task

	sealed time.Time // when it stopped taking tasks; guarded by site.mu
	zero   time.Time // when its count was first seen at zero after that; guarded by registry.mu
	seen   bool      // a snapshot found its goroutines after that; guarded by registry.mu
}

const cellStart = 1<<32 + 1

func (c *cell) live() int64     { return int64(uint32(c.word.Load())) }
func (c *cell) started() uint64 { return c.word.Load() >> 32 }

// enter counts one more task in.
func (c *cell) enter() {
	raise(&c.peak, int64(uint32(c.word.Add(cellStart))))
}

// raise makes v at least n.
func raise(v *atomic.Int64, n int64) {
	for old := v.Load(); n > old && !v.CompareAndSwap(old, n); old = v.Load() {
	}
}

// undo takes back an enter that came too late: the cell was sealed meanwhile.
func (c *cell) undo() { c.word.Add(^uint64(cellStart - 1)) }

// leave counts a task out. The goroutine must have put its former labels back
// before: a zero count means that nobody who bears the label is alive.
func (c *cell) leave() {
	live := uint32(c.word.Add(^uint64(0)))
	if c.own && live == 0 {
		c.site.rt.reg.ownEnded(c)
	}
}

func newCell(s *site, id string) *cell {
	set := pprof.Labels(
		goroutine.LabelName, s.name,
		goroutine.LabelDomain, string(s.domain),
		goroutine.LabelCell, id,
	)
	ctx := pprof.WithLabels(context.Background(), set)
	return &cell{site: s, id: id, set: set, labels: ctx.Value(labelKey()), opened: time.Now()}
}
