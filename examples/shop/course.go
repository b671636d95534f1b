package main

import (
	"strings"
	"time"

	"github.com/hale-go/hale/detect"
	"github.com/hale-go/hale/diagnose"
	"github.com/hale-go/hale/heal"
	"github.com/hale-go/hale/isolate"
	"github.com/hale-go/hale/observe"
)

// course is what became of one fault: when each step was first reached, and the
// incident that hale made of it.
type course struct {
	scenario
	track
	Incident string // ID
	Outcome  diagnose.Outcome
	Was      diagnose.Fault // what hale took it for
	Problems []string       // what the script itself found wrong
	Over     bool           // the incident is closed or has escalated
	Ended    time.Time      // of the watch, some time after that

	overAt time.Time  // when the script heard of it
	since  shopStatus // when the fault was lifted
}

// end ends the watch.
func (c *course) end(problem string) {
	c.Ended = time.Now()
	if problem != "" {
		c.Problems = append(c.Problems, problem)
	}
}

// about reports whether an event is about what is hurt.
func (s scenario) about(e observe.Event) bool {
	return e.Subject.Name == s.Subject || s.Switch != "" && e.Subject.Name == s.Switch
}

// read takes one of hale's events and returns what it adds to the timeline.
// What a declared contract does at once and what the loop decides are steps
// alike.
func (c *course) read(e observe.Event) []line {
	if !c.about(e) || e.Time.Before(c.Steps[stepBegun]) || !c.Ended.IsZero() {
		return nil
	}
	text := describe(e)
	switch e.Kind {
	case observe.EventPanic, observe.EventHeartbeatMissed, observe.EventBudget:
		return c.mark(e.Time, stepSuspected, text)
	case observe.EventOverdue:
		return c.mark(e.Time, stepConfirmed, text)
	case observe.EventAbandoned:
		return append(c.mark(e.Time, stepConfirmed, text), c.mark(e.Time, stepIsolated, text)...)
	case observe.EventRestarted:
		if c.reached(c.Restart) {
			return c.mark(e.Time, c.goal(), text+": a fresh goroutine has its place")
		}
	case observe.EventFinding:
		switch e.Confidence {
		case detect.Suspected.String():
			return c.mark(e.Time, stepSuspected, text)
		case detect.Confirmed.String():
			return c.mark(e.Time, stepConfirmed, text)
		}
	case observe.EventBreaker:
		if e.Breaker == isolate.Open.String() {
			return c.mark(e.Time, stepIsolated, c.Subject+": "+e.Detail)
		}
	case observe.EventRestored:
		if c.reached(stepLifted) {
			return c.mark(e.Time, stepRestored, "the switch of "+c.Subject+" comes back: "+e.Detail)
		}
	case observe.EventRemedy:
		if e.Result == heal.ResultApplied {
			return c.mark(e.Time, stepIsolated, e.Remedy+" of "+c.Subject+": "+meaning(e.Remedy))
		}
	case observe.EventIncident:
		return c.follow(e)
	}
	return nil
}

// follow reads the phases of the incident.
func (c *course) follow(e observe.Event) []line {
	p := diagnose.Phase(e.Phase)
	if c.Incident == "" && p != diagnose.Detected && p != diagnose.Dismissed {
		c.Incident = e.Incident
	}
	if c.Incident != e.Incident {
		return nil // no more than a suspicion
	}
	switch p {
	case diagnose.Isolating:
		if c.Contract {
			return c.mark(e.Time, stepContract, e.Incident+": "+e.Detail)
		}
	case diagnose.Recovering:
		if c.Want == diagnose.Contained {
			return c.mark(e.Time, stepContained, e.Detail)
		}
	case diagnose.Verified:
		c.Over, c.overAt = true, time.Now()
		return c.mark(e.Time, stepVerified, e.Incident+": "+e.Detail)
	case diagnose.Escalated:
		if c.Told {
			return c.mark(e.Time, stepTold, e.Incident+": "+e.Detail)
		}
		c.Over, c.overAt = true, time.Now()
		c.Problems = append(c.Problems, e.Incident+" is "+e.Phase+": "+e.Detail)
	}
	return nil
}

// meaning says what a remedy does.
func meaning(remedy string) string {
	switch remedy {
	case heal.RemedyDegrade:
		return "what can do with less does"
	case heal.RemedyShed:
		return "what is less critical makes do with the room that is left over"
	}
	return "nothing new of it may start"
}

// describe says what an event is about and where.
func describe(e observe.Event) string {
	text := e.Detail
	if name := e.Subject.String(); !strings.Contains(text, name) {
		text = name + ": " + text
	}
	if site := e.Subject.Site.String(); site != "" && !strings.Contains(text, site) {
		text += " [" + site + "]"
	}
	return text
}
