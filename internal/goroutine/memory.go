package goroutine

import (
	"fmt"
	"math"
	"runtime/debug"
	"runtime/metrics"
)

// What a capture allocates, as measured with Go 1.26 and rounded up, most of it
// in runtime/pprof: it formats each goroutine's stack and labels as a key, in a
// buffer that doubles, which makes the figures steps. TestMemoryModel compares
// them with the truth.
const (
	fixedBytes     = 3 << 19 // at any number of goroutines, most of it the tables of a compressor
	goroutineBytes = 600
	frameBytes     = 60
	labelBytes     = 6 // for each byte of a goroutine's labels

	// A sample is a set of goroutines whose stack and labels are equal.
	sampleBytes      = 1900
	sampleLabelBytes = 10
)

// What nobody has looked at yet is taken for: goroutines whose labels are as
// long as hale's, and at the worst are all different, and on whose stacks, but
// for the room that the runtime keeps free, calls need 48 bytes.
const (
	unknownLabel = 80
	spareStack   = 928
	callStack    = 48
	maxCalls     = 128
)

// wear is what a skipped capture leaves of the worst case.
const wear = .8

// memory foresees what a capture will allocate. The zero value is ready to use.
//
// What the last capture saw is charged by what it was like. Goroutines that came
// since, and stack that grew since, may be anything, so the worst is assumed of
// them. An assumption must not blind hale for good: each capture that is skipped
// for it takes a fifth off. What was seen does not wear off.
type memory struct {
	samples []metrics.Sample

	known   int     // goroutines of the last capture
	perG    float64 // bytes for each of them
	stack   uint64  // of all goroutines then
	skipped int     // captures since
}

var memoryMetrics = [...]string{
	"/gc/heap/live:bytes",
	"/memory/classes/total:bytes",
	"/memory/classes/heap/released:bytes",
	"/memory/classes/heap/free:bytes",
	"/memory/classes/heap/unused:bytes",
	"/memory/classes/heap/objects:bytes",
	"/memory/classes/heap/stacks:bytes",
}

// usage is the process's memory at one moment, in bytes.
type usage struct {
	kept  uint64 // what the runtime holds without garbage and free room
	free  uint64 // mapped, and free for new objects
	stack uint64 // reserved for the stacks of goroutines
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
	live, total, released, free, unused, objects := v(0), v(1), v(2), v(3), v(4), v(5)
	if live == 0 || live > objects { // before the first collection all may be live
		live = objects
	}
	rest := released + free + unused + objects
	return usage{kept: total - min(rest, total) + live, free: free, stack: v(6)}
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

// need returns how many bytes a capture of n goroutines is expected to allocate
// at most.
func (m *memory) need(n int, stack uint64) float64 {
	unknown := float64(max(n-m.known, 0))
	grown := float64(stack) - float64(m.stack) - spareStack*unknown
	calls := min(max(grown/callStack, 0), maxCalls*float64(n))
	worst := frameBytes*calls + unknown*(sampleBytes+sampleLabelBytes*unknownLabel)
	return fixedBytes + m.perG*float64(min(n, m.known)) +
		unknown*(goroutineBytes+labelBytes*unknownLabel) + worst*math.Pow(wear, float64(m.skipped))
}

// admit reports why a capture of n goroutines must not be made, and "" when it
// may be.
func (m *memory) admit(n int, u usage, l limits, share float64) string {
	left, limited := l.headroom(u)
	need := m.need(n, u.stack)
	if !limited || need <= share*float64(left) {
		return ""
	}
	m.skipped++
	return fmt.Sprintf("memory: %d goroutines need about %.1f MB, more than %.0f %% of the %.1f MB left",
		n, need/1e6, share*100, float64(left)/1e6)
}

// learn takes in what a capture saw. What it really allocated is not asked for:
// other goroutines allocated in that time too, and nothing tells whose it was.
func (m *memory) learn(t totals, stack uint64) {
	if t.goroutines <= 0 {
		return
	}
	n := float64(t.goroutines)
	label := float64(t.labelBytes) / n
	m.known, m.stack, m.skipped = t.goroutines, stack, 0
	m.perG = goroutineBytes + frameBytes*float64(t.frames)/n + labelBytes*label +
		float64(t.samples)/n*(sampleBytes+sampleLabelBytes*label)
}
