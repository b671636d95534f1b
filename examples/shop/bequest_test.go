package main_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/detect"
	shop "github.com/hale-go/hale/examples/shop"
	"github.com/hale-go/hale/observe"
)

// The last act of a good run: the first process hands over at second 130, the second dies
// at 140.
const lastAct = 130

func TestVerdictOnAGoodLastAct(t *testing.T) {
	r := goodRun()
	r.Load.Failures = append(r.Load.Failures, shop.Failure{Route: "POST /orders", Began: at(lastAct + 10.5), Ended: at(lastAct + 10.6), Why: "EOF"})
	v := shop.Judge(r)
	if v.Err() != nil {
		t.Fatalf("%q", v.Problems)
	}
	rows := v.Rows[len(v.Rows)-2:]
	if rows[0].Fault != "immortal" || rows[0].During != 0 || rows[0].Detect != 2*time.Second || rows[0].Isolate != 4*time.Second || rows[0].Recover != 7*time.Second {
		t.Errorf("%+v", rows[0])
	}
	if rows[1].Fault != "fatal-error" || rows[1].During != 1 || rows[1].Detect != time.Second || rows[1].Isolate != 2*time.Second || rows[1].Recover != 4*time.Second {
		t.Errorf("%+v", rows[1])
	}
	for _, want := range []string{
		"400 goroutines were lost, 0 are in the successor; 0 requests failed",
		"1 requests that were under way failed, 0 were refused",
		"9 pages of orders, in one go over 3 processes: none was lost, and 1 that was under way",
	} {
		if !slices.ContainsFunc(v.Notes, func(n string) bool { return strings.Contains(n, want) }) {
			t.Errorf("no note says %q: %q", want, v.Notes)
		}
	}
}

