package hale_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"runtime/debug"
	"slices"
	"strings"
	"testing"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/observe"
)

// counted returns the forms that rt's next turn sees.
func counted(t *testing.T, rt *hale.Runtime) observe.Sample {
	t.Helper()
	if err := rt.Step(t.Context()); err != nil {
		t.Fatal(err)
	}
	return rt.Status().Sample
}

func TestRecordsAreCountedByForm(t *testing.T) {
	rt := newRuntime(t)
	log := slog.New(hale.LogHandler(slog.NewTextHandler(io.Discard, nil), hale.WithRuntime(rt)))
	refused := fmt.Errorf("dial tcp 10.0.0.7:5432: connect: %w", errors.New("Connection refused"))
	for turn := range 3 {
		_ = rt.Do(t.Context(), "orders.create", func(ctx context.Context) error {
			for i := range 10 {
				log.InfoContext(ctx, "order created", "order", i)
				log.InfoContext(ctx, fmt.Sprintf("user %d came from 10.0.0.%d:80", i, i))
				log.ErrorContext(ctx, "order failed", "err", refused)
			}
			log.With("error", "disk full").ErrorContext(ctx, "order failed")
			return nil
		})
		log.Warn("outside")
		s := counted(t, rt)
		want := []observe.LogStat{
			{Form: "order created", Name: "orders.create", Domain: "orders", Count: 10},
			{Form: "order failed: dial tcp <*>: connect: Connection refused", Level: 8, Name: "orders.create", Domain: "orders", Count: 10, Patterns: []string{"connection refused", "error level"}},
			{Form: "order failed: disk full", Level: 8, Name: "orders.create", Domain: "orders", Count: 1, Patterns: []string{"error level"}},
			{Form: "outside", Level: 4, Count: 1},
			{Form: "user <*> came from <*>", Name: "orders.create", Domain: "orders", Count: 10},
		}
		if !slices.EqualFunc(s.Logs, want, func(a, b observe.LogStat) bool { return fmt.Sprint(a) == fmt.Sprint(b) }) {
			t.Errorf("turn %d:\n%v\nwant\n%v", turn, s.Logs, want)
		}
	}
	if s := counted(t, rt); len(s.Logs) != 0 || s.Unseen != 0 {
		t.Errorf("nothing was logged, and %v, %d unseen", s.Logs, s.Unseen)
	}
}

//go:noinline
func stackHere(n int) string {
	if n > 0 {
		return stackHere(n - 1)
	}
	return string(debug.Stack())
}

// The stack in a record makes it one of those with the same functions, wherever in the
// record it is.
func TestStackInARecord(t *testing.T) {
	rt := newRuntime(t)
	log := slog.New(hale.LogHandler(slog.NewTextHandler(io.Discard, nil), hale.WithRuntime(rt)))
	for i := range 3 {
		s := stackHere(1)
		log.Error(fmt.Sprintf("http: panic serving 10.0.0.1:%d: boom\n%s", i, s))
		log.Error("recovered", "stack", s)
		log.Error("bytes", "stack", []byte(s))
		log.Error("error", "err", errors.New("panic: boom\n"+s))
	}
	log.Error("recovered", "stack", stackHere(3))
	logs := counted(t, rt).Logs
	prints := map[string]bool{}
	for _, st := range logs {
		prints[st.Stack] = true
		if strings.Contains(st.Form, "goroutine") || len(st.Stack) != 16 || st.Count != 3 && st.Form != "recovered" {
			t.Errorf("%+v", st)
		}
	}
	if len(logs) != 5 || len(prints) != 2 {
		t.Errorf("%d forms, %d stacks, want 5 and 2: %+v", len(logs), len(prints), logs)
	}
	if !slices.ContainsFunc(logs, func(st observe.LogStat) bool { return st.Form == "http: panic serving <*>: boom" }) {
		t.Errorf("no form is the first line: %+v", logs)
	}
}

