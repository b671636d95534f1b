package detect

import (
	"math"
	"slices"
	"strings"
	"time"
)

// usual returns the share that a count has in what is usual. Before anything is
// known that is 1 in 100 of all failures.
func usual(bad, of float64) float64 { return min(max((bad+0.2)/(of+20), 1e-4), 0.99) }

func (d *ErrorRate) failing(e *errorName, bad float64, rise float64) measure {
	p := usual(bad, e.Spans.Base)
	m := measure{
		usual: p, bar: p + rise, half: p + rise/2, sure: p + rise, least: float64(d.cfg.MinErrors),
		spread: spreadOf(e.Spread.Base, e.Failed.Base), chance: chance,
	}
	if !e.Warm {
		m.sure = max(m.sure, bigShare)
	}
	return m
}

func (d *ErrorRate) judgeFailing(e *errorName, now time.Time, c errorCounts) {
	k := &e.Failing
	all := d.failing(e, e.Failed.Base, d.cfg.MinRise)
	raised, held, above := all.raised(&e.Failed, &e.Spans), all.held(&e.Failed, &e.Spans), all.above(&e.Failed, &e.Spans)
	var types [maxErrorTypes]measure
	for i := range e.Types {
		t := &e.Types[i]
		if t.Count.Short < 1 {
			continue
		}
		types[i] = d.failing(e, t.Count.Base, d.cfg.MinRise)
		if t.New && e.Warm {
			types[i] = d.failing(e, t.Count.Base, d.cfg.MinRise/5)
		}
		raised = raised || types[i].raised(&t.Count, &e.Spans)
		above = above || types[i].above(&t.Count, &e.Spans)
		held = held || types[i].held(&t.Count, &e.Spans)
	}
	row := e.Row >= all.least && chance(e.Row, e.Row, e.RowUsual)/all.spread < verySurprising && !e.rowOver(now)
	opened := k.step(now, raised || row, held || row, above || row)
	from := k.Above
	if e.Row >= 1 && (from.IsZero() || e.RowAt.Before(from)) {
		from = e.RowAt
	}
	counts, afresh := k.counts(from, opened)
	if opened {
		k.Since = from
	}
	if afresh || opened {
		e.Failed.open(afresh)
		for i := range e.Types {
			e.Types[i].Count.open(afresh)
		}
	}
	if counts {
		look := k.looks(now)
		k.count(c.ended, c.ended, look)
		e.Failed.seen(c.failed, look)
		for i := range c.outcomes {
			if o := &c.outcomes[i]; o.Failed {
				if t := typeNamed(e.Types, o.Name); t != nil {
					t.Count.seen(float64(o.Count), look)
				}
			}
		}
	}
	if afresh && from.Before(now) && from.Equal(e.RowAt) { // all since then failed
		k.Of, e.Failed.Case = e.Row, e.Row
		k.Now, e.Failed.Now = e.Row, e.Row
	}
	if !k.Open {
		for i := range e.Types {
			n := &e.Types[i].Count
			e.Types[i].New = e.Types[i].New && n.Long > 0.1 && n.Base < usualErrors
		}
		return
	}
	k.Confirmed = k.Confirmed || (row && e.RowTo.Sub(e.RowAt) >= lookAfter) || all.confirmed(&e.Failed, &e.Spans, k.Look)
	for i := range e.Types {
		if t := &e.Types[i]; types[i].chance != nil && types[i].confirmed(&t.Count, &e.Spans, k.Look) {
			k.Confirmed = true
		}
	}
}

// rowOver reports whether failures in a row are so long ago that they say nothing
// any more.
func (e *errorName) rowOver(now time.Time) bool { return now.Sub(e.RowTo) > e.rowLasts() }

// rowLasts is for how long failures in a row tell of what nobody does any more: a
// minute, and longer for what is seldom done.
func (e *errorName) rowLasts() time.Duration {
	gap := e.RowTo.Sub(e.RowAt).Seconds() / max(e.Row-1, 1)
	return max(time.Minute, time.Duration(min(3*gap, 1e6)*float64(time.Second)))
}

// bySpans reports whether business errors are compared with spans, or else with
// time, where they are reported outside of any.
func (e *errorName) bySpans() bool { return e.Spans.Base+e.Spans.Long >= 1 }

func (e *errorName) reportedBase() (sum float64) {
	for i := range e.Reported {
		sum += e.Reported[i].Count.Base
	}
	return sum
}

// muchReported reports whether business errors are many whatever is usual. Of those
// outside of spans nobody knows: there is nothing to have a share in.
func (e *errorName) muchReported() bool {
	return e.bySpans() && slices.ContainsFunc(e.Reported, func(t errorType) bool { return t.Count.Short >= bigShare*e.Spans.Short })
}

func (d *ErrorRate) reporting(e *errorName, bad float64) measure {
	of, rise := e.Seconds.Base, 0.
	if e.bySpans() {
		of, rise = e.Spans.Base, d.cfg.MinRise
	}
	p := max((bad+0.2)/(of+20), 1e-4)
	bar := max(3*p, p+rise)
	m := measure{
		usual: p, bar: bar, half: p + (bar-p)/2, sure: bar, least: float64(d.cfg.MinReported),
		spread: spreadOf(e.ReportedSpread.Base, e.reportedBase()), chance: chanceOfRate,
	}
	switch {
	case e.Warm:
	case e.bySpans():
		m.sure = max(m.sure, bigShare)
	default: // what is many a second, only what is usual tells
		m.sure = math.Inf(1)
	}
	return m
}

func (d *ErrorRate) judgeReporting(e *errorName, now time.Time, f fade, c errorCounts) {
	if len(e.Reported) == 0 {
		return
	}
	k := &e.Reporting
	of, passed, lately := &e.Seconds, f.seconds, min(f.seconds, shortTau)
	if e.bySpans() {
		of, passed, lately = &e.Spans, c.ended, c.ended
	}
	raised, held, above := false, false, false
	for i := range e.Reported {
		if t := &e.Reported[i]; t.Count.Short >= 1 {
			m := d.reporting(e, t.Count.Base)
			raised = raised || m.raised(&t.Count, of)
			held = held || m.held(&t.Count, of)
			above = above || m.above(&t.Count, of)
		}
	}
	opened := k.step(now, raised, held, above)
	counts, afresh := k.counts(k.Above, opened)
	if afresh || opened {
		for i := range e.Reported {
			e.Reported[i].Count.open(afresh)
		}
	}
	if !counts {
		return
	}
	look := k.looks(now)
	k.count(passed, lately, look)
	for i := range c.reported {
		if t := typeNamed(e.Reported, c.reported[i].Name); t != nil {
			t.Count.seen(float64(c.reported[i].Count), look)
		}
	}
	if !k.Open {
		return
	}
	for i := range e.Reported {
		if m := d.reporting(e, e.Reported[i].Count.Base); m.confirmed(&e.Reported[i].Count, of, k.Look) {
			k.Confirmed = true
		}
	}
}

func typeNamed(types []errorType, name string) *errorType {
	i, ok := slices.BinarySearchFunc(types, name, func(t errorType, name string) int { return strings.Compare(t.Name, name) })
	if !ok {
		return nil
	}
	return &types[i]
}
