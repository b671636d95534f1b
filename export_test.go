package hale

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"runtime"
	"time"

	"github.com/hale-go/hale/diagnose"
	"github.com/hale-go/hale/heal"
	"github.com/hale-go/hale/internal/resource"
	"github.com/hale-go/hale/observe"
)

// BearsLabels reports whether the calling goroutine bears any labels.
func BearsLabels() bool { return goroutineLabels() != nil }

// ReadResourcesFrom makes rt read its resources from the files below root.
func ReadResourcesFrom(rt *Runtime, root string) { rt.resource.reader = resource.New(root) }

// SegmentWriter is what writes the recording to disk.
type SegmentWriter = segmentWriter

// SetWriter puts w in the place of the runtime's writer.
func SetWriter(rt *Runtime, w SegmentWriter) { rt.disk.writer = w }

// SetBaselinesWriter puts write in the place of what writes the baselines.
func SetBaselinesWriter(rt *Runtime, write func() error) {
	rt.baselines.write = func(string, baselinesDoc) error { return write() }
}

// LoopState returns what rt's loop remembers.
func LoopState(rt *Runtime) (json.RawMessage, error) {
	rt.turnMu.Lock()
	defer rt.turnMu.Unlock()
	return rt.loop.state()
}

// BreakLoop makes the next turn of rt's loop panic.
func BreakLoop(rt *Runtime) {
	rt.turnMu.Lock()
	defer rt.turnMu.Unlock()
	rt.loop.healer = nil
}

// BreakObserver makes rt's turns panic before there is anything to decide from,
// until mend is called.
func BreakObserver(rt *Runtime) (mend func()) {
	rt.turnMu.Lock()
	defer rt.turnMu.Unlock()
	meter := rt.meter
	rt.meter = nil
	return func() {
		rt.turnMu.Lock()
		defer rt.turnMu.Unlock()
		rt.meter = meter
	}
}

// ExitTurn takes a turn that ends its goroutine.
func ExitTurn(rt *Runtime) {
	rt.guard("loop", func() bool { defer rt.afresh(); runtime.Goexit(); return true })
}

// LateStart is a start of the name that has entered the open cell and not yet seen
// whether that was closed meanwhile; it goes on with the function.
func LateStart(rt *Runtime, name string) (goOn func()) {
	s := rt.reg.lookup(name)
	c := s.open.Load()
	c.enter()
	return func() {
		if !s.stays(c) {
			c = s.enter(false, 0)
		}
		s.leave(c)
	}
}

// Slots is the table of live tasks.
type Slots = slots

// Enter takes a slot for the nth task and returns what gives it back.
func (s *slots) Enter(n uint64) (leave func()) {
	t := &Task{}
	t.scope.seq.Store(n)
	s.add(t)
	return func() { s.remove(t) }
}

// Trim makes the tables fit live tasks.
func (s *slots) Trim(live int) { s.trim(live) }

// Renew puts a fresh table in front and forgets those that are empty.
func (s *slots) Renew() {
	s.replace(s.newest.Load(), minSlots)
	s.trim(0)
}

// Live counts the tasks that are found.
func (s *slots) Live() int {
	n := 0
	for range s.all {
		n++
	}
	return n
}

// Tables returns the sizes of the tables, newest first.
func (s *slots) Tables() []int {
	var out []int
	for t := s.newest.Load(); t != nil; t = t.older.Load() {
		out = append(out, len(t.slots))
	}
	return out
}

// SetGate closes or opens the quarantine of a name, as the remedy does.
func SetGate(rt *Runtime, name string, g heal.Gate, probes int) error {
	return target{rt}.SetGate(name, g, probes)
}

// Hold is a level that several parties ask for.
type Hold = hold

// NewHold returns one that nobody asks for.
func NewHold(settle time.Duration) *Hold {
	h := new(hold)
	h.wait.Store(int64(settle))
	return h
}

// Ask, Release, Level and Dropped are what the runtime uses of it.
func (h *hold) Ask(by string, level int, lease time.Duration) bool { return h.ask(by, level, lease) }

// Release takes back what a party asks for.
func (h *hold) Release(by string, atOnce bool) bool { return h.release(by, atOnce) }

// Level returns what counts.
func (h *hold) Level() int { return h.level() }

