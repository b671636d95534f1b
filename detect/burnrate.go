package detect

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/hale-go/hale/observe"
)

// BurnRate finds operations that use up the error budget of an [Objective] too
// fast, by the burn rates and windows of Google's SRE workbook (Site Reliability
// Workbook, chapter 5): 14.4 over an hour and five minutes, 6 over six hours and
// half an hour, and 1 over three days and six hours. Each needs both of its windows,
// of which the shorter one must have been seen in full and the longer one must have
// ten bad spans. The last is no hurry: it is suspected and [Minor]. A finding clears
// when the shorter window is down to half. Without objectives it finds nothing.
//
// It remembers three days in buckets of five minutes, 30 KB at most for each
// objective, and keeps them over a restart. The level is the burn rate: 1 uses up
// the budget in just the 30 days.
type BurnRate struct {
	objectives []Objective
	state      burnState
}

type burnState struct {
	Objectives []budget `json:"objectives,omitempty"` // as they were given
}

// budget is what one objective saw.
type budget struct {
	Operation string                `json:"operation"`
	Kind      observe.OperationKind `json:"kind"`
	Latency   time.Duration         `json:"latency,omitempty"`
	First     int64                 `json:"first,omitempty"`   // second at which it was first counted
	Buckets   []burnBucket          `json:"buckets,omitempty"` // that have spans, sorted by time
	Raised    [3]time.Time          `json:"raised,omitzero"`   // of the burns, since when
}

// burnBucket is the spans of five minutes.
type burnBucket struct {
	At    int64   `json:"t"` // seconds since 1970, divided by burnSeconds
	Spans float64 `json:"n"`
	Bad   float64 `json:"bad,omitempty"`
}

const (
	burnSeconds = 300
	leastBad    = 10
)

// burns are the rates and windows, in buckets, of the workbook.
var burns = [3]struct {
	rate        float64
	long, short int64
	text        string
}{
	{14.4, 12, 1, "1h and 5m"},
	{6, 72, 6, "6h and 30m"},
	{1, 864, 72, "3d and 6h"},
}

// NewBurnRate returns the detector. Objectives that cannot be used are left out, and
// so are those past [MaxObjectives].
func NewBurnRate(objectives []Objective) *BurnRate {
	d := &BurnRate{}
	for _, o := range objectives {
		if o.Check() == nil && len(d.objectives) < MaxObjectives {
			d.objectives = append(d.objectives, o)
		}
	}
	d.state.Objectives = d.fresh()
	return d
}

func (d *BurnRate) fresh() []budget {
	out := make([]budget, len(d.objectives))
	for i, o := range d.objectives {
		out[i] = budget{Operation: o.Operation, Kind: o.kind(), Latency: o.Latency}
	}
	return out
}

// Detect implements [Detector].
func (d *BurnRate) Detect(t observe.Turn) []Finding {
	var out []Finding
	if t.Time.Unix() <= 0 {
		return nil
	}
	for i := range d.objectives {
		o, b := &d.objectives[i], &d.state.Objectives[i]
		var spans, bad float64
		for k := range t.Sample.Operations {
			if st := &t.Sample.Operations[k]; o.is(st) {
				n, wrong := o.count(st)
				spans, bad = spans+n, bad+wrong
			}
		}
		b.add(t.Time.Unix(), spans, bad)
		f, ok := d.burning(o, b, t.Time)
		if !ok {
			continue
		}
		if k := slices.IndexFunc(out, func(g Finding) bool { return g.Subject == f.Subject }); k >= 0 { // about failures and about speed
			out[k] = both(out[k], f)
			continue
		}
		out = append(out, f)
	}
	return out
}

// both is one finding about two objectives of an operation.
func both(a, b Finding) Finding {
	if b.Confidence > a.Confidence {
		a, b = b, a
	}
	a.Evidence = append(a.Evidence, b.Evidence...)
	a.Evidence = a.Evidence[:min(len(a.Evidence), maxEvidence)]
	a.Level, a.TimeToVisible = max(a.Level, b.Level), max(a.TimeToVisible, b.TimeToVisible)
	if b.Since.Before(a.Since) {
		a.Since = b.Since
	}
	return a
}

// add counts spans. Where the clock was set back by more than a bucket, it starts
// over.
func (b *budget) add(now int64, spans, bad float64) {
	at := now / burnSeconds
	if n := len(b.Buckets); n > 0 && at < b.Buckets[n-1].At-1 || now < b.First-burnSeconds {
		*b = budget{Operation: b.Operation, Kind: b.Kind, Latency: b.Latency}
	}
	if b.First == 0 {
		b.First = now
	}
	if n := len(b.Buckets); n == 0 || at > b.Buckets[n-1].At {
		if spans == 0 {
			return
		}
		old := 0
		for old < n && b.Buckets[old].At <= at-burns[2].long-1 {
			old++
		}
		b.Buckets = append(b.Buckets[old:], burnBucket{At: at})
	}
	last := &b.Buckets[len(b.Buckets)-1]
	last.Spans += spans
	last.Bad += bad
}