// However different messages are, what they take has a bound, all are counted, and
// their patterns are found.
func TestFormsHaveABound(t *testing.T) {
	rt := newRuntime(t)
	log := slog.New(hale.LogHandler(slog.NewTextHandler(io.Discard, nil), hale.WithRuntime(rt)))
	word := func(i int) string {
		return strings.Map(func(r rune) rune { return r - '0' + 'a' }, fmt.Sprint(i))
	}
	const n = 100_000
	for i := range n { // no two differ in one word only, or they would be of one form
		log.Info("customer " + word(i) + " bought " + word(7*i) + " of " + word(11*i))
	}
	log.Error("late: connection refused")
	s := counted(t, rt)
	total, other := s.Unseen, uint64(0)
	for _, st := range s.Logs {
		total += st.Count
		if st.Form == "other" {
			other += st.Count
		}
	}
	if len(s.Logs) > 256 || total < n+1 || other < n*9/10 {
		t.Errorf("%d forms of %d records, %d of them of others", len(s.Logs), total, other)
	}
	if again := counted(t, rt).Logs; len(again) > 0 {
		t.Error("records are told twice")
	}
	log.Error("connection refused by " + word(n) + " and " + word(n+1) + " of " + word(n+2))
	if s = counted(t, rt); len(s.Logs) != 1 || !slices.Contains(s.Logs[0].Patterns, "connection refused") {
		t.Errorf("%+v, %d unseen", s.Logs, s.Unseen)
	}
	for _, said := range []string{"panic", "quiet"} { // of the shape that is full
		log.Info("customer " + word(n+7) + " bought " + said + " of " + word(n+9))
		s = counted(t, rt)
		if len(s.Logs) != 1 || s.Logs[0].Form != "other" || slices.Contains(s.Logs[0].Patterns, "panic") != (said == "panic") {
			t.Errorf("%s: %+v", said, s.Logs)
		}
	}
}

// What hale says of an incident must not become one.
func TestOwnRecordsAreNotCounted(t *testing.T) {
	var rt *hale.Runtime
	lazy := &lazyWriter{}
	log := slog.New(hale.LogHandler(slog.NewTextHandler(lazy, nil)))
	rt = newRuntime(t, hale.WithLogger(log))
	lazy.w = hale.LogWriter(rt, "std")
	hale.SetDefault(rt)
	defer hale.SetDefault(nil)
	_ = rt.Go(t.Context(), "orders.create", explode).Wait()
	for range 3 {
		if s := counted(t, rt); len(s.Logs) != 0 {
			t.Errorf("hale's own: %+v", s.Logs)
		}
	}
	if lazy.n == 0 {
		t.Error("hale logged nothing")
	}
	log.Info("the service's")
	if s := counted(t, rt); len(s.Logs) != 2 { // by the handler, and by the writer
		t.Errorf("%+v", s.Logs)
	}
}

type lazyWriter struct {
	w io.Writer
	n int
}

func (w *lazyWriter) Write(p []byte) (int, error) { w.n++; return w.w.Write(p) }

func TestLogPatterns(t *testing.T) {
	rt := newRuntime(t, hale.WithConfig(hale.Config{Logs: hale.LogConfig{Patterns: []hale.LogPattern{
		{Name: "z", Contains: "DISK", Level: "warn"},
		{Name: "quota", Regexp: `quota (of|for) \w+ exceeded`},
	}}}))
	log := slog.New(hale.LogHandler(slog.NewTextHandler(io.Discard, nil), hale.WithRuntime(rt)))
	log.Info("disk is full")
	log.Warn("disk is full: quota of alice exceeded")
	got := map[int][]string{}
	for _, st := range counted(t, rt).Logs {
		got[st.Level] = st.Patterns
	}
	if fmt.Sprint(got) != "map[0:[] 4:[quota z]]" {
		t.Errorf("%v", got)
	}
	for field, p := range map[string][]hale.LogPattern{
		"Config.Logs.Patterns[1].Regexp":   {{Name: "a", Contains: "a"}, {Name: "b", Regexp: "("}},
		"Config.Logs.Patterns[0].Level":    {{Name: "a", Level: "LOUD"}},
		"Config.Logs.Patterns[0].Name":     {{Contains: "a"}},
		"Config.Logs.Patterns[1].Name":     {{Name: "a", Contains: "a"}, {Name: "a", Contains: "b"}},
		"Config.Logs.Patterns[0].Contains": {{Name: "a"}},
		"Config.Logs.Patterns":             make([]hale.LogPattern, 65),
	} {
		_, err := hale.New(hale.WithConfig(hale.Config{Logs: hale.LogConfig{Patterns: p}}))
		var ce *hale.ConfigError
		if !errors.As(err, &ce) || ce.Field != field || ce.Mend == "" {
			t.Errorf("%v, want a ConfigError of %s", err, field)
		}
	}
	if _, err := hale.New(hale.WithConfig(hale.Config{Logs: hale.LogConfig{Keep: 65}})); err == nil {
		t.Error("Keep has no bound")
	}
}
