package hale_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/observe"
)

// under runs f in a task of the runtime.
func under(t *testing.T, rt *hale.Runtime, f func(ctx context.Context)) {
	t.Helper()
	if err := rt.Do(t.Context(), "orders.create", func(ctx context.Context) error { f(ctx); return nil }); err != nil {
		t.Fatal(err)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestSwitchesNest(t *testing.T) {
	rt := newRuntime(t)
	levels := func(ctx context.Context) string {
		var out []string
		for _, name := range []string{"reco", "reco.similar", "reco.similar.items", "recos", "reco.", "", "pay"} {
			out = append(out, fmt.Sprint(hale.DegradedLevel(ctx, name)))
		}
		return strings.Join(out, " ")
	}
	under(t, rt, func(ctx context.Context) {
		for _, c := range []struct {
			do   func() error
			want string
		}{
			{func() error { return nil }, "0 0 0 0 0 0 0"},
			{func() error { return rt.Degrade("reco.similar", 4, "", 0) }, "0 4 4 0 0 0 0"},
			{func() error { return rt.Degrade("reco", 2, "alice", 0) }, "2 4 4 0 2 0 0"},
			{func() error { return rt.Degrade("reco", 9, "bob", 0) }, "9 9 9 0 9 0 0"},
			{func() error { return rt.RestoreNow("reco", "bob") }, "2 4 4 0 2 0 0"},
			{func() error { return rt.RestoreNow("reco.similar", "hand") }, "2 2 2 0 2 0 0"},
			{func() error { return rt.RestoreNow("reco", "alice") }, "0 0 0 0 0 0 0"},
		} {
			must(t, c.do())
			if got := levels(ctx); got != c.want {
				t.Errorf("levels %s, want %s", got, c.want)
			}
		}
	})
}

// Asking costs no allocation, whatever is degraded.
func TestDegradedAllocatesNothing(t *testing.T) {
	rt := newRuntime(t)
	under(t, rt, func(ctx context.Context) {
		for _, lease := range []time.Duration{0, time.Hour, time.Nanosecond} {
			if lease > 0 {
				must(t, rt.Degrade("reco", 3, "", lease))
			}
			if n := testing.AllocsPerRun(100, func() { _ = hale.Degraded(ctx, "reco.similar.items") }); n > 0 {
				t.Errorf("lease %v: %v allocations", lease, n)
			}
		}
	})
}

// The runtime is that of the context, else the default one, else there is none.
func TestDegradedFindsItsRuntime(t *testing.T) {
	one, other := newRuntime(t), newRuntime(t)
	must(t, one.Degrade("reco", 1, "", 0))
	must(t, other.Degrade("reco", 2, "", 0))
	level := func(ctx context.Context, want int) {
		t.Helper()
		if got := hale.DegradedLevel(ctx, "reco"); got != want || hale.Degraded(ctx, "reco") != (want > 0) {
			t.Errorf("level %d, want %d", got, want)
		}
	}
	level(context.Background(), 0)
	level(nil, 0)
	hale.SetDefault(other)
	defer hale.SetDefault(nil)
	level(context.Background(), 2)
	level(nil, 2)
	under(t, one, func(ctx context.Context) { level(ctx, 1) })
	hale.SetDefault(&hale.Runtime{})
	level(context.Background(), 0)
}

func TestDegradeRefuses(t *testing.T) {
	rt := newRuntime(t)
	long := strings.Repeat("x", 129)
	for _, c := range []struct {
		name, by, field string
		level           int
		lease           time.Duration
	}{
		{"", "", "name", 1, 0},
		{"a..b", "", "name", 1, 0},
		{long, "", "name", 1, 0},
		{"größe", "", "name", 1, 0},
		{"a.b.c.d.e.f.g.h.i", "", "name", 1, 0},
		{"a", "", "level", 0, 0},
		{"a", "", "level", 10, 0},
		{"a", "", "level", -1, 0},
		{"a", long, "by", 1, 0},
		{"a", "x\n", "by", 1, 0},
		{"a", "", "lease", 1, -1},
		{"a", "", "lease", 1, 721 * time.Hour},
	} {
		err := rt.Degrade(c.name, c.level, c.by, c.lease)
		var bad *hale.ConfigError
		if !errors.As(err, &bad) || bad.Field != "Degrade "+c.field || hale.Hint(err) == "" {
			t.Errorf("%q %d %q %v: %v", c.name, c.level, c.by, c.lease, err)
		}
	}
	if n := len(rt.Degradations()); n != 0 {
		t.Errorf("%d switches are degraded by what was refused", n)
	}
	for _, err := range []error{rt.Restore("a", ""), rt.RestoreNow("a", ""), rt.Restore("a\n"+long, long)} {
		if !errors.Is(err, hale.ErrNotDegraded) || hale.Hint(err) == "" || len(err.Error()) > 400 {
			t.Errorf("restored what is not degraded: %v", err)
		}
	}
	var none *hale.Runtime
	for _, rt := range []*hale.Runtime{none, {}} {
		if rt.Degrade("a", 1, "", 0) == nil || rt.Restore("a", "") == nil || rt.RestoreNow("a", "") == nil || rt.Degradations() != nil {
			t.Error("a runtime that was not made took it")
		}
	}
}

func TestSwitchesAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := newRuntime(t)
		for i := range 1024 {
			must(t, rt.Degrade(fmt.Sprint("user", i), 1, "", time.Hour))
		}
		var bad *hale.ConfigError
		if err := rt.Degrade("more", 1, "", 0); !errors.As(err, &bad) {
			t.Errorf("one too many: %v", err)
		}
		must(t, rt.Degrade("user7", 2, "alice", 0))
		if got := rt.Degradations(); len(got) != 1024 || got[1].Name != "user1" {
			t.Errorf("%d switches, the second is %s", len(got), got[1].Name)
		}
		time.Sleep(time.Hour + 10*time.Second)
		must(t, rt.Degrade("more", 1, "", 0)) // those that are over make room, turn or no turn
		if got := rt.Degradations(); len(got) != 2 {
			t.Errorf("%d switches", len(got))
		}
		for i := range 65 {
			err := rt.Degrade("more", 2, fmt.Sprint("p", i), 0)
			if full := i == 64; full != errors.As(err, &bad) {
				t.Errorf("party %d: %v", i, err)
			}
		}
		if got := rt.Degradations()[0]; len(got.Holders) != 64 || got.Dropped != 2 || got.Level != 2 {
			t.Errorf("%d holders, %d dropped, level %d", len(got.Holders), got.Dropped, got.Level)
		}
	})
}

