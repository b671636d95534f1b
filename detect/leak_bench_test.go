package detect_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/hale-go/hale/detect"
	"github.com/hale-go/hale/observe"
)

// One snapshot of 1,000 groups: a hundred names, some of them with orphans.
func BenchmarkTurn(b *testing.B) {
	sample := observe.Sample{}
	snap := &observe.Snapshot{}
	for i := range 100 {
		name := fmt.Sprintf("GET /route/%02d", i)
		sample.Tasks = append(sample.Tasks, observe.TaskStat{Name: name, Peak: 20, Live: 5})
		for j := range 10 {
			g := simGroup(name, fmt.Sprintf("example.com/service/internal/package%02d.(*Client).loop%d", i, j), observe.WaitSelect, -1, 7)
			if j >= 7 {
				g.Ended = 30 * time.Second
			}
			snap.Groups = append(snap.Groups, g)
		}
	}
	for _, d := range []struct {
		name string
		d    detect.Detector
	}{{"leak", detect.NewLeak(detect.LeakConfig{})}, {"growth", detect.NewGrowth(detect.LeakConfig{})}} {
		b.Run(d.name, func(b *testing.B) {
			b.ReportAllocs()
			now := t0
			for b.Loop() {
				now = now.Add(10 * time.Second)
				sample.Time, snap.Time = now, now
				d.d.Detect(observe.Turn{Time: now, Sample: sample, Snapshot: snap})
			}
		})
	}
}
