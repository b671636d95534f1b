package hale_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/observe"
)

// The same inputs must lead to the same decisions, byte for byte, also from the
// middle of a recording.
func TestReplay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := newRuntime(t, hale.WithConfig(contain()))
		var decided []hale.Decision
		hale.Decisions(rt, func(d hale.Decision) { decided = append(decided, d) })
		release := make(chan struct{})
		p := newPool(t, rt, hale.PoolConfig{Workers: 2, Budget: 300 * time.Millisecond, MaxAbandoned: 2})
		rt.Go(t.Context(), "mail.send", func(context.Context) error { panic("poison") }, hale.Restart(hale.Permanent))
		rt.Go(t.Context(), "report.build", block(release), hale.Budget(time.Second))
		for range 700 {
			if p.Stat().Queued < 4 {
				if err := p.Go(t.Context(), block(release)); err != nil && !errors.Is(err, hale.ErrQuarantined) {
					t.Fatal(err)
				}
			}
			steps(t, rt, 1)
		}
		raw, err := json.Marshal(rt.Recording())
		if err != nil {
			t.Fatal(err)
		}
		var rec observe.Recording
		if err := json.Unmarshal(raw, &rec); err != nil {
			t.Fatal(err)
		}
		if len(rec.Segments) != 10 || rec.Segments[0].Turns[0].Seq == 1 {
			t.Fatalf("%d segments from turn %d: the recorder did not forget", len(rec.Segments), rec.Segments[0].Turns[0].Seq)
		}
		for skip := range rec.Segments {
			part := rec
			part.Segments = rec.Segments[skip:]
			replayed, err := hale.Replay(part, hale.WithConfig(contain()))
			if err != nil {
				t.Fatal(err)
			}
			commands := 0
			for i, d := range replayed {
				live := decided[part.Segments[0].Turns[0].Seq-1+uint64(i)]
				a, b := asJSON(t, live), asJSON(t, d)
				if !bytes.Equal(a, b) {
					t.Fatalf("turn %d differs:\nlive   %s\nreplay %s", live.Turn, a, b)
				}
				commands += len(d.Commands)
			}
			if skip == 0 && commands == 0 {
				t.Error("nothing was decided: the test shows nothing")
			}
		}
		other, err := hale.Replay(rec) // the default mode only observes
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Equal(asJSON(t, other), asJSON(t, decided[len(decided)-len(other):])) {
			t.Error("another policy decides the same: the replay does not use it")
		}
		close(release)
	})
}

func asJSON(t testing.TB, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestReplayOfNonsense(t *testing.T) {
	bad := observe.Recording{Segments: []observe.Segment{{State: json.RawMessage(`{"detect":7}`)}}}
	if _, err := hale.Replay(bad); !errors.Is(err, hale.ErrRecording) {
		t.Errorf("a broken state: %v", err)
	}
	bad.Segments = []observe.Segment{{State: json.RawMessage(`{"detect":[],"diagnose":{"open":[null]},"heal":{}}`), Turns: []observe.Turn{{Seq: 5}}}}
	if _, err := hale.Replay(bad); !errors.Is(err, hale.ErrRecording) || !strings.Contains(err.Error(), "turn 5") {
		t.Errorf("a state that makes no sense: %v", err)
	}
	if _, err := hale.Replay(observe.Recording{}, hale.WithConfig(hale.Config{Tick: -1})); err == nil {
		t.Error("a bad setting was taken")
	}
}
