package detect_test

import (
	"math"
	"testing"
	"time"

	"github.com/hale-go/hale/detect"
	"github.com/hale-go/hale/observe"
)

func TestSlowCreepIsFound(t *testing.T) {
	found := after(detect.NewCreep(), creepingSearch(12*16, 12*6, .15))
	if f := about(t, found, "GET /search"); len(found) != 1 || f.Kind != detect.KindCreep || f.Confidence != detect.Confirmed || !f.Active {
		t.Errorf("%+v", found)
	}
	d := detect.NewCreep()
	after(d, creepingSearch(12*16, 12*6, .15))
	if found := after(d, creepingSearch(12*17, 12*18, .15)[12*16:]); len(found) > 0 { // it was mended
		t.Errorf("%+v", found)
	}
}

func TestNoCreep(t *testing.T) {
	for _, c := range []struct {
		name string
		turn func(hour float64) (ms float64, n int)
	}{
		{"a step", func(h float64) (float64, int) {
			return map[bool]float64{true: 80, false: 50}[h > 8], 400
		}},
		{"a day", func(h float64) (float64, int) {
			swing := math.Sin(2 * math.Pi * h / 24)
			return 50 * (1 + .4*swing), int(400 * (1 + .8*swing))
		}},
		{"a day that lags behind its load", func(h float64) (float64, int) {
			return 50 * (1 + .4*math.Sin(2*math.Pi*(h-2)/24)), int(400 * (1 + .8*math.Sin(2*math.Pi*h/24)))
		}},
		{"load that rises", func(h float64) (float64, int) { return 50 * (1 + h/24), int(400 * (1 + h/12)) }},
		{"a millisecond", func(h float64) (float64, int) { return 2 + h/12, 400 }},
	} {
		d := detect.NewCreep()
		for _, turn := range turnsOf(12*72, 5*time.Minute, func(i int) []observe.OperationStat {
			ms, n := c.turn(float64(i) / 12)
			return []observe.OperationStat{done(observe.Server, "GET /search", n+i*11%40, ms+float64(i*7%5))}
		}) {
			if found := d.Detect(turn); len(found) > 0 {
				t.Errorf("%s, %v: %+v", c.name, turn.Time.Sub(t0), found)
				break
			}
		}
	}
}
