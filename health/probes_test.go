package health_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/health"
	"github.com/hale-go/hale/isolate"
	"github.com/hale-go/hale/observe"
)

func newRuntime(t *testing.T, cfg hale.Config) *hale.Runtime {
	t.Helper()
	rt, err := hale.New(hale.WithConfig(cfg), hale.WithLogger(slog.New(slog.DiscardHandler)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = rt.Close() })
	return rt
}

func newProbes(t *testing.T, rt *hale.Runtime, cfg health.Config) *health.Probes {
	t.Helper()
	p, err := health.New(rt, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// wants checks what an error says; "" is none.
func wants(t *testing.T, when string, err error, text string) {
	t.Helper()
	if (err == nil) != (text == "") || (err != nil && !strings.Contains(err.Error(), text)) {
		t.Errorf("%s: %v, want %q", when, err, text)
	}
}

// A critical task that hangs is not lived with for longer than the patience, and one that
// was restarted in time is.
func TestLive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := newRuntime(t, hale.Config{})
		p := newProbes(t, rt, health.Config{Critical: []string{"orders.consume"}})
		for range 60 {
			wants(t, "while it starts", p.Live(t.Context()), "")
			time.Sleep(time.Second)
		}
		p.Started()
		wants(t, "at first", p.Live(t.Context()), "")
		time.Sleep(10 * time.Minute)
		wants(t, "without the task", p.Live(t.Context()), "")
		wants(t, "without the task", p.Ready(t.Context()), "orders.consume: no task of that name ever ran")
		beats, release := atomic.Bool{}, make(chan struct{})
		beats.Store(true)
		rt.Go(t.Context(), "orders.consume", func(ctx context.Context) error {
			for beats.Load() {
				hale.Beat(ctx)
				time.Sleep(time.Second)
			}
			<-release
			return nil
		}, hale.Heartbeat(3*time.Second))
		synctest.Wait()
		wants(t, "while it beats", p.Live(t.Context()), "")
		beats.Store(false)
		for range 5 {
			time.Sleep(2 * time.Second)
			wants(t, "when it just fell silent", p.Live(t.Context()), "")
		}
		time.Sleep(10 * time.Minute) // however starved the machine that runs this test is
		wants(t, "when it was silent for long", p.Live(t.Context()), "orders.consume has had no heartbeat for 3s")
		close(release)
		rt.Go(t.Context(), "orders.consume", func(ctx context.Context) error { <-ctx.Done(); return nil })
		synctest.Wait()
		wants(t, "with another", p.Live(t.Context()), "")
		if err := rt.Close(); err != nil {
			t.Error(err)
		}
	})
}

// The service asks itself.
func TestLoopback(t *testing.T) {
	var status atomic.Int64
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(int(status.Load())) }))
	defer srv.Close()
	p := newProbes(t, nil, health.Config{Loopback: srv.URL, Patience: time.Nanosecond})
	for _, c := range []struct {
		status int
		want   string
	}{{200, ""}, {404, ""}, {302, ""}, {503, "503 Service Unavailable"}, {200, ""}} {
		status.Store(int64(c.status))
		_ = p.Live(t.Context())
		wants(t, http.StatusText(c.status), p.Live(t.Context()), c.want)
	}
	srv.Close()
	_ = p.Live(t.Context())
	wants(t, "nobody listens", p.Live(t.Context()), "loopback: ")
}