// Tend is what a turn does, and returns how many hold it.
func (h *hold) Tend() int { return len(h.tend().holders) }

// Dropped returns how many there was no room for.
func (h *hold) Dropped() uint64 { return h.dropped.Load() }

// Idle reports whether a read is one atomic load.
func (h *hold) Idle() bool { return h.state.Load() == nil }

// ReconfigureSwitches is what new settings do.
func ReconfigureSwitches(rt *Runtime, levels map[string]int) error {
	return rt.switches.reconfigure(levels, rt.config().Degradation.Settle)
}

// IncidentTarget is what remedies reach.
func IncidentTarget(rt *Runtime) interface {
	Degrade(name, by string, level int) error
	Restore(name, by string) error
} {
	return target{rt}
}

// RestartByRemedy starts the children of a name afresh, as the remedy does.
func RestartByRemedy(rt *Runtime, name string) error { return target{rt}.Restart(name) }

// CountOption declares nothing, and counts in n how often it is asked.
func CountOption(n *int) TaskOption { return func(*taskOptions) { *n++ } }

// AbandonByRemedy gives up a task, as the remedy does.
func AbandonByRemedy(rt *Runtime, id observe.TaskID) error { return target{rt}.Abandon(id) }

// Tally returns a function that counts restarts at times after its first.
func Tally(period time.Duration, most int) func(at time.Duration) bool {
	var t tally
	first := time.Now()
	return func(at time.Duration) bool { return t.bears(first.Add(at), period, most) }
}

// QueueLate queues fn as a submitter does that is held up before it wakes the
// worker which it counts on; signal is the rest.
func (p *Pool) QueueLate(ctx context.Context, fn func(context.Context) error) (signal func()) {
	p.mu.Lock()
	p.queue.push(job{ctx: ctx, fn: fn})
	wake := p.wakeLocked()
	p.mu.Unlock()
	return func() {
		if wake {
			p.parked.Signal()
		}
	}
}

// EndTame and ValueTame report whether nobody else's code is in a context.
var EndTame, ValueTame = endTame, valueTame

// EndedWhileAsked returns the context of a body that ended while somebody asked for
// Done, who has not got as far as to see it.
func EndedWhileAsked() context.Context {
	t := &Task{}
	t.scope.parent = context.Background()
	made := derive(t.scope.parent)
	t.conclude(nil)
	ended := t.scope.Done()
	x := t.scope.extend()
	x.made = made
	x.taken.Store(true)
	x.inner.Store(&x.made)
	return lateContext{(*taskContext)(t), ended}
}

// lateContext has the Done that was asked for before the other one's answer.
type lateContext struct {
	context.Context
	done <-chan struct{}
}

func (c lateContext) Done() <-chan struct{} { return c.done }

// SetIncident makes an incident the one that tasks of a name log.
func SetIncident(rt *Runtime, name, id string) {
	s := rt.reg.lookup(name)
	if old := s.incident.Load(); old == nil && id != "" || old != nil && *old != id {
		s.incident.Store(&id)
	}
}

// ColourOf makes a console handler believe that it has a terminal.
func ColourOf(h slog.Handler) slog.Handler {
	made := *h.(*consoleHandler) //nolint:forcetypeassert // of a test
	made.colour = true
	return &made
}

// IsTerminal reports whether a console handler for w would have colours.
func IsTerminal(w io.Writer) bool {
	h, ok := ConsoleHandler(w, nil).(*consoleHandler)
	return ok && h.colour
}

// DegradedIn reports whether a switch of a runtime is degraded.
func DegradedIn(rt *Runtime, name string) bool { return rt.switches.level(name) > 0 }

// SpendLooks has looks at where late tasks are cost so much that there are no more.
func SpendLooks(rt *Runtime) {
	rt.locator.mu.Lock()
	defer rt.locator.mu.Unlock()
	rt.locator.pacer.Done(time.Now(), time.Hour)
}

// AskForHandover has incidents be open that ask for a handover by ask.
func AskForHandover(rt *Runtime, ids ...string) (ask func(id string) error) {
	var open []diagnose.Incident
	for _, id := range ids {
		open = append(open, diagnose.Incident{ID: id, Active: true})
	}
	rt.published.Store(&published{incidents: open})
	return func(id string) error { return target{rt}.Handover(id, "of "+id) }
}
