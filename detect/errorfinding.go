package detect

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hale-go/hale/observe"
)

// maxErrorFindings leaves room for the finding about all operations among those
// that the panel takes.
const maxErrorFindings = maxFindings - 4

// findings returns what is wrong now. What is confirmed, and of that what fails
// most, comes first where there is too much of it.
func (d *ErrorRate) findings(now time.Time) []Finding {
	var out []Finding
	all := d.all(now)
	for _, names := range [][]errorName{d.state.Operations, d.state.Tasks} {
		for i := range names {
			e := &names[i]
			if e.Failing.Open && (e.Kind != "" || e.Failing.Confirmed) { // of tasks, others may know more in a second or two
				f := d.failed(e)
				if all != nil && e.Kind == observe.Server && f.Cause.IsZero() {
					f.Cause = allOperations
				}
				out = append(out, f)
			}
			if e.Reporting.Open {
				out = append(out, d.reported(e))
			}
		}
	}
	out = worst(out, maxErrorFindings)
	if all != nil {
		out = append(out, *all)
	}
	return out
}

// all returns the finding about all operations, nil where not all of them fail.
// Once there, it stays until fewer than half as many do.
func (d *ErrorRate) all(now time.Time) *Finding {
	failing, busy := d.siblings()
	share := ratio(float64(failing), float64(busy))
	switch {
	case share >= mostly && d.state.All.IsZero():
		d.state.All = now
	case share < mostlyKept:
		d.state.All = time.Time{}
	}
	if d.state.All.IsZero() {
		return nil
	}
	f := &Finding{
		Kind: KindErrorRate, Subject: allOperations, Confidence: Suspected, Active: true, Unit: inPercent, Since: d.state.All,
	}
	confirmed := 0
	var failed, spans float64
	var names []string
	for i := range d.state.Operations {
		e := &d.state.Operations[i]
		k := &e.Failing
		if e.Kind != observe.Server || !k.Open || !k.Cause.IsZero() {
			continue
		}
		if failed, spans = failed+e.Failed.Now, spans+k.Now; k.Confirmed {
			confirmed++
		}
		if k.Since.Before(f.Since) {
			f.Since = k.Since
		}
		f.TimeToVisible = max(f.TimeToVisible, e.visible())
		if names = append(names, e.Name); len(names) > maxListed {
			names = names[:maxListed]
		}
	}
	f.Level = 100 * min(ratio(failed, spans), 1)
	if 2*confirmed >= failing && confirmed > 0 {
		f.Confidence = Confirmed
	}
	f.Evidence = []Evidence{{Metrics, cutText(fmt.Sprintf(
		"%d of %d operations that serve fail at once and none that they call explains it: %s; %.0f%% of all they do fails since %s; too much load, or something that they share",
		failing, busy, strings.Join(names, ", "), f.Level, f.Since.UTC().Format(time.TimeOnly)))}}
	return f
}

const usualUnknown = "what is usual is not known yet"

// maxListed is how many names or types a piece of evidence lists.
const maxListed = 5

func (d *ErrorRate) failed(e *errorName) Finding {
	k := &e.Failing
	share := min(k.now(&e.Failed), 1)
	f := Finding{
		Kind: KindErrorRate, Subject: e.subject(), Confidence: Suspected, Active: true, Level: 100 * share, Unit: inPercent,
		Cause: k.Cause, Since: k.Since, TimeToVisible: e.visible(),
	}
	if k.Confirmed {
		f.Confidence = Confirmed
	}
	what := e.Name + " fails"
	if e.Kind == observe.Client {
		what = "the dependency " + what
	}
	text := fmt.Sprintf("%s: %.0f of %.0f since %s, %.0f%% now, ",
		what, e.Failed.Case, max(k.Of, e.Failed.Case), k.Since.UTC().Format(time.TimeOnly), 100*share)
	if e.Warm {
		text += fmt.Sprintf("%.2g%% are usual", 100*usual(e.Failed.Base, e.Spans.Base))
	} else {
		text += usualUnknown
	}
	if e.Row >= float64(d.cfg.MinErrors) {
		text += fmt.Sprintf(", the last %.0f in a row", e.Row)
	}
	if types := listed(e.Types, false); types != "" {
		text += "; " + types
	}
	f.Evidence = []Evidence{{Metrics, cutText(text)}}
	if types := listed(e.Types, true); types != "" {
		f.Evidence = append(f.Evidence, Evidence{Metrics, cutText("new to " + e.Name + ": " + types)})
	}
	if text := d.began(e); text != "" {
		channel := Traces
		if e.Failing.Cut && f.Cause == e.subject() {
			channel = Metrics
		}
		f.Evidence = append(f.Evidence, Evidence{channel, cutText(text)})
	}
	return f
}

