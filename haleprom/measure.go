package haleprom

import (
	"fmt"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"github.com/hale-go/hale"
)

// maxMeasured is how many metrics one call of [Measure] takes. hale takes 256 in all.
const maxMeasured = 256

// Measure gives hale metrics of the service's own to look at for surprising changes:
// gauges as they are, counters as what they rose by in a second. A metric with several
// series is their sum. It is read by [hale.Runtime.Measure], under its name.
//
// The gatherer is asked once a turn for all names. It is the service's code and has
// 50 ms; while it takes longer, hale reads none of its metrics. One with all
// metrics of a large service may be too slow: give a registry with those that matter.
//
// Names that are not there (yet), histograms and summaries, and values that are not
// finite are left out, and so is a counter at its first reading and after it fell. What
// Measure returns ends it. Names that no metric can have, none or more than 256, and a
// nil runtime or gatherer give a [*hale.ConfigError].
func Measure(rt *hale.Runtime, gatherer prometheus.Gatherer, names ...string) (stop func(), err error) {
	bad := func(field string, value any, mend string) (func(), error) {
		return nil, &hale.ConfigError{Field: "haleprom.Measure: " + field, Value: value, Mend: mend}
	}
	switch {
	case rt == nil:
		return bad("runtime", nil, "make one with hale.New")
	case gatherer == nil:
		return bad("gatherer", nil, "give the registry that the metrics are in, such as prometheus.DefaultGatherer")
	case len(names) == 0 || len(names) > maxMeasured:
		return bad("names", len(names), fmt.Sprintf("give 1 to %d names of metrics", maxMeasured))
	}
	f := &feed{gatherer: gatherer, names: slices.Clone(names)}
	slices.Sort(f.names)
	f.names = slices.Compact(f.names)
	for _, name := range f.names {
		if !goodName.MatchString(name) {
			return bad("names", fmt.Sprintf("%.80q", name), `give the name of a metric: letters, digits, "_" and ":", no digit first`)
		}
	}
	f.totals, f.values = map[string]total{}, map[string]float64{}
	var stops []func()
	for _, name := range f.names {
		stops = append(stops, rt.Measure(name, func() float64 { return f.value(name) }))
	}
	return func() {
		for _, s := range stops {
			s()
		}
	}, nil
}

// feed gathers a service's metrics for hale's readings.
type feed struct {
	gatherer prometheus.Gatherer
	names    []string // sorted

	mu     sync.Mutex
	at     time.Time          // when it was last gathered
	values map[string]float64 // of that, those that were not read yet; NaN: not known
	totals map[string]total   // of counters
}

// total is what a counter was at.
type total struct {
	value float64
	at    time.Time
}

// oneTurn is longer than hale takes to read all metrics in a turn.
const oneTurn = 300 * time.Millisecond

// value returns the value of a metric. Each is read once a turn: who comes a second
// time begins the next.
func (f *feed) value(name string) float64 {
	if !f.mu.TryLock() { // a gathering hangs: waiting for it would only hang too
		return math.NaN()
	}
	defer f.mu.Unlock()
	defer delete(f.values, name)                                            // even after a gatherer that panicked
	if _, unread := f.values[name]; !unread || time.Since(f.at) > oneTurn { // what came late is of a turn before
		f.gather()
	}
	return f.values[name]
}

func (f *feed) gather() {
	f.at = time.Now()              // before: what came late is old
	for _, name := range f.names { // a gatherer that panics leaves nothing old behind
		f.values[name] = math.NaN()
	}
	families, _ := f.gatherer.Gather() // what it has in spite of an error is good
	now := time.Now()
	for _, family := range families {
		name := family.GetName()
		if _, wanted := f.values[name]; !wanted {
			continue
		}
		v := sum(family)
		if family.GetType() == dto.MetricType_COUNTER {
			v = f.rate(name, v, now)
		}
		f.values[name] = v
	}
}

// sum adds up a metric's series.
func sum(family *dto.MetricFamily) (v float64) {
	if len(family.GetMetric()) == 0 {
		return math.NaN()
	}
	for _, m := range family.GetMetric() {
		switch {
		case m.GetGauge() != nil:
			v += m.GetGauge().GetValue()
		case m.GetCounter() != nil:
			v += m.GetCounter().GetValue()
		case m.GetUntyped() != nil:
			v += m.GetUntyped().GetValue()
		default:
			return math.NaN()
		}
	}
	return v
}

// rate returns what a counter rose by in a second since it was read before.
func (f *feed) rate(name string, v float64, now time.Time) float64 {
	old, known := f.totals[name]
	f.totals[name] = total{v, now}
	passed := now.Sub(old.at).Seconds()
	if !known || passed <= 0 || !(v >= old.value) {
		return math.NaN()
	}
	return (v - old.value) / passed
}
