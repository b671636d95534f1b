package hale_test

import (
	"encoding/json"
	"errors"
	"testing"
	"unicode/utf8"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/observe"
)

// Any name gives a task that runs under a name that can be printed, parsed and
// bounded.
func FuzzTaskName(f *testing.F) {
	for _, s := range []string{"orders.consume", "", "a#b", "\x00", "größe", "\xff\xfe", "GET /x/{id}"} {
		f.Add(s)
	}
	rt := newRuntime(f)
	f.Fuzz(func(t *testing.T, name string) {
		task := rt.Go(t.Context(), name, succeed)
		if err := task.Wait(); err != nil {
			t.Fatal(err)
		}
		id := task.ID()
		if back, err := observe.ParseTaskID(id.String()); err != nil || back != id {
			t.Errorf("%q: ID %q does not parse back: %v", name, id, err)
		}
		if !utf8.ValidString(id.Name) || len(id.Name) > 128 {
			t.Errorf("%q became %q", name, id.Name)
		}
	})
}

// Whatever a recording holds, Replay returns.
func FuzzReplay(f *testing.F) {
	f.Add([]byte(`{"segments":[{"revision":"x","state":{"detect":[],"diagnose":{},"heal":{}},"turns":[{"seq":1}]}]}`))
	f.Add([]byte(`{"segments":[{"state":{"detect":[{"name":"panic_loop","state":{"loops":[{}]}}],"diagnose":{"open":[null]},"heal":{"cares":[null]}},"turns":[{"seq":1}]}]}`))
	f.Add([]byte(`{"segments":[{"turns":[{"time":"2026-01-02T03:04:05Z","events":[{"kind":"panic","subject":{"name":"a"}}],"snapshot":{"groups":[{"name":"a","ended":9000000000,"count":3}]}}]}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		var rec observe.Recording
		if json.Unmarshal(b, &rec) != nil {
			return
		}
		if _, err := hale.Replay(rec); err != nil && !errors.Is(err, hale.ErrRecording) {
			t.Errorf("%v does not match ErrRecording", err)
		}
	})
}