// burn returns the spans of the last n buckets and how many were bad. Of the oldest
// bucket, of which a part lies in the window, that part counts.
func (b *budget) burn(now time.Time, n int64) (spans, bad float64) {
	at := now.Unix() / burnSeconds
	part := 1 - float64(now.Unix()%burnSeconds)/burnSeconds
	for i := len(b.Buckets) - 1; i >= 0; i-- {
		k := &b.Buckets[i]
		switch age := at - k.At; {
		case age < n:
			spans, bad = spans+k.Spans, bad+k.Bad
		case age == n:
			return spans + part*k.Spans, bad + part*k.Bad
		default:
			return spans, bad
		}
	}
	return spans, bad
}

// burning returns the finding about an objective, and whether there is one.
func (d *BurnRate) burning(o *Objective, b *budget, now time.Time) (Finding, bool) {
	f := Finding{Kind: KindBurnRate, Subject: o.subject(), Confidence: Suspected, Severity: Minor, Active: true, Unit: inTimes}
	for i, w := range burns {
		raised := !b.Raised[i].IsZero()
		bar := w.rate
		if raised {
			bar /= 2
		}
		spans, bad := b.burn(now, w.short)
		short := ratio(bad, spans) / (1 - o.Target)
		if short < bar || now.Unix()-b.First < w.short*burnSeconds {
			b.Raised[i] = time.Time{}
			continue
		}
		spans, bad = b.burn(now, w.long)
		long := ratio(bad, spans) / (1 - o.Target)
		if !raised && (long < bar || bad < leastBad) {
			continue
		}
		if !raised {
			b.Raised[i] = now
		}
		if f.Since.IsZero() || b.Raised[i].Before(f.Since) {
			f.Since = b.Raised[i]
		}
		if i < 2 {
			f.Confidence, f.Severity = Confirmed, Major
		}
		f.Level = max(f.Level, short)
		f.TimeToVisible = max(f.TimeToVisible, min(time.Duration(w.short)*burnSeconds*time.Second, time.Hour))
		f.Evidence = append(f.Evidence, Evidence{Metrics, cutText(fmt.Sprintf(
			"the error budget of %s is used up %.3g times too fast: %s; %.0f of %.0f spans %s, windows %s, rule from %v",
			o.subject(), min(short, long), o.promise(), bad, spans, o.wrong(), w.text, w.rate))})
	}
	return f, len(f.Evidence) > 0
}

// promise says what the objective is, and wrong what a bad span is.
func (o *Objective) promise() string {
	return fmt.Sprintf("%.6g%% are to be good", 100*o.Target)
}

func (o *Objective) wrong() string {
	if o.Latency > 0 {
		return "took " + o.Latency.String() + " or more"
	}
	return "failed"
}

// State implements [Stateful].
func (d *BurnRate) State() (json.RawMessage, error) { return json.Marshal(d.state) }

// SetState implements [Stateful]. Objectives are matched by operation, kind and latency.
func (d *BurnRate) SetState(raw json.RawMessage) error {
	var s burnState
	if err := decode(raw, &s); err != nil {
		return err
	}
	fresh := d.fresh()
	for _, b := range s.Objectives {
		if err := b.check(); err != nil {
			return err
		}
		for i := range fresh {
			if fresh[i].Operation == b.Operation && fresh[i].Kind == cmp.Or(b.Kind, observe.Server) && fresh[i].Latency == b.Latency {
				b.Kind = fresh[i].Kind
				fresh[i] = b
			}
		}
	}
	d.state.Objectives = fresh
	return nil
}

func (b *budget) check() error {
	for i, k := range b.Buckets {
		if i > 0 && k.At <= b.Buckets[i-1].At || !(k.Bad >= 0 && k.Bad <= k.Spans) || math.IsInf(k.Spans, 0) {
			return &StateError{Field: "objectives", Err: fmt.Errorf("spans of %.80q at %d out of order, or more of them bad than there are", b.Operation, k.At)}
		}
	}
	if int64(len(b.Buckets)) > burns[2].long+2 {
		return &StateError{Field: "objectives", Err: fmt.Errorf("%d times five minutes of %.80q", len(b.Buckets), b.Operation)}
	}
	return nil
}

// Baseline implements [Learner]. What was used up of a budget is used up also for
// the next process.
func (d *BurnRate) Baseline() (json.RawMessage, error) { return d.State() }

// SetBaseline implements [Learner].
func (d *BurnRate) SetBaseline(raw json.RawMessage) error { return d.SetState(raw) }
