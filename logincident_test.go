package hale_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/observe"
)

// The record by which a person is called says how much fails, and names a trace to look
// at.
func TestEscalationTellsAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		rt := newRuntime(t, hale.WithLogger(slog.New(slog.NewJSONHandler(&out, nil))))
		op := rt.Operation(observe.Server, "GET /cart", "")
		traces := map[string]bool{}
		for s := range 215 {
			var end error
			if s >= 200 {
				end = errors.New("no")
			}
			for range 10 {
				_ = op.Do(t.Context(), func(ctx context.Context) error {
					if trace := hale.SpanOf(ctx).Trace().Trace(); end != nil {
						traces[trace] = true
					}
					return end
				})
			}
			steps(t, rt, 1)
		}
		for _, phase := range []string{"diagnosed", "escalated"} {
			line := lineOf(t, &out, "incident "+phase)
			trace, _ := line["trace_id"].(string)
			text, _ := line["detail"].(string)
			root, _ := line["root"].(string)
			if !traces[trace] || !strings.Contains(text+root, "GET /cart fails: ") || !strings.Contains(text+root, "% now") {
				t.Errorf("%v", line)
			}
		}
	})
}

// A person is called once at ERROR; how it goes on is told below that.
func TestPeopleAreCalledOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		rt := newRuntime(t, hale.WithConfig(contain()), hale.WithLogger(slog.New(slog.NewJSONHandler(&out, nil))))
		rt.Go(t.Context(), "db.connect", func(context.Context) error { return errors.New("no") }, hale.Restart(hale.Permanent))
		steps(t, rt, 900)
		levels := map[string]int{}
		for line := range strings.Lines(out.String()) {
			var m map[string]any
			if err := json.Unmarshal([]byte(line), &m); err != nil {
				t.Fatal(err)
			}
			if m["msg"] == "incident escalated" {
				levels[m["level"].(string)]++
			}
		}
		if levels["ERROR"] != 1 || levels["WARN"] < 3 || len(levels) != 2 {
			t.Errorf("records of the escalated incident by level: %v", levels)
		}
	})
}

// lineOf returns the first record with a message.
func lineOf(t *testing.T, out *bytes.Buffer, message string) map[string]any {
	t.Helper()
	for line := range strings.Lines(out.String()) {
		var m map[string]any
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			t.Fatal(err)
		}
		if m["msg"] == message {
			return m
		}
	}
	t.Fatalf("no record %q in:\n%s", message, out)
	return nil
}

// Lists that are empty are lists.
func TestStatusHasNoNull(t *testing.T) {
	rt := newRuntime(t)
	check := func(rt *hale.Runtime) {
		t.Helper()
		raw, err := json.Marshal(rt.Status())
		if err != nil || bytes.Contains(raw, []byte("null")) {
			t.Errorf("%v: %s", err, raw)
		}
	}
	check(nil)
	check(rt)
	steps(t, rt, 1)
	check(rt)
}
