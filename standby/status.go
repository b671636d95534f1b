package standby

import "time"

// Status is how a [Switch] stands, for pages and logs.
type Status struct {
	Active   string        `json:"active"`          // Active is the side that is used, or was last.
	Serving  bool          `json:"serving"`         // Serving is whether callers may use it.
	Since    time.Time     `json:"since"`           // Since is when one of the two last changed.
	Switches uint64        `json:"switches"`        // Switches counts the times that Active changed.
	Untold   uint64        `json:"untold"`          // Untold counts changes that OnChange had no time for.
	Sides    [2]SideStatus `json:"sides"`           // Sides are the primary and the standby.
	Error    string        `json:"error,omitempty"` // Error is why no side can be used.
}

// SideStatus is how one side stands.
type SideStatus struct {
	Name     string    `json:"name"`             // Name is its name.
	State    State     `json:"state"`            // State is what its last check said.
	Stale    bool      `json:"stale"`            // Stale is whether it lacks writes, as far as is known: it is not used by itself.
	Hanging  bool      `json:"hanging"`          // Hanging is whether a function of it does not come back.
	Epoch    uint64    `json:"epoch,omitempty"`  // Epoch is its last known one.
	Checks   uint64    `json:"checks"`           // Checks counts checks.
	Failures uint64    `json:"failures"`         // Failures counts those that failed, ErrReadOnly aside.
	Passing  time.Time `json:"passing,omitzero"` // Passing is since when every check has passed; zero: the last one did not.
	// Probation is how long the primary must pass at present before it is switched back to automatically.
	Probation time.Duration `json:"probation,omitempty"`
	// Error is what it said last when it did not pass, and At is when.
	Error string    `json:"error,omitempty"`
	At    time.Time `json:"at,omitzero"`
}

// State is what a check said.
type State string

// What a check may say.
const (
	Unchecked State = "unchecked"
	Up        State = "up"
	ReadOnly  State = "read-only"
	Failing   State = "failing"
)

// Status returns how it stands. It waits for no check; what is under way is not in it.
func (sw *Switch[T]) Status() Status {
	sw.mu.Lock()
	defer sw.mu.Unlock()
	v := sw.view.Load()
	s := Status{
		Active: sw.sides[sw.active].Name, Serving: v.err == nil, Since: sw.since, Switches: sw.switches, Untold: sw.tell.lost(),
	}
	if v.err != nil {
		s.Error = v.err.Error()
	}
	top := max(sw.sides[0].epoch, sw.sides[1].epoch, sw.floor)
	for i := range sw.sides {
		f := &sw.sides[i]
		o := SideStatus{
			Name: f.Name, State: [...]State{Unchecked, Up, ReadOnly, Failing}[f.verdict], Epoch: f.epoch, Checks: f.checks, Failures: f.failures,
			Stale: f.stale || i != sw.active && f.verdict == passed && f.epoch < top, Hanging: f.call != nil && f.call.late, At: f.lastAt,
		}
		if i == 0 && sw.cfg.SwitchBack == Auto {
			o.Probation = f.probation
		}
		if f.passes > 0 {
			o.Passing = f.since
		}
		if f.last != nil {
			o.Error = f.last.Error()
		}
		s.Sides[i] = o
	}
	return s
}
