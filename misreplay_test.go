package hale_test

import (
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/observe"
)

// Whatever an adapter or a metric says, each segment of the recording can be replayed:
// no detector refuses a state of its own.
func TestWhatIsMisusedCanBeReplayed(t *testing.T) {
	for name, misuse := range map[string]func(rt *hale.Runtime){
		"an end without a beginning": func(rt *hale.Runtime) {
			rt.ForeignSpan(rt.Operation(observe.Server, "GET /x", "")).End(hale.ForeignEnd{Took: 1})
		},
		"a year and longer": func(rt *hale.Runtime) {
			f := rt.ForeignSpan(rt.Operation(observe.Server, "GET /x", ""))
			for range 100 {
				f.Begin()
				f.End(hale.ForeignEnd{Took: math.MaxInt64, Below: math.MinInt64})
			}
		},
		"the greatest metric": func(rt *hale.Runtime) {
			rt.Measure("most", func() float64 { return 9.9e99 })
			rt.Measure("least", func() float64 { return -9.9e99 })
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				rt := newRuntime(t)
				time.Sleep(3500 * time.Millisecond) // so that segments begin within what detectors sum up
				misuse(rt)
				for range 120 {
					time.Sleep(time.Second)
					if err := rt.Step(t.Context()); err != nil {
						t.Fatal(err)
					}
				}
				segments := rt.Recording().Segments
				for i, s := range segments {
					if err := hale.VerifyReplay(observe.Recording{Segments: []observe.Segment{s}}); err != nil {
						t.Fatalf("segment %d of %d: %.300v", i, len(segments), err)
					}
				}
				if len(segments) < 2 {
					t.Errorf("%d segments: the test tries nothing", len(segments))
				}
				for _, o := range rt.Operations() {
					if o.InFlight < 0 || o.Time < 0 || o.Below < 0 {
						t.Errorf("%+v", o)
					}
				}
			})
		})
	}
}
