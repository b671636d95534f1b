package anomaly

const (
	// scales are the views of a value: smoothed over 1, 4, 16 and 64 points.
	scales = 4
	// ladder is the ratio of one scale to the one below.
	ladder = 4
	// young is the number of known points at which what is found counts half: the
	// range of a few points is narrow by chance.
	young = 200
)

// views are a value at several scales, and the range of each.
type views struct {
	level [scales]float64
	span  [scales]span
}

// push takes the n-th value and returns how new it is in all views together, by
// the width of their ranges or by least. A view counts from when its memory is full.
func (w *views) push(v, n, least float64) float64 {
	found := 0.0
	memory := 1.0
	for k := range scales {
		w.level[k] += rate(memory, n) * (v - w.level[k])
		if n > memory {
			found += w.span[k].push(w.level[k], least)
		} else {
			w.span[k].start(w.level[k])
		}
		memory *= ladder
	}
	return found * trust(n)
}

// trust is the weight of what is found when n points are known.
func trust(n float64) float64 {
	if n <= Warmup {
		return 0
	}
	return n / (n + young)
}
