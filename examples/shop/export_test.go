package main

import (
	"context"
	"time"

	"github.com/hale-go/hale/diagnose"
	"github.com/hale-go/hale/observe"
)

// What the tests of the verdict make up runs from.
type (
	Record   = record
	Course   = course
	Failure  = failure
	Tally    = tallies
	Lesser   = lesser
	Pace     = pace
	Count    = count
	Fault    = fault
	Scenario = scenario

	Succession = succession
	Obituary   = obituary
	Page       = page
	Step       = step
)

// What the tests call.
var (
	Judge        = judge
	Settings     = settings
	Scenarios    = scenarios
	Endings      = endings
	ErrVerdict   = errVerdict
	StepBegun    = stepBegun
	StepVerified = stepVerified
	StepContract = stepContract
	Streams      = streams
	NewFaults    = newFaults
)

// The routes that are hurt.
const (
	RouteReco      = routeReco
	RouteThumbnail = routeThumbnail
	RouteOrders    = routeOrders
	RouteSuggest   = routeSuggest
	RouteProduct   = routeProduct
)

// Err is what the demo ends with.
func (v verdict) Err() error { return v.err() }

// Route is the stream's route.
func (st stream) Route() string { return st.route }

// NewCourse returns a course of the scenario in which everything went as
// promised, a second from step to step.
func NewCourse(sc Scenario, begun time.Time) Course {
	c := course{scenario: sc, Outcome: sc.Want, Was: sc.Is, Over: true}
	c.mark(begun.Add(3*time.Second), stepContract, "")
	for i, s := range []step{stepBegun, stepSuspected, stepConfirmed, c.cutOff(), stepLifted, sc.goal(), stepVerified} {
		c.mark(begun.Add(time.Duration(i)*time.Second), s, "")
	}
	c.Ended = begun.Add(9 * time.Second)
	return c
}

// NewSuccessions returns what becomes of the endings where all is as promised, ten seconds
// for each from begun on, with a second from step to step.
func NewSuccessions(begun time.Time) (out []Succession) {
	for i, e := range endings {
		s := succession{ending: e, From: 100 + i, To: 101 + i, Outcome: diagnose.Recovered}
		if e.Handover {
			s.Lost = suppliers
		}
		s.mark(begun, stepBegun, "")
		for n, p := range e.passes() {
			s.mark(begun.Add(time.Duration(n+1)*time.Second), p, "")
		}
		out = append(out, s)
		begun = begun.Add(10 * time.Second)
	}
	return out
}

// Read takes one of hale's events, and returns whether it is news.
func (s *succession) Read(e observe.Event) bool { return len(s.read(e)) > 0 }

// The steps of an ending that the tests spoil.
const (
	StepHandover = stepHandover
	StepDied     = stepDied
	StepGone     = stepGone
)

// AdminClient asks the shop's admin listener.
type AdminClient struct{ *adminClient }

// NewAdminClient returns a client of the listener at a URL.
func NewAdminClient(url string) AdminClient { return AdminClient{newAdminClient(url)} }

// Events returns the details of the events that it had not seen, and how many nobody has.
func (c AdminClient) Events(ctx context.Context) (details []string, unseen uint64, err error) {
	events, err := c.events(ctx)
	for _, e := range events {
		details = append(details, e.Detail)
	}
	return details, c.unseen(), err
}

// Close closes its connections.
func (c AdminClient) Close() { c.close() }

// EventPage is what the listener answers.
type EventPage = eventPage

// Store keeps orders, as two processes have it at once.
type Store struct{ *store }

// OpenStore opens the orders in a folder.
func OpenStore(dir string) (Store, error) {
	s, err := openStore(dir)
	return Store{s}, err
}

// Place places an order, and returns its number.
func (s Store) Place(ctx context.Context) (uint64, error) {
	o, err := s.place(ctx, order{Item: "kettle"})
	return o.ID, err
}

// After returns the numbers of orders, as the export asks for them.
func (s Store) After(id uint64, n int) (ids []uint64, err error) {
	orders, err := s.after(id, n)
	for _, o := range orders {
		ids = append(ids, o.ID)
	}
	return ids, err
}

// Scenario returns what the course is of.
func (c course) Scenario() Scenario { return c.scenario }

// Strikes asks the fault, as a body does.
func (f *fault) Strikes() (bool, <-chan struct{}) { return f.strikes() }

// Turn switches the fault.
func (f *fault) Turn(on bool) { f.turn(on) }
