package hale_test

import (
	"context"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/observe"
)

// meddler is a context that has the body under it end while the scanner asks it
// for the request's ID.
type meddler struct {
	context.Context
	armed atomic.Bool
	let   chan struct{}
}

func (m *meddler) Value(key any) any {
	if m.armed.CompareAndSwap(true, false) {
		close(m.let)
		time.Sleep(time.Millisecond) // it ends, and tells that it did
	}
	return m.Context.Value(key)
}

// What the scanner does to a unit is told before what its body does then.
func TestPoolEventsAreInOrder(t *testing.T) {
	order := []observe.EventKind{observe.EventBudget, observe.EventAbandoned, observe.EventEnded, observe.EventReturned}
	bodies := map[string]func(*meddler, context.Context) error{
		"budget": func(m *meddler, _ context.Context) error {
			m.armed.Store(true)
			<-m.let
			return nil
		},
		"grace": func(m *meddler, ctx context.Context) error {
			<-ctx.Done()
			m.armed.Store(true)
			<-m.let
			return nil
		},
	}
	for name, body := range bodies {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				rt := newRuntime(t)
				log := collect(rt)
				p := newPool(t, rt, hale.PoolConfig{Workers: 1, Budget: time.Second})
				m := &meddler{Context: t.Context(), let: make(chan struct{})}
				if err := p.Go(m, func(ctx context.Context) error { return body(m, ctx) }); err != nil {
					t.Fatal(err)
				}
				time.Sleep(time.Minute)
				synctest.Wait()
				if m.armed.Load() {
					t.Error("the scanner did not ask")
				}
				if got := log.all(); !slices.IsSortedFunc(got, func(a, b observe.Event) int {
					return slices.Index(order, a.Kind) - slices.Index(order, b.Kind)
				}) {
					t.Errorf("events %+v", got)
				}
			})
		})
	}
}

// all returns the events in order.
func (l *eventLog) all() []observe.Event {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.events)
}

// The same for units that end in the very instant of a scan.
func TestPoolEventsAreInOrderUnderLoad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const units = 512
		rt := newRuntime(t)
		log := collect(rt)
		p := newPool(t, rt, hale.PoolConfig{Workers: units, Budget: 16 * time.Millisecond, Grace: 16 * time.Millisecond})
		for i := range units {
			if err := p.Go(t.Context(), func(context.Context) error {
				time.Sleep(time.Duration(16+i%256) * time.Millisecond)
				return nil
			}); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Second)
		synctest.Wait()
		last := map[observe.TaskID]observe.EventKind{}
		seen := map[observe.EventKind]int{}
		before := map[observe.EventKind]observe.EventKind{
			observe.EventAbandoned: observe.EventBudget,
			observe.EventEnded:     observe.EventBudget,
			observe.EventReturned:  observe.EventAbandoned,
		}
		for _, e := range log.all() {
			id := e.Subject.Task
			if want := before[e.Kind]; last[id] != want {
				t.Errorf("%s: %q came after %q", id, e.Kind, last[id])
			}
			last[id] = e.Kind
			seen[e.Kind]++
		}
		if seen[observe.EventEnded] == 0 || seen[observe.EventReturned] == 0 || seen[observe.EventBudget] != seen[observe.EventEnded]+seen[observe.EventReturned] {
			t.Errorf("events %v", seen)
		}
	})
}
