package detect

import (
	"encoding/json"
	"fmt"
	"math"
	"time"

	"github.com/hale-go/hale/observe"
)

// coarse counts durations in eight buckets for each doubling: quantiles to within a
// few percent, which is what a window of some seconds tells anyway. Its JSON is a
// list of index, count, index, count.
type coarse []uint32

const (
	coarseBuckets = observe.Buckets / 4
	mostCoarse    = 1 << 28 // of a bucket: what is counted cannot overflow
)

func (c *coarse) add(h observe.Histogram) {
	if *c == nil {
		*c = make(coarse, coarseBuckets)
	}
	at := *c
	for _, b := range h {
		i := min(max(b.Index, 0), observe.Buckets-1) / 4
		at[i] = min(at[i]+uint32(min(b.Count, mostCoarse)), mostCoarse)
	}
}

func (c coarse) total() (n float64) {
	for _, k := range c {
		n += float64(k)
	}
	return n
}

// edge returns where a bucket starts, in milliseconds.
func edge(i int) float64 {
	return float64(observe.BucketStart(4*i)) / float64(time.Millisecond)
}

// quantile returns the duration below which the part q of all n lies, in
// milliseconds.
func (c coarse) quantile(q, n float64) float64 {
	rank := q * n
	for i, k := range c {
		if k == 0 {
			continue
		}
		f := float64(k)
		if rank <= f {
			low := edge(i)
			return low + (edge(i+1)-low)*rank/f
		}
		rank -= f
	}
	return 0
}

// above returns how many took longer than ms milliseconds.
func (c coarse) above(ms float64) (n float64) {
	if len(c) == 0 || math.IsNaN(ms) {
		return 0
	}
	at := observe.Buckets
	if ms < float64(math.MaxInt64/time.Millisecond) {
		at = observe.BucketOf(time.Duration(ms*float64(time.Millisecond))) / 4
	}
	for i := at + 1; i < len(c); i++ {
		n += float64(c[i])
	}
	if at < len(c) && c[at] > 0 {
		low, high := edge(at), edge(at+1)
		n += float64(c[at]) * min(max((high-ms)/(high-low), 0), 1)
	}
	return n
}

// MarshalJSON implements [json.Marshaler].
func (c coarse) MarshalJSON() ([]byte, error) {
	flat := []uint32{}
	for i, n := range c {
		if n > 0 {
			flat = append(flat, uint32(i), n)
		}
	}
	return json.Marshal(flat)
}

// UnmarshalJSON implements [json.Unmarshaler].
func (c *coarse) UnmarshalJSON(b []byte) error {
	var flat []uint32
	if err := json.Unmarshal(b, &flat); err != nil {
		return err
	}
	*c = nil
	if len(flat) == 0 {
		return nil
	}
	*c = make(coarse, coarseBuckets)
	for i := 0; i+1 < len(flat); i += 2 {
		if flat[i] >= coarseBuckets || flat[i+1] > mostCoarse {
			return &StateError{Field: "open", Err: fmt.Errorf("bucket %d of %d durations", flat[i], flat[i+1])}
		}
		(*c)[flat[i]] = flat[i+1]
	}
	return nil
}
