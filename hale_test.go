package hale_test

import (
	"context"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/observe"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// newRuntime returns a quiet runtime that is closed, and must close cleanly, at
// the test's end.
func newRuntime(t testing.TB, opts ...hale.Option) *hale.Runtime {
	t.Helper()
	opts = append([]hale.Option{hale.WithLogger(slog.New(slog.NewTextHandler(io.Discard, nil)))}, opts...)
	rt, err := hale.New(opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := rt.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return rt
}

// eventLog collects what a runtime emits.
type eventLog struct {
	mu     sync.Mutex
	events []observe.Event
}

func collect(rt *hale.Runtime) *eventLog {
	l := &eventLog{}
	rt.Subscribe(1<<14, func(e observe.Event) {
		l.mu.Lock()
		l.events = append(l.events, e)
		l.mu.Unlock()
	})
	return l
}

func (l *eventLog) of(kind observe.EventKind) []observe.Event {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []observe.Event
	for _, e := range l.events {
		if e.Kind == kind {
			out = append(out, e)
		}
	}
	return out
}

// storms returns the events of restart intensities that were used up, without
// those of the failures that follow.
func (l *eventLog) storms() []observe.Event {
	return slices.DeleteFunc(l.of(observe.EventRestartStorm), func(e observe.Event) bool {
		return !strings.HasPrefix(e.Detail, "restarted too often")
	})
}

// steps takes n turns of the loop, one a second of the bubble's time.
func steps(t testing.TB, rt *hale.Runtime, n int) {
	t.Helper()
	for range n {
		time.Sleep(time.Second)
		if err := rt.Step(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
}

// block is a body that ignores its context until it is released.
func block(release <-chan struct{}) func(context.Context) error {
	return func(context.Context) error { <-release; return nil }
}

func untilDone(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }

func succeed(context.Context) error { return nil }
