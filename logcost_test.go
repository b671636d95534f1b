//go:build !race

package hale_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"testing"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/observe"
)

// A record costs no allocation more than slog's own, but for the first of its context.
func TestRecordAllocatesNothing(t *testing.T) {
	rt := newRuntime(t)
	op := rt.Operation(observe.Server, "GET /orders/{id}", "orders")
	log := slog.New(hale.LogHandler(slog.NewJSONHandler(io.Discard, nil), hale.WithRuntime(rt)))
	refused := errors.New("dial tcp: connection refused")
	_ = rt.Do(hale.WithRequestID(t.Context(), "r-1"), "orders.create", func(ctx context.Context) error {
		in, span := op.Start(ctx)
		defer span.End(nil)
		for name, one := range map[string]func(){
			"in a task": func() { logOne(ctx, log) },
			"in a span": func() { logOne(in, log) },
			"an error":  func() { log.LogAttrs(in, slog.LevelError, "order failed", slog.Any("err", refused)) },
			"outside":   func() { logOne(context.Background(), log) },
		} {
			for range 3 {
				one()
			}
			if n := testing.AllocsPerRun(100, one); n != 0 {
				t.Errorf("%s: %v allocations", name, n)
			}
		}
		return nil
	})
}
