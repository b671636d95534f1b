package hale

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hale-go/hale/diagnose"
	"github.com/hale-go/hale/heal"
	"github.com/hale-go/hale/internal/aside"
	"github.com/hale-go/hale/observe"
)

// WithHandover has the remedy handover call f, which sees to it that another process takes
// this one's place: process.Handover under "hale run", or process.HandoverOrExit, which
// elsewhere has the service drain and exit, so that whoever started it starts it again. f
// returns at once; it is called
// once for each handover, on a goroutine of its own, and is given the incident's cause.
// Default: none; the remedy does not apply, and a person is called.
func WithHandover(f func(why string) error) Option {
	return func(o *options) { o.handover = f }
}

// handoverLimit is how long the function may take.
const handoverLimit = 5 * time.Second

// handing is the handover that is under way, if one is.
type handing struct {
	mu     sync.Mutex
	timer  *time.Timer // nil: there is none
	behind atomic.Int64
}

// Handover implements [heal.Target].
func (x target) Handover(by, why string) error {
	rt := x.rt
	if rt.opts.handover == nil {
		return fmt.Errorf("%w: nobody says how; see hale.WithHandover", heal.ErrNotApplicable)
	}
	down := func(i diagnose.Incident) bool { return i.Active && i.Fault == diagnose.DependencyDown }
	all := rt.Incidents()
	if i := slices.IndexFunc(all, down); i >= 0 {
		return fmt.Errorf("%w: %s is down, and would be for a successor too", heal.ErrNotApplicable, all[i].Subject)
	}
	h := &rt.handing
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.timer != nil || rt.closed.Load() { // it comes, or the end does
		return nil
	}
	delay := rt.config().Policy.HandoverDelay
	wait := rand.N(delay+1) + max(heal.HandoverYouth*delay-time.Since(rt.clock.born), 0)
	h.timer = time.AfterFunc(wait, func() { rt.guard("handover", func() bool { rt.handOver(by, why); return true }) })
	rt.emit(observe.Event{Kind: observe.EventHandover, Subject: observe.Subject{Name: by}, Detail: fmt.Sprintf("in %v", wait.Round(time.Millisecond))})
	return nil
}

// handOver hands over, unless there is no need any more.
func (rt *Runtime) handOver(by, why string) {
	defer rt.handing.stop()
	needed := slices.ContainsFunc(rt.Incidents(), func(i diagnose.Incident) bool { return i.ID == by && i.Active })
	if !needed || rt.halted.Load() || rt.disabled || rt.closed.Load() {
		return
	}
	failed, err := aside.Call(handoverLimit, &rt.handing.behind, func() error { return rt.opts.handover(why) })
	if err == nil {
		err = failed
	}
	detail := "a successor is asked for"
	if err != nil {
		detail = "it failed: " + errText(err)
	}
	rt.emit(observe.Event{Kind: observe.EventHandover, Subject: observe.Subject{Name: by}, Detail: printable(detail, maxDetail)})
}

// stop calls off a handover that has not begun.
func (h *handing) stop() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.timer != nil {
		h.timer.Stop()
		h.timer = nil
	}
}
