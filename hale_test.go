package hale_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/hale-go/hale"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newRuntime(t testing.TB, opts ...hale.Option) *hale.Runtime {
	t.Helper()
	rt, err := hale.New(opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := rt.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return rt
}

func TestSanity(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := newRuntime(t)
		ctx := t.Context()
		if err := rt.Go(ctx, "a.b", func(context.Context) error { return nil }).Wait(); err != nil {
			t.Fatal(err)
		}
		err := rt.Go(ctx, "a.b", func(context.Context) error { panic("x") }).Wait()
		var p *hale.PanicError
		if !errors.As(err, &p) {
			t.Fatal(err)
		}
		task := rt.Go(ctx, "a.slow", func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }, hale.Budget(time.Second))
		if err := task.Wait(); !errors.Is(err, hale.ErrBudget) || !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		n := 0
		h := rt.Go(ctx, "a.child", func(ctx context.Context) error {
			if n++; n < 4 {
				panic("again")
			}
			return nil
		}, hale.Restart(hale.Transient))
		if err := h.Wait(); err != nil || n != 4 {
			t.Fatal(err, n)
		}
		pool, err := rt.NewPool("a.pool", hale.PoolConfig{Workers: 2, Budget: time.Second})
		if err != nil {
			t.Fatal(err)
		}
		v, err := hale.Submit(ctx, pool, func(ctx context.Context) (int, error) { return 7, nil })
		if v != 7 || err != nil {
			t.Fatal(v, err)
		}
		release := make(chan struct{})
		err = pool.Submit(ctx, func(context.Context) error { <-release; return nil })
		if !errors.Is(err, hale.ErrAbandoned) {
			t.Fatal(err)
		}
		if st := pool.Stat(); st.Abandoned != 1 {
			t.Fatal(st)
		}
		close(release)
		synctest.Wait()
		if st := pool.Stat(); st.Abandoned != 0 {
			t.Fatal(st)
		}
		for range 3 {
			if err := rt.Step(ctx); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
		}
	})
}
