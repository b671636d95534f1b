package main

import (
	"math"
	"testing"
)

func near(a, b float64) bool { return math.Abs(a-b) < 1e-6 }

// The numbers were worked out by hand from the formula: sigma(y) is
// 2/(1+e^(5y)) − 1, so sigma(0) = 0, sigma(−1) = 0.986614298,
// sigma(−0.5) = 0.848283640 and sigma(0.5) = −0.848283640.
func TestSigma(t *testing.T) {
	for y, want := range map[float64]float64{
		0: 0, -1: 0.986614298, -0.5: 0.848283640, 0.5: -0.848283640, 3: -0.999999388, 3.0001: -1, math.Inf(1): -1,
	} {
		if got := sigma(y); !near(got, want) {
			t.Errorf("sigma(%v) = %v, want %v", y, got, want)
		}
	}
}

func TestProbation(t *testing.T) {
	for n, want := range map[int]int{1: 0, 100: 15, 1127: 169, 4032: 604, 5000: 750, 15902: 750} {
		if got := probation(n); got != want {
			t.Errorf("probation(%d) = %d, want %d", n, got, want)
		}
	}
}

// A series of 1000 rows has a probation of 150. The window 200..209 has ten rows:
// row 200 is at y = −1, row 205 at −0.5, row 209 at −0.1. After it, row 218 is at
// 9/9 = 1 and row 213.5 would be at 0.5.
func TestRate(t *testing.T) {
	one := []window{{200, 209}}
	two := []window{{200, 209}, {500, 510}}
	late := sigma(-0.1) / sigma(-1)
	if !near(late, 0.244918662/0.986614298) {
		t.Fatalf("a detection in the last row is worth %v", late)
	}
	for _, c := range []struct {
		name    string
		windows []window
		rows    []int
		want    outcome
	}{
		{"nothing", one, nil, outcome{windows: 1, raw: -1}},
		{"perfect", one, []int{200}, outcome{windows: 1, hits: 1, detections: 1, raw: 1}},
		{"half way", one, []int{205}, outcome{windows: 1, hits: 1, detections: 1, raw: 0.848283640 / 0.986614298}},
		{"last row", one, []int{209}, outcome{windows: 1, hits: 1, detections: 1, raw: late}},
		{"best of several", one, []int{205, 209}, outcome{windows: 1, hits: 1, detections: 2, raw: 0.848283640 / 0.986614298}},
		{"in the probation", one, []int{0, 149}, outcome{windows: 1, raw: -1}},
		{"just out of the probation", one, []int{150}, outcome{windows: 1, detections: 1, misplaced: 1, raw: -1.11}},
		{"before", one, []int{199}, outcome{windows: 1, detections: 1, misplaced: 1, raw: -1.11}},
		{"a width after", one, []int{218}, outcome{windows: 1, detections: 1, misplaced: 1, raw: -1 - 0.11*0.986614298}},
		{"long after", one, []int{900}, outcome{windows: 1, detections: 1, misplaced: 1, raw: -1.11}},
		{"between", two, []int{218}, outcome{windows: 2, detections: 1, misplaced: 1, raw: -2 - 0.11*0.986614298}},
		{"half a width after the second", two, []int{200, 515}, outcome{windows: 2, hits: 1, detections: 2, misplaced: 1, raw: 0 - 0.11*0.848283640}},
		{"no windows", nil, []int{200, 300}, outcome{detections: 2, misplaced: 2, raw: -0.22}},
		{"after a window of one row", []window{{200, 200}}, []int{201}, outcome{windows: 1, detections: 1, misplaced: 1, raw: -1.11}},
	} {
		got := rate(1000, c.windows, c.rows)
		raw := got.raw
		got.raw = c.want.raw
		if got != c.want || !near(raw, c.want.raw) {
			t.Errorf("%s: %+v and raw %v, want %+v", c.name, got, raw, c.want)
		}
	}
}

func TestScore(t *testing.T) {
	for _, c := range []struct {
		o    outcome
		want float64
	}{
		{outcome{windows: 4, raw: 4}, 100},
		{outcome{windows: 4, raw: -4}, 0},
		{outcome{windows: 4, raw: 0}, 50},
		{outcome{windows: 2, raw: -2.22}, -5.5},
	} {
		if got := c.o.score(); !near(got, c.want) {
			t.Errorf("%+v has the score %v, want %v", c.o, got, c.want)
		}
	}
	sum := outcome{1, 1, 2, 1, 0.5}.add(outcome{2, 0, 3, 3, -2})
	if want := (outcome{3, 1, 5, 4, -1.5}); sum != want {
		t.Errorf("the sum is %+v, want %+v", sum, want)
	}
}
