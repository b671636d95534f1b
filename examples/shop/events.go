package main

import (
	"os"
	"sync"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/observe"
)

// maxEvents is how many of the latest events are kept.
const maxEvents = 4096

// eventLog keeps hale's latest events, numbered, so that a reader can ask for
// those that it has not seen.
type eventLog struct {
	sub *hale.Subscription

	mu     sync.Mutex
	events []observe.Event
	first  uint64 // number of events[0], counted from 0
}

// eventPage is what a reader gets: the events from the number it asked for on,
// and the number to ask for next.
type eventPage struct {
	PID    int             `json:"pid"` // whose events they are
	Next   uint64          `json:"next"`
	Lost   uint64          `json:"lost"` // events that were dropped before anybody could read them
	Events []observe.Event `json:"events"`
}

func watchEvents(rt *hale.Runtime) *eventLog {
	l := &eventLog{}
	l.sub = rt.Subscribe(maxEvents, l.add)
	return l
}

func (l *eventLog) add(e observe.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.events) == maxEvents {
		l.events = append(l.events[:0], l.events[maxEvents/4:]...)
		l.first += maxEvents / 4
	}
	l.events = append(l.events, e)
}

// since returns the events from a number on that the process of that PID gave: they are
// not this one's.
func (l *eventLog) since(n uint64, pid int) eventPage {
	if pid != os.Getpid() {
		n = 0
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	page := eventPage{PID: os.Getpid(), Next: l.first + uint64(len(l.events)), Lost: l.sub.Dropped()}
	if n < l.first {
		page.Lost += l.first - n
		n = l.first
	}
	if n < page.Next {
		page.Events = append(page.Events, l.events[n-l.first:]...)
	}
	return page
}

// last returns the latest n events, newest first.
func (l *eventLog) last(n int) []observe.Event {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := make([]observe.Event, 0, n)
	for i := len(l.events) - 1; i >= 0 && len(out) < n; i-- {
		out = append(out, l.events[i])
	}
	return out
}
