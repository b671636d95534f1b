package detect

import (
	"math"
	"slices"
)

// mannKendall returns how surely y rises, in standard deviations of what a
// series without a trend gives (Mann, 1945; Kendall, 1975), corrected for ties.
// It costs len(y)² / 2 comparisons.
func mannKendall(y []float64) float64 {
	if slices.ContainsFunc(y, math.IsNaN) {
		return 0
	}
	s := 0.
	for i := range y {
		for j := i + 1; j < len(y); j++ {
			switch {
			case y[j] > y[i]:
				s++
			case y[j] < y[i]:
				s--
			}
		}
	}
	pairs := func(n float64) float64 { return n * (n - 1) * (2*n + 5) }
	v := pairs(float64(len(y)))
	sorted := slices.Sorted(slices.Values(y))
	for i := 0; i < len(sorted); {
		j := i
		for j < len(sorted) && sorted[j] == sorted[i] {
			j++
		}
		v -= pairs(float64(j - i))
		i = j
	}
	if v <= 0 || s == 0 {
		return 0
	}
	return (s - math.Copysign(1, s)) / math.Sqrt(v/18)
}

// theilSen returns the median slope of y per step (Theil, 1950; Sen, 1968).
func theilSen(y []float64) float64 {
	slopes := make([]float64, 0, len(y)*(len(y)-1)/2)
	for i := range y {
		for j := i + 1; j < len(y); j++ {
			slopes = append(slopes, (y[j]-y[i])/float64(j-i))
		}
	}
	return median(slopes)
}

// residual returns y less what x explains of it: by least squares of both
// without their own trends, so that noise in x is not taken for the trend in y,
// with a slope between none and that of a y which is proportional to x.
func residual(y, x []float64) []float64 {
	dy, dx := detrended(y), detrended(x)
	var sxy, sxx float64
	for i := range y {
		sxy += dx[i] * dy[i]
		sxx += dx[i] * dx[i]
	}
	mx, b := mean(x), 0.
	if sxx > 0 && mx > 0 {
		b = min(max(sxy/sxx, 0), mean(y)/mx)
	}
	out := make([]float64, len(y))
	for i := range y {
		out[i] = y[i] - b*(x[i]-mx)
	}
	return out
}

// detrended returns y less its line by least squares.
func detrended(y []float64) []float64 {
	my, mt := mean(y), float64(len(y)-1)/2
	var sty, stt float64
	for i, v := range y {
		t := float64(i) - mt
		sty += t * (v - my)
		stt += t * t
	}
	out := make([]float64, len(y))
	for i, v := range y {
		out[i] = v - my - sty/stt*(float64(i)-mt)
	}
	return out
}

// ramp reports whether a line fits y clearly better than the best single step
// does: a leak is a ramp, a pool that was made or a cache that was filled is a
// step.
func ramp(y []float64) bool {
	n, my := float64(len(y)), mean(y)
	var line, syy float64
	for i, r := range detrended(y) {
		line += r * r
		syy += (y[i] - my) * (y[i] - my)
	}
	// The best step leaves the least variance within its two sides, which is the
	// most between them.
	between, left := 0., 0.
	for i := 0; i < len(y)-1; i++ {
		left += y[i] - my
		k := float64(i + 1)
		between = max(between, left*left*(1/k+1/(n-k)))
	}
	return line < .7*(syy-between)
}

func mean(v []float64) float64 {
	s := 0.
	for _, x := range v {
		s += x
	}
	return s / float64(len(v))
}

// median changes the order of v.
func median(v []float64) float64 {
	slices.Sort(v)
	if n := len(v); n%2 == 0 {
		return (v[n/2-1] + v[n/2]) / 2
	}
	return v[len(v)/2]
}
