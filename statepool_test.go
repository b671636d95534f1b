package hale_test

import (
	"context"
	"errors"
	"io"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/detect"
	"github.com/hale-go/hale/observe"
)

// gadget is a state that knows who uses it.
type gadget struct {
	number int64
	users  atomic.Int32
	shop   *gadgets
}

func (g *gadget) Close() error {
	if g.users.Load() != 0 {
		g.shop.t.Error("closed while in use")
	}
	g.shop.closed.Add(1)
	return nil
}

// gadgets makes them.
type gadgets struct {
	t      *testing.T
	opened atomic.Int64
	closed atomic.Int64
}

func (s *gadgets) open(ctx context.Context) (*gadget, error) {
	if id := hale.Identify(ctx); id.Name != "gadgets" {
		s.t.Errorf("identity of Open = %+v", id)
	}
	return &gadget{number: s.opened.Add(1), shop: s}, nil
}

func newGadgets(t *testing.T, rt *hale.Runtime, cfg hale.PoolConfig, state hale.StateConfig[*gadget]) *hale.StatePool[*gadget] {
	t.Helper()
	p, err := hale.NewStatePool(rt, "gadgets", cfg, state)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func fail(context.Context, *gadget) error { return io.ErrUnexpectedEOF }

func TestStatePool(t *testing.T) {
	rt := newRuntime(t)
	s := &gadgets{t: t}
	p := newGadgets(t, rt, hale.PoolConfig{Workers: 4, Budget: time.Minute}, hale.StateConfig[*gadget]{Open: s.open})
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 200 {
				if err := p.Submit(t.Context(), func(ctx context.Context, g *gadget) error {
					if g.users.Add(1) != 1 {
						t.Error("two units share a state")
					}
					runtime.Gosched()
					g.users.Add(-1)
					return ctx.Err()
				}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if n := s.opened.Load(); n < 1 || n > 4 || s.closed.Load() != 0 {
		t.Errorf("%d states were made and %d closed for at most 4 workers", n, s.closed.Load())
	}
	ran := make(chan struct{})
	if err := p.Go(t.Context(), func(context.Context, *gadget) error { close(ran); return nil }); err != nil {
		t.Error(err)
	}
	<-ran
	if err := p.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if s.opened.Load() != s.closed.Load() {
		t.Errorf("%d states were made, %d are closed after Close", s.opened.Load(), s.closed.Load())
	}
	if err := p.Submit(t.Context(), fail); !errors.Is(err, hale.ErrClosed) {
		t.Errorf("Submit after Close = %v", err)
	}
}

func TestFailingWorkerIsReplaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := newRuntime(t)
		log := collect(rt)
		s := &gadgets{t: t}
		p := newGadgets(t, rt, hale.PoolConfig{Workers: 1}, hale.StateConfig[*gadget]{Open: s.open, MaxFailures: 3})
		number := func() (n int64) {
			if err := p.Submit(t.Context(), func(_ context.Context, g *gadget) error { n = g.number; return nil }); err != nil {
				t.Error(err)
			}
			return n
		}
		failing := []func(context.Context, *gadget) error{
			fail,
			func(context.Context, *gadget) error { panic("x") },
			fail,
		}
		for i, f := range failing {
			if i == 2 { // in a row means in a row
				if got := number(); got != 1 {
					t.Errorf("state %d, want 1", got)
				}
			}
			if err := p.Submit(t.Context(), f); err == nil {
				t.Error("no error")
			}
		}
		for range 2 {
			// A unit whose submitter lost interest says nothing about the state.
			ctx, cancel := context.WithCancel(t.Context())
			_ = p.Submit(ctx, func(ctx context.Context, _ *gadget) error { cancel(); <-ctx.Done(); return ctx.Err() })
			synctest.Wait()
		}
		if got := number(); got != 1 {
			t.Errorf("state %d after 2, 1 and 2 that do not count, want 1", got)
		}
		for _, f := range failing {
			_ = p.Submit(t.Context(), f)
		}
		if got := number(); got != 2 || s.closed.Load() != 1 {
			t.Errorf("state %d and %d closed after 3 failures in a row, want 2 and 1", got, s.closed.Load())
		}
		// Goexit costs the goroutine, and with it the state.
		if err := p.Submit(t.Context(), func(context.Context, *gadget) error { runtime.Goexit(); return nil }); !errors.Is(err, hale.ErrGoexit) {
			t.Errorf("Goexit: %v", err)
		}
		if got := number(); got != 3 || s.closed.Load() != 2 {
			t.Errorf("state %d and %d closed after Goexit, want 3 and 2", got, s.closed.Load())
		}
		synctest.Wait()
		if n := len(log.of(observe.EventReplaced)); n != 1 {
			t.Errorf("%d events of a replacement, want 1", n)
		}
		if st := p.Stat(); st.Workers != 1 || st.Busy != 0 {
			t.Errorf("stat = %+v", st)
		}
	})
}

