package main

import (
	"fmt"
	"time"

	"github.com/hale-go/hale/diagnose"
	"github.com/hale-go/hale/observe"
)

// scenario is one fault and what hale promises about it.
type scenario struct {
	Fault   string
	Begun   string           // what it does, for the timeline
	Lifted  string           // what its end stands for
	Subject string           // the name that hale must find at fault
	Routes  []string         // whose requests may fail while it lasts
	Suffers []string         // further names that it may be seen at
	Switch  string           // that a remedy may hold, where it is not named as the subject is
	Want    diagnose.Outcome // what healing comes to
	Is      diagnose.Fault   // what hale must take it for; "": that is not looked at

	// Told says that there is no remedy for such a fault: a person is told, and hale
	// verifies that it is over.
	Told bool
	// Contract says that what the developer declared deals with it, and that hale says so.
	Contract bool
	// Shed is the route of which requests must be answered with less while it lasts,
	// Spared those of the same domain that must all get through, and Calm one of
	// another domain that must not feel it. Default: none.
	Shed   string
	Spared []string
	Calm   string

	// LiftAt is the step after which the script ends the fault, and LiftAfter how
	// long after.
	LiftAt    step
	LiftAfter time.Duration
	// Alone is how long the scenario has the stage for itself before its fault is
	// lifted; the next then begins beside it. 0: until it is done with.
	Alone time.Duration
	// Restart says that a restart after the step shows the recovery. Without it
	// the incident's phase or Sound does.
	Restart step
	// Sound measures whether the shop works as before. since is the state when
	// the fault ended.
	Sound func(since, now shopStatus) (evidence string, ok bool)
}

// goal returns the step that shows what was wanted.
func (s scenario) goal() step {
	if s.Want == diagnose.Contained {
		return stepContained
	}
	return stepRecovered
}

// cutOff returns the step after which the fault can harm nobody any more, or with
// which hale has done what it can.
func (s scenario) cutOff() step {
	if s.Told {
		return stepTold
	}
	return stepIsolated
}

