package isolate_test

import (
	"fmt"
	"time"

	"github.com/hale-go/hale/isolate"
)

// A dependency with eight workers: more than eight calls at once queue there.
func ExampleAdaptive() {
	limit, err := isolate.NewAdaptive(isolate.AdaptiveConfig{Initial: 50}, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	for range 20_000 {
		inFlight := limit.Limit() // as many as may be
		took := 10 * time.Millisecond * time.Duration(max(8, inFlight)) / 8
		limit.Record(took, inFlight, false)
	}
	if l := limit.Limit(); l >= 4 && l <= 12 {
		fmt.Println("up to half more than eight, half of that in a probe")
	}
	// Output:
	// up to half more than eight, half of that in a probe
}
