package anomaly_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"
	"unsafe"

	"github.com/hale-go/hale/internal/anomaly"
)

// A load with a daily cycle; one day its peak does not come. All of its values are
// usual, but not at that hour.
func Example() {
	var scorer anomaly.Scorer
	var alarm anomaly.Alarm
	for i := range 18 * day {
		load := 50 + 20*math.Sin(2*math.Pi*float64(i)/day)
		if i/day == 17 {
			load = min(load, 50)
		}
		begins := alarm.Push(scorer.Push(at(i), load))
		if begins && i/day >= 14 { // before, it learns
			fmt.Printf("day %d, point %d of %d\n", i/day, i%day, day)
		}
	}
	// Output:
	// day 17, point 12 of 288
}

// TestSize holds the bound on memory: the state has no slices, maps or pointers.
func TestSize(t *testing.T) {
	if got := unsafe.Sizeof(anomaly.Scorer{}); got > 2048 {
		t.Errorf("%d bytes a series, want at most 2048", got)
	}
	var s anomaly.Scorer
	i := 0
	if got := testing.AllocsPerRun(1000, func() { s.Push(at(i), cycle(i)); i++ }); got != 0 {
		t.Errorf("%v allocations a point", got)
	}
}

// TestScale: the unit of a series does not matter, nor where its zero is as long as
// the numbers have digits left.
func TestScale(t *testing.T) {
	for _, scale := range []float64{1e-200, 1e-9, 1, 1024, 1e9, 1e250} {
		var one, other anomaly.Scorer
		r := rand.New(rand.NewPCG(3, 4))
		for i := range 2000 {
			v := cycle(i) + r.NormFloat64()
			if i == 1500 {
				v = 200
			}
			a, b := one.Push(at(i), v), other.Push(at(i), v*scale)
			if math.Abs(a-b) > 1e-6 {
				t.Fatalf("times %g, point %d: score %v, not %v", scale, i, b, a)
			}
		}
	}
}

func TestNotFinite(t *testing.T) {
	var s, clean anomaly.Scorer
	for i := range 1000 {
		v := cycle(i)
		want := clean.Push(at(i), v)
		if got := s.Push(at(i), v); got != want {
			t.Fatalf("point %d: score %v, not %v", i, got, want)
		}
		for _, bad := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
			if got := s.Push(at(i), bad); got != want {
				t.Fatalf("%v got the score %v, not that of the point before, %v", bad, got, want)
			}
		}
	}
	if s.Ignored() != 3000 || clean.Ignored() != 0 {
		t.Errorf("ignored %d and %d, want 3000 and 0", s.Ignored(), clean.Ignored())
	}
}

// TestHostile: no panic and no score that is not a number, whatever comes.
func TestHostile(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for name, next := range map[string]source{
		"huge":       func(i int) float64 { return math.Copysign(1.7e308, float64(i%2)-0.5) },
		"denormal":   func(i int) float64 { return 5e-324 * float64(i%3) },
		"zero":       func(int) float64 { return 0 },
		"constant":   func(int) float64 { return 42 },
		"alternates": func(i int) float64 { return []float64{0, 1e308, -1, 1e-300}[i%4] },
		"anything":   func(int) float64 { return math.Float64frombits(r.Uint64()) },
		"grows":      func(i int) float64 { return math.Pow(1.4, float64(i)) },
	} {
		var s anomaly.Scorer
		for i := range 3000 {
			when := time.Unix(r.Int64()-1<<62, 0) // jumps, also before 1970
			if got := s.Push(when, next(i)); !(got >= 0 && got < 1000) {
				t.Fatalf("%s: score %v at point %d", name, got, i)
			}
		}
	}
}

// TestConstant: a series that never moves is silent, and its first move is not.
func TestConstant(t *testing.T) {
	for _, level := range []float64{0, 42, -1e9, 0.1} {
		var s anomaly.Scorer
		for i := range 3000 {
			if got := s.Push(at(i), level); got != 0 {
				t.Fatalf("constant %g: score %v", level, got)
			}
		}
		if got := s.Push(at(3000), level+1); got < anomaly.Threshold {
			t.Errorf("the first move from %g has the score %v", level, got)
		}
	}
}

// TestClock: times that jump back and ahead cost the daily profile its use and do
// no other harm.
func TestClock(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	found := 0
	var s anomaly.Scorer
	var a anomaly.Alarm
	for i := range 10_000 {
		v := 50 + 5*r.NormFloat64()
		if i == 9000 {
			v = 150
		}
		if a.Push(s.Push(epoch.Add(time.Duration(r.Int64N(1000)-500)*time.Hour), v)) {
			found++
			if i >= 5000 && i != 9000 {
				t.Errorf("alarm at point %d", i)
			}
		}
		if i == 9000 && !a.Up {
			t.Error("the spike was missed")
		}
	}
}

func TestAlarm(t *testing.T) {
	var a anomaly.Alarm
	for i, step := range []struct {
		score      float64
		begins, up bool
	}{
		{0, false, false},
		{0.99, false, false},
		{1, true, true},
		{7, false, true},
		{0.5, false, true},
		{0.49, false, false},
		{0.9, false, false},
		{1.1, true, true},
	} {
		score := step.score * anomaly.Threshold
		if begins := a.Push(score); begins != step.begins || a.Up != step.up {
			t.Errorf("step %d, score %v: begins %v, up %v", i, score, begins, a.Up)
		}
	}
}