func TestReady(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := newRuntime(t, hale.Config{Domains: map[string]hale.DomainConfig{"catalog": {Bulkhead: &isolate.BulkheadConfig{Limit: 1}}}})
		check := func(context.Context) error { return nil }
		p := newProbes(t, rt, health.Config{
			Saturated: []observe.Domain{"catalog"}, Degraded: map[string]int{"reco": 2},
			Checks: map[string]func(context.Context) error{"cache": func(ctx context.Context) error { return check(ctx) }},
		})
		wants(t, "at first", p.Ready(t.Context()), "started: it has not started yet")
		p.Started()
		wants(t, "when it has started", p.Ready(t.Context()), "")

		if err := rt.Degrade("reco", 1, "", 0); err != nil {
			t.Fatal(err)
		}
		wants(t, "a little degraded", p.Ready(t.Context()), "")
		if err := rt.Degrade("reco", 3, "", 0); err != nil {
			t.Fatal(err)
		}
		wants(t, "more degraded", p.Ready(t.Context()), "switch reco: it is degraded at level 3")
		if err := rt.RestoreNow("reco", ""); err != nil {
			t.Fatal(err)
		}

		visit, err := rt.Wall("catalog.pages", "").Enter(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		wants(t, "just full", p.Ready(t.Context()), "")
		time.Sleep(6 * time.Second)
		wants(t, "full", p.Ready(t.Context()), "domain catalog: all of its 1 places are taken")
		visit.Leave(isolate.Succeeded)
		wants(t, "with room", p.Ready(t.Context()), "")

		check = func(context.Context) error { return errors.New("it is cold") }
		wants(t, "a check", p.Ready(t.Context()), "cache: it is cold")
		check = func(context.Context) error { panic("boom") }
		wants(t, "a check that panics", p.Ready(t.Context()), "cache: panic: boom")
		check = func(context.Context) error { runtime.Goexit(); return nil }
		wants(t, "a check that ends its goroutine", p.Ready(t.Context()), "cache: it ended its goroutine")
		hang := make(chan struct{})
		check = func(context.Context) error { <-hang; return nil }
		wants(t, "a check that hangs", p.Ready(t.Context()), "cache: it has not come back for 1s")
		wants(t, "one that hangs still", p.Ready(t.Context()), "cache: it has not come back for 2s")
		close(hang)
		synctest.Wait()
		wants(t, "one that has come back", p.Ready(t.Context()), "")

		p.Drain()
		wants(t, "when it drains", p.Ready(t.Context()), "serving: it drains")
		wants(t, "it lives when it drains", p.Live(t.Context()), "")
	})
}

// Who asks while a check is asked shares its answer, and one that hangs spoils no other's.
func TestChecksAreShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked, release := atomic.Int64{}, make(chan struct{})
		p := newProbes(t, nil, health.Config{Checks: map[string]func(context.Context) error{
			"a": func(context.Context) error { <-release; return nil },
			"b": func(ctx context.Context) error { asked.Add(1); time.Sleep(100 * time.Millisecond); return ctx.Err() },
		}})
		p.Started()
		got := make(chan error, 3)
		for range 3 {
			go func() { got <- p.Ready(t.Context()) }()
		}
		for range 3 {
			if err := <-got; err == nil || strings.Contains(err.Error(), "b:") || !strings.Contains(err.Error(), "a: it has not come back") {
				t.Errorf("%v", err)
			}
		}
		if n := asked.Load(); n != 1 {
			t.Errorf("asked %d times", n)
		}
		close(release)
	})
}

func TestHandler(t *testing.T) {
	rt := newRuntime(t, hale.Config{})
	p := newProbes(t, rt, health.Config{})
	h := p.Handler()
	get := func(path string) (int, health.Answer) {
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, path, http.NoBody))
		body, _ := io.ReadAll(rec.Body)
		var a health.Answer
		if err := json.Unmarshal(body, &a); err != nil {
			t.Errorf("%s: %s: %v", path, body, err)
		}
		return rec.Code, a
	}
	for _, c := range []struct {
		path   string
		before int
		after  int
	}{{"/livez", 200, 200}, {"/readyz", 503, 200}, {"/startupz", 503, 200}} {
		p := p
		code, a := get(c.path)
		if code != c.before || a.OK != (code == 200) || a.Observer != "off" || len(a.Checks) == 0 {
			t.Errorf("%s: %d %+v", c.path, code, a)
		}
		defer func() {
			p.Started()
			if code, a := get(c.path); code != c.after || !a.OK {
				t.Errorf("%s, when it has started: %d %+v", c.path, code, a)
			}
		}()
	}
}

func TestConfig(t *testing.T) {
	for _, c := range []health.Config{
		{Patience: -1}, {Timeout: 25 * time.Hour}, {Saturation: -time.Second}, {Loopback: "::bad"}, {Loopback: "/ping"}, {Degraded: map[string]int{"a": 0}}, {Checks: map[string]func(context.Context) error{"a": nil}}, {Critical: []string{"a", ""}}, {Critical: []string{"a", "b", "a"}},
	} {
		_, err := health.New(nil, c)
		if bad, ok := errors.AsType[*hale.ConfigError](err); !ok || bad.Mend == "" {
			t.Errorf("%+v: %v", c, err)
		}
	}
}
