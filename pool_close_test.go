package hale_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hale-go/hale"
)

func TestPoolClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := newRuntime(t)
		p := newPool(t, rt, hale.PoolConfig{Workers: 1, Queue: 10})
		release := make(chan struct{})
		var ran atomic.Int32
		results := make(chan error, 3)
		for range 3 {
			go func() {
				results <- p.Submit(t.Context(), func(context.Context) error { ran.Add(1); <-release; return nil })
			}()
		}
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		err := p.Close(ctx)
		if err == nil || !strings.Contains(err.Error(), "2 queued units were not run, 1 running") {
			t.Errorf("Close = %v", err)
		}
		var abandoned, closed int
		for range 3 {
			switch err := <-results; {
			case errors.Is(err, hale.ErrAbandoned):
				abandoned++
			case errors.Is(err, hale.ErrClosed):
				closed++
			default:
				t.Errorf("result %v", err)
			}
		}
		if abandoned != 1 || closed != 2 || ran.Load() != 1 {
			t.Errorf("%d abandoned, %d closed, %d ran", abandoned, closed, ran.Load())
		}
		close(release)
		synctest.Wait()
		if rt.Status().Abandoned != 0 {
			t.Error("the late return is not forgiven")
		}
	})
}

// Close drains: what runs and what is queued finishes, whoever still waits for
// room is told, and every call returns once.
func TestPoolCloseDrains(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := newRuntime(t)
		p := newPool(t, rt, hale.PoolConfig{Workers: 2, Queue: 3, MaxWait: time.Hour})
		release := make(chan struct{})
		var ran atomic.Int32
		results := make(chan error, 16)
		for range 9 { // 2 run, 3 are queued, 4 wait for room
			go func() {
				results <- p.Submit(t.Context(), func(context.Context) error { <-release; ran.Add(1); return io.EOF })
			}()
		}
		synctest.Wait()
		closed := make(chan error, 2)
		for range 2 {
			go func() { closed <- p.Close(t.Context()) }()
		}
		for range 4 {
			if err := <-results; !errors.Is(err, hale.ErrClosed) {
				t.Errorf("a submitter that waits for room: %v", err)
			}
		}
		if err := p.Submit(t.Context(), succeed); !errors.Is(err, hale.ErrClosed) {
			t.Errorf("a submitter that came late: %v", err)
		}
		select {
		case err := <-closed:
			t.Errorf("Close did not wait: %v", err)
		default:
		}
		close(release)
		for range 5 {
			if err := <-results; !errors.Is(err, io.EOF) {
				t.Errorf("an accepted unit: %v", err)
			}
		}
		for range 2 {
			if err := <-closed; err != nil {
				t.Errorf("Close = %v", err)
			}
		}
		if st := p.Stat(); ran.Load() != 5 || st.Finished != 5 || st.Workers != 0 || st.Queued != 0 {
			t.Errorf("%d ran, stat %+v", ran.Load(), st)
		}
	})
}

// A stuck unit holds up a drain only until it is abandoned, and what is queued
// behind it runs. Close tells of it.
func TestPoolCloseDrainsPastAStuckUnit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := newRuntime(t)
		p := newPool(t, rt, hale.PoolConfig{Workers: 1, Budget: time.Second})
		release := make(chan struct{})
		var ran atomic.Int32
		if err := p.Go(t.Context(), block(release)); err != nil {
			t.Fatal(err)
		}
		for range 10 {
			if err := p.Go(t.Context(), func(context.Context) error { ran.Add(1); return nil }); err != nil {
				t.Fatal(err)
			}
		}
		for range 2 { // it says the same again
			err := p.Close(t.Context())
			if !errors.Is(err, hale.ErrAbandoned) || !strings.Contains(err.Error(), "0 queued units were not run, 1 running") || ran.Load() != 10 {
				t.Errorf("Close = %v, %d ran", err, ran.Load())
			}
		}
		close(release)
	})
}
