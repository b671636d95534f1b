package hale_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/heal"
	"github.com/hale-go/hale/observe"
)

// The same inputs must lead to the same decisions, byte for byte, also from the
// middle of a recording.
func TestReplay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := newRuntime(t, hale.WithConfig(contain()))
		live := collect(rt)
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
		synctest.Wait()
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
			events, commands := told(replayed)
			sameTail(t, live.decided(), events)
			sameTail(t, carriedOut(rt), commands)
			if skip == 0 && (len(events) < 10 || len(commands) < 4) {
				t.Errorf("%d events and %d commands were decided: the test shows little", len(events), len(commands))
			}
			if err := hale.VerifyReplay(part, hale.WithConfig(contain())); err != nil {
				t.Error(err)
			}
		}
		err = hale.VerifyReplay(rec) // the default mode only observes
		if !errors.Is(err, hale.ErrOtherSettings) || !strings.Contains(err.Error(), "all 10 segments") {
			t.Errorf("with another policy: %v", err)
		}
		close(release)
	})
}

// decided returns the events that are decisions of the loop.
func (l *eventLog) decided() []observe.Event {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(l.events), func(e observe.Event) bool {
		return e.Kind != observe.EventFinding && e.Kind != observe.EventIncident
	})
}

// carriedOut returns the commands of the runtime's journal.
func carriedOut(rt *hale.Runtime) []heal.Command {
	var out []heal.Command
	for _, e := range rt.Status().Journal {
		if n := len(out); n == 0 || out[n-1].ID != e.Command.ID { // each is there before and after
			out = append(out, e.Command)
		}
	}
	return out
}

// told returns all that decisions say.
func told(decisions []hale.Decision) (events []observe.Event, commands []heal.Command) {
	for _, d := range decisions {
		events, commands = append(events, d.Events...), append(commands, d.Commands...)
	}
	return events, commands
}

// sameTail compares what was replayed with the last of what was decided, byte for
// byte.
func sameTail[T any](t *testing.T, live, replayed []T) {
	t.Helper()
	if len(live) < len(replayed) {
		t.Fatalf("%d of %T live, %d replayed", len(live), live, len(replayed))
	}
	live = live[len(live)-len(replayed):]
	for i := range live {
		if a, b := asJSON(t, live[i]), asJSON(t, replayed[i]); !bytes.Equal(a, b) {
			t.Fatalf("%d of %d differs:\nlive   %s\nreplay %s", i, len(live), a, b)
		}
	}
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
	bad.Segments = []observe.Segment{{State: json.RawMessage(`{"detect":[],"diagnose":{"open":[null]},"heal":{}}`)}}
	if _, err := hale.Replay(bad); !errors.Is(err, hale.ErrRecording) || !strings.Contains(err.Error(), "null") {
		t.Errorf("an incident that is none: %v", err)
	}
	bad.Segments = []observe.Segment{{State: json.RawMessage(`{"detect":[],"diagnose":{"open":[{"id":"inc-1","key":"k","phase":"diagnosed","confidence":"confirmed"}]},"heal":{"cares":[null]}}`), Turns: []observe.Turn{{Seq: 5}}}}
	if _, err := hale.Replay(bad); !errors.Is(err, hale.ErrRecording) || !strings.Contains(err.Error(), "turn 5") {
		t.Errorf("a state that makes no sense: %v", err)
	}
	if _, err := hale.Replay(observe.Recording{}, hale.WithConfig(hale.Config{Tick: -1})); err == nil {
		t.Error("a bad setting was taken")
	}
}
