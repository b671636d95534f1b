package hale_test

import (
	"context"
	"errors"
	"slices"
	"strings"
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

// spiteful is a context whose methods panic once it is armed.
type spiteful struct {
	context.Context
	armed atomic.Bool
}

func (s *spiteful) check() {
	if s.armed.Load() {
		panic("spite")
	}
}

func (s *spiteful) Done() <-chan struct{} { s.check(); return s.Context.Done() }
func (s *spiteful) Err() error            { s.check(); return s.Context.Err() }
func (s *spiteful) Value(key any) any     { s.check(); return s.Context.Value(key) }

// submitSpiteful submits a unit that cannot be cancelled and one that heeds it,
// both before the scanner looks, and returns their results.
func submitSpiteful(t *testing.T, p *hale.Pool, release chan struct{}) (stuck, heeds chan error) {
	t.Helper()
	stuck, heeds = make(chan error, 1), make(chan error, 1)
	ctx := &spiteful{Context: t.Context()}
	go func() { stuck <- p.Submit(ctx, block(release)) }()
	synctest.Wait()
	ctx.armed.Store(true)
	go func() { heeds <- p.Submit(t.Context(), untilDone) }()
	synctest.Wait()
	return stuck, heeds
}

// A context that panics when its unit is cancelled costs no other unit its limit,
// and whoever waits for its unit learns that it was given up.
func TestPanickingContextCostsNoOtherUnit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := newRuntime(t)
		log := collect(rt)
		p := newPool(t, rt, hale.PoolConfig{Workers: 2, Budget: time.Second})
		release := make(chan struct{})
		stuck, heeds := submitSpiteful(t, p, release)
		time.Sleep(time.Minute)
		synctest.Wait()
		for name, r := range map[string]struct {
			result chan error
			want   error
		}{"stuck": {stuck, hale.ErrAbandoned}, "heeds": {heeds, hale.ErrBudget}} {
			select {
			case err := <-r.result:
				if !errors.Is(err, r.want) || !errors.Is(err, hale.ErrBudget) {
					t.Errorf("%s: %v, want %v for its budget", name, err, r.want)
				}
			default:
				t.Errorf("%s: no result", name)
			}
		}
		if b, a := len(log.of(observe.EventBudget)), len(log.of(observe.EventAbandoned)); b != 2 || a != 1 {
			t.Errorf("%d over budget, %d abandoned, want 2 and 1", b, a)
		}
		close(release)
		synctest.Wait()
		if st := p.Stat(); st.Abandoned != 0 || st.Busy != 0 {
			t.Errorf("stat = %+v", st)
		}
	})
}

// Close cancels and settles all the same.
func TestPanickingContextInClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := newRuntime(t)
		p := newPool(t, rt, hale.PoolConfig{Workers: 2})
		release := make(chan struct{})
		defer close(release)
		stuck, heeds := submitSpiteful(t, p, release)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := p.Close(ctx); err == nil || !strings.Contains(err.Error(), "0 queued units were not run, 1 running") {
			t.Errorf("Close = %v", err)
		}
		if err := <-stuck; !errors.Is(err, hale.ErrAbandoned) || !errors.Is(err, hale.ErrClosed) {
			t.Errorf("the stuck unit: %v", err)
		}
		if err := <-heeds; !errors.Is(err, hale.ErrClosed) {
			t.Errorf("the other: %v", err)
		}
	})
}
