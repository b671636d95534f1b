package detect_test

import (
	"testing"
	"time"

	"github.com/hale-go/hale/detect"
	"github.com/hale-go/hale/observe"
)

func TestStalledCalleeIsTheCause(t *testing.T) {
	const at = 240
	found := after(detect.NewStalled(), stalledQuotes(at+12, at))
	if f := about(t, found, quote); len(found) != 2 || f.Confidence != detect.Confirmed || f.Kind != detect.KindStalled || !f.Cause.IsZero() {
		t.Errorf("of the callee: %+v", found)
	}
	if f := about(t, found, order); f.Confidence != detect.Suspected || f.Cause.Name != quote {
		t.Errorf("of the caller: %+v", f)
	}
	d := detect.NewStalled()
	after(d, stalledQuotes(at+12, at))
	if found := after(d, stalledQuotes(at+40, at+100)[at+12:]); len(found) > 0 {
		t.Errorf("it goes on: %+v", found)
	}
}

func TestChokedOperation(t *testing.T) {
	const at = 240
	turns := turnsOf(at+40, time.Second, func(i int) []observe.OperationStat {
		o := done(observe.Server, order, 20, 60)
		if i >= at {
			o = done(observe.Server, order, 4, 60)
			o.Started, o.InFlight = 20, int64(16*(i-at))
			o.Waiting = []uint32{uint32(o.InFlight)}
		}
		return []observe.OperationStat{o}
	})
	if f := about(t, after(detect.NewStalled(), turns), order); f.Confidence != detect.Confirmed {
		t.Errorf("%+v", f)
	}
}

func TestNotStalled(t *testing.T) {
	const at = 300
	for _, c := range []struct {
		name string
		turn func(i int) observe.OperationStat
	}{
		{"nobody asks", func(i int) observe.OperationStat {
			if i < at {
				return done(observe.Server, order, 20, 60)
			}
			return observe.OperationStat{Name: order, Kind: observe.Server, InFlight: 1, Waiting: []uint32{1}}
		}},
		{"a stream", func(i int) observe.OperationStat {
			o := inFlight(observe.Server, order, 100, 64)
			if i < at && i%10 == 0 {
				o = done(observe.Server, order, 1, 600e3)
				o.InFlight, o.Waiting = 100, []uint32{100, 100, 100, 100, 100, 100, 100}
			}
			return o
		}},
		{"a burst", func(i int) observe.OperationStat {
			if i < at {
				return done(observe.Server, order, 20, 60)
			}
			o := done(observe.Server, order, 60, 120)
			o.InFlight = 60
			return o
		}},
		{"a pause of four seconds", func(i int) observe.OperationStat {
			if i < at || i >= at+4 {
				return done(observe.Server, order, 20, 60)
			}
			return inFlight(observe.Server, order, 5*(i-at), i-at)
		}},
	} {
		d := detect.NewStalled()
		for i, turn := range turnsOf(at+30, time.Second, func(i int) []observe.OperationStat { return []observe.OperationStat{c.turn(i)} }) {
			if found := d.Detect(turn); len(found) > 0 {
				t.Errorf("%s, turn %d: %+v", c.name, i, found)
				break
			}
		}
	}
}
