package hale

import (
	"time"

	"github.com/hale-go/hale/diagnose"
	"github.com/hale-go/hale/heal"
	"github.com/hale-go/hale/observe"
)

// Status is what the runtime knows, for a status page or a test. It encodes to
// JSON.
type Status struct {
	Time     time.Time `json:"time"`
	Revision string    `json:"revision"` // of the configuration
	Observer string    `json:"observer"` // see [Runtime.Observer]
	Act      heal.Act  `json:"act"`
	Halted   bool      `json:"halted"` // the kill switch is on

	Sample    observe.Sample      `json:"sample"`
	Snapshot  *observe.Snapshot   `json:"snapshot,omitempty"` // the latest
	Incidents []diagnose.Incident `json:"incidents"`          // oldest first
	Journal   []heal.Entry        `json:"journal"`

	Loop LoopStat `json:"loop"`

	Domains      []observe.DomainStat `json:"domains,omitempty"`      // see [Runtime.Domains]
	Walls        []observe.WallStat   `json:"walls,omitempty"`        // see [Runtime.Walls]
	Degradations []DegradationStat    `json:"degradations,omitempty"` // see [Runtime.Degradations]

	Abandoned int `json:"abandoned"` // bodies that were given up and have not come back
	Overrun   int `json:"overrun"`   // goroutines of detectors, of remedies, of a handover, of metrics and of the reading of resources that hang, and of callers' contexts and errors in the process
}

// lateTurns is how many ticks without a turn make the observer late.
const lateTurns = 5

// Status returns the state as of the last turn; that of domains, walls and switches is as
// of now.
func (rt *Runtime) Status() Status {
	if rt.made() == nil {
		return Status{Observer: "off", Incidents: []diagnose.Incident{}, Journal: []heal.Entry{}}
	}
	now := rt.settings.Load()
	st := Status{
		Time: time.Now(), Revision: now.revision,
		Act: now.Policy.Act, Halted: rt.halted.Load() || rt.disabled,
		Incidents: append([]diagnose.Incident{}, rt.Incidents()...), Journal: append([]heal.Entry{}, rt.journal.Entries()...), // lists in JSON, not null
		Domains: rt.Domains(), Walls: rt.Walls(), Degradations: rt.Degradations(),
		Loop: rt.cost.stat(), Abandoned: int(rt.abandoned.Load()),
	}
	st.Loop.Unread = rt.gauges.failed.Load()
	st.Observer = rt.Observer()
	st.Overrun = rt.exec.Overrun() + int(rt.resource.behind.Load()) + int(rt.gauges.behind.Load()) + int(rt.handing.behind.Load()) + int(hung.Load()) // no lock of the loop's: its status must be there while it hangs
	if p := rt.published.Load(); p != nil {
		st.Sample, st.Snapshot = p.sample, p.snapshot
		st.Overrun += p.panel.Overrun()
	}
	return st
}

// Observer returns how the loop is: "up", "late" when a turn is overdue, "down" after a
// broken one, "off" without [Runtime.Run]. It costs some nanoseconds.
func (rt *Runtime) Observer() string {
	if rt.made() == nil {
		return "off"
	}
	switch p := rt.published.Load(); {
	case rt.down.Load():
		return "down"
	case rt.running.Load() == 0:
		return "off"
	case p != nil && time.Since(p.at) > lateTurns*rt.settings.Load().Tick:
		return "late"
	}
	return "up"
}

// Incidents returns the open incidents and the last 256 closed ones, oldest
// first, as of the last turn.
func (rt *Runtime) Incidents() []diagnose.Incident {
	if rt.made() == nil {
		return nil
	}
	p := rt.published.Load()
	if p == nil {
		return nil
	}
	out := make([]diagnose.Incident, 0, len(p.incidents))
	for i := range p.incidents {
		out = append(out, p.incidents[i].Clone())
	}
	return out
}

// TaskInfo is one live task.
type TaskInfo struct {
	ID      observe.TaskID `json:"id"`
	Domain  observe.Domain `json:"domain"`
	Parent  observe.TaskID `json:"parent,omitzero"`
	Request string         `json:"request,omitempty"`
	Site    observe.Site   `json:"site"`
	Started time.Time      `json:"started"` // Started is to the second, and may be one early.

	Abandoned bool `json:"abandoned,omitempty"`
}

// Tasks returns the live tasks, in the order in which they started. Units of
// pools are not among them.
func (rt *Runtime) Tasks() []TaskInfo {
	if rt.made() == nil {
		return nil
	}
	live := rt.reg.live(func(*Task) bool { return true })
	out := make([]TaskInfo, 0, len(live))
	for _, t := range live {
		ctx, ok := (*taskContext)(t), true
		var id Identity
		if valueTame(ctx) {
			id = identify(ctx)
		} else {
			id, ok = ask(func() Identity { return identify(ctx) })
		}
		if !ok { // a context that hangs must not keep the others from being shown
			at := t.scope.family()
			id = Identity{ID: t.scope.id(), Name: at.name, Domain: at.domain}
		}
		out = append(out, TaskInfo{
			ID: id.ID, Domain: id.Domain, Parent: id.Parent, Request: id.Request, Site: siteOf(t.entry()),
			Started: t.started(rt), Abandoned: t.scope.state.Load() != taskRunning,
		})
	}
	return out
}

// Recording returns the inputs of the last turns, about ten minutes of them,
// for [Replay]: fewer where they would take more than 128 MB, which is three to five
// minutes of 1024 operations that are all in use. They are kept packed, in 32 MB, and
// take about a millisecond each to unpack. The turns may be shared and must not be
// changed.
func (rt *Runtime) Recording() observe.Recording {
	if rt.made() == nil {
		return observe.Recording{}
	}
	return rt.recorder.Recording() // no lock of the loop's: it is wanted most while that hangs
}
