package main_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/diagnose"
	shop "github.com/hale-go/hale/examples/shop"
	"github.com/hale-go/hale/observe"
)

var start = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func at(seconds float64) time.Time { return start.Add(time.Duration(seconds * float64(time.Second))) }

// goodRun makes up a run in which all is as promised. Each fault has ten
// seconds: the first begins at second 10 and is verified at 16.
func goodRun() shop.Record {
	r := shop.Record{Start: start, Load: shop.Tally{Routes: map[string]shop.Count{}}}
	for _, st := range shop.Streams {
		r.Load.Routes[st.Route()] = shop.Count{OK: 100}
	}
	for i, sc := range shop.Scenarios {
		begun := at(10 * float64(i+1))
		c := shop.NewCourse(sc, begun)
		c.Incident = "inc-" + sc.Fault
		r.Courses = append(r.Courses, c)
		subject := observe.Subject{Name: sc.Subject}
		r.Events = append(r.Events,
			observe.Event{Time: begun.Add(time.Second), Kind: observe.EventFinding, Subject: subject, Confidence: "suspected"},
			observe.Event{Time: begun.Add(6 * time.Second), Kind: observe.EventIncident, Subject: subject, Phase: "verified"},
			observe.Event{Time: begun.Add(8 * time.Second), Kind: observe.EventFinding, Subject: subject, Cleared: true},
		)
		r.Final.Incidents = append(r.Final.Incidents, diagnose.Incident{
			ID: c.Incident, Fault: "fault", Subject: subject, Phase: diagnose.Verified, Outcome: sc.Want,
		})
	}
	for second := range 10 * (len(shop.Scenarios) + 2) {
		took := map[string][]time.Duration{}
		for range 10 {
			took[shop.RouteOrders] = append(took[shop.RouteOrders], time.Millisecond)
		}
		r.Load.Paces = append(r.Load.Paces, shop.Pace{Until: at(float64(second)), Took: took})
	}
	r.Events = append(r.Events, observe.Event{Time: at(63), Kind: observe.EventDegraded, Subject: observe.Subject{Name: "shed:catalog"}})
	r.Load.Lesser = []shop.Lesser{{Route: shop.RouteSuggest, Began: at(62), Ended: at(62.1)}}
	r.Final.Observer, r.Last.Observer = "up", "up"
	end := 10 * float64(len(shop.Scenarios)+2)
	r.Successions = shop.NewSuccessions(at(end))
	r.Obituaries = []shop.Obituary{{
		PID: 100, Fault: "handover", Message: "its goroutines are lost", Action: "a successor took over, ready after 80ms", Handovers: 1,
	}, {
		PID: 101, Fault: "crash", Message: "fatal error: concurrent map writes", Site: "main.visits.count visits.go:22", Fingerprint: "bb832de7703c8301",
	}}
	for n := range 9 { // three by each process; the fourth was under way when the first ended
		r.Pages = append(r.Pages, shop.Page{Number: n + 1, First: uint64(5*n + 1), Last: uint64(5*n + 5), PID: 100 + n/3})
	}
	r.Pages = slices.Insert(r.Pages, 3, r.Pages[3])
	r.Pages[3].PID = 100
	r.LastEvents = []observe.Event{
		{Time: at(end + 1), Kind: observe.EventFinding, Subject: observe.Subject{Name: "suppliers.price"}, Confidence: "suspected"},
		{Time: at(end + 2), Kind: observe.EventHandover, Subject: observe.Subject{Name: "inc-12"}},
	}
	r.Load.Failures = []shop.Failure{
		{Route: shop.RouteReco, Began: at(12), Ended: at(12.1), Why: "503"},
		{Route: shop.RouteReco, Began: at(9.9), Ended: at(10.1), Why: "503, under way when the fault began"},
		{Route: shop.RouteThumbnail, Began: at(52), Ended: at(53), Why: "504"},
	}
	return r
}

// row returns the number of a fault's scenario, which is that of its course.
func row(fault string) int {
	return slices.IndexFunc(shop.Scenarios, func(sc shop.Scenario) bool { return sc.Fault == fault })
}

func TestVerdictOnAGoodRun(t *testing.T) {
	v := shop.Judge(goodRun())
	if len(v.Problems) != 0 || v.Err() != nil {
		t.Fatalf("a run in which all is as promised fails: %q, %v", v.Problems, v.Err())
	}
	for i, want := range []int{2, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0} {
		r := v.Rows[i]
		if r.Before != 0 || r.During != want || r.After != 0 {
			t.Errorf("%s: %d, %d, %d requests failed before, during and after, want 0, %d, 0", r.Fault, r.Before, r.During, r.After, want)
		}
		if r.Detect != 2*time.Second || r.Isolate != 3*time.Second || r.Recover != 6*time.Second {
			t.Errorf("%s: times %v, %v, %v", r.Fault, r.Detect, r.Isolate, r.Recover)
		}
	}
}