// began says where the failures began.
func (d *ErrorRate) began(e *errorName) string {
	inherited := 100 * min(ratio(e.Inherited, e.Failed.Short), 1)
	switch cause := e.Failing.Cause; {
	case e.Kind == "" || e.Failed.Short < 1:
		return ""
	case cause == e.subject() && e.Failing.Cut:
		return "its breaker opened"
	case cause == e.subject():
		return "most of them are panics"
	case cause.IsZero() && inherited < 100*mostlyKept:
		return fmt.Sprintf("%.0f%% of them began here: nothing that was called had failed", 100-inherited)
	case cause.IsZero():
		return fmt.Sprintf("%.0f%% of them followed failed calls of several operations", inherited)
	default:
		which := ""
		if o := d.operation(cause.Name); o != nil && o.Kind == observe.Client {
			which = ", a dependency"
		}
		return fmt.Sprintf("%.0f%% of them began in %s%s", inherited, cause.Name, which)
	}
}

// listed names types of errors and how many there were, those with most first.
func listed(types []errorType, fresh bool) string {
	var told []*errorType
	for i := range types {
		if t := &types[i]; t.Count.Case >= 0.5 && (t.New || !fresh) {
			told = append(told, t)
		}
	}
	slices.SortStableFunc(told, func(a, b *errorType) int { return cmp.Compare(b.Count.Case, a.Count.Case) })
	var out []string
	for _, t := range told[:min(len(told), maxListed)] {
		out = append(out, fmt.Sprintf("%s %.0f", t.Name, t.Count.Case))
	}
	return strings.Join(out, ", ")
}

func (d *ErrorRate) reported(e *errorName) Finding {
	k := &e.Reporting
	f := Finding{
		Kind: KindBusinessErrors, Subject: e.subject(), Confidence: Suspected, Active: true, Unit: inErrors, Since: k.Since, TimeToVisible: k.visible(),
	}
	if k.Confirmed {
		f.Confidence = Confirmed
	}
	unit := "a second"
	if e.bySpans() {
		unit = "a span"
	}
	var told, came []errorType
	for i := range e.Reported {
		t := &e.Reported[i]
		if t.Count.Case < 0.5 {
			continue
		}
		came = append(came, *t)
		if m := d.reporting(e, t.Count.Base); t.Count.Case >= m.half*k.Of { // else as usual
			told = append(told, *t)
		}
	}
	if len(told) == 0 { // over the whole of a long case, none is more than usual any more
		told = came
	}
	for i := range told {
		f.Level += told[i].Count.Short * 60 / shortTau
	}
	list := listed(told, false)
	if list == "" {
		list = "none"
	}
	text := fmt.Sprintf("business errors of %s: %s since %s", e.Name, list, k.Since.UTC().Format(time.TimeOnly))
	slices.SortStableFunc(told, func(a, b errorType) int { return cmp.Compare(b.Count.Case, a.Count.Case) })
	if len(told) > 0 {
		t := &told[0]
		text += fmt.Sprintf("; %s: %.2g %s now, ", t.Name, k.now(&t.Count), unit)
		if e.Warm {
			text += fmt.Sprintf("%.2g are usual", d.reporting(e, t.Count.Base).usual)
		} else {
			text += usualUnknown
		}
	}
	f.Evidence = []Evidence{{Metrics, cutText(text)}}
	return f
}
