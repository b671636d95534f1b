package detect

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hale-go/hale/observe"
)

// ErrorRateConfig says when failures are too many.
//
// It says so beside what is usual. In the first two minutes of an operation, and before
// 100 spans of it that nothing was wrong with, nobody knows what that is, and a service
// that always fails in one of five requests must not be accused for it at each start: a
// share of failures below one half is then only suspected, whatever is set here. So are
// business errors: below one for two spans, and outside of spans however many. What was
// learned outlives a restart where it is kept on disk, and then holds from the start; an
// [Objective], which is a promise and no habit, from five minutes on.
type ErrorRateConfig struct {
	// MinErrors is how many failures within some ten seconds are worth telling, and
	// how many in a row of what is seldom done. Default: 5.
	MinErrors int `json:"min_errors" yaml:"min_errors"`
	// MinRise is by how much the share of failures must be higher than usual: 0.05
	// is 5 in 100. A type of error that is new to an operation needs a fifth of it.
	// Business errors for each span must rise by it, too. Default: 0.05.
	MinRise float64 `json:"min_rise" yaml:"min_rise"`
	// MinReported is how many business errors of a type within some ten seconds are
	// worth telling. They must be three times as many for each span as usual, too, and
	// more by MinRise; those outside of spans, three times as many a second.
	// Default: 10.
	MinReported int `json:"min_reported" yaml:"min_reported"`
}

// WithDefaults returns the settings with every field set that cannot be used.
func (c ErrorRateConfig) WithDefaults() ErrorRateConfig {
	if c.MinErrors <= 0 {
		c.MinErrors = 5
	}
	if !(c.MinRise > 0 && c.MinRise < 1) {
		c.MinRise = 0.05
	}
	if c.MinReported <= 0 {
		c.MinReported = 10
	}
	return c
}

// ErrorRate finds operations that fail more often than they usually do, and types
// of business errors that are reported more often; and tasks that fail, of names
// that no operation has.
//
// What is usual is learned for each operation and each type of error, over about
// an hour, never from what is accused, and at most doubles within an hour. Before
// two minutes and 100 spans that were not accused nothing is usual, and a share under
// one half is only suspected, as are business errors outside of spans. That is learned
// all the same where it was there from the first ten seconds, or for an hour: then it is
// how the service is. Failures are suspected when there are some within about ten
// seconds, their share is higher than usual by MinRise and chance would do that once in
// a million times. They are confirmed when those that come six seconds or more after
// the first are too many on their own and so are those of the last minute: a short
// burst stays a suspicion. What is seldom done is accused when it failed several
// times in a row. An accusation is taken back at half the rise, and lasts for longer
// when the failures come in bursts.
//
// Where the failures come from spans that an operation called, the finding's Cause
// is the deepest operation whose failures are its own. When four of five operations
// that serve fail at once, and not because of one that they call, their Cause is
// what they share, the domain "all operations".
//
// The level of [KindErrorRate] is failures in 100 since they began, about those of the
// last ten seconds; that of [KindBusinessErrors] is errors a minute. A turn of 200
// operations takes about 65 µs of processor time, and 110 µs when all of them fail.
type ErrorRate struct {
	cfg   ErrorRateConfig
	state errorState
}

type errorState struct {
	Operations []errorName `json:"operations,omitempty"` // sorted by name and kind
	Tasks      []errorName `json:"tasks,omitempty"`      // sorted by name
	Swept      time.Time   `json:"swept,omitzero"`       // when room was last made in a full table
	All        time.Time   `json:"all,omitzero"`         // since when all operations that serve fail
}