// scenarios are the demo's faults, in order. What each comes to is what Go
// allows: a leaked goroutine cannot be taken back, so a leak is contained;
// stuck and panicking work is replaced in place, so it recovers.
var scenarios = []scenario{
	{
		Fault: faultLeak, Subject: routeReco, Routes: []string{routeReco}, Want: diagnose.Contained,
		Begun:  "the recommendations library leaves a blocked goroutine behind with each call",
		Lifted: "the library's prefetch is switched off, while nobody may call it",
		LiftAt: stepIsolated, Sound: noGrowth,
		// Most of it is waiting for quarantine and probation to pass. And on a busy
		// machine hale takes its snapshots of the goroutines less often.
		Alone: 10 * time.Second,
	},
	{
		Fault: faultConsumer, Subject: "orders.consume", Want: diagnose.Recovered,
		Begun:  "the consumer of orders hangs and ignores its context",
		Lifted: "the hung body is let go and ends",
		LiftAt: stepRecovered, LiftAfter: time.Second, Restart: stepIsolated, Sound: ordersConsumed,
	},
	{
		Fault: faultDown, Subject: callCharge, Want: diagnose.Recovered, Is: diagnose.DependencyDown, Contract: true,
		Begun:  "the payments service fails: each charge is answered with 503",
		Lifted: "the payments service answers again",
		LiftAt: stepContract, LiftAfter: 3 * time.Second, Sound: ordersCharged,
		Alone: 10 * time.Second, // the finding lasts until the breaker has been closed for a while
	},
	{
		Fault: faultPanic, Subject: "invoices.mail", Want: diagnose.Recovered,
		Begun:  "the mailer of invoices panics whenever it runs",
		Lifted: "the invoice template is mended, while the mailer may not start",
		LiftAt: stepIsolated, LiftAfter: time.Second, Restart: stepLifted, Sound: invoicesMailed,
	},
	{
		Fault: faultPool, Subject: "thumbnails", Routes: []string{routeThumbnail}, Want: diagnose.Recovered,
		Begun:  "every third thumbnail hangs and ignores its context",
		Lifted: "the hung bodies are let go and end",
		LiftAt: stepIsolated, LiftAfter: 2 * time.Second, Sound: thumbnailsDrawn,
	},
	{
		Fault: faultFull, Subject: domainCatalog, Switch: "shed:" + domainCatalog, Want: diagnose.Recovered, Is: diagnose.FullDomain,
		Shed: routeSuggest, Spared: []string{routeStock, routeProduct}, Calm: routeOrders,
		Begun:  fmt.Sprintf("a crawler asks for suggestions %d times a second; the catalog can do 66", crawlRate),
		Lifted: "the crawler stops",
		LiftAt: stepIsolated, LiftAfter: 3 * time.Second, Sound: catalogFree, Alone: 12 * time.Second,
	},
	{
		Fault: faultErrors, Subject: routeOrders, Routes: []string{routeOrders}, Want: diagnose.Recovered, Told: true,
		Begun:  "every second list of orders fails: the index is corrupt",
		Lifted: "the index is mended",
		LiftAt: stepTold, LiftAfter: time.Second, Sound: ordersListed, Alone: time.Second,
	},
	{
		Fault: faultSlow, Subject: callCharge, Suffers: []string{routePlace}, Want: diagnose.Recovered, Told: true,
		Begun:  "the payments service takes 900 ms for what took one",
		Lifted: "the payments service is fast again",
		LiftAt: stepTold, LiftAfter: time.Second, Sound: paymentsFast, Alone: time.Second,
	},
	{
		Fault: faultFiles, Subject: "process.files", Want: diagnose.Recovered, Told: true,
		Begun:  "each look at the home page leaves a file open; 1024 may be",
		Lifted: "the files are closed",
		LiftAt: stepTold, LiftAfter: time.Second, Sound: filesClosed, Alone: time.Second,
	},
	{
		Fault: faultStorm, Subject: routeHome, Want: diagnose.Recovered, Told: true,
		Begun:  "each look at the home page logs twenty times that it tries again",
		Lifted: "the banner is there again",
		LiftAt: stepTold, LiftAfter: time.Second, Sound: homeCalm, Alone: time.Second,
	},
	{
		Fault: faultSilence, Subject: "stock.count", Want: diagnose.Recovered, Told: true,
		Begun:  "the stock job goes on, beats, and does nothing",
		Lifted: "the stock job counts again",
		LiftAt: stepTold, LiftAfter: time.Second, Sound: stockCounted,
	},
}

// noGrowth allows for the connections that come and go.
func noGrowth(since, now shopStatus) (string, bool) {
	then, n := since.Sample.Goroutines, now.Sample.Goroutines
	return fmt.Sprintf("%d goroutines, %d when the fault ended", n, then), n <= then+25
}

// backlog is what may be under way at any moment.
const backlog = 20

func ordersConsumed(since, now shopStatus) (string, bool) {
	w := now.Shop
	text := fmt.Sprintf("%d of %d orders consumed, %d bodies abandoned", w.Consumed, w.Placed, now.Abandoned)
	return text, w.Consumed > since.Shop.Consumed && w.Placed-w.Consumed <= backlog && now.Abandoned == 0
}

func invoicesMailed(since, now shopStatus) (string, bool) {
	w := now.Shop
	return fmt.Sprintf("%d of %d invoices mailed", w.Mailed, w.Placed), w.Mailed > since.Shop.Mailed && w.Placed-w.Mailed <= backlog
}

func thumbnailsDrawn(since, now shopStatus) (string, bool) {
	p, before := poolStat(now, "thumbnails"), poolStat(since, "thumbnails")
	text := fmt.Sprintf("%d thumbnails drawn since, %d workers, %d bodies abandoned", p.Finished-before.Finished, p.Workers, p.Abandoned)
	return text, p.Finished > before.Finished+10 && p.Abandoned == 0 && p.Queued <= backlog
}

func poolStat(s shopStatus, name string) observe.PoolStat {
	for _, p := range s.Sample.Pools {
		if p.Name == name {
			return p
		}
	}
	return observe.PoolStat{}
}