func TestConfigDegrades(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		levels := map[string]int{"reco": 3, "search.fuzzy": 1}
		rt := newRuntime(t, hale.WithConfig(hale.Config{Degraded: levels, Degradation: hale.DegradationConfig{Settle: time.Second}}))
		levels["reco"] = 9 // the settings were copied
		stat := func() string {
			var out []string
			for _, d := range rt.Degradations() {
				text := fmt.Sprint(d.Name, " ", d.Level, " of ", d.Asked)
				for _, h := range d.Holders {
					text += fmt.Sprintf(" (%s %d)", h.By, h.Level)
				}
				out = append(out, text)
			}
			return strings.Join(out, "; ")
		}
		is := func(want string) {
			t.Helper()
			if got := stat(); got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
		}
		is("reco 3 of 3 (config 3); search.fuzzy 1 of 1 (config 1)")
		must(t, rt.Degrade("reco", 1, "", 0))
		must(t, hale.ReconfigureSwitches(rt, map[string]int{"search.fuzzy": 2}))
		is("reco 3 of 1 (hand 1); search.fuzzy 2 of 2 (config 2)")
		time.Sleep(5 * time.Second)
		is("reco 1 of 1 (hand 1); search.fuzzy 2 of 2 (config 2)")
		must(t, hale.ReconfigureSwitches(rt, nil))
		must(t, rt.Restore("reco", ""))
		time.Sleep(2 * time.Second)
		if is(""); hale.DegradedLevel(t.Context(), "reco") != 0 {
			t.Error("still degraded")
		}
	})
	for _, c := range []struct {
		field string
		cfg   hale.Config
	}{
		{`Config.Degraded["a..b"]`, hale.Config{Degraded: map[string]int{"a..b": 1}}},
		{`Config.Degraded["a"]`, hale.Config{Degraded: map[string]int{"a": 0}}},
		{`Config.Degraded["a"]`, hale.Config{Degraded: map[string]int{"a": 10}}},
		{"Config.Degraded", hale.Config{Degraded: func() map[string]int {
			m := map[string]int{}
			for i := range 1025 {
				m[fmt.Sprint("s", i)] = 1
			}
			return m
		}()}},
		{"Config.Degradation.Settle", hale.Config{Degradation: hale.DegradationConfig{Settle: -1}}},
		{"Config.Degradation.Settle", hale.Config{Degradation: hale.DegradationConfig{Settle: 10}}},
		{"Config.Degradation.Settle", hale.Config{Degradation: hale.DegradationConfig{Settle: 25 * time.Hour}}},
	} {
		var bad *hale.ConfigError
		if _, err := hale.New(hale.WithConfig(c.cfg)); !errors.As(err, &bad) || bad.Field != c.field || bad.Mend == "" {
			t.Errorf("%s: %v", c.field, err)
		}
	}
}

