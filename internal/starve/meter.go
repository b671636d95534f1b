package starve

import (
	"math"
	"runtime/metrics"
	"time"
)

// maxSlowdown bounds how far a limit is stretched, so that a machine that is
// starved for ever still gets its stuck units replaced.
const maxSlowdown = 64

// Meter turns the time between two scans into time that may be held against
// the work. It is used by one goroutine at a time; one reading costs about
// 1 µs at any number of goroutines and allocates nothing.
type Meter struct {
	samples []metrics.Sample
	buckets []uint64 // scheduler latency counts at the last reading
}

const (
	sRunnable = iota
	sProcs
	sLatency
)

// NewMeter returns a meter whose first reading covers the time from now on.
func NewMeter() *Meter {
	m := &Meter{samples: []metrics.Sample{
		sRunnable: {Name: "/sched/goroutines/runnable:goroutines"},
		sProcs:    {Name: "/sched/gomaxprocs:threads"},
		sLatency:  {Name: "/sched/latencies:seconds"},
	}}
	m.Slowdown(time.Second)
	return m
}

// What is ordinary on a machine that lacks nothing: a timer that is a tenth of a
// millisecond late, and a goroutine or two that were woken at the same moment.
const (
	lateTimer = 1.25 // times as long as asked for
	fewOthers = 1.5  // slowdown
)

// Counted returns how much of elapsed, the time since the last call, to count
// when the scanner had asked to be woken after nominal. What the scanner itself
// was late is forgiven whole, and the rest is divided by [Meter.Slowdown], both
// only where they are beyond what is ordinary.
func (m *Meter) Counted(elapsed, nominal time.Duration) time.Duration {
	if elapsed <= 0 {
		return 0
	}
	if float64(elapsed) > lateTimer*float64(nominal) {
		elapsed = nominal
	}
	if slow := m.Slowdown(nominal); slow > fewOthers {
		elapsed = time.Duration(float64(elapsed) / slow)
	}
	return elapsed
}

// Slowdown returns how many times slower than alone a goroutine ran since the
// last reading: the larger of how many goroutines shared a processor and how
// the wait for one compares with the interval. 1 is an idle machine; at most 64.
func (m *Meter) Slowdown(interval time.Duration) float64 {
	metrics.Read(m.samples)
	slow := 1.0
	if procs := float64(uintOf(m.samples[sProcs])); procs > 0 {
		slow = 1 + float64(uintOf(m.samples[sRunnable]))/procs
	}
	if wait := m.longestWait(); interval > 0 && wait > 0 {
		slow = math.Max(slow, 1+wait/interval.Seconds())
	}
	return math.Min(slow, maxSlowdown)
}

// longestWait returns a lower bound in seconds of the longest time that a
// goroutine waited for a processor since the last reading.
func (m *Meter) longestWait() float64 {
	if m.samples[sLatency].Value.Kind() != metrics.KindFloat64Histogram {
		return 0
	}
	h := m.samples[sLatency].Value.Float64Histogram()
	if len(m.buckets) != len(h.Counts) {
		m.buckets = append([]uint64(nil), h.Counts...)
		return 0
	}
	longest := 0.0
	for i, n := range h.Counts {
		if n > m.buckets[i] {
			longest = h.Buckets[i]
		}
		m.buckets[i] = n
	}
	if math.IsInf(longest, 0) {
		return 0
	}
	return longest
}

func uintOf(s metrics.Sample) uint64 {
	if s.Value.Kind() != metrics.KindUint64 {
		return 0
	}
	return s.Value.Uint64()
}
