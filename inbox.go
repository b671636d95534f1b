package hale

import (
	"sync"
	"time"

	"github.com/hale-go/hale/internal/stack"
	"github.com/hale-go/hale/observe"
)

// note is an event as it waits for the turn. A child that panics all the time
// makes thousands between two turns, on goroutines whose stacks are small: so a
// panic and a restart are noted in a third of an event's bytes, and the texts are
// made by the turn. It holds no value of the user's.
type note struct {
	event *observe.Event // nil: a panic or a restart

	at      time.Duration // since the birth of the runtime
	family  *family
	n       uint64      // number of the task that panicked, or which restart it is
	trace   stack.Trace // of the panic; zero: a restart
	value   string      // what it panicked with, cut
	request string
}

// scribe writes notes out in full. It remembers the text of the last panic, since
// what panics at all often panics the same way.
type scribe struct {
	trace stack.Trace
	value string
	text  string
}

func (s *scribe) write(n *note) observe.Event {
	if n.event != nil {
		return *n.event
	}
	e := observe.Event{Time: n.family.rt.clock.born.Add(n.at), Subject: n.family.subject()}
	if n.trace == (stack.Trace{}) {
		e.Kind, e.Detail, e.Restarts = observe.EventRestarted, "started again", int(n.n)
		return e
	}
	e.Kind, e.Request = observe.EventPanic, n.request
	e.Subject.Task = observe.TaskID{Name: n.family.name, Seq: n.n}
	e.Subject.Site = n.trace.Site()
	e.Fingerprint = n.trace.Fingerprint()
	if s.text == "" || s.trace != n.trace || s.value != n.value {
		s.trace, s.value = n.trace, n.value
		s.text = printable(panicText(n.value, e.Subject.Site), maxDetail)
	}
	e.Detail = s.text
	return e
}

// inbox collects the events for the next turn, in blocks, so that it grows without
// copying. One block is kept for the next turn's.
type inbox struct {
	mu      sync.Mutex
	blocks  []*[inboxBlock]note
	spare   *[inboxBlock]note
	n       int
	dropped int
}

const inboxBlock = 56 // of 72 bytes, in 4 KB

func (b *inbox) put(n *note) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.n >= maxInbox && (n.event == nil || n.event.Kind != observe.EventRemedy) {
		b.dropped++
		return
	}
	if b.n == inboxBlock*len(b.blocks) {
		if b.spare == nil {
			b.spare = new([inboxBlock]note)
		}
		b.blocks, b.spare = append(b.blocks, b.spare), nil
	}
	b.blocks[b.n/inboxBlock][b.n%inboxBlock] = *n
	b.n++
}

// take returns the events in the order in which they came, and how many did not
// fit. It shows each panic with its stack, which events do not have.
func (b *inbox) take(show func(observe.Event, stack.Trace)) ([]observe.Event, int) {
	b.mu.Lock()
	blocks, n, dropped := b.blocks, b.n, b.dropped
	b.blocks, b.n, b.dropped = nil, 0, 0
	b.mu.Unlock()
	if n == 0 {
		return nil, dropped
	}
	events := make([]observe.Event, n) // kept by the recorder: as long as need be
	var s scribe
	for i := range events {
		n := &blocks[i/inboxBlock][i%inboxBlock]
		events[i] = s.write(n)
		if n.trace != (stack.Trace{}) {
			show(events[i], n.trace)
		}
	}
	clear(blocks[0][:])
	b.mu.Lock()
	b.spare = blocks[0]
	b.mu.Unlock()
	return events, dropped
}

// note hands an event to the next turn, and written out to subscribers. It never
// blocks. Its frame is small, so that the stack of a goroutine that panics need
// not grow for it.
func (rt *Runtime) note(n *note) {
	n.at = time.Since(rt.clock.born)
	rt.inbox.put(n)
	if rt.bus.heard.Load() > 0 {
		rt.tell(n)
	}
}

//go:noinline
func (rt *Runtime) tell(n *note) { rt.bus.send(new(scribe).write(n)) }
