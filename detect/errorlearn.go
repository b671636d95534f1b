package detect

import (
	"encoding/json"
	"fmt"
	"math"

	"github.com/hale-go/hale/observe"
)

// errorBaseline is what outlives a restart of [ErrorRate].
type errorBaseline struct {
	Operations []errorLearned `json:"operations,omitempty"` // sorted by name and kind
	Tasks      []errorLearned `json:"tasks,omitempty"`      // sorted by name
}

// errorLearned is what is usual for one name.
type errorLearned struct {
	Name     string                `json:"name"`
	Kind     observe.OperationKind `json:"kind,omitempty"`
	Spans    float64               `json:"spans,omitempty"`
	Seconds  float64               `json:"seconds,omitempty"`
	Failed   float64               `json:"failed,omitempty"`
	Spread   float64               `json:"spread,omitempty"`
	Told     float64               `json:"reported_spread,omitempty"`
	Types    []typeLearned         `json:"types,omitempty"`
	Reported []typeLearned         `json:"reported,omitempty"`
	Unseen   int                   `json:"unseen,omitempty"`
}

type typeLearned struct {
	Name  string  `json:"name"`
	Count float64 `json:"n"`
}

// mostLearned bounds squares of what no service counts.
const mostLearned = 1e15

// Baseline implements [Learner]. It has the shares of what is known well enough;
// what is accused was never part of them.
func (d *ErrorRate) Baseline() (json.RawMessage, error) {
	return json.Marshal(errorBaseline{learnedErrors(d.state.Operations), learnedErrors(d.state.Tasks)})
}

func learnedErrors(names []errorName) (out []errorLearned) {
	for i := range names {
		e := &names[i]
		if !e.Warm {
			continue
		}
		// A long habit must be able to change as fast as one that is learned now.
		spans, seconds := min(1, leastBase/max(e.Spans.Base, 1)), min(1, leastBase/max(e.Seconds.Base, 1))
		by := seconds
		if e.bySpans() {
			by = spans
		}
		out = append(out, errorLearned{
			Name: e.Name, Kind: e.Kind, Unseen: e.Unseen, Spans: e.Spans.Base * spans, Seconds: e.Seconds.Base * seconds,
			Failed: e.Failed.Base * spans, Spread: min(e.Spread.Base*spans, mostLearned), Told: min(e.ReportedSpread.Base*by, mostLearned), Types: learnedTypes(e.Types, spans), Reported: learnedTypes(e.Reported, by),
		})
	}
	return out
}

func learnedTypes(types []errorType, scale float64) (out []typeLearned) {
	for i := range types {
		if t := &types[i]; t.Count.Base > 0 {
			out = append(out, typeLearned{t.Name, t.Count.Base * scale})
		}
	}
	return out
}

// SetBaseline implements [Learner].
func (d *ErrorRate) SetBaseline(raw json.RawMessage) error {
	var b errorBaseline
	if err := decode(raw, &b); err != nil {
		return err
	}
	operations, err := usualErrorsOf(b.Operations)
	if err != nil {
		return err
	}
	tasks, err := usualErrorsOf(b.Tasks)
	if err != nil {
		return err
	}
	d.state = errorState{Operations: operations, Tasks: tasks}
	return nil
}

func usualErrorsOf(in []errorLearned) (out []errorName, err error) {
	var last errorName
	for _, l := range in {
		next := errorName{Name: l.Name, Kind: l.Kind}
		if l.Name == "" || compareErrorName(last, errorKey{l.Name, l.Kind}) >= 0 || l.Unseen < 0 {
			return nil, &StateError{Field: "names", Err: fmt.Errorf("%.80q is empty or out of order, or was not seen for %d times", l.Name, l.Unseen)}
		}
		last = next
		for _, n := range []float64{l.Spans, l.Seconds, l.Failed, l.Spread, l.Told} {
			if !(n >= 0) || n > math.MaxInt64 {
				return nil, &StateError{Field: "names", Err: fmt.Errorf("%.80q has a count of %v", l.Name, n)}
			}
		}
		next.Warm, next.Unseen = true, l.Unseen+1
		next.Spans.Base, next.Seconds.Base, next.Failed.Base = l.Spans, l.Seconds, l.Failed
		next.Spread.Base, next.ReportedSpread.Base = l.Spread, l.Told
		if next.Types, err = usualTypesOf(l.Types); err != nil {
			return nil, err
		}
		if next.Reported, err = usualTypesOf(l.Reported); err != nil {
			return nil, err
		}
		if l.Unseen < maxUnseen && len(out) < maxErrorNames*3/4 {
			out = append(out, next)
		}
	}
	return out, nil
}

func usualTypesOf(in []typeLearned) (out []errorType, err error) {
	for i, l := range in {
		if i > 0 && l.Name <= in[i-1].Name {
			return nil, &StateError{Field: "types", Err: fmt.Errorf("%.80q is %w", l.Name, errOrder)}
		}
		if !(l.Count >= 0) || l.Count > math.MaxInt64 {
			return nil, &StateError{Field: "types", Err: fmt.Errorf("%.80q has a count of %v", l.Name, l.Count)}
		}
		if len(out) < maxErrorTypes {
			out = append(out, errorType{Name: l.Name, Count: tally{Base: l.Count}})
		}
	}
	return out, nil
}
