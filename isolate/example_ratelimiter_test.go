package isolate_test

import (
	"context"
	"fmt"
	"time"

	"github.com/hale-go/hale/isolate"
)

func ExampleRateLimiter() {
	limit, err := isolate.NewRateLimiter(isolate.RateConfig{Calls: 2, Per: time.Minute})
	if err != nil {
		fmt.Println(err)
		return
	}
	for range 3 {
		if err := limit.Acquire(context.Background()); err != nil {
			fmt.Println(err, "- try again in", limit.RetryAfter().Round(10*time.Second))
			continue
		}
		fmt.Println("sent")
	}
	// Output:
	// sent
	// sent
	// hale: rate limit exceeded - try again in 30s
}
