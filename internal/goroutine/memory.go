package goroutine

import (
	"fmt"
	"math"
	"runtime/debug"
	"runtime/metrics"
)

const (
	// priorBytes is what a goroutine is taken to cost before the first capture,
	// and the least that it is ever taken to cost. Measured with hale's three
	// labels on each goroutine: 1.1 KB on shallow stacks, 1.8 KB with 12 frames,
	// 5.2 KB when each has labels of its own.
	priorBytes = 2 << 10

	// fixedBytes is what a capture allocates at any number of goroutines, most
	// of it the tables of the profile's compressor.
	fixedBytes = 3 << 19

	// priorWeight is how many goroutines the prior counts as, so that a capture
	// of a few of them, no two alike, does not speak for many.
	priorWeight = 1000
)

// memory reads what the guard needs from runtime/metrics. The zero value is
// ready to use.
type memory struct {
	samples   []metrics.Sample
	perG      float64 // bytes a goroutine, as last seen; 0 before
	estimated float64 // the same, less what skipped captures took off
}

var memoryMetrics = [...]string{
	"/gc/heap/allocs:bytes",
	"/gc/heap/live:bytes",
	"/memory/classes/total:bytes",
	"/memory/classes/heap/released:bytes",
	"/memory/classes/heap/free:bytes",
	"/memory/classes/heap/unused:bytes",
	"/memory/classes/heap/objects:bytes",
}

// usage is the process's memory at one moment, in bytes.
type usage struct {
	allocated uint64 // ever
	kept      uint64 // what the runtime holds without garbage and free room
	free      uint64 // mapped, and free for new objects
}

func (m *memory) read() usage {
	if m.samples == nil {
		m.samples = make([]metrics.Sample, len(memoryMetrics))
		for i, name := range memoryMetrics {
			m.samples[i].Name = name
		}
	}
	metrics.Read(m.samples)
	v := func(i int) uint64 {
		if s := m.samples[i].Value; s.Kind() == metrics.KindUint64 {
			return s.Uint64()
		}
		return 0
	}
	total, released, free, unused, objects := v(2), v(3), v(4), v(5), v(6)
	live := v(1)
	if live == 0 || live > objects { // before the first collection all may be live
		live = objects
	}
	rest := released + free + unused + objects
	return usage{
		allocated: v(0),
		kept:      total - min(rest, total) + live,
		free:      free,
	}
}

// limits say how much memory the process may use.
type limits struct {
	soft  func() int64                     // the runtime's limit, MaxInt64 is none
	group func() (left uint64, limit bool) // what is left in the control group
}

var processLimits = limits{
	soft:  func() int64 { return debug.SetMemoryLimit(-1) },
	group: func() (uint64, bool) { return cgroupLeft(hostFS) },
}

// headroom returns the bytes left to the limit; ok is false where there is none.
//
// Below the runtime's own limit garbage counts as room, since the collector
// runs before the limit is passed. Below the control group's it does not.
func (l limits) headroom(u usage) (left uint64, ok bool) {
	if soft := l.soft(); soft != math.MaxInt64 {
		return uint64(soft) - min(u.kept, uint64(soft)), true
	}
	if left, ok = l.group(); ok {
		return left + u.free, true
	}
	return 0, false
}

// admit reports why a capture of n goroutines must not be made, and "" when it
// may be.
func (m *memory) admit(n int, u usage, l limits, share float64) string {
	left, limited := l.headroom(u)
	need := fixedBytes + float64(n)*max(m.estimated, priorBytes)
	if !limited || need <= share*float64(left) {
		return ""
	}
	// The estimate may be out of date: come down to a half of it, in some ten
	// attempts, so that one capture of deep stacks is not the last one.
	m.estimated = max(m.estimated*.93, m.perG/2)
	return fmt.Sprintf("memory: %d goroutines need about %.1f MB, more than %.0f %% of the %.1f MB left",
		n, need/1e6, share*100, float64(left)/1e6)
}

// learn takes in what a capture of n goroutines allocated, with the number of
// its samples and the sum of its goroutines' depths. Other goroutines allocated in that
// time too, and nothing tells whose it was, so the figure is capped by what the
// profile itself can have cost: a busy service must not talk the guard into
// skipping for ever.
func (m *memory) learn(allocated uint64, n, samples, frames int) {
	if n <= 0 {
		return
	}
	count := float64(n)
	most := 1536*count + 96*float64(frames) + 4096*float64(samples)
	bytes := min(max(float64(allocated)-fixedBytes, 0), most)
	m.perG = (bytes + priorWeight*priorBytes) / (count + priorWeight)
	m.estimated = m.perG
}
