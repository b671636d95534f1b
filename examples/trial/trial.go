package trial

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/detect"
	"github.com/hale-go/hale/heal"
	"github.com/hale-go/hale/observe"
)

// Harsh returns settings with which hale looks as often and waits as little as it
// can.
func Harsh(act heal.Act) hale.Config {
	return hale.Config{
		Tick: 200 * time.Millisecond, Epoch: 400 * time.Millisecond, Snapshots: 400 * time.Millisecond,
		Leak: detect.LeakConfig{Grace: 2 * time.Second}, Policy: heal.Policy{Act: act},
	}
}

// Log has the events of a runtime. It may be used by any goroutine.
type Log struct {
	mu     sync.Mutex
	events map[observe.EventKind][]observe.Event
}

func (l *Log) hear(e observe.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.events[e.Kind] = append(l.events[e.Kind], e)
}

// Heard returns the events of a kind so far, and only those of a state where that
// is not "".
func (l *Log) Heard(kind observe.EventKind, state string) []observe.Event {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []observe.Event
	for _, e := range l.events[kind] {
		if state == "" || e.State() == state {
			out = append(out, e)
		}
	}
	return out
}

// Confirmed returns the findings that were confirmed so far.
func (l *Log) Confirmed() []observe.Event {
	return l.Heard(observe.EventFinding, detect.Confirmed.String())
}

// Run runs hale's loop until the test ends, and hears it. An event that is missed
// fails the test.
func Run(t testing.TB, opts ...hale.Option) (*hale.Runtime, *Log) {
	t.Helper()
	rt, err := hale.New(opts...)
	if err != nil {
		t.Fatal(err)
	}
	l := &Log{events: map[observe.EventKind][]observe.Event{}}
	sub := rt.Subscribe(1<<16, l.hear)
	ctx, cancel := context.WithCancel(context.Background())
	var loop sync.WaitGroup
	loop.Go(func() { _ = rt.Run(ctx) }) // nil: it is called once
	t.Cleanup(func() {
		cancel()
		loop.Wait()
		if err := rt.Close(); err != nil {
			t.Error(err)
		}
		<-sub.Done()
		if n := sub.Dropped(); n > 0 {
			t.Errorf("%d events were dropped: not all was heard", n)
		}
	})
	return rt, l
}
