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

// youth is how many times [heal.Policy.HandoverDelay] a process is too young to be handed over:
// what ails it so soon a successor may well have too.
const youth = 20

// maxAsked bounds how many incidents ask for one handover.
const maxAsked = 16

// handing is the handover that is under way, if one is.
type handing struct {
	mu     sync.Mutex
	timer  *time.Timer // nil: there is none
	due    time.Time
	asked  []handoverAsk
	behind atomic.Int64
}

// handoverAsk is an incident that asks for a handover, and its cause.
type handoverAsk struct{ by, why string }

// Handover implements [heal.Target].
func (x target) Handover(by, why string) error {
	rt := x.rt
	if rt.opts.handover == nil {
		return fmt.Errorf("%w: nobody says how; see hale.WithHandover", heal.ErrNotApplicable)
	}
	if down := rt.downFor(); down != "" {
		return fmt.Errorf("%w: %s", heal.ErrNotApplicable, down)
	}
	h := &rt.handing
	h.mu.Lock()
	defer h.mu.Unlock()
	if rt.closed.Load() { // the end comes
		return nil
	}
	if slices.ContainsFunc(h.asked, func(a handoverAsk) bool { return a.by == by }) {
		return nil
	}
	if len(h.asked) == maxAsked {
		return fmt.Errorf("%w: too many incidents ask for one handover", heal.ErrNotApplicable)
	}
	h.asked = append(h.asked, handoverAsk{by, why})
	if h.timer == nil {
		delay := rt.config().Policy.HandoverDelay
		wait := rand.N(delay+1) + max(youth*delay-time.Since(rt.clock.born), 0)
		h.due = time.Now().Add(wait)
		h.timer = time.AfterFunc(wait, func() { rt.guard("handover", func() bool { rt.handOver(); return true }) })
	}
	in := max(time.Until(h.due), 0).Round(time.Millisecond)
	rt.emit(observe.Event{Kind: observe.EventHandover, Subject: observe.Subject{Name: by}, Detail: fmt.Sprintf("in %v", in)})
	return nil
}

// downFor returns which dependency a successor would do no better without, "" for none.
func (rt *Runtime) downFor() string {
	for _, i := range rt.Incidents() {
		if i.Active && i.Fault == diagnose.DependencyDown {
			return i.Subject.String() + " is down, and would be for a successor too"
		}
	}
	return ""
}

// handOver hands over, unless there is no need any more, or it may not be.
func (rt *Runtime) handOver() {
	result, detail := heal.ResultFailed, "called off: "
	defer func() {
		for _, a := range rt.handing.stop() { // those that asked meanwhile too
			if !rt.closed.Load() {
				rt.emit(observe.Event{Kind: observe.EventHandover, Subject: observe.Subject{Name: a.by}, Result: result, Detail: printable(detail, maxDetail)})
			}
		}
	}()
	rt.handing.mu.Lock()
	asked := slices.Clone(rt.handing.asked)
	rt.handing.mu.Unlock()
	open := rt.Incidents()
	i := slices.IndexFunc(asked, func(a handoverAsk) bool {
		return slices.ContainsFunc(open, func(i diagnose.Incident) bool { return i.ID == a.by && i.Active })
	})
	if rt.closed.Load() {
		return
	}
	policy := rt.config().Policy
	switch down := rt.downFor(); {
	case i < 0:
		detail += "there is no need for it just now"
	case rt.halted.Load() || rt.disabled:
		detail += "remedies are switched off"
	case down != "":
		detail += down
	case policy.Act < heal.Full || policy.Guardrails.DryRun:
		detail += "the settings do not allow it any more"
	default:
		failed, err := aside.Call(handoverLimit, &rt.handing.behind, func() error { return rt.opts.handover(asked[i].why) })
		if err == nil {
			err = failed
		}
		result, detail = heal.ResultApplied, "a successor is asked for"
		if err != nil {
			result, detail = heal.ResultFailed, "it failed: "+errText(err)
		}
	}
}

// stop ends a handover, or calls off one that has not begun, and returns who asked for it.
func (h *handing) stop() []handoverAsk {
	h.mu.Lock()
	defer h.mu.Unlock()
	asked := h.asked
	h.asked = nil
	if h.timer != nil {
		h.timer.Stop()
		h.timer = nil
	}
	return asked
}
