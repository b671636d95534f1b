package hale

import "github.com/hale-go/hale/observe"

// SetCatchAll says that the operation's name is a catch-all: it stands for many
// things, as the name of all requests does whose route nobody knows. Tasks of a name
// that is one are counted and watched like others, and are never quarantined: that
// would cut off all for the sake of one. A quarantine that there is already ends, and
// a fault that would ask for one is escalated to a person. A name stays a catch-all.
// It takes a few nanoseconds where it is one already.
func (o *Operation) SetCatchAll() {
	if o = o.made(); o == nil || o.catchAll.Load() || o.catchAll.Swap(true) {
		return
	}
	if o.kind != observe.Client { // what it calls is done under the name of a task of its own
		o.rt.familyFor(o.name, func() string { return o.name }, o.domain).setCatchAll()
	}
}

// CatchAll reports whether the operation's name stands for many things; see
// [Operation.SetCatchAll]. "hale.other" does.
func (o *Operation) CatchAll() bool { return o != nil && o.catchAll.Load() }

// setCatchAll makes the family one that no quarantine may hold.
func (s *family) setCatchAll() {
	s.catchAll.Store(true)
	s.openGate() // after the mark: see target.SetGate
	if w := s.wall.Load(); w != nil {
		s.rt.domains.rebuild(w) // without its breaker
	}
}

// ReportMisuse tells once, as an event and in the log, that hale was given something
// that it cannot use as it is meant. detail says what, and how to mend it. It is for
// adapters. Of names and details, 1024 pairs are told apart; further ones are not told.
func (rt *Runtime) ReportMisuse(name, detail string) {
	if rt = rt.made(); rt != nil {
		rt.misuse(observe.Subject{Name: printable(name, maxName)}, printable(detail, maxDetail))
	}
}
