package hale_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"os"

	"github.com/hale-go/hale"
)

// withoutTime makes the output of examples the same each time.
func withoutTime(groups []string, a slog.Attr) slog.Attr {
	if a.Key == slog.TimeKey && len(groups) == 0 {
		return slog.Attr{}
	}
	return hale.NameLevel(groups, a)
}

// Records bear the task that they were written in, and the last of them are evidence.
func ExampleRuntime_Records() {
	rt, err := hale.New()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = rt.Close() }()
	logger := slog.New(hale.LogHandler(slog.NewJSONHandler(os.Stdout, &slog.HandlerOptions{ReplaceAttr: withoutTime})))

	task := rt.Go(hale.WithRequestID(context.Background(), "r-881"), "orders.create", func(ctx context.Context) error {
		logger.ErrorContext(ctx, "order failed", "order", 42, "err", errors.New("connection refused"))
		panic("no stock")
	})
	_ = task.Wait()
	for _, r := range rt.Records(task.ID()) {
		fmt.Println(r.Task, r.Message, r.Attrs)
	}
	// Output:
	// {"level":"ERROR","msg":"order failed","order":42,"err":"connection refused","task":"orders.create#1","domain":"orders","request":"r-881"}
	// orders.create#1 order failed order=42 err="connection refused"
}

// Levels can be changed while the service runs, for all or for one domain.
func ExampleLogLevels() {
	levels := new(hale.LogLevels)
	text := slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{Level: levels, ReplaceAttr: withoutTime})
	logger := slog.New(hale.LogHandler(text, hale.WithLevels(levels)))
	rt, err := hale.New()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = rt.Close() }()

	levels.Set(slog.LevelWarn)
	levels.SetDomain("orders", slog.LevelDebug)
	for _, name := range []string{"orders.create", "payments.quote"} {
		_ = rt.Do(context.Background(), name, func(ctx context.Context) error {
			logger.DebugContext(ctx, "looking")
			return nil
		})
	}
	logger.Log(context.Background(), hale.LevelFatal, "no way on")
	state, _ := json.Marshal(levels)
	fmt.Println(string(state))
	// Output:
	// level=DEBUG msg=looking task=orders.create#1 domain=orders
	// level=FATAL msg="no way on"
	// {"level":"WARN","domains":{"orders":"DEBUG"}}
}

// A console shows people the same records that production writes as JSON.
func ExampleConsoleHandler() {
	logger := slog.New(hale.LogHandler(hale.ConsoleHandler(os.Stdout, slog.LevelDebug)))
	r := slog.Record{Level: slog.LevelWarn, Message: "payment is slow"}
	r.AddAttrs(slog.Int("order", 42))
	_ = logger.Handler().Handle(context.Background(), r)
	// Output:
	// WARN  payment is slow order=42
}

// What other loggers write is counted too.
func ExampleLogWriter() {
	rt, err := hale.New()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = rt.Close() }()
	std := log.New(io.MultiWriter(os.Stdout, hale.LogWriter(rt, "legacy")), "", 0)
	std.Print("ERROR: import of 300 rows failed: connection refused")
	if err := rt.Step(context.Background()); err != nil {
		fmt.Println(err)
	}
	for _, f := range rt.Status().Sample.Logs {
		fmt.Println(f.Name, slog.Level(f.Level), f.Form, f.Patterns)
	}
	// Output:
	// ERROR: import of 300 rows failed: connection refused
	// legacy ERROR ERROR: import of <*> rows failed: connection refused [connection refused error level]
}
