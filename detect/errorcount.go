package detect

import (
	"slices"
	"strings"
	"time"

	"github.com/hale-go/hale/observe"
)

// fades remembers the last fade: most names have the same.
type fades struct {
	of time.Duration
	f  fade
	ok bool
}

func (c *fades) get(d time.Duration) fade {
	if !c.ok || c.of != d {
		*c = fades{d, fadeOf(d.Seconds()), true}
	}
	return c.f
}

// take counts what a name did in a turn and opens and closes its cases.
func (d *ErrorRate) take(e *errorName, now time.Time, cached *fades, c errorCounts) {
	since := time.Second // where nobody knows
	if !e.At.IsZero() {
		since = now.Sub(e.At)
	}
	f := cached.get(since)
	if e.Unseen > 0 || e.First.IsZero() {
		e.Unseen, e.First = 0, now
	}
	e.At = now
	learn := !e.suspects(&e.Failing) || (e.habit(&e.Failing, now) && e.Failed.Short < bigShare*e.Spans.Short)
	relearn := !e.suspects(&e.Reporting) || (e.habit(&e.Reporting, now) && !e.muchReported())
	e.age(f, learn, relearn)
	e.row(now, c.ended, c.failed)
	if learn {
		e.bound(now)
	}
	e.Spans.add(c.ended)
	e.Seconds.pass(f, relearn)
	e.Failed.add(c.failed)
	e.Spread.add(square(c.failed - usual(e.Failed.Base, e.Spans.Base)*c.ended))
	e.ReportedSpread.add(e.reportedSquares(c, f))
	e.Inherited += c.inherited
	e.Panics += min(c.panics, c.failed)
	for i := range c.outcomes {
		if o := &c.outcomes[i]; o.Failed {
			addErrors(&e.Types, o, e.Warm)
		}
	}
	for i := range c.reported {
		addErrors(&e.Reported, &c.reported[i], e.Warm)
	}
	e.addCalls(c.calls)
	e.Warm = e.Warm || (now.Sub(e.First) >= warmUp && (e.Spans.Base >= warmSpans || e.Spans.Base == 0 && e.Seconds.Base >= warmSpans))
	d.judgeFailing(e, now, c)
	d.judgeReporting(e, now, f, c)
}

// suspects reports whether nothing is to be learned: there is a case, or what may become
// one where little is known and soon forgotten.
func (e *errorName) suspects(k *errorCase) bool {
	return k.Open || (!e.Warm && !k.Above.IsZero())
}

// habit reports whether a suspicion of the time when nothing was usual yet is rather how
// the service is: it was so from the first, or is for long.
func (e *errorName) habit(k *errorCase, now time.Time) bool {
	return !e.Warm && (k.From.Sub(e.First) < shortTau*time.Second || now.Sub(k.From) >= habitAfter)
}

func (e *errorName) age(f fade, learn, relearn bool) {
	spans, seconds := habits(&e.Spans, f), habits(&e.Seconds, f)
	by := seconds
	if e.bySpans() {
		by = spans
	}
	e.Inherited *= f.short
	e.Panics *= f.short
	e.Failing.Now *= f.short
	e.Reporting.Now *= f.short
	e.Failed.fade(f, spans, learn)
	for i := range e.Types {
		e.Types[i].Count.fade(f, spans, learn)
	}
	for i := range e.Reported {
		e.Reported[i].Count.fade(f, by, relearn)
	}
	e.Spread.fade(f, spans, learn)
	e.ReportedSpread.fade(f, by, relearn)
	e.Spans.fade(f, spans, learn)
	e.Seconds.fade(f, seconds, relearn)
	kept := e.Calls[:0]
	for _, c := range e.Calls {
		if c.Failed *= f.short; c.Failed >= 0.01 {
			kept = append(kept, c)
		}
	}
	e.Calls = kept
}

// reportedSquares is how business errors differ from what is usual, squared.
func (e *errorName) reportedSquares(c errorCounts, f fade) (sum float64) {
	of, passed := e.Seconds.Base, f.seconds
	if e.bySpans() {
		of, passed = e.Spans.Base, c.ended
	}
	for i := range e.Reported {
		t, n := &e.Reported[i], 0.
		for k := range c.reported {
			if c.reported[k].Name == t.Name {
				n = float64(c.reported[k].Count)
			}
		}
		sum += square(n - t.Count.Base/(of+20)*passed)
	}
	return sum
}

// addErrors counts errors of a type. A new one takes the place of the rarest.
func addErrors(types *[]errorType, o *observe.Outcome, warm bool) {
	i, ok := slices.BinarySearchFunc(*types, o.Name, func(t errorType, name string) int { return strings.Compare(t.Name, name) })
	if !ok {
		if len(*types) >= maxErrorTypes {
			rarest := 0
			for k := range *types {
				if (*types)[k].Count.weight() < (*types)[rarest].Count.weight() {
					rarest = k
				}
			}
			*types = slices.Delete(*types, rarest, rarest+1)
			if rarest < i {
				i--
			}
		}
		*types = slices.Insert(*types, i, errorType{Name: o.Name, New: warm})
	}
	(*types)[i].Count.add(float64(o.Count))
}

func (a *tally) weight() float64 { return a.Long + a.Base + a.Case }

func (e *errorName) addCalls(calls []observe.Call) {
	for i := range calls {
		c := &calls[i]
		if c.Failed == 0 {
			continue
		}
		k, ok := slices.BinarySearchFunc(e.Calls, c.Name, func(t failedCall, name string) int { return strings.Compare(t.Name, name) })
		if !ok {
			e.Calls = slices.Insert(e.Calls, k, failedCall{Name: c.Name})
		}
		e.Calls[k].Failed += float64(c.Failed)
	}
	for len(e.Calls) > maxErrorCalls {
		least := 0
		for k := range e.Calls {
			if e.Calls[k].Failed < e.Calls[least].Failed {
				least = k
			}
		}
		e.Calls = slices.Delete(e.Calls, least, least+1)
	}
}

// row counts failures in a row. In which order spans of one turn ended is not
// known: a success among them ends the row.
func (e *errorName) row(now time.Time, ended, failed float64) {
	switch {
	case ended > failed:
		e.Row, e.RowUsual, e.RowAt, e.RowTo = 0, 0, time.Time{}, time.Time{}
	case failed > 0:
		if e.Row == 0 {
			e.RowAt, e.RowUsual = now, usual(e.Failed.Base, e.Spans.Base)
		}
		e.Row += failed
		e.RowTo = now
	}
}

// bound keeps the usual share of failures from more than doubling in an hour.
func (e *errorName) bound(now time.Time) {
	if since := now.Sub(e.BeforeAt); e.BeforeAt.IsZero() || since >= time.Hour || since < 0 {
		if e.Warm {
			e.Before, e.BeforeAt = e.Failed.Base/max(e.Spans.Base, 1), now
		}
		return
	}
	e.Failed.Base = min(e.Failed.Base, (2*e.Before+0.01)*max(e.Spans.Base, 1))
}
