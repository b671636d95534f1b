package hale

import (
	"errors"
	"math"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hale-go/hale/internal/aside"
	"github.com/hale-go/hale/observe"
)

// maxGauges bounds how many metrics a service can give.
const maxGauges = 256

// maxReading is beyond what anybody measures: MaxFloat64 stands for "no limit".
const maxReading = 1e100

// How long callbacks may take, all of one turn together, and for how long one that
// overran is not asked again: a slow one must not use up each turn's time.
const (
	gaugesLimit = 5 * askLimit
	gaugeRest   = time.Minute
)

// gauges reads the metrics that a service gave, once a turn.
type gauges struct {
	mu     sync.Mutex
	list   []*gauge     // sorted by name
	behind atomic.Int64 // goroutines of callbacks that overran and have not come back
	failed atomic.Uint64
}

type gauge struct {
	name   string
	read   func() float64
	away   atomic.Bool // a call of it is under way, or was left behind
	ended  atomic.Bool
	rested time.Time // when it may be asked again; the turn's own
}

// Measure gives the loop a metric of the service's own to look at: the depth of a
// queue, the age of what was imported last. read is called once a turn and should
// return at once; what is no number or beyond 1e100 counts as not known. One that
// panics, ends its goroutine or takes longer than 50 ms costs its own reading and no
// other: that is told once and counted in [LoopStat]. Who overran is asked again when it has
// come back and a minute has passed. In a turn in which several overran and 250 ms have
// passed, what was not asked by then is not known. A metric is looked at for changes that
// are surprising; it need not be declared what is usual. A reading costs about 1 µs.
//
// The name is mended as that of a task is, but for an empty one, which becomes "metric".
// One that is taken replaces the former. At most 256 are taken. What Measure returns ends it:
// no call of read begins after that.
func (rt *Runtime) Measure(name string, read func() float64) (stop func()) {
	if rt = rt.made(); rt == nil || read == nil {
		return func() {}
	}
	clean, mended := cleanName(name, func() string { return "metric" })
	if mended != "" {
		rt.misuse(observe.Subject{Name: clean}, mended)
	}
	g, added := &rt.gauges, &gauge{name: clean, read: read}
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
	return func() {
		added.ended.Store(true)
		g.remove(added)
	}
}

func (g *gauges) remove(one *gauge) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if i := slices.Index(g.list, one); i >= 0 {
		g.list = slices.Delete(slices.Clone(g.list), i, i+1)
	}
}

// read returns the metrics whose reading is known. Each is asked on a goroutine of its
// own, so that one which does harm takes no other's reading along.
func (g *gauges) read(rt *Runtime) []observe.Reading {
	g.mu.Lock()
	list := g.list
	g.mu.Unlock()
	began := time.Now()
	var out []observe.Reading
	for _, one := range list {
		if one.ended.Load() {
			continue
		}
		left := gaugesLimit - time.Since(began)
		if one.away.Load() || began.Before(one.rested) || left <= 0 || g.behind.Load() >= maxGauges {
			g.failed.Add(1)
			continue
		}
		v, err := aside.Call(min(askLimit, left), &g.behind, one.value)
		if err == nil {
			if math.Abs(v) <= maxReading { // not of what is no number
				out = append(out, observe.Reading{Name: one.name, Value: v})
			}
			continue
		}
		g.failed.Add(1)
		rt.misuse(observe.Subject{Name: one.name}, one.trouble(err, began), err.Error())
	}
	return out
}

func (g *gauge) value() float64 {
	g.away.Store(true)
	defer g.away.Store(false)
	return g.read()
}

// trouble returns what to tell of a callback that failed. It is the same each time,
// so that it is told once.
func (g *gauge) trouble(err error, began time.Time) string {
	if errors.Is(err, aside.ErrOverran) {
		g.rested = began.Add(gaugeRest)
		return "the metric's callback took too long, it is asked again in a minute"
	}
	return "the metric's callback broke, the reading is dropped"
}
