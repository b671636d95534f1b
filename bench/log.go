package main

import (
	"context"
	"io"
	"log/slog"
	"time"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/observe"
)

// logContest is a log record of three attributes through hale.LogHandler, which adds
// task, domain, operation, request and trace, keeps it as evidence and counts it,
// against slog's JSON alone, which does none of that. Both write to nowhere. It is
// logged in a task and a span: many times, or once in each of many, where the task
// and the span count for both.
func logContest(records int) contest {
	const name, base = "log", "slog JSON alone"
	one := func(ctx context.Context, log *slog.Logger) {
		log.LogAttrs(ctx, slog.LevelInfo, "order created", slog.Int("order", 4217), slog.String("customer", "c-881"), slog.Duration("took", 3*time.Millisecond))
	}
	return contest{
		name: name,
		open: func() ([]contestant, error) {
			rt, closer, err := newRuntime()
			if err != nil {
				return nil, err
			}
			op := rt.Operation(observe.Server, "GET /bench", "bench")
			within := func(f func(ctx context.Context)) error {
				return rt.Do(hale.WithRequestID(context.Background(), "r-4217"), "bench.log", func(ctx context.Context) error {
					return op.Do(ctx, func(ctx context.Context) error { f(ctx); return nil })
				})
			}
			many := func(log *slog.Logger) func() (reading, error) {
				return func() (m reading, err error) {
					err = within(func(ctx context.Context) {
						m = tight(records, func(n int) {
							for range n {
								one(ctx, log)
							}
						})
					})
					return m, err
				}
			}
			once := func(log *slog.Logger) func() (reading, error) {
				return func() (m reading, err error) {
					m = tight(records/4, func(n int) {
						for range n {
							err = within(func(ctx context.Context) { one(ctx, log) })
						}
					})
					return m, err
				}
			}
			json := slog.NewJSONHandler(io.Discard, nil)
			plain, handler := slog.New(json), slog.New(hale.LogHandler(json))
			nothing := func() {}
			return []contestant{
				{name: "LogHandler", close: closer, measure: many(handler)},
				{name: base, close: nothing, measure: many(plain)},
				{name: "once, LogHandler", close: nothing, measure: once(handler)},
				{name: "once, " + base, close: nothing, measure: once(plain)},
			}, nil
		},
		rows: func(r results) []row {
			return []row{
				r.ratio(name, "LogHandler", base, nanos, 1.25),
				{name: name + " allocations", values: r.of("LogHandler", allocations), unit: allocs, sense: none},
				r.ratio(name, "once, LogHandler", "once, "+base, nanos, 0),
			}
		},
	}
}
