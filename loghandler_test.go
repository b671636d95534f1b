package hale_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/slogtest"
	"time"
	"unicode/utf8"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/observe"
)

// A record in a task conforms as one outside does: the first, and those that find
// their identity ready.
func TestLogHandlerIsAHandlerInATask(t *testing.T) {
	rt := newRuntime(t)
	for name, before := range map[string]int{"first": 0, "later": 2} {
		t.Run(name, func(t *testing.T) {
			if err := rt.Do(t.Context(), "log.conform", func(ctx context.Context) error {
				var buf bytes.Buffer
				slogtest.Run(t, func(*testing.T) slog.Handler {
					h := hale.LogHandler(slog.NewJSONHandler(&buf, nil))
					for range before {
						slog.New(h).InfoContext(ctx, "before")
					}
					buf.Reset()
					return in{h, ctx}
				}, func(t *testing.T) map[string]any {
					m := decode(t, buf.Bytes())
					if m["task"] == nil || m["domain"] != "log" {
						t.Errorf("%v has no identity", m)
					}
					return m
				})
				return nil
			}); err != nil {
				t.Error(err)
			}
		})
	}
}

// in handles all records in one context.
type in struct {
	slog.Handler
	ctx context.Context
}

func (h in) Handle(_ context.Context, r slog.Record) error { return h.Handler.Handle(h.ctx, r) }

func (h in) WithAttrs(attrs []slog.Attr) slog.Handler { return in{h.Handler.WithAttrs(attrs), h.ctx} }

func (h in) WithGroup(name string) slog.Handler { return in{h.Handler.WithGroup(name), h.ctx} }

func TestLogHandlerTellsTheWholeIdentity(t *testing.T) {
	rt := newRuntime(t)
	var buf bytes.Buffer
	log := slog.New(hale.LogHandler(slog.NewJSONHandler(&buf, nil)))
	op := rt.Operation(observe.Client, "payments.quote", "payments")
	same := rt.Operation(observe.Server, "orders.create", "")
	err := rt.Do(t.Context(), "orders.create", func(ctx context.Context) error {
		ctx = hale.WithModule(hale.WithUser(hale.WithRequestID(ctx, "r1"), "u1"), "cart")
		for i, c := range []struct {
			of   *hale.Operation
			want any
		}{{nil, nil}, {op, "payments.quote"}, {same, nil}} {
			at, span := c.of.Start(ctx)
			for range 3 {
				buf.Reset()
				log.InfoContext(at, "x")
				m := decode(t, buf.Bytes())
				want := map[string]any{
					"task": hale.Identify(ctx).ID.String(), "domain": "orders", "request": "r1", "user": "u1", "module": "cart",
					"operation": c.want, "trace_id": nil, "span_id": nil, "incident": nil,
				}
				if span != nil {
					want["trace_id"], want["span_id"] = span.Trace().Trace(), span.Trace().Span()
				}
				for k, v := range want {
					if m[k] != v {
						t.Errorf("%d: %s is %v, want %v in %s", i, k, m[k], v, buf.Bytes())
					}
				}
			}
			span.End(nil)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	buf.Reset()
	ctx := rt.Extract(t.Context(), func(key string) string {
		return map[string]string{"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}[key]
	})
	log.InfoContext(ctx, "remote")
	if m := decode(t, buf.Bytes()); m["trace_id"] != "0af7651916cd43dd8448eb211c80319c" || m["span_id"] != "b7ad6b7169203331" || m["task"] != nil {
		t.Errorf("with a remote trace: %v", m)
	}
}

// What a record is told of may change while its context lives.
func TestLogHandlerTellsOfTheIncident(t *testing.T) {
	rt := newRuntime(t, hale.WithConfig(hale.Config{}))
	var buf bytes.Buffer
	log := slog.New(hale.LogHandler(slog.NewJSONHandler(&buf, nil)))
	_ = rt.Do(t.Context(), "orders.create", func(ctx context.Context) error {
		for _, id := range []string{"", "inc-1", "inc-1", "inc-2", ""} {
			hale.SetIncident(rt, "orders.create", id)
			buf.Reset()
			log.InfoContext(ctx, "x")
			if m := decode(t, buf.Bytes()); m["incident"] != any(id) && (id != "" || m["incident"] != nil) {
				t.Errorf("incident is %v, want %q", m["incident"], id)
			}
		}
		return nil
	})
}

// A handler may keep the records that it is given.
func TestLogHandlerNeverWritesToARecordAgain(t *testing.T) {
	rt := newRuntime(t)
	kept := &keeper{}
	log := slog.New(hale.LogHandler(kept))
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			for i := range 100 {
				_ = rt.Do(t.Context(), fmt.Sprintf("keep.%d", i), func(ctx context.Context) error {
					for n := range 3 {
						log.InfoContext(ctx, "x", "a", 1, "b", 2, "c", 3, "i", i, "n", n)
					}
					return nil
				})
			}
		})
	}
	group.Wait()
	if len(kept.records) != 1200 {
		t.Fatalf("%d records", len(kept.records))
	}
	for _, k := range kept.records {
		seen := map[string]string{}
		for _, a := range k.attrs {
			seen[a.Key] = a.Value.String()
		}
		k.r.Attrs(func(a slog.Attr) bool { seen[a.Key] = a.Value.String(); return true })
		if want := "keep." + seen["i"] + "#"; !strings.HasPrefix(seen["task"], want) {
			t.Errorf("task %s, want %s…", seen["task"], want)
		}
	}
}

type keeper struct {
	mu      sync.Mutex
	records []keptRecord
}

type keptRecord struct {
	r     slog.Record
	attrs []slog.Attr
}

func (k *keeper) Enabled(context.Context, slog.Level) bool { return true }
func (k *keeper) Handle(ctx context.Context, r slog.Record) error {
	return keeping{k, nil}.Handle(ctx, r)
}
func (k *keeper) WithAttrs(attrs []slog.Attr) slog.Handler { return keeping{k, attrs} }
func (k *keeper) WithGroup(string) slog.Handler            { return k }

type keeping struct {
	*keeper
	attrs []slog.Attr
}

func (k keeping) Handle(_ context.Context, r slog.Record) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.records = append(k.records, keptRecord{r, k.attrs})
	return nil
}

