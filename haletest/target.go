package haletest

import (
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/hale-go/hale/heal"
	"github.com/hale-go/hale/observe"
)

// Target is a [heal.Target] that writes down what reaches it and keeps what it
// comes to. Abandoning a task twice is [heal.ErrGone], as in a runtime; all
// else works. The zero value is ready to use, from any goroutine.
type Target struct {
	// Fail is what every call returns, after it was written down. nil: calls work.
	Fail error

	mu    sync.Mutex
	calls []string
	state targetState
}

var _ heal.Target = (*Target)(nil)

// targetState is what calls came to.
type targetState struct {
	cancelled, abandoned map[observe.TaskID]bool
	gates                map[string]heal.Gate // those that are not open
	degraded             map[[2]string]int    // by switch and incident
	restarted            map[string]bool
	handed               bool
}

func (s targetState) equal(o targetState) bool {
	return maps.Equal(s.cancelled, o.cancelled) && maps.Equal(s.abandoned, o.abandoned) &&
		maps.Equal(s.gates, o.gates) && maps.Equal(s.degraded, o.degraded) && maps.Equal(s.restarted, o.restarted) && s.handed == o.handed
}

// Calls returns the calls in their order, e.g. "cancel orders.consume#42",
// "gate orders.consume closed", "degrade orders to 1 by inc-1".
func (t *Target) Calls() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.calls)
}

// note writes a call down and reports whether it works.
func (t *Target) note(format string, args ...any) bool {
	if t.state.gates == nil {
		t.state = targetState{map[observe.TaskID]bool{}, map[observe.TaskID]bool{}, map[string]heal.Gate{}, map[[2]string]int{}, map[string]bool{}, false}
	}
	t.calls = append(t.calls, fmt.Sprintf(format, args...))
	return t.Fail == nil
}

// Cancel implements [heal.Target].
func (t *Target) Cancel(id observe.TaskID, _ error) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.note("cancel %s", id) {
		t.state.cancelled[id] = true
	}
	return t.Fail
}

// Abandon implements [heal.Target].
func (t *Target) Abandon(id observe.TaskID) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.note("abandon %s", id) {
		return t.Fail
	}
	if t.state.abandoned[id] {
		return fmt.Errorf("%w: %s", heal.ErrGone, id)
	}
	t.state.abandoned[id] = true
	return nil
}

// SetGate implements [heal.Target].
func (t *Target) SetGate(name string, g heal.Gate, _ int) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	says := map[heal.Gate]string{heal.GateOpen: "open", heal.GateProbe: "probe", heal.GateClosed: "closed"}
	if !t.note("gate %s %s", name, says[g]) {
		return t.Fail
	}
	if g == heal.GateOpen {
		delete(t.state.gates, name)
	} else {
		t.state.gates[name] = g
	}
	return nil
}

// Degrade implements [heal.Target].
func (t *Target) Degrade(name, by string, level int) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.note("degrade %s to %d by %s", name, level, by) {
		t.state.degraded[[2]string{name, by}] = level
	}
	return t.Fail
}

// Restore implements [heal.Target].
func (t *Target) Restore(name, by string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.note("restore %s by %s", name, by) {
		delete(t.state.degraded, [2]string{name, by})
	}
	return t.Fail
}

// Handover implements [heal.Target].
func (t *Target) Handover(by, why string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.note("handover by %s: %s", by, why) {
		t.state.handed = true
	}
	return t.Fail
}

// Restart implements [heal.Target].
func (t *Target) Restart(name string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.note("restart %s", name) {
		t.state.restarted[name] = true
	}
	return t.Fail
}

// now returns what the calls so far came to.
func (t *Target) now() targetState {
	t.mu.Lock()
	defer t.mu.Unlock()
	return targetState{
		maps.Clone(t.state.cancelled), maps.Clone(t.state.abandoned), maps.Clone(t.state.gates), maps.Clone(t.state.degraded), maps.Clone(t.state.restarted), t.state.handed,
	}
}
