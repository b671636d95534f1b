package main

import (
	"context"
	"math"
	"net"
	"net/http"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// TestUnits sees to it that every contestant runs every unit, once, before its
// round ends.
func TestUnits(t *testing.T) {
	for _, ways := range [][]way{poolWays(), goWays()} {
		for _, producers := range []int{1, 16} {
			var ran atomic.Int64
			l := load{producers: producers, units: 1003, body: func() { ran.Add(1) }}
			contestants, err := l.contestants(ways)
			if err != nil {
				t.Fatal(err)
			}
			want := int64(2 * l.units) // with the lap before
			for _, k := range contestants {
				ran.Store(0)
				m, err := k.measure()
				if got := ran.Load(); err != nil || got != want {
					t.Errorf("%s, %d producers: %d of %d units ran, error %v", k.name, producers, got, want, err)
				}
				if m.nanos <= 0 {
					t.Errorf("%s, %d producers: took %v ns a unit", k.name, producers, m.nanos)
				}
				k.close()
			}
		}
	}
}

func TestRestarts(t *testing.T) {
	for name, s := range map[string]supervise{"hale": superviseHale, "suture": superviseSuture} {
		var runs atomic.Int64
		counted := func(service func(context.Context) error) (func() error, error) {
			return s(func(ctx context.Context) error { runs.Add(1); return service(ctx) })
		}
		m, err := restartContestant(name, 50, counted).measure()
		if err != nil || runs.Load() != 51 {
			t.Errorf("%s: %d runs for 50 restarts, error %v", name, runs.Load(), err)
		}
		if m.p50 <= 0 || m.p99 < m.p50 || m.bytes <= 0 {
			t.Errorf("%s: reading %+v", name, m)
		}
	}
}

func TestShares(t *testing.T) {
	for _, l := range []load{{producers: 1, units: 5}, {producers: 16, units: 5}, {producers: 16, units: 1003}} {
		sum := 0
		for p := range l.producers {
			sum += l.share(p)
		}
		if sum != l.units {
			t.Errorf("%+v: shares make %d", l, sum)
		}
	}
}

func TestVerdict(t *testing.T) {
	for _, c := range []struct {
		r    row
		want string
	}{
		{row{name: "a", values: series{0.4, 0.45, 0.9}, unit: times, target: 0.45}, "a | 0.450x | <= 0.45x | ok"},
		{row{name: "as written", values: series{0.4504}, unit: times, target: 0.45}, "as written | 0.450x | <= 0.45x | ok"},
		{row{name: "above", values: series{0.4506}, unit: times, target: 0.45}, "above | 0.451x | <= 0.45x | short"},
		{row{name: "set-up", values: series{1.004}, unit: allocs, target: 1}, "set-up | 1.00 allocs | <= 1 allocs | ok"},
		{row{name: "allocs", values: series{1.02}, unit: allocs, target: 1}, "allocs | 1.02 allocs | <= 1 allocs | short"},
		{row{name: "bytes", values: series{1000, 1020}, unit: bytes, target: 1024}, "bytes | 1010 B | <= 1024 B | ok"},
		{row{name: "more", values: series{0.989}, unit: times, target: 0.99, sense: atLeast}, "more | 0.989x | >= 0.99x | short"},
		{row{name: "enough", values: series{0.99}, unit: times, target: 0.99, sense: atLeast}, "enough | 0.990x | >= 0.99x | ok"},
		{row{name: "none", values: series{0.004}, unit: allocs, sense: none}, "none | 0.00 allocs | <= 0 allocs | ok"},
		{row{name: "less than none", values: series{-0.004}, unit: allocs, sense: none}, "less than none | 0.00 allocs | <= 0 allocs | ok"},
		{row{name: "some", values: series{1}, unit: allocs, sense: none}, "some | 1.00 allocs | <= 0 allocs | short"},
		{row{name: "no more", unit: times, target: 1, sense: atLeast}, "no more | NaNx | >= 1x | short"},
		{row{name: "peer", values: series{7}, unit: times}, "peer | 7.000x | - | -"},
		{row{name: "no figure", unit: times, target: 1}, "no figure | NaNx | <= 1x | short"},
	} {
		if got := strings.Join(strings.Fields(c.r.String()), " "); got != c.want {
			t.Errorf("row %q, want %q", got, c.want)
		}
	}
}

func TestSeries(t *testing.T) {
	s := series{3, 1, 2, 4}
	for q, want := range map[float64]float64{0: 1, 0.5: 2.5, 1: 4} {
		if got := s.at(q); got != want {
			t.Errorf("quantile %v is %v, want %v", q, got, want)
		}
	}
	if got := (series{2, 9}).over(series{4, 3}); got.at(0) != 0.5 || got.at(1) != 3 {
		t.Errorf("divided: %v", got)
	}
	if !math.IsNaN(series{}.median()) {
		t.Error("an empty series has a median")
	}
}

// TestRun plays everything once, small.
func TestRun(t *testing.T) {
	all := contests(size{
		units: 500, restarts: 20, stuck: 3, beats: 1000, logs: 200, parked: 100, snapshot: []int{1000}, idle: 50 * time.Millisecond, http: 20 * time.Millisecond,
		requests: 100, served: 64, retries: 1000, adaptive: 200 * time.Millisecond,
		calls: 1000, open: 5 * time.Millisecond, walls: 80 * time.Millisecond, mixed: 300, dump: 50, saves: 3,
	})
	var out strings.Builder
	if err := run(&out, all, 2, regexp.MustCompile(""), false); err != nil {
		t.Fatal(err)
	}
	rows := 0
	for line := range strings.Lines(out.String()) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		rows++
		cells := strings.Split(strings.TrimSpace(line), " | ")
		if len(cells) != 4 || strings.Contains(line, "NaN") {
			t.Errorf("row %q", line)
			continue
		}
		hasTarget := strings.HasPrefix(cells[2], "<= ") || strings.HasPrefix(cells[2], ">= ")
		if judged := cells[3] == "ok" || cells[3] == "short"; judged != hasTarget {
			t.Errorf("verdict %q for target %q in %q", cells[3], cells[2], line)
		}
	}
	if want := 2*7 + 2*7 + 4 + 2 + 2 + 7 + 3 + 3 + 6 + 2 + 2*9 + 1 + 6 + 2 + 2*14 + 2*10 + 6 + 5 + 3 + 8 + 5; rows != want {
		t.Errorf("%d rows, want %d:\n%s", rows, want, out.String())
	}
	var one strings.Builder
	if err := run(&one, all, 1, regexp.MustCompile("^go/1$"), true); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(one.String(), "pool/") || strings.Count(one.String(), "#   ") != 7 {
		t.Errorf("-run ^go/1$ -v printed:\n%s", one.String())
	}
}

// A request that is not answered as it should be fails its round.
func TestServeFails(t *testing.T) {
	serve := func(server *http.Server, l net.Listener) func() {
		server.Handler = http.NotFoundHandler()
		return servePlain(server, l)
	}
	s, err := newService(serve)
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	if _, err := s.answer(8); err == nil || !strings.Contains(err.Error(), "404") {
		t.Errorf("error %v", err)
	}
}
