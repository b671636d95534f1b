package hale_test

import (
	"context"
	"testing"
	"time"

	"github.com/hale-go/hale"
)

// What a task declares is gathered once, whoever starts it.
func TestOptionsAreGatheredOnce(t *testing.T) {
	rt := newRuntime(t)
	s := newSupervisor(t, rt, "s", hale.SupervisorConfig{})
	for name, start := range map[string]func(opt hale.TaskOption){
		"Go": func(opt hale.TaskOption) { _ = rt.Go(t.Context(), "a", succeed, opt).Wait() },
		"Go, supervised": func(opt hale.TaskOption) {
			_ = rt.Go(t.Context(), "a", succeed, opt, hale.Restart(hale.Transient)).Wait()
		},
		"Do":              func(opt hale.TaskOption) { _ = rt.Do(t.Context(), "a", succeed, opt) },
		"of a supervisor": func(opt hale.TaskOption) { s.Go("a", succeed, opt) },
	} {
		n := 0
		if start(hale.CountOption(&n)); n != 1 {
			t.Errorf("%s asked %d times", name, n)
		}
	}
}

// Asking for Done costs a task that declared something no more allocations than
// one that did not: what it has already is not made a second time.
func TestDoneCostsADeclaredTaskNoMore(t *testing.T) {
	rt := newRuntime(t)
	ask := func(ctx context.Context) error { _ = ctx.Done(); return nil }
	cost := func(opts ...hale.TaskOption) float64 {
		ctx := context.Background()
		allocs := func(name string, fn func(context.Context) error) float64 {
			return testing.AllocsPerRun(1000, func() { _ = rt.Do(ctx, name, fn, opts...) })
		}
		return allocs("orders.ask", ask) - allocs("orders.plain", succeed)
	}
	if plain, declared := cost(), cost(hale.Budget(time.Hour)); declared > plain {
		t.Errorf("%v more allocations with a budget, %v without", declared, plain)
	}
}
