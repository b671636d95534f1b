package health_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/health"
)

// lines are what a logger wrote.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

// with returns the lines that have all of some texts in them.
func (l *lines) with(texts ...string) (out []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
next:
	for line := range strings.Lines(l.text.String()) {
		for _, text := range texts {
			if !strings.Contains(line, text) {
				continue next
			}
		}
		out = append(out, line)
	}
	return out
}

// A critical name that no task ever had is told when the service has started, which is not ready
// until one has it. It never fails Live, as a task does that is gone.
func TestCriticalNameThatNeverRan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		logged := new(lines)
		rt, err := hale.New(hale.WithLogger(slog.New(slog.NewTextHandler(logged, nil))))
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		wait := func(ctx context.Context) error { <-ctx.Done(); return nil }
		rt.Go(ctx, "orders.consumer", wait)
		end := make(chan struct{})
		rt.Go(ctx, "orders.export", func(context.Context) error { <-end; return nil })
		s, err := rt.NewSupervisor("imports", hale.SupervisorConfig{})
		if err != nil {
			t.Fatal(err)
		}
		s.Go("orders.import", wait) // its supervisor is yet to be run
		p := newProbes(t, rt, health.Config{Critical: []string{"orders.consume", "ledger", "orders.export", "orders.import"}})
		turn := func() {
			t.Helper()
			if err := rt.Step(ctx); err != nil {
				t.Error(err)
			}
		}
		livez := func() string {
			rec := httptest.NewRecorder()
			p.Handler().ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "/livez", http.NoBody))
			body, _ := io.ReadAll(rec.Body)
			return string(body)
		}
		time.Sleep(10 * time.Minute)
		wants(t, "before it has started", p.Live(t.Context()), "")
		if got := livez(); !strings.Contains(got, "no task of that name ever ran") {
			t.Errorf("before it has started: %s", got)
		}
		if turn(); len(logged.with("misused")) != 0 {
			t.Errorf("told before it has started: %q", logged.with("misused"))
		}

		p.Started()
		p.Started()
		turn()
		const told = "no task of that name ever ran: it is not ready until one does; correct it in health.Config.Critical, or start the task before Probes.Started"
		if got := logged.with("WARN", "name=orders.consume ", told+"; names like it: orders.consumer"); len(got) != 1 {
			t.Errorf("of a misspelt name: %q", got)
		}
		if got := logged.with("WARN", "name=ledger ", told+`"`); len(got) != 1 {
			t.Errorf("of a missing name: %q", got)
		}
		if got := rt.Status().Sample.Unhealthy; len(got) != 3 {
			t.Errorf("unwell are %+v, want what never ran", got)
		}
		if got := logged.with("misused"); len(got) != 2 {
			t.Errorf("of others: %q", got)
		}

		wants(t, "when it has been told", p.Live(t.Context()), "")
		wants(t, "with names that never ran", p.Ready(t.Context()), "orders.consume: no task of that name ever ran: it is misspelt in health.Config.Critical, or was not started\nledger: no task of that name ever ran: it is misspelt in health.Config.Critical, or was not started\norders.import: it never ran: the supervisor that it was added to does not run")
		close(end)
		time.Sleep(10 * time.Minute)
		_ = p.Live(t.Context()) // this one misses what has just gone
		time.Sleep(10 * time.Minute)
		for _, want := range []string{
			`"orders.consume","reason":"no task orders.consume runs: no task of that name ever ran"`,
			`"ledger","reason":"no task ledger runs: no task of that name ever ran"`,
			`"orders.export","failed":true,"reason":"no task orders.export runs: it has ended for good, or its supervisor does not run"`,
			`"orders.import","reason":"no task orders.import runs: it has ended for good, or its supervisor does not run"`,
		} {
			if got := livez(); !strings.Contains(got, want) {
				t.Errorf("%s, want %s", got, want)
			}
		}
		rt.Go(ctx, "orders.consume", wait)
		end = make(chan struct{})
		rt.Go(ctx, "ledger", func(context.Context) error { <-end; return nil })
		go func() { _ = s.Run(ctx) }()
		synctest.Wait()
		wants(t, "when they run", p.Ready(t.Context()), "")
		turn()
		if got := rt.Status().Sample.Unhealthy; len(got) != 0 {
			t.Errorf("unwell are %+v, though all run", got)
		}
		if got := livez(); !strings.Contains(got, `{"name":"ledger"}`) {
			t.Errorf("of one that came late: %s", got)
		}
		close(end)
		synctest.Wait()
		_ = p.Live(t.Context())
		time.Sleep(10 * time.Minute)
		if got := livez(); !strings.Contains(got, `"ledger","failed":true`) {
			t.Errorf("of one that came late and is gone: %s", got)
		}
		cancel()
		if err := rt.Close(); err != nil {
			t.Error(err)
		}
	})
}

// Probes of no runtime miss no task.
func TestCriticalWithoutRuntime(t *testing.T) {
	p := newProbes(t, nil, health.Config{Critical: []string{"orders.consume"}})
	p.Started()
	wants(t, "live", p.Live(t.Context()), "")
	wants(t, "ready", p.Ready(t.Context()), "")
}
