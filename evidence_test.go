package hale_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/diagnose"
	"github.com/hale-go/hale/observe"
)

func messages(records []observe.Record) (out []string) {
	for _, r := range records {
		out = append(out, r.Message)
	}
	return out
}

func TestRecordsOfATask(t *testing.T) {
	rt := newRuntime(t, hale.WithConfig(hale.Config{Logs: hale.LogConfig{Keep: 3}}))
	log := slog.New(hale.LogHandler(slog.NewTextHandler(io.Discard, nil)))
	op := rt.Operation(observe.Server, "GET /orders", "orders")
	before := time.Now()
	var trace string
	task := rt.Go(hale.WithRequestID(t.Context(), "r1"), "orders.create", func(ctx context.Context) error {
		ctx, span := op.Start(ctx)
		defer span.End(nil)
		trace = span.Trace().Trace()
		for i := range 4 {
			log.InfoContext(ctx, fmt.Sprint("step ", i))
		}
		log.With("cart", 7).WithGroup("g").WarnContext(ctx, "last words", "err", errors.New("dial: refused"), "n", 3, "took", 1500*time.Millisecond, "secret", hideValuer{})
		panic("boom")
	})
	_ = task.Wait()
	got := rt.Records(task.ID())
	if want := []string{"step 2", "step 3", "last words"}; !slices.Equal(messages(got), want) {
		t.Fatalf("%q, want %q", messages(got), want)
	}
	last := got[2]
	if want := `cart=7 g.err="dial: refused" g.n=3 g.took=1500ms g.secret=?`; last.Attrs != want {
		t.Errorf("attributes %q, want %q", last.Attrs, want)
	}
	if last.Level != 4 || last.Task != task.ID() || last.Request != "r1" || last.Operation != "GET /orders" || last.Trace != trace || last.Time.Before(before.Round(0)) {
		t.Errorf("%+v", last)
	}
	for _, name := range []string{"orders.create", "GET /orders"} {
		if got := rt.RecordsOf(name); !slices.Equal(messages(got), []string{"step 2", "step 3", "last words"}) {
			t.Errorf("of %s: %q", name, messages(got))
		}
	}
	for _, s := range []observe.Subject{{Task: task.ID()}, {Name: "orders.create"}, {Name: "orders.create", Task: observe.TaskID{Name: "orders.create", Seq: 1 << 40}}} {
		if got := rt.RecordsAbout(diagnose.Incident{Subject: s}); len(got) != 3 {
			t.Errorf("about %v: %q", s, messages(got))
		}
	}
	if got := rt.Records(observe.TaskID{Name: "other", Seq: task.ID().Seq}); got != nil {
		t.Errorf("another task's: %q", messages(got))
	}
}

type hideValuer struct{}

func (hideValuer) LogValue() slog.Value { return slog.StringValue("***") }

// What is kept has a bound; of a name that goes wrong rarely it is not driven out by
// what others write.
func TestRecordsHaveABound(t *testing.T) {
	rt := newRuntime(t)
	log := slog.New(hale.LogHandler(slog.NewTextHandler(io.Discard, nil)))
	rare := rt.Go(t.Context(), "rare", func(ctx context.Context) error {
		log.ErrorContext(ctx, "it broke")
		return nil
	})
	_ = rare.Wait()
	var last observe.TaskID
	for range 3000 {
		_ = rt.Do(t.Context(), "crowd", func(ctx context.Context) error {
			last = hale.Identify(ctx).ID
			log.InfoContext(ctx, "here")
			return nil
		})
	}
	if rt.Records(rare.ID()) != nil {
		t.Error("the records of a task that ended long ago are kept")
	}
	if got := messages(rt.Records(last)); !slices.Equal(got, []string{"here"}) {
		t.Errorf("of the last task: %q", got)
	}
	if got := messages(rt.RecordsOf("rare")); !slices.Equal(got, []string{"it broke"}) {
		t.Errorf("of the name: %q", got)
	}
	if got := rt.RecordsOf("crowd"); len(got) != 8 {
		t.Errorf("%d of the crowd, want 8", len(got))
	}
}

func TestRecordsAreKeptOrNot(t *testing.T) {
	for keep, want := range map[int]int{-1: 0, 0: 8, 1: 1, 64: 20} {
		rt := newRuntime(t, hale.WithConfig(hale.Config{Logs: hale.LogConfig{Keep: keep}}))
		log := slog.New(hale.LogHandler(slog.NewTextHandler(io.Discard, &slog.HandlerOptions{Level: slog.LevelInfo})))
		_ = rt.Do(t.Context(), "a", func(ctx context.Context) error {
			for i := range 20 {
				log.InfoContext(ctx, strings.Repeat("x", i))
				log.DebugContext(ctx, "not enabled")
			}
			if got := rt.Records(hale.Identify(ctx).ID); len(got) != want {
				t.Errorf("Keep %d: %d records, want %d", keep, len(got), want)
			}
			return nil
		})
	}
}
