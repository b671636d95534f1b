package goroutine_test

import (
	"math"
	"testing"
	"time"

	"github.com/hale-go/hale/internal/goroutine"
)

func TestPacer(t *testing.T) {
	begin := time.Unix(1000, 0)
	tests := []struct {
		name     string
		interval time.Duration
		cost     time.Duration
		suspect  bool
		wait     time.Duration
	}{
		{"default interval", 0, time.Millisecond, false, 10 * time.Second},
		{"interval", time.Minute, time.Millisecond, false, time.Minute},
		{"cost", time.Second, 300 * time.Millisecond, false, 36 * time.Second},
		{"suspicion waives the interval", time.Minute, 5 * time.Millisecond, true, 600 * time.Millisecond},
		{"suspicion keeps the budget", time.Second, 300 * time.Millisecond, true, 36 * time.Second},
		{"suspicion after a skipped one", time.Minute, 0, true, 0},
		{"negative cost", time.Second, -time.Hour, false, time.Second},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p := goroutine.Pacer{Interval: test.interval}
			if !p.Due(begin) {
				t.Error("the first one is not due")
			}
			p.Suspect() // settled by Done
			p.Done(begin, test.cost)
			if test.suspect {
				p.Suspect()
			}
			if test.wait > 0 && p.Due(begin.Add(test.wait-1)) {
				t.Errorf("due before %v", test.wait)
			}
			if !p.Due(begin.Add(test.wait)) {
				t.Errorf("not due after %v", test.wait)
			}
			if !p.Due(begin.Add(-time.Hour)) {
				t.Error("not due after the clock went back")
			}
		})
	}
}

func TestPacerSurvivesAnEndlessCost(t *testing.T) {
	var p goroutine.Pacer
	p.Done(time.Unix(0, 0), math.MaxInt64)
	if p.Due(time.Unix(1e9, 0)) {
		t.Error("due")
	}
}

// Whatever is suspected, snapshots take at most 1 % of the time.
func TestPacerKeepsTheBudget(t *testing.T) {
	var p goroutine.Pacer
	begin := time.Unix(0, 0)
	costs := []time.Duration{time.Millisecond, 80 * time.Millisecond, 300 * time.Microsecond}
	var spent, last time.Duration
	n := 0
	for at := time.Duration(0); at < time.Hour; at += 10 * time.Millisecond {
		p.Suspect()
		if now := begin.Add(at); p.Due(now) {
			if spent > at/100 {
				t.Fatalf("spent %v by %v", spent, at)
			}
			last = costs[n%len(costs)]
			spent += last
			n++
			p.Done(now, last)
		}
	}
	if n < 1000 {
		t.Errorf("%d snapshots in an hour of suspicion", n)
	}
}
