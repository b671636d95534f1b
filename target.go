package hale

import (
	"fmt"
	"strings"
	"time"

	"github.com/hale-go/hale/heal"
	"github.com/hale-go/hale/observe"
)

// target is what remedies reach of a runtime.
type target struct{ rt *Runtime }

var _ heal.Target = target{}

func (x target) find(id observe.TaskID) (*Task, error) {
	if t := x.rt.reg.find(id); t != nil {
		return t, nil
	}
	return nil, fmt.Errorf("%w: %w: %s", heal.ErrGone, ErrUnknown, id)
}

// Cancel implements [heal.Target].
func (x target) Cancel(id observe.TaskID, cause error) error {
	t, err := x.find(id)
	if err != nil {
		return err
	}
	t.scope.cancel(fmt.Errorf("%w: %w", ErrRemedied, cause))
	return nil
}

// Abandon implements [heal.Target]. A run that another would replace is not given
// up while too many are lost. Other tasks are: no goroutine is added for them.
func (x target) Abandon(id observe.TaskID) error {
	t, err := x.find(id)
	switch {
	case err != nil:
		return err
	case t.replaced() && t.child().mayNotBeLost():
		return fmt.Errorf("%w: %d runs of %s that were given up are alive", heal.ErrNotApplicable, maxLostRuns, id.Name)
	case t.child() != nil && t.child().replace(t), t.child() == nil && t.abandon():
		t.scope.cancel(ErrRemedied)
		return nil
	case t.inline():
		return fmt.Errorf("%w: %s runs on its caller's goroutine", heal.ErrNotApplicable, id)
	}
	return fmt.Errorf("%w: %s is no longer running", heal.ErrGone, id)
}

// Restart implements [heal.Target].
func (x target) Restart(name string) error {
	if s := x.rt.reg.lookup(name); s != nil && s.catchAll.Load() {
		return errCatchAll
	}
	n := 0
	for _, t := range x.rt.reg.live(func(t *Task) bool { return t.child() != nil && t.scope.family().name == name }) {
		if t.child().renew(ErrRemedied) {
			n++
		}
	}
	if n == 0 {
		return fmt.Errorf("%w: %s has no supervised child that may be replaced: none runs, or %d that were given up are alive", heal.ErrNotApplicable, name, maxLostRuns)
	}
	return nil
}

// gateLease is for how many times the longest quarantine a gate holds when
// nobody sets it again: the loop may have stopped.
const gateLease = 2

// gateLease is how long a gate holds when nobody sets it again.
func (rt *Runtime) gateLease() time.Duration { return gateLease * rt.config().Policy.MaxQuarantine }

// SetGate implements [heal.Target].
func (x target) SetGate(name string, g heal.Gate, probes int) error {
	if domain, ok := strings.CutPrefix(name, heal.DomainGate); ok {
		return x.rt.setDomainGate(observe.Domain(domain), g, probes)
	}
	s := x.rt.reg.lookup(name)
	if s == nil {
		return fmt.Errorf("%w: %w: %s", heal.ErrNotApplicable, ErrUnknown, name)
	}
	if g == heal.GateOpen {
		s.openGate()
		return nil
	}
	if s.catchAll.Load() {
		return errCatchAll
	}
	next := newGate(g, probes)
	next.lease = time.AfterFunc(x.rt.gateLease(), func() {
		if s.gate.CompareAndSwap(next, nil) {
			s.resumeHeld()
		}
	})
	if old := s.gate.Swap(next); old != nil {
		old.lease.Stop()
	}
	if s.catchAll.Load() { // meanwhile
		s.openGate()
		return errCatchAll
	}
	if next.probe {
		s.resumeHeld()
	}
	return nil
}

// errCatchAll is returned by what would hit all tasks of a name that stands for many
// things.
var errCatchAll = fmt.Errorf("%w: the name is a catch-all, and all that it stands for would be hit", heal.ErrNotApplicable)

func errNothingIn(name observe.Domain) error {
	return fmt.Errorf("%w: there is nothing in domain %s", heal.ErrNotApplicable, printable(string(name), maxName))
}

// openGate ends the family's quarantine, if there is one.
func (s *family) openGate() {
	if old := s.gate.Swap(nil); old != nil {
		old.lease.Stop()
		s.resumeHeld()
	}
}

// resumeHeld lets children that waited for the quarantine try again.
func (s *family) resumeHeld() {
	s.mu.Lock()
	held := s.held
	s.held = nil
	s.mu.Unlock()
	for _, c := range held {
		c.resume()
	}
}

// openGates ends every quarantine, and what incidents degrade.
func (rt *Runtime) openGates() {
	rt.switches.releaseIncidents()
	rt.openDomainGates()
	for _, s := range rt.reg.all() {
		s.openGate()
	}
}

// Degrade implements [heal.Target]. Like a quarantine it holds for a time only when
// nobody asks for it again.
func (x target) Degrade(name, by string, level int) error {
	mend := checkDomain(name)
	if mend != "" {
		return fmt.Errorf("%w: %q cannot be the name of a switch: %s", heal.ErrNotApplicable, printable(name, maxName), mend)
	}
	if domain, ok := strings.CutPrefix(name, heal.ShedSwitch); ok {
		if lesser, _ := x.rt.domains.has(observe.Domain(domain)); !lesser {
			return fmt.Errorf("%w: nothing is called in domain %s that is less than critical", heal.ErrNotApplicable, domain)
		}
		if x.rt.switches.level(name) == 0 && x.rt.domains.equals(observe.Domain(domain)) {
			return fmt.Errorf("%w: all calls that wait for room in domain %s are equally critical", heal.ErrNotApplicable, domain)
		}
	}
	if domain, ok := strings.CutPrefix(name, heal.ShrinkSwitch); ok {
		if _, bulkhead := x.rt.domains.has(observe.Domain(domain)); !bulkhead {
			return fmt.Errorf("%w: domain %s has no bulkhead", heal.ErrNotApplicable, domain)
		}
	}
	if err := x.rt.switches.degrade(name, min(max(level, 1), maxLevel), by, x.rt.gateLease()); err != nil {
		return fmt.Errorf("%w: %w", heal.ErrNotApplicable, err)
	}
	return nil
}

// Restore implements [heal.Target].
func (x target) Restore(name, by string) error {
	x.rt.switches.restore(name, by, false)
	return nil
}

// tendGates renews what probation lets through, each second.
func (rt *Runtime) tendGates(now time.Time) {
	rt.tendDomainGates(now)
	for _, s := range rt.reg.all() {
		if g := s.gate.Load(); g != nil && g.renew(now) {
			s.resumeHeld()
		}
	}
}
