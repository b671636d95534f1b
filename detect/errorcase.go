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

	From  time.Time       `json:"from,omitzero"`  // since when is counted, also what may become a case
	Of    float64         `json:"of,omitempty"`   // spans, or seconds, since then
	Look  float64         `json:"look,omitempty"` // and in the second look
	Now   float64         `json:"now,omitempty"`  // and in the short time, as far as it is since then
	Cause observe.Subject `json:"cause,omitzero"`
	Cut   bool            `json:"cut,omitempty"` // the name's breaker opened: it says more
}

const (
	// lookAfter is how long after the first error the second look begins: what is
	// over by then was a blip, such as a deploy makes.
	lookAfter = 6 * time.Second
	leastRest = 10 * time.Second
	mostRest  = 15 * time.Minute
	warmUp    = 2 * time.Minute
	warmSpans = 100
	// habitAfter is when a suspicion is taken for what is usual, where nothing was.
	habitAfter = time.Hour
	bigShare   = 0.5 // is bad also where nothing is usual yet

	usualErrors = 20 // of a type, that make it no longer new
)

// open begins a second look, and afresh what is counted for a case.
func (a *tally) open(afresh bool) {
	if a.Look = 0; afresh {
		a.Case, a.Now = 0, 0
	}
}

// seen counts what came since a case began, or since what may become one did.
func (a *tally) seen(n float64, look bool) {
	a.Case += n
	a.Now += n
	if look {
		a.Look += n
	}
}

// now returns the share, or the rate, of what came since the case began, about the last
// ten seconds. The short time of a name still has much of the healthy time before.
func (k *errorCase) now(bad *tally) float64 { return ratio(bad.Now, k.Now) }

func (k *errorCase) count(n, lately float64, look bool) {
	k.Of += n
	k.Now += lately
	if look {
		k.Look += n
	}
}

// counts reports whether what comes is counted: that of a case, and of what may become
// one, which began at from; zero is none. afresh says that what was counted
// until now is of no case.
func (k *errorCase) counts(from time.Time, opened bool) (is, afresh bool) {
	if k.Open && !opened {
		return true, false
	}
	if afresh = !from.Equal(k.From); afresh {
		k.From, k.Of, k.Now = from, 0, 0
	}
	return !from.IsZero(), afresh
}

// looks reports whether what comes now is for the second look.
func (k *errorCase) looks(now time.Time) bool {
	return k.Open && !now.Before(k.Since.Add(lookAfter))
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
		*k = errorCase{Open: true, Above: k.Above, Since: k.Above, Opened: now, Rest: rest, From: k.From, Of: k.Of, Now: k.Now}
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
		next := errorCase{Opened: k.Opened, Rest: k.Rest}
		if !k.Above.IsZero() {
			next.Above = now // what was before was told of
		}
		*k = next
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
