package resource

import (
	"math"
	"runtime/metrics"
	"time"

	"github.com/hale-go/hale/observe"
)

// What is asked of Go's runtime. Together that takes some microseconds at any
// number of goroutines.
const (
	mProcs = iota
	mCollecting
	mTotal
	mCycles
	mLive
	mLatencies
)

func goMetrics() []metrics.Sample {
	return []metrics.Sample{
		mProcs:      {Name: "/sched/gomaxprocs:threads"},
		mCollecting: {Name: "/cpu/classes/gc/total:cpu-seconds"},
		mTotal:      {Name: "/cpu/classes/total:cpu-seconds"},
		mCycles:     {Name: "/gc/cycles/total:gc-cycles"},
		mLive:       {Name: "/gc/heap/live:bytes"},
		mLatencies:  {Name: "/sched/latencies:seconds"},
	}
}

// readGo reads what Go's runtime tells. It returns how many processors it uses,
// and reports what it does not know.
func (r *Reader) readGo(u *use) (procs float64, collector, wait bool) {
	m := r.metrics
	metrics.Read(m)
	for i, kind := range [...]metrics.ValueKind{
		mCollecting: metrics.KindFloat64, mTotal: metrics.KindFloat64, mCycles: metrics.KindUint64, mLive: metrics.KindUint64,
	} {
		collector = collector && m[i].Value.Kind() == kind || i == mProcs
	}
	if collector && m[mCycles].Value.Uint64() > 0 {
		u.collector = observe.CollectorUse{
			Time: seconds(m[mCollecting].Value.Float64()), Total: seconds(m[mTotal].Value.Float64()),
			Cycles: m[mCycles].Value.Uint64(), Live: m[mLive].Value.Uint64(),
		}
		u.out.Collector = &u.collector
	}
	if wait = m[mLatencies].Value.Kind() == metrics.KindFloat64Histogram; wait {
		h := m[mLatencies].Value.Float64Histogram()
		if u.wait = r.waits(h.Counts, h.Buckets); u.wait.Count > 0 {
			u.out.Wait = &u.wait
		}
	}
	procs = 1
	if m[mProcs].Value.Kind() == metrics.KindUint64 {
		procs = float64(m[mProcs].Value.Uint64())
	}
	return procs, collector, wait
}

// waits compares the histogram with that of the last reading. The first reading
// has no time before it and tells nothing.
func (r *Reader) waits(counts []uint64, buckets []float64) (w observe.WaitUse) {
	if len(r.buckets) != len(counts) {
		r.buckets = append([]uint64(nil), counts...)
		return w
	}
	since := func(i int) uint64 { return counts[i] - min(r.buckets[i], counts[i]) }
	for i := range counts {
		w.Count += since(i)
	}
	seen := uint64(0)
	for i := range counts {
		n := since(i)
		if n == 0 {
			continue
		}
		seen += n
		end := buckets[i+1]
		if math.IsInf(end, 1) { // the last is open
			end = buckets[i]
		}
		if w.P50 == 0 && 2*seen >= w.Count {
			w.P50 = seconds(end)
		}
		if 100*seen >= 99*w.Count {
			w.P99 = seconds(end)
			break
		}
	}
	copy(r.buckets, counts)
	return w
}

// seconds returns a time to the microsecond, at least 0. Some waits are shorter.
func seconds(s float64) time.Duration {
	if !(s > 0) {
		return 0
	}
	if s < 1e-5 {
		return time.Duration(math.Round(s * 1e9))
	}
	return duration(uint64(min(s*1e6+.5, 1<<62)), time.Microsecond)
}
