package detect_test

import (
	"testing"
	"time"

	"github.com/hale-go/hale/detect"
	"github.com/hale-go/hale/haletest"
	"github.com/hale-go/hale/observe"
)

// wallTurns returns turns of a second each, whose samples are what fill puts there.
func wallTurns(n int, fill func(second int, s *observe.Sample)) []observe.Turn {
	at := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	out := make([]observe.Turn, n)
	for i := range out {
		out[i] = observe.Turn{Seq: uint64(i + 1), Time: at.Add(time.Duration(i) * time.Second), Sample: observe.Sample{Slowdown: 1}}
		out[i].Sample.Time = out[i].Time
		fill(i, &out[i].Sample)
	}
	return out
}

// openFor returns turns in which a breaker is open from second 5 on, for so long.
func openFor(n, seconds int) []observe.Turn {
	return wallTurns(n, func(at int, s *observe.Sample) {
		w := observe.WallStat{Name: "payments.quote", Domain: "payments"}
		if at == 5 {
			w.Opened = 1
		}
		if at >= 5 && at < 5+seconds {
			w.Breaker, w.Open = "open", 3
			s.Walls = append(s.Walls, w)
		}
	})
}

func TestOpenBreakerIsFound(t *testing.T) {
	d := detect.NewWalls()
	for i, turn := range openFor(200, 150) {
		found := withUnits(d.Detect(turn))
		if want := i >= 5 && i < 5+150+9; (len(found) == 1) != want {
			t.Fatalf("second %d: %+v", i, found)
		}
		if len(found) == 0 {
			continue
		}
		f := found[0]
		if f.Kind != detect.KindOpenBreaker || f.Subject.Name != "payments.quote" || f.Subject.Domain != "payments" || f.Confidence != detect.Confirmed {
			t.Fatalf("second %d: %+v", i, f)
		}
		if alone := i < 5+120; f.Reflex != alone {
			t.Fatalf("second %d: left to the breaker: %v", i, f.Reflex)
		}
	}
}

// One that opens and closes all the time is one finding.
func TestFlappingBreakerIsOneFinding(t *testing.T) {
	d := detect.NewWalls()
	turns := wallTurns(60, func(at int, s *observe.Sample) {
		if at >= 5 && at%4 == 0 {
			s.Walls = []observe.WallStat{{Name: "payments.quote", Domain: "payments", Opened: 1}}
		}
	})
	for i, turn := range turns {
		if found := withUnits(d.Detect(turn)); (len(found) == 1) != (i >= 8) {
			t.Fatalf("second %d: %+v", i, found)
		}
	}
}

func fullFrom(n, from, to int, every int, inUse int) []observe.Turn {
	return wallTurns(n, func(at int, s *observe.Sample) {
		d := observe.DomainStat{Name: "shop.reco", Limit: 4, InUse: inUse}
		if at >= from && at < to && at%every == 0 {
			d.Full = 20
		}
		s.Domains = append(s.Domains, d)
	})
}

func TestFullDomainIsFound(t *testing.T) {
	for _, c := range []struct {
		name           string
		turns          []observe.Turn
		seen, sure, at int // first second in which it is suspected and confirmed, and the last
	}{
		{"full", fullFrom(60, 10, 40, 1, 4), 10, 14, 48},
		{"a moment", fullFrom(60, 10, 12, 1, 4), 10, -1, 20},
		{"now and then", fullFrom(60, 10, 40, 3, 4), 12, -1, 48},
		{"turned away for another reason", fullFrom(60, 10, 40, 1, 1), 10, -1, 48},
	} {
		d := detect.NewWalls()
		seen, sure, last := -1, -1, -1
		for i, turn := range c.turns {
			for _, f := range withUnits(d.Detect(turn)) {
				if f.Kind != detect.KindFullDomain || f.Subject.Name != "shop.reco" || f.Subject.Domain != "shop.reco" {
					t.Fatalf("%s: %+v", c.name, f)
				}
				if last = i; seen < 0 {
					seen = i
				}
				if f.Confidence == detect.Confirmed && sure < 0 {
					sure = i
				}
			}
		}
		if seen != c.seen || sure != c.sure || last != c.at {
			t.Errorf("%s: suspected at %d, confirmed at %d, gone after %d, want %d, %d, %d", c.name, seen, sure, last, c.seen, c.sure, c.at)
		}
	}
}

// What is called fails, and its breaker opens: that is one fault, and not two.
func TestErrorsBehindAnOpenBreakerFollowFromIt(t *testing.T) {
	d := detect.NewErrorRate(detect.ErrorRateConfig{})
	var last []detect.Finding
	for i, turn := range wallTurns(400, func(at int, s *observe.Sample) {
		op := observe.OperationStat{Name: "payments.quote", Kind: observe.Internal, Domain: "payments", Started: 50, Ended: 50}
		if op.Outcomes = []observe.Outcome{{Name: "ok", Count: 50}}; at >= 300 {
			op.Failed, op.Outcomes = 50, []observe.Outcome{{Name: "error", Count: 50, Failed: true}}
			s.Walls = []observe.WallStat{{Name: "payments.quote", Domain: "payments", Breaker: "open", Open: 1}}
		}
		s.Operations = []observe.OperationStat{op}
	}) {
		last = d.Detect(turn)
		if i < 300 && len(last) > 0 {
			t.Fatalf("second %d: %+v", i, last)
		}
	}
	if len(last) == 0 || last[0].Cause.Name != "payments.quote" {
		t.Errorf("the errors are %+v, want them to follow from the name's own fault", last)
	}
}

func TestWallsKeepTheContract(t *testing.T) {
	fresh := func() detect.Detector { return detect.NewWalls() }
	haletest.Detector(t, fresh, haletest.Finds(detect.KindOpenBreaker, openFor(40, 20)...))
	haletest.Detector(t, fresh, haletest.Finds(detect.KindFullDomain, fullFrom(40, 5, 30, 1, 4)...))
}
