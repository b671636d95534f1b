package hale

import (
	"math"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/hale-go/hale/internal/aside"
	"github.com/hale-go/hale/observe"
)

// maxGauges bounds how many metrics a service can give.
const maxGauges = 256

// maxReading is beyond what anybody measures: MaxFloat64 stands for "no limit".
const maxReading = 1e100

// gauges reads the metrics that a service gave, once a turn.
type gauges struct {
	mu     sync.Mutex
	list   []*gauge // sorted by name
	behind atomic.Int64
}

type gauge struct {
	name string
	read func() float64
}

// Measure gives the loop a metric of the service's own to look at: the depth of a
// queue, the age of what was imported last. read is called once a turn and should
// return at once; what is no number or beyond 1e100 counts as not known. All of them together may
// take 50 ms: while one hangs, none is read. A metric is looked at for changes that
// are surprising; it need not be declared what is usual.
//
// The name is mended as that of a task is, but for an empty one, which becomes "metric".
// One that is taken replaces the former. At most 256 are taken. What Measure returns ends it.
func (rt *Runtime) Measure(name string, read func() float64) (stop func()) {
	if rt = rt.made(); rt == nil || read == nil {
		return func() {}
	}
	clean, mended := cleanName(name, func() string { return "metric" })
	if mended != "" {
		rt.misuse(observe.Subject{Name: clean}, mended)
	}
	g, added := &rt.gauges, &gauge{clean, read}
	g.mu.Lock()
	defer g.mu.Unlock()
	i, known := slices.BinarySearchFunc(g.list, clean, func(g *gauge, name string) int { return strings.Compare(g.name, name) })
	switch {
	case known:
		g.list = slices.Clone(g.list) // the former may be being read
		g.list[i] = added
	case len(g.list) >= maxGauges:
		rt.misuse(observe.Subject{Name: clean}, "too many metrics: this one is not looked at")
	default:
		g.list = slices.Insert(slices.Clone(g.list), i, added)
	}
	return func() { g.remove(added) }
}

func (g *gauges) remove(one *gauge) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if i := slices.Index(g.list, one); i >= 0 {
		g.list = slices.Delete(slices.Clone(g.list), i, i+1)
	}
}

// read returns the metrics whose reading is known.
func (g *gauges) read() []observe.Reading {
	g.mu.Lock()
	list := g.list
	g.mu.Unlock()
	if len(list) == 0 || g.behind.Load() > 0 {
		return nil
	}
	out, _ := aside.Call(askLimit, &g.behind, func() []observe.Reading {
		var out []observe.Reading
		for _, one := range list {
			if v, ok := one.value(); ok {
				out = append(out, observe.Reading{Name: one.name, Value: v})
			}
		}
		return out
	})
	return out
}

// value asks the service's code, which may panic.
func (g *gauge) value() (v float64, ok bool) {
	defer func() {
		if recover() != nil {
			ok = false
		}
	}()
	v = g.read()
	return v, math.Abs(v) <= maxReading // not of what is no number
}
