package haletest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/detect"
	"github.com/hale-go/hale/diagnose"
	"github.com/hale-go/hale/internal/goroutine"
	"github.com/hale-go/hale/observe"
)

// Bubble is a runtime whose loop runs in a testing/synctest bubble; see [Run].
// Its methods are for the test's goroutine.
type Bubble struct {
	*hale.Runtime
	t     *testing.T
	turns chan struct{} // has one when a turn was taken since somebody looked

	mu     sync.Mutex
	events []observe.Event
}

// Run runs f in a testing/synctest bubble with a runtime of its own, made with
// the options, whose loop runs there. Time is fake: it goes on when every
// goroutine of the bubble waits, so a test of minutes takes milliseconds, and
// gives the same result each time. Snapshots are real ones, and work: they see
// the goroutines of the whole process, and attribute those of this runtime's
// tasks.
//
// When f has returned, and what it gave to t.Cleanup, the loop is ended and the
// runtime closed. Goroutines that do not end then fail the test by name: task,
// entry function and where each is blocked. Without that synctest would end the
// process with a panic. What is blocked in a system call or on a sync.Mutex
// stops fake time, and is named shortly before the test binary's deadline.
//
// The rules of synctest hold: no t.Run, no t.Parallel, no network, and no
// channels from outside.
func Run(t *testing.T, f func(t *testing.T, b *Bubble), opts ...hale.Option) {
	t.Helper()
	l := &leakTest{}
	defer watchdog(t, l)()
	defer func() {
		v := recover()
		if v == nil {
			return
		}
		why, ok := v.(error)
		if !ok || !strings.HasPrefix(why.Error(), "deadlock: ") {
			panic(v)
		}
		left := l.look()
		if left == "" { // they lost it: an inline task under a context without labels takes them off
			left = " goroutines that bear no label of the test's"
		}
		t.Errorf("haletest: %s outlives what it started:%s", t.Name(), left)
	}()
	synctest.Test(t, func(t *testing.T) {
		t.Helper()
		b := &Bubble{t: t, turns: make(chan struct{}, 1)}
		rt, err := hale.New(append(slices.Clone(opts), hale.WithDetector("haletest", func() detect.Detector { return ticker{b} }))...)
		if err != nil {
			t.Fatal(err)
		}
		b.Runtime = rt
		l.runtimes = []watched{{rt, prefixOf(rt)}}
		l.mark(t.Context(), t.Name())
		rt.Subscribe(maxWaiting, b.hear)
		ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
		var loop sync.WaitGroup
		loop.Go(func() { _ = rt.Run(ctx) }) // nil: it is called once
		t.Cleanup(func() {
			cancel()
			loop.Wait()
			if err := rt.Close(); err != nil {
				t.Error(err)
			}
		})
		f(t, b)
	})
}

// look tells what bears the labels now.
func (l *leakTest) look() string {
	return l.left(goroutine.NewCapturer(goroutine.Config{MemoryShare: 1}, l.resolve).Capture(time.Now()))
}

// maxWaiting is how many events may wait for the bubble to hear them: as many as
// the runtime itself keeps between two turns.
const maxWaiting = 4096

// spare is how long before the test binary's deadline a bubble that hangs is
// told of, where half of the time that is left is not less.
const spare = 5 * time.Second

// patience returns how long a bubble may take when that much time is left until
// the test binary's deadline.
func patience(left time.Duration) time.Duration { return left - min(spare, left/2) }

// watchdog names what keeps a bubble from ending, since the bubble itself has no
// time any more. It returns a function that calls it off.
func watchdog(t *testing.T, l *leakTest) (stop func()) {
	at, ok := t.Deadline()
	if !ok {
		return func() {}
	}
	timer := time.AfterFunc(patience(time.Until(at)), func() {
		panic(fmt.Sprintf("haletest: the bubble of %s hangs: what is blocked in a system call or on a sync.Mutex stops fake time:%s", t.Name(), l.look()))
	})
	return func() { timer.Stop() }
}

// ticker tells a [Bubble] of each turn.
type ticker struct{ b *Bubble }

// Detect implements [detect.Detector]. It finds nothing.
func (k ticker) Detect(observe.Turn) []detect.Finding {
	select {
	case k.b.turns <- struct{}{}:
	default:
	}
	return nil
}

func (b *Bubble) hear(e observe.Event) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.events = append(b.events, e)
}

// Events returns the runtime's events so far, in the order in which they
// happened.
func (b *Bubble) Events() []observe.Event {
	synctest.Wait()
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.events)
}

// Turn lets time go on until the loop has taken n more turns.
func (b *Bubble) Turn(n int) {
	select {
	case <-b.turns: // taken before
	default:
	}
	for range n {
		<-b.turns
		synctest.Wait()
	}
}

// Event lets time go on until there is an event that matches, which may be one
// of those that happened before, and returns the first. It fails the test when
// there is none within that much fake time.
func (b *Bubble) Event(within time.Duration, match func(observe.Event) bool) observe.Event {
	b.t.Helper()
	for deadline := time.Now().Add(within); ; b.Turn(1) {
		all := b.Events()
		if i := slices.IndexFunc(all, match); i >= 0 {
			return all[i]
		}
		if !time.Now().Before(deadline) {
			b.t.Fatalf("haletest: no such event within %v; there were:%s", within, list(all))
		}
	}
}

// Incident lets time go on until an incident of the fault is confirmed, which it
// may be already, and returns it as it then is. It fails the test when there is
// none within that much fake time.
func (b *Bubble) Incident(within time.Duration, fault diagnose.Fault) diagnose.Incident {
	b.t.Helper()
	for deadline := time.Now().Add(within); ; b.Turn(1) {
		for _, inc := range b.confirmed() {
			if inc.Fault == fault {
				return inc
			}
		}
		if !time.Now().Before(deadline) {
			b.t.Fatalf("haletest: no confirmed incident of %s within %v; there were these events:%s", fault, within, list(b.Events()))
		}
	}
}

// NothingConfirmed fails the test when the runtime has confirmed an incident
// since it was made.
func (b *Bubble) NothingConfirmed() {
	b.t.Helper()
	for _, inc := range b.confirmed() {
		b.t.Errorf("haletest: %s was confirmed: %s of %s: %s", inc.ID, inc.Fault, inc.Subject, inc.Root)
	}
}

func (b *Bubble) confirmed() []diagnose.Incident {
	synctest.Wait()
	return slices.DeleteFunc(b.Incidents(), func(inc diagnose.Incident) bool { return inc.Confidence != detect.Confirmed })
}

// listed is how many events a failure tells of.
const listed = 40

func list(events []observe.Event) string {
	if len(events) == 0 {
		return " none"
	}
	var s strings.Builder
	if n := len(events) - listed; n > 0 {
		fmt.Fprintf(&s, "\n\t%d others, and then", n)
		events = events[n:]
	}
	for _, e := range events {
		fmt.Fprintf(&s, "\n\t%s %s %s %s: %s", e.Time.Format("15:04:05.000"), e.Kind, e.State(), e.Subject, e.Detail)
	}
	return s.String()
}
