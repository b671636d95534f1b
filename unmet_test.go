package hale_test

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/detect"
	"github.com/hale-go/hale/observe"
)

// A setting that names no operation is told of, once: soon where the name is nearly
// that of one.
func TestSettingsThatNameNoOperation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		limit := detect.Threshold{P95: time.Second}
		c := hale.Config{
			Tick:       time.Minute,
			Latency:    detect.LatencyConfig{Thresholds: map[string]detect.Threshold{"*": limit, "/ping": limit, "GET /pong": limit, "get /PONG": limit, "late": limit, "never": limit}},
			Objectives: []detect.Objective{{Operation: "GET /pong", Target: 0.99}, {Operation: "/gone", Target: 0.99}, {Operation: "*", Target: 0.99}, {Operation: "payments.charge", Target: 0.99}},
		}
		rt := newRuntime(t, hale.WithConfig(c))
		log := collect(rt)
		for _, name := range []string{"GET /ping", "GET /pong"} {
			rt.Operation(observe.Server, name, "")
		}
		rt.Operation(observe.Client, "payments.charge", "")
		told := func(turns int) (out []string) {
			for range turns {
				time.Sleep(time.Minute)
				if err := rt.Step(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			synctest.Wait()
			for _, e := range log.of(observe.EventMisuse) {
				out = append(out, e.Subject.Name)
			}
			slices.Sort(out)
			return out
		}
		if got := told(4); len(got) != 0 {
			t.Errorf("at once: %q", got)
		}
		if got := told(2); !slices.Equal(got, []string{"/ping", "get /PONG", "payments.charge"}) {
			t.Errorf("after five minutes: %q", got)
		}
		rt.Operation(observe.Internal, "late", "")
		for range 2 {
			if got := told(62); !slices.Equal(got, []string{"/gone", "/ping", "get /PONG", "never", "payments.charge"}) {
				t.Errorf("after an hour: %q", got)
			}
		}
		if e := log.of(observe.EventMisuse)[0]; !strings.Contains(e.Detail, `"GET /ping" may be meant`) {
			t.Errorf("%+v", e)
		}
	})
}

// A handler that is stricter than the levels which are to decide is told of, once.
func TestLevelsThatAHandlerDoesNotKnow(t *testing.T) {
	for _, wired := range []bool{true, false} {
		rt := newRuntime(t)
		log := collect(rt)
		levels := new(hale.LogLevels)
		opts := &slog.HandlerOptions{}
		if wired {
			opts.Level = levels
		}
		l := slog.New(hale.LogHandler(slog.NewJSONHandler(t.Output(), opts), hale.WithLevels(levels), hale.WithRuntime(rt)))
		l.Debug("nobody wants it")
		levels.SetDomain("orders", slog.LevelDebug)
		l.Debug("nobody wants it here")
		for range 3 {
			_ = rt.Do(t.Context(), "orders.create", func(ctx context.Context) error {
				l.With("a", 1).DebugContext(ctx, "wanted")
				return nil
			})
		}
		rt.Operation(observe.Internal, "", "") // after it, all that came before has been told
		poll(t, func() bool { return len(log.of(observe.EventMisuse)) > 0 })
		poll(t, func() bool {
			all := log.of(observe.EventMisuse)
			return all[len(all)-1].Subject.Name == "operation"
		})
		all := log.of(observe.EventMisuse)
		if told := len(all) - 1; (told == 0) != wired || told > 1 || (told == 1 && !strings.Contains(all[0].Detail, "DEBUG")) {
			t.Errorf("wired %v: %+v", wired, all)
		}
		if last := all[len(all)-1].Detail; last != `empty name: it counts as "operation"` {
			t.Error(last)
		}
	}
}

// A domain in which nothing is called protects nothing: that is told.
func TestDomainsInWhichNothingIsCalled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := newRuntime(t, hale.WithConfig(hale.Config{Tick: time.Minute, Domains: map[string]hale.DomainConfig{
			"payments": {}, "payments.quote": {}, "paymnets": {}, "shop": {}, "thumbnails": {}, "recomendations": {},
		}}))
		hale.SetDefault(rt)
		defer hale.SetDefault(nil)
		log := collect(rt)
		if _, err := rt.NewPool("thumbnails", hale.PoolConfig{}); err != nil {
			t.Fatal(err)
		}
		_ = callN(t, 1, "payments.quote", answer)
		_ = callN(t, 1, "shop.pages.home", answer)
		_ = callN(t, 1, "Recommendations.similar", answer)
		told := func(turns int) (out []string) {
			for range turns {
				time.Sleep(time.Minute)
				if err := rt.Step(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			synctest.Wait()
			for _, e := range log.of(observe.EventMisuse) {
				out = append(out, e.Subject.Name+": "+e.Detail)
			}
			return out
		}
		if got := told(6); len(got) != 2 || !strings.Contains(got[1], `"Recommendations" may be meant`) || !strings.Contains(got[0], `payments.quote: Config.Domains names a call and no domain: what "payments.quote" calls is in the domain "payments"`) {
			t.Errorf("after six minutes: %q", got)
		}
		if got := told(60); len(got) != 3 || !strings.HasPrefix(got[2], "paymnets: ") {
			t.Errorf("after an hour: %q", got)
		}
	})
}
