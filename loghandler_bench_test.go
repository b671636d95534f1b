package hale_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"testing"
	"time"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/observe"
)

func logOne(ctx context.Context, log *slog.Logger) {
	log.LogAttrs(ctx, slog.LevelInfo, "order created", slog.Int("order", 4217), slog.String("customer", "c-881"), slog.Duration("took", 3*time.Millisecond))
}

var errRefused = errors.New("dial tcp 10.0.0.7:5432: connection refused")

// The same record of three attributes by slog alone, in a task within a span, and as
// the only one of its task and of its span.
func BenchmarkLogHandler(b *testing.B) {
	rt := newRuntime(b)
	op := rt.Operation(observe.Server, "GET /orders/{id}", "orders")
	json := slog.NewJSONHandler(io.Discard, nil)
	plain, log := slog.New(json), slog.New(hale.LogHandler(json))
	within := func(b *testing.B, f func(ctx context.Context)) {
		if err := rt.Do(hale.WithRequestID(b.Context(), "r-1"), "orders.create", func(ctx context.Context) error {
			ctx, span := op.Start(ctx)
			defer span.End(nil)
			b.ReportAllocs()
			f(ctx)
			return nil
		}); err != nil {
			b.Error(err)
		}
	}
	many := func(one func(ctx context.Context)) func(b *testing.B) {
		return func(b *testing.B) {
			within(b, func(ctx context.Context) {
				for b.Loop() {
					one(ctx)
				}
			})
		}
	}
	b.Run("slog", many(func(ctx context.Context) { logOne(ctx, plain) }))
	b.Run("hale", many(func(ctx context.Context) { logOne(ctx, log) }))
	b.Run("slog with identity", func(b *testing.B) {
		within(b, func(ctx context.Context) {
			log := slog.New(json.WithAttrs(hale.IdentityAttrs(ctx)))
			for b.Loop() {
				logOne(ctx, log)
			}
		})
	})
	b.Run("outside", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			logOne(context.Background(), log)
		}
	})
	b.Run("error/slog", many(func(ctx context.Context) { plain.ErrorContext(ctx, "order failed", "err", errRefused) }))
	b.Run("error/hale", many(func(ctx context.Context) { log.ErrorContext(ctx, "order failed", "err", errRefused) }))
	for name, l := range map[string]*slog.Logger{"only/slog": plain, "only/hale": log} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_ = rt.Do(b.Context(), "orders.create", func(ctx context.Context) error {
					return op.Do(ctx, func(ctx context.Context) error { logOne(ctx, l); return nil })
				})
			}
		})
	}
}

func BenchmarkLogLevelsEnabled(b *testing.B) {
	rt := newRuntime(b)
	levels := new(hale.LogLevels)
	_ = rt.Do(b.Context(), "orders.create", func(ctx context.Context) error {
		b.Run("one level", func(b *testing.B) {
			for b.Loop() {
				levels.Enabled(ctx, slog.LevelDebug)
			}
		})
		levels.SetDomain("payments", slog.LevelDebug)
		b.Run("by domain", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				levels.Enabled(ctx, slog.LevelDebug)
			}
		})
		return nil
	})
}
