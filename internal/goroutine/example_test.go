package goroutine_test

import (
	"fmt"
	"time"

	"github.com/hale-go/hale/internal/goroutine"
	"github.com/hale-go/hale/observe"
)

func Example() {
	cells := map[string]time.Time{"1": {}} // when each ended; zero: it still runs
	resolve := func(l goroutine.Label, began time.Time) (observe.TaskID, time.Duration, bool) {
		ended, ok := cells[l.Cell]
		if !ok || ended.IsZero() {
			return observe.TaskID{}, -1, ok
		}
		return observe.TaskID{}, began.Sub(ended), true
	}
	capturer := goroutine.NewCapturer(goroutine.Config{}, resolve)
	pacer := goroutine.Pacer{Interval: 10 * time.Second}

	// One turn of the loop.
	if now := time.Now(); pacer.Due(now) {
		s := capturer.Capture(now)
		pacer.Done(now, s.CPU)
		for _, g := range s.Groups {
			if g.Entry.Function == "main.main" {
				fmt.Println(g.Count, "goroutine started in", g.Entry.Function)
			}
		}
	}
	fmt.Println("due again at once:", pacer.Due(time.Now()))
	// Output:
	// 1 goroutine started in main.main
	// due again at once: false
}
