package detect_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/hale-go/hale/detect"
	"github.com/hale-go/hale/observe"
)

// Seconds of a service of 200 operations, each with 30 buckets of latencies. The
// turns that end slots, of ten seconds and of five minutes, are among them.
func BenchmarkSlowness(b *testing.B) {
	var sample observe.Sample
	for i := range 200 {
		o := observe.OperationStat{Name: fmt.Sprintf("GET /route/%03d", i), Kind: observe.Server, Started: 60, Ended: 60, InFlight: 3, Time: time.Second, Below: time.Second / 2}
		for k := range 30 {
			o.Latency = append(o.Latency, observe.Bucket{Index: 300 + 3*k, Count: uint64(1 + 4*(k%2))})
		}
		o.Calls = []observe.Call{{Name: "cache.get", Count: 60, Time: time.Second / 4}, {Name: "db.query", Count: 60, Time: time.Second / 4}}
		sample.Operations = append(sample.Operations, o)
	}
	for _, d := range slowness() {
		b.Run(d.Name, func(b *testing.B) {
			b.ReportAllocs()
			now := t0
			for b.Loop() {
				now = now.Add(time.Second)
				sample.Time = now
				d.Detector.Detect(observe.Turn{Time: now, Sample: sample})
			}
		})
	}
}

// slowness are the detectors that this file and its neighbours are about.
func slowness() []detect.Named {
	return []detect.Named{
		{Name: "latency", Detector: detect.NewLatency(detect.LatencyConfig{})},
		{Name: "creep", Detector: detect.NewCreep()},
		{Name: "stalled", Detector: detect.NewStalled()},
		{Name: "spans", Detector: detect.NewSpans()},
	}
}