type (
	muteError     struct{}
	countedValuer struct{ asked *int }
)

func (muteError) Error() string              { panic("no text") }
func (v countedValuer) LogValue() slog.Value { *v.asked++; panic("no value") }

func TestLogHandlerBearsWhatItIsGiven(t *testing.T) {
	rt := newRuntime(t)
	discard := slog.New(hale.LogHandler(slog.NewJSONHandler(io.Discard, nil), hale.WithRuntime(rt)))
	ring := slog.GroupValue(slog.Int("n", 1))
	for range 100 {
		ring = slog.GroupValue(slog.Attr{Key: "g", Value: ring}, slog.String("s", "x"))
	}
	many := make([]any, 0, 20000)
	for i := range 10000 {
		many = append(many, fmt.Sprint("k", i), strings.Repeat("v", 100))
	}
	asked := 0
	deep := discard
	for range 20 {
		deep = deep.WithGroup(strings.Repeat("g", 30)).With("a", 1)
	}
	if err := rt.Do(t.Context(), "bad.input", func(ctx context.Context) error {
		for range 2 {
			discard.InfoContext(ctx, strings.Repeat("m", 1<<20))
			discard.InfoContext(ctx, "\xff\xfe\x00"+strings.Repeat("ü", 200), "\xff", "\xff\n")
			discard.InfoContext(ctx, "")
			discard.InfoContext(ctx, "valuer", "v", countedValuer{&asked})
			discard.ErrorContext(ctx, "error", "err", muteError{}, "nil", nil, "err2", (*hale.ConfigError)(nil))
			discard.InfoContext(ctx, "deep", slog.Attr{Key: "g", Value: ring})
			discard.InfoContext(ctx, "many", many...)
			discard.InfoContext(nil, "no context") //nolint:staticcheck // it is what is tested
			discard.Log(ctx, slog.Level(1<<40), "far above", "t", time.Now(), "d", time.Hour, "f", 1.5, "u", uint8(1), "b", true, "any", struct{ p *int }{})
			discard.With("err", errors.New("dial: refused")).InfoContext(ctx, "with")
			deep.InfoContext(ctx, "deep", "k", "v")
		}
		for _, r := range rt.Records(hale.Identify(ctx).ID) {
			if n := len(r.Message) + len(r.Attrs); n > 600 {
				t.Errorf("%d bytes kept", n)
			}
			if text := r.Message + r.Attrs; !utf8.ValidString(text) || strings.ContainsAny(text, "\n\x00") {
				t.Errorf("%q is kept as it is", r.Message+r.Attrs)
			}
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
	if asked > 2 {
		t.Errorf("a LogValuer was asked %d times for 2 records", asked)
	}
	if err := rt.Step(t.Context()); err != nil {
		t.Error(err)
	}
	if err := rt.Close(); err != nil {
		t.Error(err)
	}
	discard.Info("after Close")
	for _, rt := range []*hale.Runtime{nil, {}} {
		rt.ObserveRecord(nil, slog.Record{}) //nolint:staticcheck // it is what is tested
		if rt.Records(observe.TaskID{Name: "a", Seq: 1}) != nil || rt.RecordsOf("a") != nil {
			t.Error("records of no runtime")
		}
		_, _ = hale.LogWriter(rt, "").Write([]byte("x\n"))
	}
}

// One logger of many tasks, whose levels change meanwhile and whose records are read.
func TestLogHandlerConcurrently(t *testing.T) {
	rt := newRuntime(t)
	levels := new(hale.LogLevels)
	log := slog.New(hale.LogHandler(slog.NewJSONHandler(io.Discard, &slog.HandlerOptions{Level: levels}), hale.WithLevels(levels)))
	var group sync.WaitGroup
	const tasks, records = 8, 200
	for range tasks {
		group.Go(func() {
			for i := range records {
				_ = rt.Do(t.Context(), "busy.task", func(ctx context.Context) error {
					log.With("i", i).WithGroup("g").WarnContext(ctx, "busy", "n", i)
					log.DebugContext(ctx, fmt.Sprint("user ", i, " came"))
					return nil
				})
			}
		})
	}
	group.Go(func() {
		for i := range 100 {
			levels.SetDomain("busy", slog.Level(i%3*4-4))
			_ = rt.RecordsOf("busy.task")
			_ = rt.Step(t.Context())
		}
	})
	group.Wait()
	levels.SetDomain("busy", slog.LevelError)
	if log.Enabled(t.Context(), slog.LevelDebug) {
		t.Error("DEBUG is on")
	}
}
