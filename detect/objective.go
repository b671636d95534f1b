package detect

import (
	"cmp"
	"fmt"
	"time"

	"github.com/hale-go/hale/observe"
)

// Objective is what a service promises of an operation over 30 days; what may be
// missed of it is its error budget. See [BurnRate].
type Objective struct {
	// Operation is the name of the operation, or "*" for all of the kind, together.
	Operation string `json:"operation" yaml:"operation"`
	// Kind is the kind of operation: a service may call what it also serves by the
	// same name, and promises one of them. Default: "server".
	Kind observe.OperationKind `json:"kind,omitempty" yaml:"kind,omitempty"`
	// Target is the share of spans that must be good: 0.999 allows 1 of 1,000 to be
	// bad. It must be more than 0 and less than 1.
	Target float64 `json:"target" yaml:"target"`
	// Latency makes it an objective about speed: good are the spans that take less,
	// whether or not they fail. Default: 0, which makes it one about failures.
	Latency time.Duration `json:"latency,omitempty" yaml:"latency,omitempty"`
}

// MaxObjectives is how many objectives a [BurnRate] keeps.
const MaxObjectives = 64

// ObjectiveError says which field of an [Objective] cannot be used.
type ObjectiveError struct {
	Field string // Field is its name, such as "Target".
	Value any    // Value is what it was.
	Mend  string // Mend is what to write instead.
}

// Error names the field and the value.
func (e *ObjectiveError) Error() string {
	return fmt.Sprintf("detect: Objective.%s is %v, which cannot be used", e.Field, e.Value)
}

// Hint returns the mend.
func (e *ObjectiveError) Hint() string { return e.Mend }

// Check returns why the objective cannot be used, an [*ObjectiveError], and nil if
// it can.
func (o Objective) Check() error {
	switch {
	case o.Operation == "" || !nameable(o.Operation):
		return &ObjectiveError{"Operation", cutText(mended(o.Operation)), "give the name of an operation, or \"*\""}
	case o.Kind != "" && o.Kind != observe.Server && o.Kind != observe.Client && o.Kind != observe.Internal:
		return &ObjectiveError{"Kind", cutText(mended(string(o.Kind))), `give "server", "client" or "internal", or nothing for "server"`}
	case !(o.Target > 0 && o.Target < 1):
		return &ObjectiveError{"Target", o.Target, "give a share between 0 and 1, such as 0.999"}
	case o.Latency < 0 || o.Latency > time.Hour || (o.Latency > 0 && o.Latency < time.Microsecond): // a number without a unit, most likely
		return &ObjectiveError{"Latency", o.Latency, "give a duration from 1µs to 1h, or 0 for an objective about failures"}
	}
	return nil
}

// Same reports whether two objectives are about the same: only one of them can hold.
func (o Objective) Same(p Objective) bool {
	return o.Operation == p.Operation && o.kind() == p.kind() && o.Latency == p.Latency
}

func (o Objective) kind() observe.OperationKind { return cmp.Or(o.Kind, observe.Server) }

func (o Objective) subject() observe.Subject {
	if o.Operation == "*" {
		return allOperations
	}
	return observe.Subject{Name: o.Operation}
}

// is reports whether the objective is about the operation.
func (o Objective) is(st *observe.OperationStat) bool {
	return st.Kind == o.kind() && (o.Operation == "*" || st.Name == o.Operation)
}

// count returns how many spans an operation ended, and how many of them were bad.
func (o Objective) count(st *observe.OperationStat) (spans, bad float64) {
	if o.Latency > 0 {
		spans = float64(st.Latency.Count())
		return spans, min(float64(st.Latency.Above(o.Latency)), spans)
	}
	return float64(max(st.Ended, st.Failed)), float64(st.Failed)
}