// Whatever may be wrong with the last act makes the demo fail.
func TestVerdictOnABadLastAct(t *testing.T) {
	fail := func(seconds float64, why string) func(*shop.Record) {
		return func(r *shop.Record) {
			r.Load.Failures = append(r.Load.Failures, shop.Failure{Route: "POST /orders", Began: at(lastAct + seconds), Ended: at(lastAct + seconds + .1), Why: why})
		}
	}
	for name, tc := range map[string]struct {
		spoil func(*shop.Record)
		want  string // in one of the problems
	}{
		"not played":                    {func(r *shop.Record) { r.Successions = nil }, "no fault was tried"},
		"never handed over":             {func(r *shop.Record) { delete(r.Successions[0].Steps, shop.StepHandover) }, `immortal: it never was at "handover"`},
		"never died":                    {func(r *shop.Record) { delete(r.Successions[1].Steps, shop.StepDied) }, `fatal-error: it never was at "died"`},
		"predecessor goes on":           {func(r *shop.Record) { delete(r.Successions[0].Steps, shop.StepGone) }, `immortal: it never was at "gone"`},
		"script's own problem":          {func(r *shop.Record) { r.Successions[1].Problems = []string{"it is not over"} }, "fatal-error: it is not over"},
		"nothing lost before":           {func(r *shop.Record) { r.Successions[0].Lost = 3 }, "it shows nothing"},
		"lost in the successor":         {func(r *shop.Record) { r.Successions[0].Left = 2 }, "2 goroutines are lost in the successor too"},
		"a handover costs one":          {fail(3, "EOF"), "1 requests failed, and a handover costs none"},
		"one is lost as it drains":      {fail(4.5, "EOF"), "POST /orders: 1 requests failed while nothing hurt it"},
		"failed before the crash":       {fail(9, "EOF"), "POST /orders: 1 requests failed while nothing hurt it"},
		"failed after the crash":        {fail(12.5, "EOF"), "POST /orders: 1 requests failed while nothing hurt it"},
		"refused":                       {fail(11, "dial tcp: connect: connection refused"), "1 connections were refused"},
		"nobody said why":               {func(r *shop.Record) { r.Obituaries = nil }, "nobody said what process 101 died of"},
		"died of something else":        {func(r *shop.Record) { r.Obituaries[1].Message = "panic: no" }, "and not of this: panic: no"},
		"died somewhere else":           {func(r *shop.Record) { r.Obituaries[1].Site = "main.main main.go:1" }, "and not of this"},
		"no fingerprint":                {func(r *shop.Record) { r.Obituaries[1].Fingerprint = "" }, "and not of this"},
		"two died":                      {func(r *shop.Record) { r.Obituaries = append(r.Obituaries, shop.Obituary{PID: 100}) }, "tells of 3 incidents"},
		"nobody told of the handover":   {func(r *shop.Record) { r.Obituaries = r.Obituaries[1:] }, "does not tell of the one handover that process 100 asked for"},
		"it was in vain":                {func(r *shop.Record) { r.Obituaries[0].Action = "none: the handover failed" }, "does not tell of the one handover"},
		"it was not the first":          {func(r *shop.Record) { r.Obituaries[0].Handovers = 2 }, "does not tell of the one handover"},
		"export from the start":         {func(r *shop.Record) { r.Pages = append(r.Pages, shop.Page{Number: 1, First: 1, Last: 5, PID: 102}) }, "after page 9"},
		"a page is left out":            {func(r *shop.Record) { r.Pages = slices.Delete(r.Pages, 5, 6) }, "after page 4"},
		"an order is left out":          {func(r *shop.Record) { r.Pages[8].First++ }, "came page 8, of 37 to 40"},
		"two pages again":               {func(r *shop.Record) { r.Pages = slices.Insert(r.Pages, 4, r.Pages[2]) }, "after page 4"},
		"a page again, in one":          {func(r *shop.Record) { r.Pages = slices.Insert(r.Pages, 1, r.Pages[0]) }, "after page 1"},
		"another page again":            {func(r *shop.Record) { r.Pages[3].Last-- }, "orders.export"},
		"export ended with its process": {func(r *shop.Record) { r.Pages = r.Pages[:7] }, "it was done by 2 processes, there were 3"},
		"bystander": {func(r *shop.Record) {
			r.LastEvents = append(r.LastEvents, observe.Event{Time: at(lastAct + 1), Kind: observe.EventRestarted, Subject: observe.Subject{Name: "stock.count"}})
		}, "restarted of stock.count"},
		"it fires in the successor": {func(r *shop.Record) {
			r.LastEvents = append(r.LastEvents, observe.Event{Time: at(lastAct - 1), Kind: observe.EventFinding, Subject: observe.Subject{Name: detect.LostGoroutines}})
		}, "finding of process.goroutines"},
		"the last one has none": {func(r *shop.Record) { r.Last.Observer = "down" }, `observer is "down"`},
		"the last one degraded": {func(r *shop.Record) { r.Last.Degraded = []hale.DegradationStat{{Name: "catalog", Level: 1}} }, "catalog is degraded"},
	} {
		t.Run(name, func(t *testing.T) { condemns(t, tc.spoil, tc.want) })
	}
}

// What hale says of lost goroutines is followed in its order; what it says of others is not
// taken for it.
func TestSuccessionReads(t *testing.T) {
	s := shop.NewSuccessions(at(0))[0]
	s.Steps = map[shop.Step]time.Time{shop.StepBegun: at(0)}
	lost := observe.Subject{Name: detect.LostGoroutines}
	for i, c := range []struct {
		e    observe.Event
		news bool
	}{
		{observe.Event{Time: at(-1), Kind: observe.EventFinding, Subject: lost, Confidence: "confirmed"}, false}, // of before
		{observe.Event{Time: at(1), Kind: observe.EventHandover}, false},                                         // nothing is confirmed
		{observe.Event{Time: at(1), Kind: observe.EventFinding, Subject: observe.Subject{Name: "stock.count"}, Confidence: "confirmed"}, false},
		{observe.Event{Time: at(1), Kind: observe.EventOverdue, Subject: observe.Subject{Name: "suppliers.price"}}, true},
		{observe.Event{Time: at(2), Kind: observe.EventFinding, Subject: lost, Confidence: "confirmed"}, true},
		{observe.Event{Time: at(2), Kind: observe.EventFinding, Subject: lost, Confidence: "confirmed"}, false}, // again
		{observe.Event{Time: at(3), Kind: observe.EventHandover, Detail: "in 1s"}, true},
	} {
		if news := s.Read(c.e); news != c.news {
			t.Errorf("event %d is news: %t, want %t", i, news, c.news)
		}
	}
}
