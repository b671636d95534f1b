package hale_test

import (
	"context"
	"errors"
	"testing"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/observe"
)

// What NewPool did not make refuses work and has nothing to tell.
func TestPoolsThatNobodyMade(t *testing.T) {
	typed := func(context.Context) (int, error) { return 0, nil }
	stateful := func(context.Context, int) error { return nil }
	for name, p := range map[string]*hale.Pool{"nil": nil, "zero": {}} {
		for call, err := range map[string]error{
			"Go": p.Go(t.Context(), succeed), "Submit": p.Submit(t.Context(), succeed), "Resize": p.Resize(3),
			"typed": func() error { _, err := hale.Submit(t.Context(), p, typed); return err }(),
		} {
			var ce *hale.ConfigError
			if !errors.As(err, &ce) || ce.Hint() == "" {
				t.Errorf("%s pool, %s: %v", name, call, err)
			}
		}
		if p.Name() != "" || p.Stat() != (observe.PoolStat{}) || p.Close(t.Context()) != nil {
			t.Errorf("%s pool tells something", name)
		}
	}
	for name, p := range map[string]*hale.StatePool[int]{"nil": nil, "zero": {}} {
		for call, err := range map[string]error{
			"Go": p.Go(t.Context(), stateful), "Submit": p.Submit(t.Context(), stateful), "Resize": p.Resize(3),
		} {
			var ce *hale.ConfigError
			if !errors.As(err, &ce) || ce.Hint() == "" {
				t.Errorf("%s state pool, %s: %v", name, call, err)
			}
		}
		if p.Name() != "" || p.Stat() != (observe.PoolStat{}) || p.Close(t.Context()) != nil {
			t.Errorf("%s state pool tells something", name)
		}
	}
}