// A suspicion about what was hurt, beside its incident, is no accusation.
func TestVerdictOnASuspicion(t *testing.T) {
	r := goodRun()
	i := row("payments-down")
	r.Final.Incidents = append(r.Final.Incidents, diagnose.Incident{
		ID: "inc-9", Phase: diagnose.Dismissed, Opened: at(10*float64(i+1) + 2), Subject: observe.Subject{Name: "payments.charge"},
	})
	if v := shop.Judge(r); v.Err() != nil {
		t.Errorf("%q", v.Problems)
	}
	r.Final.Incidents[len(r.Final.Incidents)-1].Phase = diagnose.Verified
	if v := shop.Judge(r); v.Err() == nil {
		t.Error("an incident beside it passes")
	}
}

// Faults that overlap do not answer for each other's failures.
func TestVerdictOnFaultsThatOverlap(t *testing.T) {
	r := goodRun()
	late := shop.NewCourse(r.Courses[0].Scenario(), at(10))
	late.Incident = r.Courses[0].Incident
	late.Steps[shop.StepVerified] = at(29)
	r.Courses[0] = late
	r.Load.Failures = append(r.Load.Failures, shop.Failure{Route: shop.RouteReco, Began: at(24), Ended: at(24.1), Why: "503"})
	v := shop.Judge(r)
	if v.Err() != nil || v.Rows[0].During != 3 || v.Rows[1].During != 0 {
		t.Fatalf("%q, rows %+v", v.Problems, v.Rows)
	}
}

