package goroutine

import (
	"runtime/metrics"
	"time"
)

// collector tells what the garbage of a snapshot costs. The collector does its
// work on other threads and later, so the time of the thread that takes the
// snapshot says nothing of it, and no measure tells for whom it worked. The
// zero value is ready to use.
type collector struct{ samples []metrics.Sample }

var collectorMetrics = [...]string{"/cpu/classes/gc/total:cpu-seconds", "/gc/heap/allocs:bytes"}

// charge returns the processor time that the collector spends on so many bytes
// of garbage: what it has spent on each byte since the process began. It counts the
// time in which a worker of its was held up by other processes too, so the charge
// is at most limit.
func (c *collector) charge(bytes float64, limit time.Duration) time.Duration {
	if c.samples == nil {
		c.samples = make([]metrics.Sample, len(collectorMetrics))
		for i, name := range collectorMetrics {
			c.samples[i].Name = name
		}
	}
	metrics.Read(c.samples)
	spent, allocated := c.samples[0].Value, c.samples[1].Value
	if spent.Kind() != metrics.KindFloat64 || allocated.Kind() != metrics.KindUint64 || allocated.Uint64() == 0 {
		return 0
	}
	seconds := spent.Float64() / float64(allocated.Uint64()) * bytes
	return time.Duration(min(seconds, limit.Seconds()) * float64(time.Second))
}