// errorName is what is known of the errors of an operation, or of a task's name.
type errorName struct {
	Name   string                `json:"name"`
	Kind   observe.OperationKind `json:"kind,omitempty"` // "": a task
	Domain observe.Domain        `json:"domain,omitempty"`
	First  time.Time             `json:"first,omitzero"` // when it came into use
	At     time.Time             `json:"at,omitzero"`    // as of when the tallies are
	Warm   bool                  `json:"warm,omitempty"` // what is usual is known
	Unseen int                   `json:"unseen,omitempty"`

	Last taskCounts `json:"last,omitzero"` // of a task's name, as of the last turn

	Spans          tally        `json:"spans"` // that ended
	Seconds        tally        `json:"seconds"`
	Failed         tally        `json:"failed"`
	Spread         tally        `json:"spread,omitzero"`          // squares of how failures differ from what is usual, a turn
	ReportedSpread tally        `json:"reported_spread,omitzero"` // and business errors
	Inherited      float64      `json:"inherited,omitempty"`      // of Failed.Short
	Panics         float64      `json:"panics,omitempty"`         // of tasks of the name, in the short time
	PanicsSeen     uint64       `json:"panics_seen,omitempty"`    // as of the last turn
	Types          []errorType  `json:"types,omitempty"`          // of failures, sorted by name
	Reported       []errorType  `json:"reported,omitempty"`       // business errors, sorted by name
	Calls          []failedCall `json:"calls,omitempty"`          // that failed, sorted by name

	Row      float64   `json:"row,omitempty"`       // failures in a row
	RowUsual float64   `json:"row_usual,omitempty"` // share before it began
	RowAt    time.Time `json:"row_at,omitzero"`
	RowTo    time.Time `json:"row_to,omitzero"`

	// What the share of failures was up to an hour ago, and since when.
	Before   float64   `json:"before,omitempty"`
	BeforeAt time.Time `json:"before_at,omitzero"`

	Failing   errorCase `json:"failing,omitzero"`
	Reporting errorCase `json:"reporting,omitzero"`
}

type taskCounts struct {
	Started uint64 `json:"started,omitempty"`
	Ended   uint64 `json:"ended,omitempty"`
	Failed  uint64 `json:"failed,omitempty"`
}

// errorType counts the errors of one type.
type errorType struct {
	Name  string `json:"name"`
	Count tally  `json:"n"`
	New   bool   `json:"new,omitempty"` // it first came when what is usual was known
}

// failedCall counts the calls of an operation that failed, in the short time.
type failedCall struct {
	Name   string  `json:"name"`
	Failed float64 `json:"n"`
}

// Bounds of what is remembered.
const (
	maxErrorNames = 1024 // of operations, and of tasks
	maxErrorTypes = 16   // of each; those of which there were least are dropped
	maxErrorCalls = 8
	idleAfter     = 10 * time.Minute // without a span, a name may make room for another
	sweepEvery    = time.Minute
)

// NewErrorRate returns the detector.
func NewErrorRate(cfg ErrorRateConfig) *ErrorRate { return &ErrorRate{cfg: cfg.WithDefaults()} }

// Detect implements [Detector].
func (d *ErrorRate) Detect(t observe.Turn) []Finding {
	st := &d.state
	var f fades
	at := 0
	for i := range t.Sample.Operations {
		o := &t.Sample.Operations[i]
		var e *errorName
		if e, at = d.name(&st.Operations, at, o.Name, o.Kind, t.Time); e != nil {
			e.Domain = o.Domain
			counts := countsOf(o)
			if i, ok := findTask(t.Sample, o.Name); ok { // a request that panics is answered with a status
				if n := t.Sample.Tasks[i].Panics; n != e.PanicsSeen {
					counts.panics = float64(n - min(e.PanicsSeen, n))
					e.PanicsSeen = n
				}
			}
			d.take(e, t.Time, &f, counts)
		}
	}
	at = 0
	for i := range t.Sample.Tasks {
		ts := &t.Sample.Tasks[i]
		if d.isOperation(ts.Name) {
			continue
		}
		var e *errorName
		if e, at = d.name(&st.Tasks, at, ts.Name, "", t.Time); e != nil {
			e.Domain = ts.Domain
			if counts := e.since(ts); counts.ended > 0 {
				d.take(e, t.Time, &f, counts)
			}
		}
	}
	for _, names := range [][]errorName{st.Operations, st.Tasks} {
		for i := range names {
			if e := &names[i]; (e.Failing.Open || e.Reporting.Open) && !e.At.Equal(t.Time) {
				d.take(e, t.Time, &f, errorCounts{})
			}
		}
	}
	for _, names := range [][]errorName{st.Operations, st.Tasks} {
		for i := range names {
			if e := &names[i]; e.Failing.Open {
				d.blame(e, brokenOff(t.Sample, e.Name))
			}
		}
	}
	return d.findings(t.Time)
}

// errorCounts is what a name did in a turn.
type errorCounts struct {
	ended, failed, inherited float64
	panics                   float64 // of tasks of the same name
	outcomes, reported       []observe.Outcome
	calls                    []observe.Call
}

func countsOf(o *observe.OperationStat) errorCounts {
	return errorCounts{
		ended: float64(max(o.Ended, o.Failed)), failed: float64(o.Failed), inherited: float64(min(o.Inherited, o.Failed)),
		outcomes: o.Outcomes, reported: o.Reported, calls: o.Calls,
	}
}