// A change of a level is an event, in the log and in the sample of the same turn, also
// when it comes by itself.
func TestDegradationIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		rt := newRuntime(t, hale.WithLogger(slog.New(slog.NewTextHandler(&out, nil))))
		heard := collect(rt)
		must(t, rt.Degrade("reco", 2, "", time.Minute))
		must(t, rt.Degrade("reco", 2, "alice", time.Minute)) // is no change
		for range 90 {
			steps(t, rt, 1)
			sample := rt.Status().Sample.Degraded
			want := []observe.DegradedStat{}
			if l := rt.Degradations(); len(l) > 0 {
				want = append(want, observe.DegradedStat{Name: "reco", Level: l[0].Level})
			}
			if !slices.Equal(sample, want) {
				t.Fatalf("the sample has %v, want %v", sample, want)
			}
		}
		must(t, rt.Degrade("reco", 1, "", 0))
		must(t, rt.RestoreNow("reco", ""))
		synctest.Wait()
		var told []string
		for _, kind := range []observe.EventKind{observe.EventDegraded, observe.EventRestored} {
			for _, e := range heard.of(kind) {
				told = append(told, fmt.Sprint(e.Kind, " ", e.Subject.Name, " ", e.Detail))
			}
		}
		want := []string{
			"degraded reco level 2, was 0: by hand", "degraded reco level 1, was 0: by hand",
			"restored reco level 1, was 2: on its way to 0", "restored reco level 0, was 1", "restored reco level 0, was 1",
		}
		if !slices.Equal(told, want) {
			t.Errorf("told %q\nwant %q", told, want)
		}
		for _, line := range []string{
			`level=WARN msg=degraded switch=reco detail="level 2, was 0: by hand"`,
			`level=INFO msg=restored switch=reco detail="level 1, was 2: on its way to 0"`,
		} {
			if !strings.Contains(out.String(), line) {
				t.Errorf("the log lacks %s:\n%s", line, out.String())
			}
		}
		for _, s := range rt.Recording().Segments {
			for _, turn := range s.Turns {
				for _, e := range turn.Events {
					if l := slices.IndexFunc(turn.Sample.Degraded, func(d observe.DegradedStat) bool { return d.Name == e.Subject.Name }); e.Kind == observe.EventRestored && strings.Contains(e.Detail, "level 1") != (l >= 0) {
						t.Errorf("turn %d tells %q and its sample has %v", turn.Seq, e.Detail, turn.Sample.Degraded)
					}
				}
			}
		}
	})
}

// Who sets and restores a switch all the time does not fill the log.
func TestChangesAreLoggedWithinBounds(t *testing.T) {
	var out bytes.Buffer
	rt := newRuntime(t, hale.WithLogger(slog.New(slog.NewTextHandler(&out, nil))))
	for range 500 {
		must(t, rt.Degrade("reco", 1, "", 0))
		must(t, rt.RestoreNow("reco", ""))
	}
	must(t, rt.Step(t.Context()))
	text := out.String()
	if n := strings.Count(text, "switch=reco"); n != 100 || !strings.Contains(text, `"switches change all the time" changes=1000 logged=100`) {
		t.Errorf("%d records:\n%.2000s", n, text)
	}
}

