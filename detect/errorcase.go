package detect

import (
	"time"

	"github.com/hale-go/hale/observe"
)

// errorCase is a time in which a name has too many errors, from suspicion to its
// end.
type errorCase struct {
	Open      bool      `json:"open,omitempty"`
	Confirmed bool      `json:"confirmed,omitempty"`
	Above     time.Time `json:"above,omitzero"`  // since when it is half as bad as it needs to be; zero: it is not
	Since     time.Time `json:"since,omitzero"`  // of the case
	Opened    time.Time `json:"opened,omitzero"` // also of the last one
	Quiet     time.Time `json:"quiet,omitzero"`  // since when it is good enough; zero: it is not
	// Rest is for how long it must be: longer than the gap between bursts.
	Rest time.Duration `json:"rest,omitempty"`

	Of    float64         `json:"of,omitempty"`   // spans, or seconds, since it began
	Look  float64         `json:"look,omitempty"` // and in the second look
	Cause observe.Subject `json:"cause,omitzero"`
}

const (
	// lookAfter is how long after the first error the second look begins: what is
	// over by then was a blip, such as a deploy makes.
	lookAfter = 6 * time.Second
	leastRest = 10 * time.Second
	mostRest  = 15 * time.Minute
	warmUp    = 2 * time.Minute
	warmSpans = 100
	bigShare  = 0.5 // is bad also where nothing is usual yet

	usualErrors = 20 // of a type, that make it no longer new
)

// open begins a case: what came in the short time is part of it.
func (a *tally) open() { a.Case, a.Look = a.Short, 0 }

// seen counts what came while a case is open. opened says that it was opened in
// this turn and has what came.
func (a *tally) seen(n float64, look, opened bool) {
	if !opened {
		a.Case += n
	}
	if look {
		a.Look += n
	}
}

func (k *errorCase) count(n float64, look, opened bool) {
	if !opened {
		k.Of += n
	}
	if look {
		k.Look += n
	}
}

// step opens a case when it is bad enough, and closes it when it has been good
// enough for its rest. It reports whether it opened one.
func (k *errorCase) step(now time.Time, raised, held, above bool) (opened bool) {
	switch {
	case !above:
		k.Above = time.Time{}
	case k.Above.IsZero() || now.Before(k.Above):
		k.Above = now
	}
	switch {
	case !k.Open && raised:
		rest := leastRest
		if gap := now.Sub(k.Opened); !k.Opened.IsZero() && gap > 0 && gap <= mostRest {
			rest = min(max(2*gap, leastRest), mostRest)
		}
		*k = errorCase{Open: true, Above: k.Above, Since: k.Above, Opened: now, Rest: rest}
		if k.Since.IsZero() {
			k.Since = now
		}
		return true
	case !k.Open:
	case held:
		k.Quiet = time.Time{}
	case k.Quiet.IsZero() || now.Before(k.Quiet):
		k.Quiet = now
	case now.Sub(k.Quiet) >= k.Rest:
		*k = errorCase{Above: k.Above, Opened: k.Opened, Rest: k.Rest}
	}
	return false
}

// visible is how long it takes until a change shows: the short time must forget
// what was before, and then the case rests.
func (k *errorCase) visible() time.Duration {
	return 3*shortTau*time.Second + k.Rest
}

// visible is that of the failures of a name. Those in a row are forgotten last.
func (e *errorName) visible() time.Duration {
	if e.Row < 1 {
		return e.Failing.visible()
	}
	return min(max(e.Failing.visible(), e.rowLasts()+e.Failing.Rest), time.Hour)
}

// ratio is a / b, and 0 of nothing.
func ratio(a, b float64) float64 {
	if b <= 0 {
		return 0
	}
	return a / b
}