// Whatever may be wrong with a run must make it fail: a demo that cannot fail
// shows nothing.
func TestVerdictOnBadRuns(t *testing.T) {
	fail := func(route string, began float64) func(*shop.Record) {
		return func(r *shop.Record) {
			r.Load.Failures = append(r.Load.Failures, shop.Failure{Route: route, Began: at(began), Ended: at(began + 0.1), Why: "500"})
		}
	}
	event := func(seconds float64, kind observe.EventKind, name, state string) func(*shop.Record) {
		return func(r *shop.Record) {
			e := observe.Event{Time: at(seconds), Kind: kind, Subject: observe.Subject{Name: name}}
			switch kind {
			case observe.EventFinding:
				e.Confidence = state
			case observe.EventRemedy:
				e.Result = state
			default:
				e.Phase = state
			}
			r.Events = append(r.Events, e)
		}
	}
	for name, tc := range map[string]struct {
		spoil func(*shop.Record)
		want  string // in one of the problems
	}{
		"outcome wrong":              {func(r *shop.Record) { r.Courses[row("stuck-pool")].Outcome = diagnose.Contained }, `outcome is "contained", promised is "recovered"`},
		"outcome missing":            {func(r *shop.Record) { r.Courses[0].Outcome = "" }, `outcome is ""`},
		"never verified":             {func(r *shop.Record) { delete(r.Courses[1].Steps, shop.StepVerified) }, "never was verified"},
		"never isolated":             {func(r *shop.Record) { delete(r.Courses[row("panic-loop")].Steps, "isolated") }, "never was isolated"},
		"script's own problem":       {func(r *shop.Record) { r.Courses[1].Problems = []string{"orders are not consumed"} }, "orders are not consumed"},
		"nothing tried":              {func(r *shop.Record) { r.Courses = nil }, "no fault was tried"},
		"failed before":              {fail(shop.RouteReco, 5), "failed before it"},
		"failed after":               {fail(shop.RouteReco, 17), "failed after it"},
		"healthy route failed":       {fail(shop.RouteOrders, 12), shop.RouteOrders + ": 1 requests failed while nothing hurt it"},
		"hurt by another fault":      {fail(shop.RouteThumbnail, 12), shop.RouteThumbnail + ": 1 requests failed"},
		"healthy name quarantined":   {event(12, observe.EventRemedy, "stock.count", "applied"), "remedy applied of stock.count"},
		"healthy name restarted":     {event(12, observe.EventRestarted, "stock.count", ""), "restarted of stock.count"},
		"healthy name suspected":     {event(12, observe.EventFinding, shop.RouteOrders, "suspected"), "finding suspected of GET /orders"},
		"nobody was told":            {func(r *shop.Record) { delete(r.Courses[row("error-burst")].Steps, "people told") }, "never was people told"},
		"remedy where it only shows": {event(83, observe.EventRemedy, "POST /orders", "applied"), "remedy applied of POST /orders"},
		"touched before its fault":   {event(9, observe.EventAbandoned, "orders.consume", ""), "abandoned of orders.consume"},
		"came back":                  {event(17, observe.EventIncident, shop.RouteReco, "detected"), "incident detected of GET /recommendations"},
		"taken for another fault":    {func(r *shop.Record) { r.Courses[row("payments-down")].Was = diagnose.ErrorBurst }, `hale took it for "error_burst", it is "dependency_down"`},
		"no word of the contract":    {func(r *shop.Record) { delete(r.Courses[row("payments-down")].Steps, shop.StepContract) }, "never was by contract"},
		"an order failed":            {fail("POST /orders", 32), "POST /orders: 1 requests failed while nothing hurt it"},
		"a breaker stays open": {func(r *shop.Record) {
			r.Final.Walls = []observe.WallStat{{Name: "payments.charge", Breaker: "half_open"}}
		}, "the breaker of payments.charge is half_open"},
		"critical request turned away": {fail(shop.RouteProduct, 62), shop.RouteProduct + ": 1 requests failed while nothing hurt it"},
		"nothing was turned away":      {func(r *shop.Record) { r.Load.Lesser = nil }, "no request of GET /suggestions was turned away"},
		"less where all was well": {func(r *shop.Record) {
			r.Load.Lesser = append(r.Load.Lesser, shop.Lesser{Route: shop.RouteSuggest, Began: at(59), Ended: at(59.1)})
		}, "1 requests were answered with less where there was no reason"},
		"less for what is critical": {func(r *shop.Record) { r.Load.Lesser[0].Route = shop.RouteProduct }, "1 requests were answered with less"},
		"another domain degraded":   {event(63, observe.EventDegraded, "shed:payments", ""), "degraded of shed:payments"},
		"still degraded":            {func(r *shop.Record) { r.Final.Degraded = []hale.DegradationStat{{Name: "catalog", Level: 1}} }, "catalog is degraded to level 1"},
		"another domain slowed": {func(r *shop.Record) {
			for i := 61; i < 65; i++ {
				r.Load.Paces[i].Took = map[string][]time.Duration{shop.RouteOrders: slices.Repeat([]time.Duration{time.Second}, 10)}
			}
		}, "full-catalog: GET /orders felt it"},
		"another domain stood still": {func(r *shop.Record) {
			for i := 61; i < 65; i++ {
				r.Load.Paces[i].Took = nil
			}
		}, "nobody measured how GET /orders fared"},
		"observer broke":           {event(3, observe.EventObserverDown, "hale.loop", ""), "observer.down"},
		"events lost":              {func(r *shop.Record) { r.Lost = 1 }, "events were lost"},
		"route without load":       {func(r *shop.Record) { delete(r.Load.Routes, shop.RouteOrders) }, "not one request was answered"},
		"body left behind":         {func(r *shop.Record) { r.Final.Abandoned = 1 }, "1 bodies are abandoned"},
		"hale's own call hangs":    {func(r *shop.Record) { r.Final.Overrun = 1 }, "1 of hale's own calls hang"},
		"observer down at the end": {func(r *shop.Record) { r.Final.Observer = "down" }, `observer is "down"`},
		"still quarantined": {func(r *shop.Record) {
			r.Final.Sample.Tasks = []observe.TaskStat{{Name: "invoices.mail", Quarantined: true}}
		}, "invoices.mail is still quarantined"},
		"incident open": {func(r *shop.Record) { r.Final.Incidents[2].Phase = diagnose.Escalated }, "still escalated"},
		"incident of a healthy name": {func(r *shop.Record) {
			r.Final.Incidents = append(r.Final.Incidents, diagnose.Incident{ID: "inc-9", Phase: diagnose.Dismissed, Subject: observe.Subject{Name: "stock.count"}})
		}, "inc-9 is about nothing that was hurt"},
	} {
		t.Run(name, func(t *testing.T) { condemns(t, tc.spoil, tc.want) })
	}
}

// condemns checks that a run which is spoiled so does not pass, and that the reason is told.
func condemns(t *testing.T, spoil func(*shop.Record), want string) {
	t.Helper()
	r := goodRun()
	spoil(&r)
	v := shop.Judge(r)
	if !errors.Is(v.Err(), shop.ErrVerdict) {
		t.Fatalf("it passes; problems %q", v.Problems)
	}
	if !slices.ContainsFunc(v.Problems, func(p string) bool { return strings.Contains(p, want) }) {
		t.Errorf("no problem says %q: %q", want, v.Problems)
	}
}