// The state of an abandoned worker is nobody else's, and is closed when its body
// comes back.
func TestAbandonedStateIsNotShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := newRuntime(t)
		s := &gadgets{t: t}
		p := newGadgets(t, rt, hale.PoolConfig{Workers: 1, Budget: time.Second}, hale.StateConfig[*gadget]{Open: s.open})
		release := make(chan struct{})
		runs := make(chan int64, 2)
		err := p.Submit(t.Context(), func(_ context.Context, g *gadget) error {
			g.users.Add(1)
			defer g.users.Add(-1)
			runs <- g.number
			if g.number == 1 {
				<-release
			}
			return nil
		}, hale.Idempotent())
		if a, b := <-runs, <-runs; err != nil || a != 1 || b != 2 || s.closed.Load() != 0 {
			t.Errorf("Submit = %v, states %d and %d, %d closed", err, a, b, s.closed.Load())
		}
		close(release)
		synctest.Wait()
		if st := p.Stat(); s.closed.Load() != 1 || st.Abandoned != 0 {
			t.Errorf("%d closed after the return, stat %+v", s.closed.Load(), st)
		}
	})
}

// While Open fails, in whatever way, it is not tried in a loop, units wait, and
// in the end they learn why.
func TestStateThatCannotBeOpened(t *testing.T) {
	broken := map[string]func(context.Context) (*gadget, error){
		"error":  func(context.Context) (*gadget, error) { return nil, io.ErrNoProgress },
		"panic":  func(context.Context) (*gadget, error) { panic(io.ErrNoProgress) },
		"Goexit": func(context.Context) (*gadget, error) { runtime.Goexit(); return nil, nil },
		"hang":   func(ctx context.Context) (*gadget, error) { <-ctx.Done(); return nil, io.ErrNoProgress },
	}
	for name, open := range broken {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				rt := newRuntime(t)
				s := &gadgets{t: t}
				var tries atomic.Int32
				var mended atomic.Bool
				p := newGadgets(t, rt, hale.PoolConfig{Workers: 3, Budget: time.Second}, hale.StateConfig[*gadget]{
					MaxFailures: 4,
					Open: func(ctx context.Context) (*gadget, error) {
						if mended.Load() {
							return s.open(ctx)
						}
						tries.Add(1)
						return open(ctx)
					},
				})
				want := io.ErrNoProgress
				if name == "Goexit" {
					want = hale.ErrGoexit
				}
				began := time.Now()
				err := p.Submit(t.Context(), fail)
				if !errors.Is(err, hale.ErrNoState) || !errors.Is(err, want) || hale.Hint(err) == "" {
					t.Errorf("Submit = %v", err)
				}
				if n := tries.Load(); n != 4 || time.Since(began) < 350*time.Millisecond {
					t.Errorf("%d tries in %v, want 4 with backoff", n, time.Since(began))
				}
				ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
				defer cancel()
				if err := p.Submit(ctx, fail); !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("a unit whose context ends first: %v", err)
				}
				time.Sleep(time.Hour)
				if n := tries.Load(); n > 8 {
					t.Errorf("%d tries, though nobody has waited for an hour", n)
				}
				mended.Store(true)
				if err := p.Submit(t.Context(), func(context.Context, *gadget) error { return nil }); err != nil {
					t.Errorf("after the mend: %v", err)
				}
				synctest.Wait()
				if st := p.Stat(); st.Abandoned != 0 || st.Busy != 0 || st.Queued != 0 || st.Workers > 3 {
					t.Errorf("stat = %+v", st)
				}
			})
		})
	}
}

