package hale_test

import (
	"context"
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hale-go/hale"
)

// After an outage as at any time, one unit has one state made.
func TestOneUnitOpensOneState(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := newRuntime(t)
		s := &gadgets{t: t}
		var out atomic.Bool
		p := newGadgets(t, rt, hale.PoolConfig{Workers: 4}, hale.StateConfig[*gadget]{
			MaxFailures: 2,
			Open: func(ctx context.Context) (*gadget, error) {
				time.Sleep(time.Second)
				if out.Load() {
					return nil, io.ErrNoProgress
				}
				return s.open(ctx)
			},
		})
		several := func(n int, want error) {
			t.Helper()
			var wg sync.WaitGroup
			for range n {
				wg.Go(func() {
					err := p.Submit(t.Context(), func(context.Context, *gadget) error { time.Sleep(time.Minute); return nil })
					if !errors.Is(err, want) {
						t.Errorf("Submit = %v, want %v", err, want)
					}
				})
			}
			wg.Wait()
			synctest.Wait()
		}
		out.Store(true)
		several(4, hale.ErrNoState)
		if st := p.Stat(); st.Busy != 0 || st.Queued != 0 {
			t.Errorf("stat = %+v", st)
		}
		out.Store(false)
		for _, units := range []int{1, 1, 2, 4} {
			began := time.Now()
			several(units, nil)
			if n := s.opened.Load(); n != int64(units) || time.Since(began) > 2*time.Minute {
				t.Errorf("%d states were made for at most %d units at once, which took %v", n, units, time.Since(began))
			}
		}
		if err := p.Close(t.Context()); err != nil || s.closed.Load() != 4 {
			t.Errorf("Close = %v, %d closed", err, s.closed.Load())
		}
	})
}
