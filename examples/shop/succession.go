package main

import (
	"slices"

	"github.com/hale-go/hale/detect"
	"github.com/hale-go/hale/diagnose"
	"github.com/hale-go/hale/observe"
)

// succession is what became of one: how a process gave way to the next.
type succession struct {
	ending
	track
	From, To int // PIDs; 0: there is none
	Lost     int // bodies that were given up in the one, at most
	Left     int // and in the other
	Outcome  diagnose.Outcome
	Problems []string // what the script itself found wrong
}

// read takes one of hale's events and returns what it adds to the timeline.
func (s *succession) read(e observe.Event) []line {
	switch {
	case !s.Handover || e.Time.Before(s.Steps[stepBegun]):
	case e.Kind == observe.EventHandover:
		if s.reached(stepConfirmed) {
			return s.mark(e.Time, stepHandover, e.Subject.Name+": a successor is asked for "+e.Detail)
		}
	case e.Kind == observe.EventFinding && e.Subject.Name == detect.LostGoroutines && e.Confidence == detect.Confirmed.String():
		return s.mark(e.Time, stepConfirmed, describe(e))
	case e.Subject.Name == callPrice:
		return s.mark(e.Time, stepSuspected, describe(e))
	}
	return nil
}

// during reports whether a request was under way between the begin of the fault and the
// successor.
func (s *succession) during(f failure) bool {
	return !f.Ended.Before(s.Steps[stepBegun]) && (!s.reached(stepSuccessor) || !f.Began.After(s.Steps[stepSuccessor]))
}

// accounts reports whether the fault is the reason for a failure: a process that dies takes
// the requests with it that are under way.
func (s *succession) accounts(f failure) bool { return !s.Handover && s.during(f) }

// explains reports whether the fault accounts for an event.
func (s *succession) explains(e observe.Event) bool {
	return !e.Time.Before(s.Steps[stepBegun]) && (slices.Contains(s.Touches, e.Subject.Name) || s.Handover && e.Kind == observe.EventHandover)
}
