package detect

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/hale-go/hale/observe"
)

// Stuck finds tasks that missed their heartbeat or outran their budget. One
// that also ignores its cancellation past its grace is confirmed. Where the
// developer declared a contract that replaces stuck work (a pool, a restart),
// the finding says so, and it clears when the replacement stands. When run after run of a
// name hangs and is replaced, that is a finding of its own, [KindHangLoop], which the others
// follow from.
type Stuck struct{ state stuckState }

type stuckState struct {
	Tasks []stuckTask `json:"tasks,omitempty"` // sorted by ID
	Pools []stuckPool `json:"pools,omitempty"` // sorted by name
	Loops hangLoops   `json:"hang_loops,omitempty"`
}

type stuckTask struct {
	Subject   observe.Subject `json:"subject"`
	Why       string          `json:"why"`
	Since     time.Time       `json:"since"`
	Overdue   bool            `json:"overdue,omitempty"`
	Abandoned bool            `json:"abandoned,omitempty"`
	Replacing bool            `json:"replacing,omitempty"` // a fresh run takes its place
	Replaced  time.Time       `json:"replaced,omitzero"`   // when that run started
}

type stuckPool struct {
	Subject observe.Subject `json:"subject"`
	Since   time.Time       `json:"since"`
	Hits    []time.Time     `json:"hits,omitempty"` // units abandoned within the window, oldest first
	Late    time.Time       `json:"late"`           // last unit past its budget
	Why     string          `json:"why,omitempty"`  // of the last of them
}

const (
	stuckWindow = 5 * time.Second // a pool that gave nobody up for so long has recovered
	// A replacement that runs for so long stands; the wait is what verifies it.
	replacementStands = 2 * time.Second

	maxStuckTasks = 1024
	maxTold       = 16 // tasks of one name that are reported one by one
	maxHits       = 256
)

// NewStuck returns the detector.
func NewStuck() *Stuck { return &Stuck{} }

// Detect implements [Detector].
func (d *Stuck) Detect(t observe.Turn) []Finding {
	for _, e := range t.Events {
		if d.pooled(t.Sample, e.Subject.Name) {
			d.unit(e)
		} else {
			d.task(e)
		}
	}
	d.forget(t)
	d.state.Loops.count(t, func(name string) bool {
		return slices.ContainsFunc(d.state.Tasks, func(s stuckTask) bool { return s.Subject.Name == name && s.Replaced.IsZero() })
	})
	out := d.state.Loops.findings(t)
	told, all := map[string]int{}, map[string]int{}
	for _, s := range d.state.Tasks {
		all[s.Subject.Name]++
	}
	for _, s := range d.state.Tasks {
		if told[s.Subject.Name]++; told[s.Subject.Name] <= maxTold && len(out) < maxFindings/2 {
			f := s.finding(all[s.Subject.Name])
			f.Cause, _ = d.state.Loops.loops(s.Subject.Name)
			out = append(out, f)
		}
	}
	for _, p := range d.state.Pools[:min(len(d.state.Pools), maxFindings/2)] {
		out = append(out, p.finding(t.Time))
	}
	return out
}

func (d *Stuck) pooled(s observe.Sample, name string) bool {
	_, ok := slices.BinarySearchFunc(s.Pools, name, func(p observe.PoolStat, name string) int { return cmp.Compare(p.Name, name) })
	return ok
}

func (d *Stuck) task(e observe.Event) {
	id := e.Subject.Task
	i, known := slices.BinarySearchFunc(d.state.Tasks, id, func(s stuckTask, id observe.TaskID) int { return s.Subject.Task.Compare(id) })
	switch e.Kind {
	case observe.EventHeartbeatMissed, observe.EventBudget, observe.EventOverdue:
		if id.IsZero() || (!known && len(d.state.Tasks) >= maxStuckTasks) {
			return
		}
		if !known {
			d.state.Tasks = slices.Insert(d.state.Tasks, i, stuckTask{
				Subject: e.Subject, Why: e.Detail, Since: e.Time, Replacing: e.Replacing,
			})
		}
		if e.Kind == observe.EventOverdue {
			d.state.Tasks[i].Overdue = true
			d.state.Tasks[i].Why += ", " + e.Detail
		}
	case observe.EventAbandoned:
		if known {
			d.state.Tasks[i].Abandoned = true
			d.state.Tasks[i].Replacing = e.Replacing
		}
	case observe.EventEnded, observe.EventReturned:
		// Once it is abandoned, the replacement is still to be seen standing.
		if known && (!d.state.Tasks[i].Abandoned || !d.state.Tasks[i].Replacing) {
			d.state.Tasks = slices.Delete(d.state.Tasks, i, i+1)
		}
	case observe.EventRestarted:
		for i := range d.state.Tasks {
			if s := &d.state.Tasks[i]; s.Abandoned && s.Replacing && s.Replaced.IsZero() && s.Subject.Name == e.Subject.Name {
				s.Replaced = e.Time
			}
		}
	}
}

