package surge

import "time"

// Held is a [Limit] that lets so many calls be in flight as limit says, and tells record
// how each ended and how many were in flight when it began, itself included.
func Held(limit func() int, record func(took time.Duration, inFlight int, dropped bool)) Limit {
	inFlight := 0
	return Limit{Admit: func() (func(time.Duration, bool), bool) {
		if inFlight >= limit() {
			return nil, false
		}
		inFlight++
		at := inFlight
		return func(took time.Duration, dropped bool) {
			inFlight--
			record(took, at, dropped)
		}, true
	}}
}

// Fixed is a [Limit] that stays as it is.
func Fixed(limit int) Limit {
	return Held(func() int { return limit }, func(time.Duration, int, bool) {})
}

// Best returns the most goodput in each phase that one of the limits
// from least to most reaches, each a quarter above the last.
func Best(s Shape, seed uint64, least, most int) (best Result, limits [Phases]int) {
	for l := least; l <= most; l = max(l+1, l+l/4) {
		r := Run(s, seed, Fixed(l))
		for p := range Phases {
			if r.Goodput[p] > best.Goodput[p] {
				best.Goodput[p], best.Took[p], limits[p] = r.Goodput[p], r.Took[p], l
			}
			best.Whole[p] = max(best.Whole[p], r.Whole[p])
		}
	}
	return best, limits
}
