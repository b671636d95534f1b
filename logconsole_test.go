package hale_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hale-go/hale"
)

func TestConsoleHandler(t *testing.T) {
	rt := newRuntime(t)
	var buf bytes.Buffer
	log := slog.New(hale.LogHandler(hale.ConsoleHandler(&buf, slog.LevelDebug)))
	at := time.Date(2026, 1, 2, 10, 4, 5, 123e6, time.UTC)
	_ = rt.Do(t.Context(), "orders.create", func(ctx context.Context) error {
		id := hale.Identify(ctx).ID.String()
		for range 2 {
			buf.Reset()
			r := slog.NewRecord(at, slog.LevelWarn, "payment is\nslow", 0)
			r.AddAttrs(slog.String("level", "gold"), slog.Duration("took", 3*time.Second))
			if err := log.Handler().Handle(ctx, r); err != nil {
				t.Error(err)
			}
			got := buf.String()
			if !strings.HasPrefix(got, "10:04:05.123 WARN  "+id+" payment is_slow ") || !strings.Contains(got, " level=gold took=3s") || !strings.Contains(got, "domain=orders") || strings.Count(got, "\n") != 1 {
				t.Errorf("%q", got)
			}
		}
		return nil
	})
	buf.Reset()
	r := slog.NewRecord(time.Time{}, hale.LevelFatal, "end", 0)
	r.AddAttrs(slog.String("task", "mine"))
	_ = log.With("a", 1).WithGroup("g").Handler().Handle(t.Context(), r)
	if got := buf.String(); got != "FATAL end a=1 g.task=mine\n" {
		t.Errorf("%q", got)
	}
	buf.Reset()
	log.WithGroup("").Log(t.Context(), slog.LevelDebug-4, "not enabled")
	if buf.Len() > 0 {
		t.Errorf("%q", buf.String())
	}
	slog.New(hale.ConsoleHandler(nil, nil)).Info("nowhere")
	if hale.ConsoleHandler(io.Discard, nil).Enabled(t.Context(), slog.LevelDebug) {
		t.Error("the default level is not INFO")
	}
}

// On a terminal it has colours; a character device is taken for one.
func TestConsoleHandlerColours(t *testing.T) {
	t.Setenv("NO_COLOR", "")
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = null.Close() }()
	var buf bytes.Buffer
	h := hale.ColourOf(hale.ConsoleHandler(&buf, nil))
	_ = h.Handle(t.Context(), slog.Record{Level: slog.LevelWarn, Message: "x"})
	if got := buf.String(); got != "\x1b[33mWARN\x1b[0m  x \n" {
		t.Errorf("%q", got)
	}
	if !hale.IsTerminal(null) || hale.IsTerminal(&buf) {
		t.Error("a device is no terminal, or a buffer one")
	}
	t.Setenv("NO_COLOR", "1")
	if hale.IsTerminal(null) {
		t.Error("NO_COLOR is not heard")
	}
}

// A value that logs while it is asked for its text must not wait for itself.
func TestConsoleHandlerWithinItself(t *testing.T) {
	var buf bytes.Buffer
	log := slog.New(hale.ConsoleHandler(&buf, nil))
	log.Info("outer", "v", loggingValuer{log})
	if got := buf.String(); !strings.Contains(got, "inner") || !strings.Contains(got, "outer v=1") {
		t.Errorf("%q", got)
	}
}

type loggingValuer struct{ log *slog.Logger }

func (v loggingValuer) LogValue() slog.Value { v.log.Info("inner"); return slog.IntValue(1) }

func TestConsoleHandlerConcurrently(t *testing.T) {
	var buf bytes.Buffer
	log := slog.New(hale.ConsoleHandler(&buf, nil))
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			for i := range 100 {
				log.With("a", 1).Info("line", "i", i)
			}
		})
	}
	group.Wait()
	for line := range strings.Lines(buf.String()) {
		if !strings.Contains(line, "INFO  line a=1 i=") {
			t.Fatalf("%q", line)
		}
	}
}