// A status page has all that it takes to say why, since when and for how long.
func TestDegradationsTellWhy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := newRuntime(t)
		began := time.Now()
		must(t, rt.Degrade("reco", 3, "deploy", time.Minute))
		must(t, rt.Degrade("reco", 1, "alice", 0))
		time.Sleep(65 * time.Second)
		st := rt.Degradations()[0]
		if st.Level != 3 || st.Asked != 1 || !st.Since.Equal(began) || !st.Falls.Equal(began.Add(70*time.Second)) {
			t.Errorf("%+v", st)
		}
		time.Sleep(20 * time.Second)
		st = rt.Degradations()[0]
		if st.Level != 1 || !st.Since.Equal(began.Add(80*time.Second)) || !st.Falls.IsZero() || len(st.Holders) != 1 || st.Holders[0].By != "alice" || !st.Holders[0].Until.IsZero() {
			t.Errorf("%+v", st)
		}
		if b, err := json.Marshal(st); err != nil || strings.Contains(string(b), "falls") || !strings.Contains(string(b), `"holders":[{"by":"alice","level":1}]`) {
			t.Errorf("%s, %v", b, err)
		}
	})
}

func TestSwitchesAreReadWhileTheyChange(t *testing.T) {
	rt := newRuntime(t, hale.WithConfig(hale.Config{Degraded: map[string]int{"a": 2}, Degradation: hale.DegradationConfig{Settle: time.Millisecond}}))
	var all sync.WaitGroup
	for i := range 4 {
		all.Go(func() {
			by := fmt.Sprint("p", i)
			for k := range 300 {
				name := []string{"a", "a.b", "c"}[k%3]
				if err := rt.Degrade(name, 3+k%3, by, time.Duration(k%2)*time.Microsecond); err != nil {
					t.Error(err)
				}
				if err := rt.Restore(name, by); err != nil && !errors.Is(err, hale.ErrNotDegraded) {
					t.Error(err)
				}
				_ = rt.RestoreNow(name, by)
			}
		})
		all.Go(func() {
			under(t, rt, func(ctx context.Context) {
				for range 2000 {
					if l := hale.DegradedLevel(ctx, "a.b"); l < 2 || l > 5 {
						t.Errorf("level %d", l)
						return
					}
				}
			})
		})
		all.Go(func() {
			for range 10 {
				_ = rt.Step(context.Background())
				_ = rt.Degradations()
			}
		})
	}
	all.Wait()
}

// Another settle time holds for the switches that are degraded already.
func TestSettleChangesWhileDegraded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := newRuntime(t, hale.WithConfig(hale.Config{Degradation: hale.DegradationConfig{Settle: time.Hour}}))
		must(t, rt.Degrade("reco", 1, "", 0))
		must(t, rt.Restore("reco", ""))
		time.Sleep(time.Minute)
		must(t, rt.Reconfigure(hale.Config{Degradation: hale.DegradationConfig{Settle: 2 * time.Minute}}))
		if !hale.DegradedIn(rt, "reco") {
			t.Error("it came back before it had settled")
		}
		time.Sleep(time.Minute)
		if hale.DegradedIn(rt, "reco") {
			t.Error("it settles as the former settings said")
		}
	})
}

// A switch of hale's own for a domain that there is not is taken, and told of.
func TestDegradeUnknownDomain(t *testing.T) {
	var log bytes.Buffer
	rt := newRuntime(t, hale.WithLogger(slog.New(slog.NewTextHandler(&log, nil))), hale.WithConfig(hale.Config{Domains: map[string]hale.DomainConfig{"shop": {}}}))
	for _, name := range []string{"shed:shop", "shrink:shop", "shed:shp"} {
		if err := rt.Degrade(name, 1, "", 0); err != nil {
			t.Fatal(err)
		}
	}
	_ = rt.Step(t.Context())
	if text := log.String(); strings.Count(text, "no settings declare") != 1 || !strings.Contains(text, "shed:shp") {
		t.Errorf("logged %s", text)
	}
}
