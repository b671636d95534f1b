package main

import "math"

// The standard profile of the benchmark (Lavin and Ahmad, 2015): an early detection
// in a window is worth up to 1, a missed window −1, a detection elsewhere −0.11, or
// less just after a window.
const weightFalse = 0.11

// probation is the number of rows at the start of a series of n that never score.
func probation(n int) int { return min(n*15/100, 750) }

// sigma weighs a detection at y widths of a window after its end.
func sigma(y float64) float64 {
	if y > 3 {
		return -1
	}
	return 2/(1+math.Exp(5*y)) - 1
}

// outcome is what detections in one series, or in several, are worth.
type outcome struct {
	windows    int
	hits       int
	detections int // that count: not in the probation
	misplaced  int // of those, outside of windows
	raw        float64
}

// rate scores detections, rows in order, in a series of n rows.
func rate(n int, windows []window, detections []int) outcome {
	o := outcome{windows: len(windows)}
	best := make([]float64, len(windows)) // 0 is worse than any detection in a window
	for _, i := range detections {
		if i < probation(n) {
			continue
		}
		o.detections++
		in, before := -1, -1 // the window with i, the last one before i
		for k, w := range windows {
			if w.first <= i && i <= w.last {
				in = k
			}
			if w.last < i {
				before = k
			}
		}
		switch {
		case in >= 0:
			w := windows[in]
			y := -float64(w.last-i+1) / float64(w.last-w.first+1)
			best[in] = max(best[in], sigma(y)/sigma(-1))
		case before >= 0:
			w := windows[before]
			o.misplaced++
			// A window of one row has no width to measure by: its y is infinite.
			o.raw += weightFalse * sigma(float64(i-w.last)/float64(w.last-w.first))
		default:
			o.misplaced++
			o.raw -= weightFalse
		}
	}
	for _, b := range best {
		if b > 0 {
			o.hits++
			o.raw += b
		} else {
			o.raw--
		}
	}
	return o
}

// add puts two outcomes together.
func (o outcome) add(p outcome) outcome {
	return outcome{
		windows: o.windows + p.windows, hits: o.hits + p.hits, detections: o.detections + p.detections,
		misplaced: o.misplaced + p.misplaced, raw: o.raw + p.raw,
	}
}

// score is 100 for a detection at the start of each window and nowhere else, 0 for
// none at all. Without windows it is not defined; it is NaN then.
func (o outcome) score() float64 {
	perfect := float64(o.windows)
	return 100 * (o.raw + perfect) / (2 * perfect)
}
