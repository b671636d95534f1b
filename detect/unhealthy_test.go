package detect_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/hale-go/hale/detect"
	"github.com/hale-go/hale/observe"
)

// Parts of a kind are one finding, which tells of those that have been unwell for longest.
func TestUnhealthyPartsOfAKind(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	turn := observe.Turn{Time: at}
	for i := range 10 {
		turn.Sample.Unhealthy = append(turn.Sample.Unhealthy, observe.UnhealthyStat{
			Name: fmt.Sprintf("checkpoint:%d", i), Error: "disk full", Since: at.Add(-time.Duration(i) * time.Second), Times: 3,
		})
	}
	turn.Sample.Unhealthy = append(turn.Sample.Unhealthy, observe.UnhealthyStat{Name: "checkpoints", Error: "odd", Since: at})
	got := withUnits(detect.NewUnhealthy().Detect(turn))
	if len(got) != 2 {
		t.Fatalf("%d findings: %+v", len(got), got)
	}
	f := got[0]
	if f.Subject.Name != "checkpoint" || f.Confidence != detect.Suspected || f.Level != 10 || !f.Since.Equal(at.Add(-9*time.Second)) {
		t.Errorf("%+v", f)
	}
	if n := len(f.Evidence); n != 5 || !strings.HasPrefix(f.Evidence[0].Text, "checkpoint:9 has not been well for 9s, it says: disk full") || f.Evidence[4].Text != "and 6 more of checkpoint" {
		t.Errorf("%d: %+v", n, f.Evidence)
	}
	if got[1].Subject.Name != "checkpoints" || got[1].Level != 1 {
		t.Errorf("%+v", got[1])
	}
	turn.Time = at.Add(time.Second)
	if got := detect.NewUnhealthy().Detect(turn); got[0].Confidence != detect.Confirmed || got[1].Confidence != detect.Suspected {
		t.Errorf("after 10 s: %+v", got)
	}
	turn.Sample.Unhealthy = nil
	if got := detect.NewUnhealthy().Detect(turn); len(got) != 0 {
		t.Errorf("it has not cleared: %+v", got)
	}
}
