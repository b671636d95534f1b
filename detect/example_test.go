package detect_test

import (
	"fmt"
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