// firstCounts is how many tasks of a name may have been started when it is first
// seen: what was counted before is of a time that nobody knows.
const firstCounts = 100

// since returns what the tasks of the name did since the last turn. Counters that
// went back were reset.
func (e *errorName) since(ts *observe.TaskStat) errorCounts {
	now := taskCounts{Started: ts.Started, Failed: ts.Failed - min(ts.Panics, ts.Failed)} // panics are found elsewhere
	now.Ended = ts.Started - min(uint64(max(ts.Live, 0)), ts.Started)
	last := e.Last
	unknown := last == taskCounts{} && now.Started > firstCounts
	if now.Started < last.Started || now.Failed < last.Failed {
		last = taskCounts{}
	}
	e.Last = now
	if unknown {
		return errorCounts{}
	}
	failed := now.Failed - last.Failed
	ended := max(now.Ended-min(last.Ended, now.Ended), failed)
	return errorCounts{ended: float64(ended), failed: float64(failed)}
}

// isOperation reports whether an operation has the name.
func (d *ErrorRate) isOperation(name string) bool {
	_, ok := slices.BinarySearchFunc(d.state.Operations, name, func(e errorName, name string) int { return strings.Compare(e.Name, name) })
	return ok
}

type errorKey struct {
	name string
	kind observe.OperationKind
}

func compareErrorName(e errorName, k errorKey) int {
	return cmp.Or(strings.Compare(e.Name, k.name), strings.Compare(string(e.Kind), string(k.kind)))
}

// name returns the entry of a name, made if need be, and where the next one is
// likely to be. It is nil when the table is full of names that are in use.
func (d *ErrorRate) name(names *[]errorName, at int, name string, kind observe.OperationKind, now time.Time) (*errorName, int) {
	if at < len(*names) && (*names)[at].Name == name && (*names)[at].Kind == kind {
		return &(*names)[at], at + 1
	}
	key := errorKey{name, kind}
	i, ok := slices.BinarySearchFunc(*names, key, compareErrorName)
	if ok {
		return &(*names)[i], i + 1
	}
	if name == "" {
		return nil, at
	}
	if len(*names) >= maxErrorNames {
		if since := now.Sub(d.state.Swept); since >= 0 && since < sweepEvery {
			return nil, at
		}
		d.state.Swept = now
		*names = slices.DeleteFunc(*names, func(e errorName) bool { return e.idle(now) })
		if len(*names) >= maxErrorNames {
			return nil, at
		}
		i, _ = slices.BinarySearchFunc(*names, key, compareErrorName)
	}
	*names = slices.Insert(*names, i, errorName{Name: name, Kind: kind, First: now, At: now.Add(-time.Second)})
	return &(*names)[i], i + 1
}

// idle reports whether a name may make room for another.
func (e *errorName) idle(now time.Time) bool {
	return !e.Failing.Open && !e.Reporting.Open && (now.Sub(e.At) >= idleAfter || now.Before(e.At))
}

// State implements [Stateful].
func (d *ErrorRate) State() (json.RawMessage, error) { return json.Marshal(d.state) }

// SetState implements [Stateful].
func (d *ErrorRate) SetState(raw json.RawMessage) error {
	return restore(&d.state, raw, func(s *errorState) error {
		return cmp.Or(checkErrors("operations", s.Operations), checkErrors("tasks", s.Tasks))
	})
}

// checkErrors reports why what was read of names cannot be used.
func checkErrors(field string, names []errorName) error {
	byName := func(a, b *errorType) int { return strings.Compare(a.Name, b.Name) }
	for i := range names {
		e, at := &names[i], fmt.Sprintf("%s[%d]", field, i)
		if err := cmp.Or(
			within(at+".before", e.Before, 0, 1), within(at+".row_usual", e.RowUsual, 0, 1), within(at+".row", e.Row, 0, 1e25),
			inOrder(at+".types", e.Types, maxErrorTypes, byName), inOrder(at+".reported", e.Reported, maxErrorTypes, byName),
			inOrder(at+".calls", e.Calls, maxErrorCalls, func(a, b *failedCall) int { return strings.Compare(a.Name, b.Name) }),
		); err != nil {
			return err
		}
	}
	return inOrder(field, names, maxErrorNames, func(a, b *errorName) int { return compareErrorName(*a, errorKey{b.Name, b.Kind}) })
}
