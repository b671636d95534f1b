package hale_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hale-go/hale"
)

// mixture submits units of all kinds from some producers and counts what became
// of them. Of a thousand units, 20 panic, 15 ignore their context until after
// they were given up, 10 of which may be run again, 5 heed it, 10 are cancelled
// by their submitter, and 5 end their goroutine.
type mixture struct {
	producers, each int
	stuck           time.Duration // for how long a body goes on after it was given up

	results atomic.Int64 // calls of Submit that returned
	good    atomic.Int64 // units that returned what they should
}

func (m *mixture) run(t *testing.T, p *hale.Pool) {
	var wg sync.WaitGroup
	for i := range m.producers {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(7, uint64(i)))
			for range m.each {
				m.submit(t, p, r.IntN(1000))
			}
		})
	}
	wg.Wait()
}

func (m *mixture) submit(t *testing.T, p *hale.Pool, kind int) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var opts []hale.UnitOption
	if kind < 10 {
		opts = append(opts, hale.Idempotent())
	}
	var runs atomic.Int32
	givenUp := make(chan struct{})
	v, err := hale.Submit(ctx, p, func(ctx context.Context) (int, error) {
		n := runs.Add(1)
		switch {
		case kind < 10 && n > 1:
		case kind < 15:
			<-givenUp
			time.Sleep(m.stuck)
			return -1, nil
		case kind < 20:
			<-ctx.Done()
		case kind < 40:
			panic("x")
		case kind < 45:
			runtime.Goexit()
		case kind < 55:
			cancel()
		}
		return kind, nil
	}, opts...)
	close(givenUp)
	m.results.Add(1)
	switch {
	case kind < 10 || kind >= 55: // run again, or nothing was wrong with it
		if v != kind || err != nil {
			t.Errorf("unit of kind %d = %d, %v", kind, v, err)
		}
		m.good.Add(1)
	case kind < 15:
		if v != 0 || !errors.Is(err, hale.ErrAbandoned) {
			t.Errorf("stuck unit = %d, %v", v, err)
		}
	case kind >= 20 && kind < 45 && err == nil:
		t.Errorf("unit of kind %d succeeded", kind)
	}
	if n := runs.Load(); n != 1 && (n != 2 || kind >= 10) && kind < 45 {
		t.Errorf("unit of kind %d ran %d times", kind, n)
	}
}

// whole checks that the pool has all that it had.
func (m *mixture) whole(t *testing.T, rt *hale.Runtime, p *hale.Pool, workers int) {
	t.Helper()
	if got, want := m.results.Load(), int64(m.producers*m.each); got != want {
		t.Errorf("%d results, want %d", got, want)
	}
	if st := p.Stat(); st.Abandoned != 0 || st.Busy != 0 || st.Queued != 0 || st.Workers > workers || rt.Status().Abandoned != 0 {
		t.Errorf("stat = %+v", st)
	}
	all := make(chan struct{}) // the capacity is full again when as many units run at once as ever
	var now atomic.Int32
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			if err := p.Submit(t.Context(), func(context.Context) error {
				if now.Add(1) == int32(workers) {
					close(all)
				}
				<-all
				return nil
			}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if err := p.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if st := p.Stat(); st.Workers != 0 || st.Queued != 0 {
		t.Errorf("stat after Close = %+v", st)
	}
}

// Whatever happens to units, each has exactly one result and the pool keeps its
// slots.
func TestPoolLosesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := newRuntime(t)
		p := newPool(t, rt, hale.PoolConfig{Workers: 8, Queue: 16, Budget: time.Second, MaxAbandoned: 1 << 10})
		m := &mixture{producers: 16, each: 100_000 / 16, stuck: 20 * time.Second}
		m.run(t, p)
		time.Sleep(time.Minute)
		synctest.Wait()
		m.whole(t, rt, p, 8)
	})
}

// The same against the clock on the wall.
func TestPoolLosesNothingInRealTime(t *testing.T) {
	rt := newRuntime(t)
	p := newPool(t, rt, hale.PoolConfig{Workers: 32, Queue: 16, Budget: 100 * time.Millisecond, MaxAbandoned: 1 << 10})
	m := &mixture{producers: 64, each: 300, stuck: 50 * time.Millisecond}
	m.run(t, p)
	poll(t, func() bool { st := p.Stat(); return st.Abandoned == 0 && st.Busy == 0 })
	m.whole(t, rt, p, 32)
}
