package detect_test

import (
	"fmt"
	"math"
	"time"

	"github.com/hale-go/hale/detect"
	"github.com/hale-go/hale/observe"
)

// A detector needs nothing but turns.
func ExampleLeak() {
	leak := detect.NewLeak(detect.LeakConfig{Grace: time.Second})
	var findings []detect.Finding
	for i := range 6 {
		at := time.Date(2026, 1, 2, 3, 4, i, 0, time.UTC)
		findings = leak.Detect(observe.Turn{Time: at, Snapshot: &observe.Snapshot{Time: at, Groups: []observe.Group{{
			Name: "GET /recommendations", Ended: 5 * time.Second, Count: 10 * i, Wait: observe.WaitReceive,
			Entry: observe.Site{Function: "reco.(*Client).watch"}, Blocked: observe.Site{Function: "reco.(*Client).watch"},
		}}}})
	}
	for _, f := range findings {
		fmt.Println(f.Confidence, f.Kind, "of", f.Subject.Name, "at", f.Subject.Site)
	}
	// Output: confirmed goroutine_leak of GET /recommendations at reco.(*Client).watch
}

// What an operation's calls inherited is put down to the one that failed.
func ExampleErrorRate() {
	errorRate := detect.NewErrorRate(detect.ErrorRateConfig{})
	var findings []detect.Finding
	for i := range 20 {
		findings = errorRate.Detect(observe.Turn{Time: time.Date(2026, 1, 2, 3, 4, i, 0, time.UTC), Sample: observe.Sample{Operations: []observe.OperationStat{
			{
				Name: "GET /cart", Kind: observe.Server, Ended: 10, Failed: 6, Inherited: 6,
				Outcomes: []observe.Outcome{{Name: "500", Count: 6, Failed: true}}, Calls: []observe.Call{{Name: "payments.quote", Count: 10, Failed: 6}},
			},
			{Name: "payments.quote", Kind: observe.Client, Ended: 10, Failed: 6, Outcomes: []observe.Outcome{{Name: "timeout", Count: 6, Failed: true}}},
		}}})
	}
	for _, f := range findings {
		fmt.Println(f.Confidence, f.Kind, "of", f.Subject, "because of", f.Cause)
	}
	// Output:
	// confirmed error_rate of GET /cart because of payments.quote
	// confirmed error_rate of payments.quote because of
}

// An objective is what may fail in 30 days.
func ExampleBurnRate() {
	burnRate := detect.NewBurnRate([]detect.Objective{{Operation: "GET /cart", Target: 0.999}})
	var findings []detect.Finding
	for i := range 10 * 60 {
		findings = burnRate.Detect(observe.Turn{Time: time.Date(2026, 1, 2, 3, 4, i, 0, time.UTC), Sample: observe.Sample{Operations: []observe.OperationStat{
			{Name: "GET /cart", Kind: observe.Server, Ended: 50, Failed: 1},
		}}})
	}
	for _, f := range findings {
		fmt.Println(f.Confidence, f.Kind, "of", f.Subject, "at level", math.Round(f.Level))
	}
	// Output: confirmed burn_rate of GET /cart at level 20
}
