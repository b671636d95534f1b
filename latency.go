package hale

import (
	"sync/atomic"
	"time"

	"github.com/hale-go/hale/observe"
)

// latency is a histogram that any goroutine may add to, in the buckets of
// [observe.Histogram]. Most operations need few of its blocks, which are made when
// a duration falls into them.
type latency struct {
	blocks [observe.Buckets / latencyBlock]atomic.Pointer[[latencyBlock]atomic.Uint64]
	sum    atomic.Int64 // nanoseconds
}

const latencyBlock = 32

func (l *latency) add(d time.Duration) { l.addTimes(d, 1) }

// addTimes adds n that took as long.
func (l *latency) addTimes(d time.Duration, n uint64) {
	l.sum.Add(int64(max(d, 0)) * int64(n))
	i := observe.BucketOf(d)
	slot := &l.blocks[i/latencyBlock]
	block := slot.Load()
	if block == nil {
		block = new([latencyBlock]atomic.Uint64)
		if !slot.CompareAndSwap(nil, block) {
			block = slot.Load()
		}
	}
	block[i%latencyBlock].Add(n)
}

// all returns what was counted so far.
func (l *latency) all() observe.Histogram {
	n := 0
	for i := range l.blocks {
		if block := l.blocks[i].Load(); block != nil {
			for j := range block {
				if block[j].Load() > 0 {
					n++
				}
			}
		}
	}
	if n == 0 {
		return nil
	}
	h := make(observe.Histogram, 0, n)
	for i := range l.blocks {
		block := l.blocks[i].Load()
		if block == nil {
			continue
		}
		for j := range block {
			if n := block[j].Load(); n > 0 {
				h = append(h, observe.Bucket{Index: i*latencyBlock + j, Count: n})
			}
		}
	}
	return h
}

// since returns what was counted since all returned old.
func since(now, old observe.Histogram) observe.Histogram {
	var out observe.Histogram
	for _, b := range now {
		for len(old) > 0 && old[0].Index < b.Index {
			old = old[1:]
		}
		if len(old) > 0 && old[0].Index == b.Index {
			b.Count -= old[0].Count
		}
		if b.Count > 0 {
			out = append(out, b)
		}
	}
	return out
}
