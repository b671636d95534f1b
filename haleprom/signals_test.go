package haleprom_test

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/detect"
	"github.com/hale-go/hale/observe"
)

// odd tells a finding of another kind in each turn.
type odd struct{ turns int }

func (d *odd) Detect(observe.Turn) []detect.Finding {
	d.turns++
	return []detect.Finding{{
		Kind: detect.Kind(fmt.Sprint("odd ", d.turns)), Subject: observe.Subject{Name: "a"}, Confidence: detect.Confidence(1 + d.turns%2), Active: true,
		Evidence: []detect.Evidence{{Channel: detect.Logs, Text: "odd"}},
	}}
}

func TestLogRecords(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := newRuntime(t)
		log := slog.New(hale.LogHandler(slog.NewTextHandler(discard{}, &slog.HandlerOptions{Level: slog.LevelDebug - 4}), hale.WithRuntime(rt)))
		err := rt.Do(t.Context(), "orders.import", func(ctx context.Context) error {
			for range 3 {
				log.WarnContext(ctx, "slow")
			}
			log.Log(ctx, slog.LevelWarn+3, "slower")
			log.Log(ctx, hale.LevelFatal+5, "dead")
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		log.Log(t.Context(), slog.LevelDebug-1, "found")
		for i := range 400 { // more forms than a turn tells of
			log.ErrorContext(t.Context(), "form "+strings.Repeat("x", i+1))
		}
		step(t, rt)
		reg, c := register(t, rt)
		for range 2 {
			wants(t, scrape(t, reg), map[string]float64{
				"hale_log_records_total{domain=orders,level=debug}": 0,
				"hale_log_records_total{domain=orders,level=warn}":  4,
				"hale_log_records_total{domain=orders,level=fatal}": 1,
				"hale_log_records_total{domain=,level=debug}":       1,
				"hale_log_records_total{domain=,level=error}":       400,
			})
		}
		if n := testutil.CollectAndCount(c, "hale_log_records_total"); n != 10 {
			t.Errorf("%d series", n)
		}
		for i := range 300 { // and more domains than are told apart
			_ = rt.Do(t.Context(), fmt.Sprintf("domain%d.work", i), func(ctx context.Context) error {
				log.InfoContext(ctx, "hello")
				return nil
			})
			if i%100 == 99 {
				time.Sleep(time.Second)
				step(t, rt)
			}
		}
		if n := testutil.CollectAndCount(c, "hale_log_records_total"); n != 5*101 {
			t.Errorf("%d series", n)
		}
		sum := 0.0
		for name, v := range scrape(t, reg) {
			if strings.HasPrefix(name, "hale_log_records_total{") && strings.Contains(name, "level=info") {
				sum += v
			}
		}
		if sum != 300 {
			t.Errorf("%v records at INFO, want 300", sum)
		}
		if problems, err := testutil.CollectAndLint(c); err != nil || len(problems) > 0 {
			t.Errorf("%v, %v", problems, err)
		}
	})
}

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }

func TestFindings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := newRuntime(t, hale.WithDetector("odd", func() detect.Detector { return &odd{} }))
		reg, c := register(t, rt)
		wants(t, scrape(t, reg), map[string]float64{"hale_findings_total{confidence=confirmed,kind=goroutine_leak}": 0})
		for range 3 {
			_ = rt.Do(t.Context(), "orders.import", func(context.Context) error { panic("x") })
			time.Sleep(time.Second)
			step(t, rt)
		}
		got := scrape(t, reg)
		wants(t, got, map[string]float64{
			"hale_findings_total{confidence=confirmed,kind=odd 1}": 1,
			"hale_findings_total{confidence=suspected,kind=odd 2}": 1,
			"hale_findings_total{confidence=suspected,kind=panic}": 1,
		})
		for range 150 {
			time.Sleep(time.Second)
			step(t, rt)
		}
		if n := testutil.CollectAndCount(c, "hale_findings_total"); n > 2*(22+101) {
			t.Errorf("%d series", n)
		}
		if got := scrape(t, reg)["hale_findings_total{confidence=confirmed,kind=other}"]; got < 20 {
			t.Errorf("%v of other kinds", got)
		}
		if problems, err := testutil.CollectAndLint(c); err != nil || len(problems) > 0 {
			t.Errorf("%v, %v", problems, err)
		}
	})
}

// The level of a switch is there while it is degraded.
func TestDegradedLevel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := newRuntime(t)
		if err := rt.Degrade("reco.similar", 3, "", 0); err != nil {
			t.Fatal(err)
		}
		reg, c := register(t, rt)
		step(t, rt)
		wants(t, scrape(t, reg), map[string]float64{"hale_degraded_level{name=reco.similar}": 3})
		if err := rt.Restore("reco.similar", ""); err != nil {
			t.Fatal(err)
		}
		time.Sleep(21 * time.Second)
		step(t, rt)
		wants(t, scrape(t, reg), map[string]float64{"hale_degraded_level{name=reco.similar}": 1})
		if problems, err := testutil.CollectAndLint(c); err != nil || len(problems) > 0 {
			t.Errorf("%v, %v", problems, err)
		}
		time.Sleep(10 * time.Second)
		step(t, rt)
		if n := testutil.CollectAndCount(c, "hale_degraded_level"); n != 0 {
			t.Errorf("%d series of what is not degraded", n)
		}
	})
}
