package detect_test

import (
	"math/rand/v2"
	"testing"

	"github.com/hale-go/hale/detect"
	"github.com/hale-go/hale/observe"
)

// What share of runs panics is judged only when enough of them were seen: of many
// names that are below the least share none is confirmed by luck, and those that are
// well above are confirmed within seconds.
func TestPanicShareIsForSure(t *testing.T) {
	for _, c := range []struct {
		share    float64
		least    int // of 100 names that are confirmed
		most     int
		within   int // turns
		aSecond  int
		patience int
	}{
		{0.10, 0, 0, 0, 10, 40},
		{0.20, 0, 5, 0, 10, 40},
		{0.20, 0, 2, 0, 200, 40},
		{0.50, 95, 100, 8, 10, 40},
		{0.50, 100, 100, 2, 200, 40},
		{1, 100, 100, 2, 10, 40},
	} {
		confirmed, late := 0, 0
		for seed := range uint64(100) {
			r := rand.New(rand.NewPCG(seed, 1))
			f := feed{d: detect.NewPanicLoop(detect.PanicLoopConfig{})}
			started := uint64(5000)
			f.turn(live(0, started), nil)
			at := 0
			for turn := 1; turn <= c.patience && at == 0; turn++ {
				var events []observe.Event
				for range c.aSecond {
					started++
					if r.Float64() < c.share {
						events = append(events, event(observe.EventPanic, 7))
					}
				}
				for _, g := range f.turn(live(0, started), nil, events...) {
					if g.Confidence == detect.Confirmed {
						at = turn
					}
				}
			}
			if at > 0 {
				confirmed++
			}
			if c.within > 0 && at > c.within {
				late++
			}
		}
		t.Logf("%.0f %% of %d a second: %d of 100 names confirmed, %d of them later than %d turns", 100*c.share, c.aSecond, confirmed, late, c.within)
		if confirmed < c.least || confirmed > c.most || late > 10 {
			t.Errorf("want %d to %d", c.least, c.most)
		}
	}
}
