package hale_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"testing"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/observe"
)

func TestLogLevels(t *testing.T) {
	rt := newRuntime(t)
	levels := new(hale.LogLevels)
	var buf bytes.Buffer
	log := slog.New(hale.LogHandler(slog.NewJSONHandler(&buf, &slog.HandlerOptions{Level: levels, ReplaceAttr: hale.NameLevel}), hale.WithLevels(levels)))
	if log.Enabled(t.Context(), slog.LevelDebug) || !log.Enabled(t.Context(), slog.LevelInfo) {
		t.Error("the zero value is not INFO")
	}
	levels.Set(slog.LevelWarn)
	levels.SetDomain("orders", slog.LevelDebug)
	levels.SetDomain("orders.import", slog.LevelError)
	levels.SetModule("cart", hale.LevelFatal)
	levels.SetDomain("", slog.LevelDebug) // none
	for name, want := range map[string]slog.Level{
		"payments.quote": slog.LevelWarn, "orders.create": slog.LevelDebug, "orders.import.csv": slog.LevelError,
	} {
		_ = rt.Do(t.Context(), name, func(ctx context.Context) error {
			cart := hale.WithModule(ctx, "cart")
			for _, l := range []slog.Level{-8, -4, 0, 4, 8, 12, 16} {
				if got := log.Enabled(ctx, l); got != (l >= want) {
					t.Errorf("%s at %v: %v", name, l, got)
				}
				if got := log.Enabled(cart, l); got != (l >= hale.LevelFatal) {
					t.Errorf("%s, cart at %v: %v", name, l, got)
				}
			}
			return nil
		})
	}
	if log.Enabled(t.Context(), slog.LevelInfo) || levels.Level() != slog.LevelDebug {
		t.Errorf("outside, or the least level: %v", levels.Level())
	}
	b, err := json.Marshal(levels)
	if want := `{"level":"WARN","domains":{"orders":"DEBUG","orders.import":"ERROR"},"modules":{"cart":"FATAL"}}`; string(b) != want || err != nil {
		t.Errorf("%s, %v", b, err)
	}
	levels.UnsetDomain("orders.import")
	levels.UnsetModule("cart")
	if levels.Of("orders.import.csv", "cart") != slog.LevelDebug || levels.Of("", "") != slog.LevelWarn {
		t.Error("what was taken back still holds")
	}
	log.Log(t.Context(), hale.LevelFatal, "end")
	if m := decode(t, buf.Bytes()); m["level"] != "FATAL" {
		t.Errorf("%s", buf.Bytes())
	}
	for i := range 3000 {
		levels.SetDomain(observe.Domain(string(rune('a'+i%26))+string(rune('0'+i))), slog.LevelDebug)
	}
	if b, _ = json.Marshal(levels); len(b) > 1<<15 {
		t.Errorf("%d bytes of levels", len(b))
	}
}

func TestLogLevelNames(t *testing.T) {
	for name, want := range map[string]slog.Level{
		"DEBUG": -4, "info": 0, "Warn": 4, "warning": 4, "WARNING+1": 5, "ERROR": 8, "FATAL": 12, "fatal+2": 14, "INFO-1": -1, "FATAL-1": 11,
	} {
		got, err := hale.ParseLogLevel(name)
		if err != nil || got != want {
			t.Errorf("%s = %v, %v", name, got, err)
		}
		if back, err := hale.ParseLogLevel(hale.LogLevelName(got)); back != got || err != nil {
			t.Errorf("%s is written %s", name, hale.LogLevelName(got))
		}
	}
	for _, name := range []string{"", "LOUD", "FATALITY", "INFO+", "WARN+x"} {
		if l, err := hale.ParseLogLevel(name); err == nil {
			t.Errorf("%q = %v", name, l)
		}
	}
}

// Any text is a level or an error, and a level can be written.
func FuzzParseLogLevel(f *testing.F) {
	for _, s := range []string{"INFO", "fatal+3", "WARNING-9", "\xff", "ERROR+99999999999999999999"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		l, err := hale.ParseLogLevel(s)
		if err != nil {
			return
		}
		if back, err := hale.ParseLogLevel(hale.LogLevelName(l)); err != nil || back != l {
			t.Errorf("%q is %d, written %q, read %d, %v", s, l, hale.LogLevelName(l), back, err)
		}
	})
}
