package surge_test

import (
	"math"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/hale-go/hale/internal/surge"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var five = surge.Shape{Workers: 5, Service: 50 * time.Millisecond, Jitter: 0.3, Load: 1, Deadline: time.Second, Phase: time.Minute}

func TestSameSeed(t *testing.T) {
	if a, b := surge.Run(five, 1, surge.Fixed(7)), surge.Run(five, 1, surge.Fixed(7)); a != b {
		t.Errorf("%v and %v from the same seed", a, b)
	}
	if a, b := surge.Run(five, 1, surge.Fixed(7)), surge.Run(five, 2, surge.Fixed(7)); a == b {
		t.Errorf("%v from different seeds", a)
	}
}

// TestErlang compares with Erlang's formula for what is lost without a queue: 28.5 % of
// the calls that five workers could just do, 20 % of half of it for two, 15.9 % for twenty.
func TestErlang(t *testing.T) {
	for _, c := range []struct {
		workers int
		load    float64
		lost    float64
	}{{5, 1, 0.285}, {2, 0.5, 0.2}, {20, 1, 0.159}} {
		s := five
		s.Workers, s.Load, s.Phase = c.workers, c.load, 5*time.Minute
		asked := c.load * float64(c.workers) / s.Service.Seconds()
		r := surge.Run(s, 1, surge.Fixed(c.workers))
		if lost := 1 - r.Goodput[surge.Normal]/asked; math.Abs(lost-c.lost) > 0.02 {
			t.Errorf("%d workers at %gx lose %.3f, want %.3f", c.workers, c.load, lost, c.lost)
		}
	}
}

// TestPhases sees what each phase and each kind of caller makes of a limit.
func TestPhases(t *testing.T) {
	s := five
	s.Load = 3
	r := surge.Run(s, 1, surge.Fixed(6))
	for p, want := range [surge.Phases]float64{100, 10, 100} {
		if got := r.Goodput[p]; got < 0.9*want || got > 1.1*want {
			t.Errorf("phase %d: %.1f answers a second, want about %.0f", p, got, want)
		}
	}
	if r.Took[surge.Slow] < 9*r.Took[surge.Normal] {
		t.Errorf("calls took %v, and %v while it was slow", r.Took[surge.Normal], r.Took[surge.Slow])
	}
	closed := s
	closed.Closed = true
	if r := surge.Run(closed, 1, surge.Fixed(200)); r.Took[surge.Normal] < 200*time.Millisecond || r.Took[surge.Normal] > 300*time.Millisecond {
		t.Errorf("30 callers and 5 workers: a call takes %v, want 5 times 50ms", r.Took[surge.Normal])
	}
	if heard, deaf := surge.Run(s, 1, surge.Fixed(50)).Whole[surge.Slow], surge.Run(deafened(s), 1, surge.Fixed(50)).Whole[surge.Slow]; deaf > heard/2 {
		t.Errorf("%.1f answers a second although the dependency went on with calls that were given up, %.1f otherwise", deaf, heard)
	}
}

func deafened(s surge.Shape) surge.Shape {
	s.Deaf = true
	return s
}

func TestBest(t *testing.T) {
	s := five
	s.Load = 3
	_, limits := surge.Best(s, 1, 1, 40)
	if l := limits[surge.Slow]; l < 5 || l > 8 {
		t.Errorf("the best limit for five workers at twice their time is %d", l)
	}
}

func TestString(t *testing.T) {
	if got, want := deafened(five).String(), "5 x 50ms, jitter 0.3, open 1x, deadline 1s deaf"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
