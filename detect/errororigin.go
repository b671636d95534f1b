package detect

import (
	"slices"

	"github.com/hale-go/hale/observe"
)

const (
	mostly     = 0.8 // of failures make one origin theirs
	mostlyKept = 0.4 // and are enough to leave it so
	maxOrigin  = 16  // calls that are followed downwards
)

// blame notes where the failures of a name come from. A cause that was found stays
// until less than half of what found it speaks for it. open says that the name's breaker
// is not closed.
func (d *ErrorRate) blame(e *errorName, open bool) {
	k := &e.Failing
	if k.Cut = k.Cut || open; k.Cut && k.Cause.IsZero() {
		k.Cause = e.subject()
	}
	if e.Kind == "" { // tasks that fail may hang, or be restarted in vain: that says more
		k.Cause = e.subject()
		return
	}
	if !k.Quiet.IsZero() || e.Failed.Short < 1 {
		return
	}
	panics := e.Panics
	if t := typeNamed(e.Types, "panic"); t != nil {
		panics = max(panics, t.Count.Short)
	}
	if panics >= mostly*e.Failed.Short {
		k.Cause = e.subject() // a finding about its panics says more
		return
	}
	origin, circle := d.origin(e)
	switch {
	case !origin.IsZero():
		k.Cause = origin
	case k.Cut:
		k.Cause = e.subject()
	case circle, e.Inherited < mostlyKept*e.Failed.Short || k.Cause == e.subject():
		k.Cause = observe.Subject{}
	}
}

func (e *errorName) subject() observe.Subject {
	return observe.Subject{Name: e.Name, Domain: e.Domain}
}

// origin returns the deepest operation below e whose failures are its own, zero
// where they are those of e or of no operation in particular. Calls may go in
// circles, in which no operation is deeper than another.
func (d *ErrorRate) origin(e *errorName) (out observe.Subject, circle bool) {
	seen := []string{e.Name}
	for range maxOrigin {
		if e.Failed.Short < 1 || e.Inherited < mostly*e.Failed.Short {
			return out, false
		}
		callee, ok := e.guilty()
		if !ok {
			return out, false
		}
		if slices.Contains(seen, callee) {
			return observe.Subject{}, true
		}
		seen = append(seen, callee)
		out = observe.Subject{Name: callee}
		next := d.operation(callee)
		if next == nil {
			return out, false
		}
		out.Domain = next.Domain
		e = next
	}
	return out, false
}

// guilty returns the operation whose failed calls account for what e inherited.
func (e *errorName) guilty() (string, bool) {
	most := failedCall{}
	for _, c := range e.Calls { // sorted: of equal ones the first
		if c.Failed > most.Failed {
			most = c
		}
	}
	return most.Name, most.Failed > 0 && most.Failed >= mostly*e.Inherited
}

// operation returns the operation of a name, of several kinds the one that failed
// most.
func (d *ErrorRate) operation(name string) *errorName {
	i, ok := slices.BinarySearchFunc(d.state.Operations, errorKey{name, ""}, compareErrorName)
	if ok {
		return nil
	}
	var out *errorName
	for ; i < len(d.state.Operations) && d.state.Operations[i].Name == name; i++ {
		if e := &d.state.Operations[i]; out == nil || e.Failed.Short > out.Failed.Short {
			out = e
		}
	}
	return out
}

// fewestSiblings is how many operations that serve are all of them.
const fewestSiblings = 4

// allOperations is what operations have in common that fail all at once.
var allOperations = observe.Subject{Domain: "all operations"}

// siblings reports whether all operations that serve fail at once for a reason
// that no finding knows: too much load, or something that they share. None of them
// is then at fault, and none is to be isolated.
func (d *ErrorRate) siblings() (failing, busy int) {
	alone := 0
	for i := range d.state.Operations {
		e := &d.state.Operations[i]
		if e.Kind != observe.Server || (e.Spans.Short < 2 && !e.Failing.Open) {
			continue
		}
		busy++
		if e.Failing.Open {
			failing++
			if e.Failing.Cause.IsZero() {
				alone++
			}
		}
	}
	if busy < fewestSiblings || float64(alone) < mostly*float64(failing) {
		return 0, busy
	}
	return alone, busy
}
