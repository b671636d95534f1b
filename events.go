package hale

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/hale-go/hale/observe"
)

// Bounds of what events can grow.
const (
	maxInbox  = 4096 // events between two turns; remedies' outcomes always fit
	maxDetail = 400  // bytes of an event's detail
	maxMisuse = 1024 // kinds of misuse that are told apart
)

// emit hands an event to the next turn and to subscribers. It never blocks.
func (rt *Runtime) emit(e observe.Event) {
	if e.Time.IsZero() {
		e.Time = time.Now()
	}
	rt.inbox.put(&note{event: &e})
	rt.bus.send(e)
}

// bus hands events to subscribers.
type bus struct {
	heard atomic.Int32 // subscriptions; without any, no event is written out for them
	mu    sync.RWMutex
	subs  map[*Subscription]struct{}
	shut  bool
}

func (b *bus) send(e observe.Event) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	for s := range b.subs {
		select {
		case s.queue <- e:
		default:
			s.dropped.Add(1)
		}
	}
}

func (b *bus) close() {
	b.mu.Lock()
	b.shut = true
	subs := b.subs
	b.subs = nil
	b.heard.Store(0)
	b.mu.Unlock()
	for s := range subs {
		close(s.queue)
	}
}

// Subscription is a callback that gets events; see [Runtime.Subscribe].
type Subscription struct {
	rt      *Runtime
	queue   chan observe.Event
	dropped atomic.Uint64
	panics  atomic.Uint64
	done    chan struct{}
}

// Subscribe calls f with every event from now on, one at a time, in order, on a
// goroutine of the subscription. At most buffer events wait for f (at least 1,
// at most 65536); further ones are dropped and counted, so that a slow
// subscriber slows nothing down. A panic in f is counted and contained, and so is
// [runtime.Goexit]. The
// subscription ends with its Close or the runtime's.
func (rt *Runtime) Subscribe(buffer int, f func(observe.Event)) *Subscription {
	s := &Subscription{rt: rt, queue: make(chan observe.Event, min(max(buffer, 1), 1<<16)), done: make(chan struct{})}
	if rt.made() == nil {
		s.rt = nil
		close(s.done)
		return s
	}
	rt.bus.mu.Lock()
	defer rt.bus.mu.Unlock()
	if rt.bus.shut || f == nil {
		close(s.queue)
		close(s.done)
		return s
	}
	if rt.bus.subs == nil {
		rt.bus.subs = map[*Subscription]struct{}{}
	}
	rt.bus.subs[s] = struct{}{}
	rt.bus.heard.Add(1)
	go s.run(f)
	return s
}

func (s *Subscription) run(f func(observe.Event)) {
	ended := false
	defer func() {
		if ended {
			close(s.done)
			return
		}
		s.panics.Add(1)
		go s.run(f) // it ended the goroutine: the subscription goes on, on another
	}()
	for e := range s.queue {
		s.call(f, e)
	}
	ended = true
}

func (s *Subscription) call(f func(observe.Event), e observe.Event) {
	defer func() {
		if recover() != nil {
			s.panics.Add(1)
		}
	}()
	f(e)
}

// Dropped returns how many events did not fit.
func (s *Subscription) Dropped() uint64 {
	if s == nil {
		return 0
	}
	return s.dropped.Load()
}

// Panics returns how many calls of the callback panicked.
func (s *Subscription) Panics() uint64 {
	if s == nil {
		return 0
	}
	return s.panics.Load()
}

// Close ends the subscription. Events that wait are still delivered; Done tells
// when the last has been.
func (s *Subscription) Close() {
	if s == nil || s.rt == nil {
		return
	}
	b := &s.rt.bus
	b.mu.Lock()
	_, mine := b.subs[s]
	delete(b.subs, s)
	b.mu.Unlock()
	if mine {
		b.heard.Add(-1)
		close(s.queue)
	}
}

// Done is closed when the callback has returned for the last time.
func (s *Subscription) Done() <-chan struct{} {
	if s == nil {
		return closedChan
	}
	return s.done
}

// misused remembers which misuse was reported, so that each is told once.
type misused struct {
	mu   sync.Mutex
	seen map[string]struct{}
}

// misuse reports that hale was called with something it had to mend or refuse,
// once for each name. The particulars, which may differ each time, are those of the
// first.
func (rt *Runtime) misuse(subject observe.Subject, detail string, particulars ...string) {
	key := subject.Name + "\x00" + detail
	m := &rt.misused
	m.mu.Lock()
	if m.seen == nil {
		m.seen = map[string]struct{}{}
	}
	_, known := m.seen[key]
	if !known && len(m.seen) < maxMisuse {
		m.seen[key] = struct{}{}
	}
	full := !known && len(m.seen) >= maxMisuse
	m.mu.Unlock()
	if known || full {
		return
	}
	for _, p := range particulars {
		detail += ": " + printable(p, maxDetail/2)
	}
	rt.emit(observe.Event{Kind: observe.EventMisuse, Subject: subject, Detail: detail}) // logged by the next turn: a logger that blocks must hold up no caller
}
