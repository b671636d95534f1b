package halezap_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/halezap"
	"github.com/hale-go/hale/observe"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newRuntime(t testing.TB) *hale.Runtime {
	t.Helper()
	rt, err := hale.New(hale.WithLogger(slog.New(slog.DiscardHandler)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := rt.Close(); err != nil {
			t.Error(err)
		}
	})
	return rt
}

func jsonCore(w io.Writer, level zapcore.LevelEnabler) zapcore.Core {
	return zapcore.NewCore(zapcore.NewJSONEncoder(zap.NewProductionEncoderConfig()), zapcore.AddSync(w), level)
}

func decode(t *testing.T, b []byte) map[string]any {
	t.Helper()
	m := map[string]any{}
	if err := json.Unmarshal(b, &m); err != nil {
		t.Fatalf("%v in %s", err, b)
	}
	return m
}

func counted(t *testing.T, rt *hale.Runtime) []observe.LogStat {
	t.Helper()
	if err := rt.Step(t.Context()); err != nil {
		t.Fatal(err)
	}
	return rt.Status().Sample.Logs
}

func TestRecordsBearTheIdentity(t *testing.T) {
	rt := newRuntime(t)
	var buf bytes.Buffer
	log := zap.New(halezap.NewCore(jsonCore(&buf, zap.DebugLevel)))
	op := rt.Operation(observe.Server, "GET /orders", "")
	if err := rt.Do(hale.WithRequestID(t.Context(), "r1"), "orders.create", func(ctx context.Context) error {
		ctx, span := op.Start(ctx)
		defer span.End(nil)
		id := hale.Identify(ctx).ID
		for name, write := range map[string]func(){
			"a field": func() { log.Info("created", halezap.Context(ctx), zap.Int("order", 42)) },
			"With":    func() { log.With(halezap.Context(ctx), zap.Int("order", 42)).Info("created") },
			"sugar":   func() { log.Sugar().With(halezap.Context(ctx)).Infow("created", "order", 42) },
			"a namespace": func() {
				log.With(halezap.Context(ctx), zap.Int("order", 42), zap.Namespace("n")).Info("created", zap.String("k", "v"))
			},
		} {
			buf.Reset()
			write()
			m := decode(t, buf.Bytes())
			if m["task"] != id.String() || m["domain"] != "orders" || m["operation"] != "GET /orders" || m["request"] != "r1" || m["trace_id"] != span.Trace().Trace() || m["order"] != 42.0 {
				t.Errorf("%s: %s", name, buf.Bytes())
			}
		}
		got := rt.Records(id)
		if len(got) != 4 || got[0].Message != "created" || got[0].Request != "r1" || got[0].Task != id {
			t.Errorf("%+v", got)
		}
		if !slices.ContainsFunc(got, func(r observe.Record) bool { return r.Attrs == "order=42 n.k=v" }) {
			t.Errorf("%+v", got)
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
	logs := counted(t, rt)
	if len(logs) != 1 || logs[0].Form != "created" || logs[0].Name != "orders.create" || logs[0].Count != 4 {
		t.Errorf("%+v", logs)
	}
	buf.Reset()
	log.Info("outside", halezap.Context(nil)) //nolint:staticcheck // it is what is tested
	if m := decode(t, buf.Bytes()); m["task"] != nil {
		t.Errorf("%v", m)
	}
}

func TestRecordsAreCounted(t *testing.T) {
	rt := newRuntime(t)
	log := zap.New(halezap.NewCore(jsonCore(io.Discard, zap.InfoLevel), halezap.WithRuntime(rt)), zap.AddStacktrace(zap.ErrorLevel))
	log.Error("order failed", zap.Error(errors.New("dial tcp 10.0.0.1:80: connection refused")))
	log.Error("recovered", zap.ByteString("stack", debug.Stack()))
	log.Warn("recovered", zap.String("stack", string(debug.Stack())))
	log.Debug("not enabled")
	log.With(zap.NamedError("cause", errors.New("disk full"))).Error("late")
	var got []string
	for _, st := range counted(t, rt) {
		got = append(got, fmt.Sprintf("%d %s %v %v", st.Level, st.Form, st.Patterns, st.Stack != ""))
	}
	want := []string{
		"8 late: disk full [error level] false",
		"8 order failed: dial tcp <*>: connection refused [connection refused error level] false",
		"4 recovered [] true",
		"8 recovered [error level] true",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s", strings.Join(got, "\n"))
	}
}

func TestLevelsByDomain(t *testing.T) {
	rt := newRuntime(t)
	levels := new(hale.LogLevels)
	var buf bytes.Buffer
	log := zap.New(halezap.NewCore(jsonCore(&buf, zap.DebugLevel), halezap.WithLevels(levels)))
	levels.SetDomain("orders", slog.LevelDebug)
	_ = rt.Do(t.Context(), "orders.create", func(ctx context.Context) error {
		log.With(halezap.Context(ctx)).Debug("seen")
		log.Debug("not seen")
		return nil
	})
	levels.Set(hale.LevelFatal)
	log.Error("not seen either")
	if got := strings.Count(buf.String(), "\n"); got != 1 || !strings.Contains(buf.String(), "seen") {
		t.Errorf("%s", buf.String())
	}
}

// What zap does after a record at FatalLevel and PanicLevel it does as without hale,
// and hale has seen the record before.
func TestFatalAndPanicAreZaps(t *testing.T) {
	rt := newRuntime(t)
	hook := &fatalHook{}
	var buf bytes.Buffer
	log := zap.New(halezap.NewCore(jsonCore(&buf, zap.DebugLevel), halezap.WithRuntime(rt)), zap.WithFatalHook(hook))
	func() {
		defer func() {
			if v := recover(); v != "on purpose" {
				t.Errorf("recovered %v", v)
			}
		}()
		log.Panic("on purpose")
	}()
	done := make(chan struct{})
	go func() { defer close(done); log.Fatal("the end") }()
	<-done
	if hook.n != 1 || strings.Count(buf.String(), "\n") != 2 {
		t.Errorf("%d hooks, %s", hook.n, buf.String())
	}
	if logs := counted(t, rt); len(logs) != 2 || logs[0].Level != 12 || logs[1].Level != 12 {
		t.Errorf("%+v", logs)
	}
}

type fatalHook struct{ n int }

func (h *fatalHook) OnWrite(*zapcore.CheckedEntry, []zapcore.Field) { h.n++ }

// A Tee asks each core for itself, a sampler below decides what is counted, and a core
// around that calls Write loses nothing.
func TestCoreAmongCores(t *testing.T) {
	rt := newRuntime(t)
	var all, some bytes.Buffer
	errorsOnly := halezap.NewCore(jsonCore(&some, zap.ErrorLevel), halezap.WithRuntime(rt))
	log := zap.New(zapcore.NewTee(jsonCore(&all, zap.DebugLevel), errorsOnly))
	log.Info("a")
	log.Error("b")
	if n := strings.Count(some.String(), "\n"); n != 1 || strings.Count(all.String(), "\n") != 2 {
		t.Errorf("%d records in some, %s", n, all.String())
	}
	sampled := zapcore.NewSamplerWithOptions(jsonCore(&all, zap.DebugLevel), time.Hour, 2, 0)
	log = zap.New(halezap.NewCore(sampled, halezap.WithRuntime(rt)))
	for range 10 {
		log.Info("often")
	}
	if err := errorsOnly.Write(zapcore.Entry{Message: "by hand", Level: zap.ErrorLevel}, nil); err != nil {
		t.Error(err)
	}
	if !strings.Contains(some.String(), "by hand") {
		t.Error("Write wrote nothing")
	}
	var got []string
	for _, st := range counted(t, rt) {
		got = append(got, fmt.Sprint(st.Form, st.Count))
	}
	if want := []string{"b1", "by hand1", "often2"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

type muteError struct{}

func (muteError) Error() string { panic("no text") }

func TestBadInput(t *testing.T) {
	rt := newRuntime(t)
	log := zap.New(halezap.NewCore(jsonCore(io.Discard, zap.DebugLevel), halezap.WithRuntime(rt), nil))
	fields := []zap.Field{
		zap.Any("any", map[string]any{"a": make(chan int)}), zap.Skip(), zap.Error(nil), zap.NamedError("e", (*hale.ConfigError)(nil)),
		zap.Bool("b", true), zap.Float64("f", 1.5), zap.Float32("f32", 1.5), zap.Uint8("u", 7), zap.Time("t", time.Now()), zap.Time("far", time.Time{}),
		zap.Duration("d", time.Second), zap.Reflect("nil", nil), zap.Inline(zapcore.ObjectMarshalerFunc(func(zapcore.ObjectEncoder) error { return nil })),
		zap.Binary("bin", []byte("x")), zap.Complex128("c", 1i), zap.Stringer("s", time.Second), zap.Stack("stack"),
	}
	log.Info(strings.Repeat("m", 1<<20), fields...)
	for range 1000 {
		fields = append(fields, zap.String("\xff", strings.Repeat("v", 100)))
	}
	log.With(fields...).Info("\xff", fields...)
	halezap.NewCore(zapcore.NewNopCore(), halezap.WithRuntime(rt)).With([]zapcore.Field{zap.NamedError("e", muteError{})})
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			_ = rt.Do(t.Context(), "busy", func(ctx context.Context) error {
				for i := range 100 {
					log.With(halezap.Context(ctx)).Warn("busy", zap.Int("i", i))
				}
				return nil
			})
		})
	}
	group.Wait()
	if err := rt.Close(); err != nil {
		t.Error(err)
	}
	log.Info("after Close")
}

// What a sampler drops within a Tee is not counted: another core took it.
func TestTeeCountsWhatIsWritten(t *testing.T) {
	rt := newRuntime(t)
	var all, some bytes.Buffer
	sampled := zapcore.NewSamplerWithOptions(jsonCore(&some, zap.DebugLevel), time.Hour, 1, 0)
	log := zap.New(zapcore.NewTee(jsonCore(&all, zap.DebugLevel), halezap.NewCore(sampled, halezap.WithRuntime(rt))), zap.AddCaller())
	for range 100 {
		log.Info("often")
	}
	if err := rt.Step(t.Context()); err != nil {
		t.Fatal(err)
	}
	logs := rt.Status().Sample.Logs
	if len(logs) != 1 || logs[0].Count != 1 || strings.Count(some.String(), "\n") != 1 || !strings.Contains(some.String(), "halezap_test.go") || strings.Count(all.String(), "\n") != 100 {
		t.Errorf("%+v, written %q", logs, some.String())
	}
}
