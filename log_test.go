package hale_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"strings"
	"testing"
	"testing/slogtest"

	"github.com/hale-go/hale"
)

func TestLogHandlerIsAHandler(t *testing.T) {
	var buf bytes.Buffer
	slogtest.Run(t, func(*testing.T) slog.Handler {
		buf.Reset()
		return hale.LogHandler(slog.NewJSONHandler(&buf, nil))
	}, func(t *testing.T) map[string]any {
		return decode(t, buf.Bytes())
	})
}

func decode(t *testing.T, b []byte) map[string]any {
	t.Helper()
	m := map[string]any{}
	if err := json.Unmarshal(b, &m); err != nil {
		t.Fatalf("%v in %s", err, b)
	}
	return m
}

func TestLogHandlerAddsIdentity(t *testing.T) {
	rt := newRuntime(t)
	var buf bytes.Buffer
	log := slog.New(hale.LogHandler(slog.NewJSONHandler(&buf, nil)))
	ctx := hale.WithRequestID(t.Context(), "r1")
	err := rt.Do(ctx, "orders.create", func(ctx context.Context) error {
		id := hale.Identify(ctx).ID.String()
		for name, l := range map[string]*slog.Logger{"plain": log, "group": log.With("a", 1).WithGroup("g").With("b", 2).WithGroup("h")} {
			buf.Reset()
			l.InfoContext(ctx, "created", "n", 3)
			m := decode(t, buf.Bytes())
			if m["task"] != id || m["domain"] != "orders" || m["request"] != "r1" || m["incident"] != nil {
				t.Errorf("%s: %v, want the identity at the top", name, m)
			}
			if name == "group" {
				g, _ := m["g"].(map[string]any)
				h, _ := g["h"].(map[string]any)
				if m["a"] != 1.0 || g["b"] != 2.0 || h["n"] != 3.0 {
					t.Errorf("groups are lost: %v", m)
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	buf.Reset()
	log.Info("outside")
	if m := decode(t, buf.Bytes()); len(m) != 3 {
		t.Errorf("outside a task: %v", m)
	}
}

// Nobody waits for the error of most tasks, so their stack must be in the log:
// once for each way to panic.
func TestFirstPanicOfAKindIsLoggedWithItsStack(t *testing.T) {
	var buf bytes.Buffer
	rt, err := hale.New(hale.WithLogger(slog.New(slog.NewJSONHandler(&buf, nil))))
	if err != nil {
		t.Fatal(err)
	}
	ctx := hale.WithRequestID(t.Context(), "r1")
	for range 3 {
		if err := rt.Go(ctx, "orders.create", explode).Wait(); err == nil {
			t.Fatal("no error")
		}
		if err := rt.Step(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if err := rt.Close(); err != nil {
		t.Fatal(err)
	}
	var found []map[string]any
	for line := range bytes.Lines(buf.Bytes()) {
		if m := decode(t, line); m["msg"] == "panic contained" {
			found = append(found, m)
		}
	}
	if len(found) != 1 {
		t.Fatalf("%d records, want 1:\n%s", len(found), buf.Bytes())
	}
	for key, part := range map[string]string{"stack": "hale_test.explode()\n", "panic": "boom", "task": "orders.create#1", "request": "r1"} {
		if got, _ := found[0][key].(string); !strings.Contains(got, part) {
			t.Errorf("%s is %q, want %q in it", key, got, part)
		}
	}
}

func explode(context.Context) error { panic("boom") }
