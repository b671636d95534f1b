package main

import (
	"context"
	"slices"
	"time"

	"github.com/hale-go/hale/diagnose"
)

// How long the script waits for things.
const (
	pollEvery   = 100 * time.Millisecond
	calmBefore  = 3 * time.Second   // load without a fault, to see that all is well
	calmAfter   = 2 * time.Second   // the same after each fault
	soundWithin = 6 * time.Second   // until the shop has made up for what was held up
	scriptLimit = 110 * time.Second // what is not over by then has failed
)

// script plays the scenarios against a running shop.
type script struct {
	admin    *adminClient
	timeline timeline
	dir      string           // of the shop's files
	opened   func() []opening // who has served so far
	courses  []*course
	last     *succession // of the last act; nil: it has not begun
	record   record
}

// run plays all of the scenarios, in order. One begins when the one before it
// is done with, or has come so far that it can go on by itself.
func (s *script) run(ctx context.Context) error {
	ticker := time.NewTicker(pollEvery)
	defer ticker.Stop()
	for {
		if err := s.read(ctx); err != nil {
			return err
		}
		now, err := s.admin.status(ctx)
		if err != nil {
			return err
		}
		s.record.Final = now
		done := true
		for _, c := range s.courses {
			if err := s.advance(ctx, c, now); err != nil {
				return err
			}
			done = done && !c.Ended.IsZero()
		}
		switch next := len(s.courses); {
		case next < len(scenarios) && s.mayBegin():
			if err := s.begin(ctx, scenarios[next]); err != nil {
				return err
			}
		case next == len(scenarios) && done:
			for _, c := range s.courses {
				s.record.Courses = append(s.record.Courses, *c)
			}
			return nil
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-ticker.C:
		}
	}
}

// calm follows the events for so long.
func (s *script) calm(ctx context.Context, d time.Duration) error {
	for end := time.Now().Add(d); time.Now().Before(end); {
		if err := s.read(ctx); err != nil {
			return err
		}
		if err := rest(ctx, pollEvery); err != nil {
			return err
		}
	}
	return nil
}

// read takes the events since the last call.
func (s *script) read(ctx context.Context) error {
	events, err := s.admin.events(ctx)
	if err != nil {
		return err
	}
	s.record.Lost = s.admin.unseen()
	if s.last != nil {
		s.record.LastEvents = append(s.record.LastEvents, events...)
		for _, e := range events {
			s.show(s.last.Fault, s.last.read(e))
		}
		return nil
	}
	s.record.Events = append(s.record.Events, events...)
	for _, e := range events {
		for _, c := range s.courses {
			s.show(c.Fault, c.read(e))
		}
	}
	return nil
}

func (s *script) late() bool { return time.Since(s.record.Start) > scriptLimit }

// mayBegin reports whether it is time for the next scenario.
func (s *script) mayBegin() bool {
	if len(s.courses) == 0 {
		return time.Since(s.record.Start) >= calmBefore
	}
	next := scenarios[len(s.courses)]
	if slices.ContainsFunc(s.courses, func(c *course) bool { return c.Ended.IsZero() && c.Subject == next.Subject }) {
		return false // nobody could tell the two apart
	}
	last := s.courses[len(s.courses)-1]
	alone := last.Alone > 0 && (last.reached(stepLifted) || time.Since(last.Steps[stepBegun]) >= last.Alone)
	return !last.Ended.IsZero() || alone
}

func (s *script) begin(ctx context.Context, sc scenario) error {
	c := &course{scenario: sc}
	s.courses = append(s.courses, c)
	s.show(c.Fault, c.mark(time.Now(), stepBegun, sc.Begun))
	return s.admin.turn(ctx, sc.Fault, true)
}

// advance takes a course one step further, if it is time.
func (s *script) advance(ctx context.Context, c *course, now shopStatus) error {
	switch at, reached := c.Steps[c.LiftAt]; {
	case !c.Ended.IsZero():
	case !c.reached(stepLifted):
		if c.Over || s.late() || reached && time.Since(at) >= c.LiftAfter {
			c.since = now
			s.show(c.Fault, c.mark(time.Now(), stepLifted, c.Lifted))
			return s.admin.turn(ctx, c.Fault, false)
		}
	case !c.Over:
		if c.Want == diagnose.Recovered && c.Restart == "" && !c.reached(stepRecovered) {
			if text, ok := c.Sound(c.since, now); ok {
				s.show(c.Fault, c.mark(time.Now(), stepRecovered, text))
			}
		}
		if s.late() {
			c.end("it is not over after " + scriptLimit.String())
		}
	default:
		s.finish(c, now)
	}
	return nil
}

// finish ends a course that hale is done with, once all has been calm for a
// while and the shop was measured to work as before.
func (s *script) finish(c *course, now shopStatus) {
	for _, i := range now.Incidents {
		if i.ID == c.Incident {
			c.Outcome, c.Was = i.Outcome, i.Fault
		}
	}
	quiet := time.Since(c.overAt)
	if quiet < calmAfter {
		return
	}
	switch text, ok := c.Sound(c.since, now); {
	case ok:
		if c.Told { // hale may have seen it before the script did
			s.show(c.Fault, c.mark(time.Now(), stepRecovered, text))
		}
		c.end("")
	case quiet > soundWithin || s.late():
		c.end("the shop does not work as before: " + text)
	}
}

func (s *script) show(fault string, lines []line) { s.timeline.print(fault, lines...) }
