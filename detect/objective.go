package detect

import (
	"fmt"
	"time"

	"github.com/hale-go/hale/observe"
)

// Objective is what a service promises of an operation over 30 days; what may be
// missed of it is its error budget. See [BurnRate].
type Objective struct {
	// Operation is the name of the operation, or "*" for all that serve, together.
	Operation string `json:"operation" yaml:"operation"`
	// Target is the share of spans that must be good: 0.999 allows 1 of 1,000 to be
	// bad. It must be more than 0 and less than 1.
	Target float64 `json:"target" yaml:"target"`
	// Latency makes it an objective about speed: good are the spans that take less,
	// whether or not they fail. Default: 0, which makes it one about failures.
	Latency time.Duration `json:"latency,omitempty" yaml:"latency,omitempty"`
}

// MaxObjectives is how many objectives a [BurnRate] keeps.
const MaxObjectives = 64

// Check returns why the objective cannot be used, and nil if it can.
func (o Objective) Check() error {
	switch {
	case o.Operation == "" || len(o.Operation) > maxText || mended(o.Operation) != o.Operation:
		return fmt.Errorf("%w: operation %.40q: give the name of an operation, or \"*\"", ErrObjective, o.Operation)
	case !(o.Target > 0 && o.Target < 1):
		return fmt.Errorf("%w: target %v: give a share between 0 and 1, such as 0.999", ErrObjective, o.Target)
	case o.Latency < 0 || o.Latency > time.Hour:
		return fmt.Errorf("%w: latency %v: give a duration up to 1h, or 0 for an objective about failures", ErrObjective, o.Latency)
	}
	return nil
}

func (o Objective) subject() observe.Subject {
	if o.Operation == "*" {
		return allOperations
	}
	return observe.Subject{Name: o.Operation}
}

// is reports whether the objective is about the operation.
func (o Objective) is(st *observe.OperationStat) bool {
	if o.Operation == "*" {
		return st.Kind == observe.Server
	}
	return st.Name == o.Operation
}

// count returns how many spans an operation ended, and how many of them were bad.
func (o Objective) count(st *observe.OperationStat) (spans, bad float64) {
	if o.Latency > 0 {
		spans = float64(st.Latency.Count())
		return spans, min(float64(st.Latency.Above(o.Latency)), spans)
	}
	return float64(max(st.Ended, st.Failed)), float64(st.Failed)
}
