package detect_test

import (
	"testing"
	"time"

	"github.com/hale-go/hale/detect"
	"github.com/hale-go/hale/observe"
)

func TestSpansThatNeverEnd(t *testing.T) {
	const at = 80
	found := after(detect.NewSpans(), leakedSpans(at+30, at))
	if f := about(t, found, "GET /cart"); f.Kind != detect.KindUnfinished || f.Confidence != detect.Confirmed || !f.Active {
		t.Errorf("%+v", f)
	}
}

func TestSpansThatEndLate(t *testing.T) {
	const at = 80
	for _, c := range []struct {
		name string
		turn func(i int, o *observe.OperationStat)
	}{
		{"work that takes a minute and ends", func(i int, o *observe.OperationStat) {
			if i >= at-10 {
				o.Latency = o.Latency.Plus(observe.Histogram{{Index: observe.BucketOf(40 * time.Second), Count: 1}})
			}
			if i >= at {
				o.Waiting = []uint32{9, 9, 9, 9, 9}
			}
		}},
		{"a stream of which nothing ends", func(i int, o *observe.OperationStat) {
			*o = inFlight(observe.Server, "GET /events", 10*i, 64)
		}},
		{"long from the beginning", func(_ int, o *observe.OperationStat) {
			o.Waiting = []uint32{9, 9, 9, 9, 9, 9, 9}
		}},
	} {
		found := after(detect.NewSpans(), turnsOf(at+40, 10*time.Second, func(i int) []observe.OperationStat {
			o := done(observe.Server, "GET /cart", 50, 20)
			c.turn(i, &o)
			return []observe.OperationStat{o}
		}))
		if len(found) > 0 {
			t.Errorf("%s: %+v", c.name, found)
		}
	}
}

func TestSpansThatOutliveTheirCallers(t *testing.T) {
	turns := turnsOf(40, 30*time.Second, func(i int) []observe.OperationStat {
		late, usual := done(observe.Client, "audit.write", 40, 10), done(observe.Internal, "mail.send", 40, 10)
		usual.Outlived = 38
		if i >= 30 {
			late.Outlived = 20
		}
		return []observe.OperationStat{late, usual}
	})
	found := after(detect.NewSpans(), turns)
	if f := about(t, found, "audit.write"); len(found) != 1 || f.Kind != detect.KindOutlived || f.Confidence != detect.Suspected {
		t.Errorf("%+v", found)
	}
}