// Open and Close that hang for good cost a goroutine each, and no slot.
func TestStateThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := newRuntime(t)
		s := &gadgets{t: t}
		release := make(chan struct{})
		var opened, closed atomic.Int32
		p := newGadgets(t, rt, hale.PoolConfig{Workers: 1, Budget: time.Second, MaxAbandoned: 8}, hale.StateConfig[*gadget]{
			MaxFailures: 1,
			Open: func(ctx context.Context) (*gadget, error) {
				if opened.Add(1) == 1 {
					<-release
				}
				return s.open(ctx)
			},
			Close: func(*gadget) error {
				if closed.Add(1) == 1 {
					<-release
				}
				return io.ErrClosedPipe
			},
		})
		// The first worker never gets its state, the second never lets go of it.
		if err := p.Submit(t.Context(), fail); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("Submit = %v", err)
		}
		if err := p.Submit(t.Context(), func(context.Context, *gadget) error { return nil }); err != nil {
			t.Errorf("Submit = %v", err)
		}
		if st := p.Stat(); st.Abandoned != 2 || st.Workers != 1 || opened.Load() != 3 || closed.Load() != 1 {
			t.Errorf("stat = %+v, %d opened, %d closed", st, opened.Load(), closed.Load())
		}
		close(release)
		synctest.Wait()
		if st := p.Stat(); st.Abandoned != 0 || closed.Load() != 2 {
			t.Errorf("stat = %+v, %d closed; the late state is to be closed too", st, closed.Load())
		}
		if err := p.Close(t.Context()); err != nil || closed.Load() != 3 {
			t.Errorf("Close = %v, %d closed", err, closed.Load())
		}
	})
}

func TestStatePoolBadInput(t *testing.T) {
	rt := newRuntime(t)
	var ce *hale.ConfigError
	open := func(context.Context) (int, error) { return 7, nil }
	for _, f := range []func() error{
		func() error {
			_, err := hale.NewStatePool(rt, "bad", hale.PoolConfig{}, hale.StateConfig[int]{})
			return err
		},
		func() error {
			_, err := hale.NewStatePool(rt, "bad", hale.PoolConfig{}, hale.StateConfig[int]{Open: open, MaxFailures: -1})
			return err
		},
		func() error {
			_, err := hale.NewStatePool(rt, "bad", hale.PoolConfig{Workers: -1}, hale.StateConfig[int]{Open: open})
			return err
		},
		func() error {
			_, err := hale.NewStatePool(nil, "bad", hale.PoolConfig{}, hale.StateConfig[int]{Open: open})
			return err
		},
	} {
		if err := f(); !errors.As(err, &ce) || ce.Hint() == "" {
			t.Errorf("%v, want a ConfigError with a mend", err)
		}
	}
	// A state may be a nil interface.
	p, err := hale.NewStatePool(rt, "nothing", hale.PoolConfig{}, hale.StateConfig[io.Closer]{Open: func(context.Context) (io.Closer, error) { return nil, nil }})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Submit(t.Context(), func(_ context.Context, c io.Closer) error { _ = c.Close(); return nil }); err == nil {
		t.Error("no panic")
	}
	if err := p.Submit(t.Context(), nil); !errors.Is(err, hale.ErrNilFunc) {
		t.Errorf("Submit(nil) = %v", err)
	}
}

// What Open starts belongs to the state: it is not left behind while the worker
// idles, and it is when the state was closed without it.
func TestWhatAStateStartsIsNoOrphan(t *testing.T) {
	rt := newRuntime(t, hale.WithConfig(hale.Config{Epoch: time.Millisecond, Leak: detect.LeakConfig{Grace: time.Millisecond}, Snapshots: time.Millisecond}))
	release := make(chan struct{})
	defer close(release)
	p := newGadgets(t, rt, hale.PoolConfig{Workers: 1}, hale.StateConfig[*gadget]{
		Open: func(context.Context) (*gadget, error) {
			go func() { <-release }()
			return &gadget{}, nil
		},
		Close: func(*gadget) error { return nil },
	})
	if err := p.Submit(t.Context(), func(context.Context, *gadget) error { return nil }); err != nil {
		t.Fatal(err)
	}
	var last time.Time // of the snapshot that was looked at
	orphan := func() (known, orphan bool) {
		if err := rt.Step(t.Context()); err != nil {
			t.Fatal(err)
		}
		if s := rt.Status().Snapshot; s != nil && s.Time != last {
			last = s.Time
			for _, g := range s.Groups {
				known = known || g.Name == "gadgets"
				orphan = orphan || (g.Name == "gadgets" && g.Ended >= 0)
			}
		}
		return known, orphan
	}
	looks := 0
	poll(t, func() bool {
		known, orphan := orphan()
		if orphan {
			t.Fatal("it is an orphan while the state lives")
		}
		if known {
			looks++
		}
		return looks == 3
	})
	if err := p.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	poll(t, func() bool { _, orphan := orphan(); return orphan })
}
