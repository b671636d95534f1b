package haletest

import (
	"fmt"
	"runtime"
	"time"

	"github.com/hale-go/hale/detect"
	"github.com/hale-go/hale/observe"
)

// quick checks the time that the largest turn takes, the best of a few: what
// else the machine does is not the detector's fault.
func (c *detectorTest) quick() {
	c.t.Helper()
	best := time.Hour
	for range 3 {
		g := newGenerator(4)
		var begin time.Time
		turns := func(yield func(observe.Turn) bool) {
			for range 3 { // what is new, what is known, what has grown
				t := g.big()
				begin = time.Now()
				if !yield(t) {
					return
				}
			}
		}
		var worst time.Duration
		if !c.feed("turns of 4096 names", c.fresh(), turns, func(int, []detect.Finding) { worst = max(worst, time.Since(begin)) }) {
			return
		}
		if best = min(best, worst); best < c.limit {
			return
		}
	}
	c.slow = true
	c.errorf("on a turn of 4096 names: Detect takes %v; a runtime disables it at 1s", best)
}

// maxGrowth is by how much memory may grow in 5,000 turns, in which 6 MB of new
// names come, and state by half of that.
const maxGrowth = 2 << 20

// bounded checks that names which never come again are not kept.
func (c *detectorTest) bounded() {
	c.t.Helper()
	on := fmt.Sprintf("%d turns with ever new names", c.endless)
	var grew string
	for range 3 { // what else the process does in the meantime is in the figure
		var ok bool
		if grew, ok = c.growth(on); grew == "" || !ok {
			return
		}
	}
	c.errorf("on %s: %s: bound what you remember", on, grew)
}

// slowPatience is how long a detector that was slow before gets for ever new names: it
// was told so, and its users need not wait for hours to hear more.
const slowPatience = 10 * time.Second

// growth returns what grew, "" if nothing did, and whether the detector got
// through.
func (c *detectorTest) growth(on string) (grew string, ok bool) {
	g := newGenerator(5)
	d := c.fresh()
	begin := time.Now()
	var heap [2]uint64
	var state [2]int
	for half := range 2 {
		cut := false
		turns := func(yield func(observe.Turn) bool) {
			for range c.endless / 2 {
				if cut = c.slow && time.Since(begin) > slowPatience; cut || !yield(g.endless()) {
					return
				}
			}
		}
		if !c.feed(on, d, turns, func(int, []detect.Finding) {}) || cut {
			return "", false
		}
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		heap[half] = m.HeapAlloc
		if s, stateful := d.(detect.Stateful); stateful {
			raw, err := stateOf(s)
			if err != nil {
				c.errorf("on %s: its State failed: %v", on, err)
				return "", false
			}
			state[half] = len(raw)
		}
	}
	runtime.KeepAlive(d)
	switch {
	case state[1]-state[0] > maxGrowth/2:
		return fmt.Sprintf("its state grew from %d to %d bytes", state[0], state[1]), true
	case int64(heap[1])-int64(heap[0]) > maxGrowth:
		return fmt.Sprintf("memory grew from %d to %d KB", heap[0]>>10, heap[1]>>10), true
	}
	return "", true
}