func (d *Stuck) unit(e observe.Event) {
	if e.Kind != observe.EventBudget && e.Kind != observe.EventAbandoned {
		return
	}
	name := e.Subject.Name
	i, known := slices.BinarySearchFunc(d.state.Pools, name, func(p stuckPool, name string) int { return cmp.Compare(p.Subject.Name, name) })
	if !known {
		d.state.Pools = slices.Insert(d.state.Pools, i, stuckPool{
			Subject: observe.Subject{Name: name, Domain: e.Subject.Domain, Site: e.Subject.Site}, Since: e.Time,
		})
	}
	p := &d.state.Pools[i]
	p.Late, p.Why = e.Time, e.Detail
	if e.Kind == observe.EventAbandoned {
		if len(p.Hits) == maxHits {
			p.Hits = slices.Delete(p.Hits, 0, 1)
		}
		p.Hits = append(p.Hits, e.Time)
	}
}

// forget drops what has recovered, and tasks whose end was not told because
// events did not fit.
func (d *Stuck) forget(t observe.Turn) {
	alive := func(name string) bool {
		i, ok := slices.BinarySearchFunc(t.Sample.Tasks, name, func(s observe.TaskStat, name string) int { return cmp.Compare(s.Name, name) })
		return ok && t.Sample.Tasks[i].Live > 0
	}
	d.state.Tasks = slices.DeleteFunc(d.state.Tasks, func(s stuckTask) bool {
		stands := !s.Replaced.IsZero() && t.Time.Sub(s.Replaced) >= replacementStands
		return stands || !alive(s.Subject.Name)
	})
	for i := range d.state.Pools {
		p := &d.state.Pools[i]
		hit := len(p.Hits) > 0
		p.Hits = slices.DeleteFunc(p.Hits, func(h time.Time) bool { return t.Time.Sub(h) > stuckWindow })
		if hit && len(p.Hits) == 0 { // a unit that came back after the last was given up is no new suspicion
			p.Late = time.Time{}
		}
	}
	d.state.Pools = slices.DeleteFunc(d.state.Pools, func(p stuckPool) bool {
		return len(p.Hits) == 0 && t.Time.Sub(p.Late) > stuckWindow
	})
}

// finding tells of one of so many that are stuck under its name: whether more hang
// than before is what a remedy is judged by.
func (s stuckTask) finding(all int) Finding {
	f := Finding{
		Kind: KindStuck, Subject: s.Subject, Confidence: Suspected, Active: !s.Abandoned || s.Replacing, Reflex: s.Replacing, Level: float64(all), Unit: inTasks,
		Since: s.Since, TimeToVisible: 2 * time.Second,
		Evidence: []Evidence{{Tasks, cutText(s.Subject.String() + ": " + s.Why)}},
	}
	if s.Overdue {
		f.Confidence = Confirmed
	}
	return f
}

func (p stuckPool) finding(now time.Time) Finding {
	f := Finding{
		Kind: KindStuck, Subject: p.Subject, Confidence: Suspected, Active: true, Reflex: true, Level: float64(max(len(p.Hits), 1)), Unit: inTasks,
		Since: p.Since, TimeToVisible: stuckWindow + 2*time.Second,
		Evidence: []Evidence{{Tasks, cutText(fmt.Sprintf("units of %.100s run past their budget, the last: %s", p.Subject.Name, p.Why))}},
	}
	if n := len(p.Hits); n > 0 {
		f.Confidence = Confirmed
		if f.Active = now.Sub(p.Hits[n-1]) <= stuckWindow/2; !f.Active {
			f.Level = 0 // every slot has a worker again
		}
		f.Evidence = []Evidence{{Tasks, cutText(fmt.Sprintf("%d of the units of %.100s ignored their cancellation within %v, the last: %s", n, p.Subject.Name, stuckWindow, p.Why))}}
	}
	return f
}

// State implements [Stateful].
func (d *Stuck) State() (json.RawMessage, error) { return json.Marshal(d.state) }

// SetState implements [Stateful].
func (d *Stuck) SetState(raw json.RawMessage) error {
	return restore(&d.state, raw, func(s *stuckState) error { return s.Loops.check() })
}
