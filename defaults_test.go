package hale_test

import (
	"context"
	"errors"
	"io"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/observe"
)

// A full queue that nobody wants to wait at refuses at once.
func TestPoolNoWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := newRuntime(t)
		p, err := rt.NewPool("p", hale.PoolConfig{Workers: 1, Queue: 1, MaxWait: hale.NoWait})
		if err != nil {
			t.Fatal(err)
		}
		release := make(chan struct{})
		hang := func(context.Context) error { <-release; return nil }
		for i, want := range []error{nil, nil, hale.ErrFull} { // one runs, one waits
			if err := p.Go(t.Context(), hang); !errors.Is(err, want) {
				t.Errorf("unit %d: %v, want %v", i, err, want)
			}
			synctest.Wait()
		}
		close(release)
		if err := p.Close(t.Context()); err != nil {
			t.Error(err)
		}
		if err := p.Go(t.Context(), hang); !errors.Is(err, hale.ErrClosed) {
			t.Errorf("closed: %v", err)
		}
	})
}

// Close ends Run at once, however far off its next turn is.
func TestCloseEndsRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := newRuntime(t, hale.WithConfig(hale.Config{Tick: time.Hour}))
		began, ended := time.Now(), make(chan time.Time, 1)
		go func() {
			if err := rt.Run(context.Background()); err != nil {
				t.Error(err)
			}
			ended <- time.Now()
		}()
		synctest.Wait()
		if err := rt.Close(); err != nil {
			t.Error(err)
		}
		if at := <-ended; at != began {
			t.Errorf("Run ended %v after Close", at.Sub(began))
		}
	})
}

// A child of a supervisor is started again unless its supervisor was told otherwise.
func TestSupervisorRestartsByDefault(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := newRuntime(t)
		sup, err := rt.NewSupervisor("s", hale.SupervisorConfig{})
		if err != nil {
			t.Fatal(err)
		}
		runs := 0
		again := make(chan struct{})
		sup.Go("c", func(ctx context.Context) error {
			if runs++; runs == 1 {
				return io.EOF
			}
			close(again)
			<-ctx.Done()
			return nil
		}, hale.Grace(time.Second))
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- sup.Run(ctx) }()
		<-again
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// Who holds the handle of a supervised task can beat for it.
func TestBeatOnAHandle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := newRuntime(t)
		var missed atomic.Int64
		events := rt.Subscribe(16, func(e observe.Event) {
			if e.Kind == observe.EventHeartbeatMissed {
				missed.Add(1)
			}
		})
		defer events.Close()
		h := rt.Go(t.Context(), "c", func(ctx context.Context) error { <-ctx.Done(); return nil },
			hale.Heartbeat(time.Second), hale.Restart(hale.Permanent))
		for range 40 {
			time.Sleep(250 * time.Millisecond)
			h.Beat()
		}
		if synctest.Wait(); missed.Load() > 0 {
			t.Errorf("%d heartbeats missed", missed.Load())
		}
		if time.Sleep(5 * time.Second); missed.Load() == 0 {
			t.Error("no heartbeat missed when nobody beats")
		}
		h.Cancel(nil)
	})
}
