package main

import "time"

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
)

// What the tests call.
var (
	Judge        = judge
	Settings     = settings
	Scenarios    = scenarios
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

// Scenario returns what the course is of.
func (c course) Scenario() Scenario { return c.scenario }

// Strikes asks the fault, as a body does.
func (f *fault) Strikes() (bool, <-chan struct{}) { return f.strikes() }

// Turn switches the fault.
func (f *fault) Turn(on bool) { f.turn(on) }
