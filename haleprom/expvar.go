package haleprom

import (
	"encoding/json"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/diagnose"
	"github.com/hale-go/hale/observe"
)

// Var is a runtime's state as a variable for package expvar: publish it with
// expvar.Publish("hale", haleprom.NewVar(rt)). Its String method may be called from any
// goroutine. Nothing is registered by making one.
type Var struct{ rt *hale.Runtime }

// NewVar returns a variable that tells rt's state whenever it is asked. A nil runtime
// is one whose observer is off.
func NewVar(rt *hale.Runtime) *Var { return &Var{rt} }

// state is what a [Var] tells. Times are in seconds.
type state struct {
	Observer   string             `json:"observer"`
	Operations []operationState   `json:"operations"`
	Tasks      []observe.TaskStat `json:"tasks"`
	Pools      []observe.PoolStat `json:"pools"`
	Incidents  []incidentState    `json:"incidents"` // open ones
	Abandoned  int                `json:"abandoned"`
	Overrun    int                `json:"overrun"`
	Loop       hale.LoopStat      `json:"loop"`
	Resources  *observe.Resources `json:"resources,omitempty"`
}

type operationState struct {
	Name      string                `json:"name"`
	Kind      observe.OperationKind `json:"kind"`
	Started   uint64                `json:"started"`
	Ended     uint64                `json:"ended"`
	Failed    uint64                `json:"failed"`
	InFlight  int64                 `json:"in_flight"`
	Outcomes  map[string]uint64     `json:"outcomes,omitempty"`
	Reported  map[string]uint64     `json:"business_errors,omitempty"`
	Latencies quantiles             `json:"latency_seconds"`
}

// quantiles are of all spans since the runtime was made.
type quantiles struct {
	P50 float64 `json:"p50"`
	P90 float64 `json:"p90"`
	P99 float64 `json:"p99"`
}

type incidentState struct {
	ID      string         `json:"id"`
	Fault   diagnose.Fault `json:"fault"`
	Phase   diagnose.Phase `json:"phase"`
	Subject string         `json:"subject"`
	Root    string         `json:"root"`
}

// String returns the state as JSON: operations with their latencies in seconds and
// outcomes since the runtime was made, tasks, pools and resources as of the last turn,
// and open incidents.
func (v *Var) String() string {
	if v == nil {
		return "null"
	}
	st := v.rt.Status()
	out := state{
		Observer: st.Observer, Operations: []operationState{}, Tasks: st.Sample.Tasks, Pools: st.Sample.Pools, Incidents: []incidentState{},
		Abandoned: st.Abandoned, Overrun: st.Overrun, Loop: st.Loop, Resources: st.Sample.Resources,
	}
	for _, o := range v.rt.Operations() {
		h := o.Latency
		out.Operations = append(out.Operations, operationState{
			Name: o.Name, Kind: o.Kind, Started: o.Started, Ended: o.Ended, Failed: o.Failed, InFlight: o.InFlight,
			Outcomes: byName(o.Outcomes), Reported: byName(o.Reported),
			Latencies: quantiles{h.Quantile(0.5).Seconds(), h.Quantile(0.9).Seconds(), h.Quantile(0.99).Seconds()},
		})
	}
	for i := range st.Incidents {
		if inc := &st.Incidents[i]; !inc.Phase.Closed() {
			out.Incidents = append(out.Incidents, incidentState{inc.ID, inc.Fault, inc.Phase, inc.Subject.String(), inc.Root})
		}
	}
	text, err := json.Marshal(out)
	if err != nil { // it has no value that JSON cannot tell
		return "null"
	}
	return string(text)
}

func byName(all []observe.Outcome) map[string]uint64 {
	out := make(map[string]uint64, len(all))
	for _, o := range all {
		out[o.Name] += o.Count
	}
	return out
}
