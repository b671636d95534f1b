package haleprom_test

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/haleprom"
	"github.com/hale-go/hale/observe"
)

// readings takes a turn, a second after the one before, and returns what it read.
func readings(t *testing.T, rt *hale.Runtime) string {
	t.Helper()
	time.Sleep(time.Second)
	step(t, rt)
	var out []string
	for _, r := range rt.Status().Sample.Readings {
		out = append(out, fmt.Sprintf("%s=%g", r.Name, r.Value))
	}
	return strings.Join(out, " ")
}

func TestMeasure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt, reg := newRuntime(t), prometheus.NewRegistry()
		depth := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "queue_depth", Help: "Units."}, []string{"shard"})
		jobs := prometheus.NewCounter(prometheus.CounterOpts{Name: "jobs_total", Help: "Jobs."})
		took := prometheus.NewHistogram(prometheus.HistogramOpts{Name: "job_seconds", Help: "Jobs."})
		odd := prometheus.NewGauge(prometheus.GaugeOpts{Name: "odd", Help: "Odd."})
		reg.MustRegister(depth, jobs, took, odd)
		var gathered atomic.Int64
		g := prometheus.GathererFunc(func() ([]*dto.MetricFamily, error) { gathered.Add(1); return reg.Gather() })
		stop, err := haleprom.Measure(rt, g, "queue_depth", "jobs_total", "job_seconds", "odd", "later", "jobs_total")
		if err != nil {
			t.Fatal(err)
		}
		check := func(want string) {
			t.Helper()
			if got := readings(t, rt); got != want {
				t.Errorf("%q, want %q", got, want)
			}
		}
		odd.Set(math.Inf(1))
		check("") // no shard, the first look at jobs, and nothing finite
		depth.WithLabelValues("a").Set(3)
		depth.WithLabelValues("b").Set(4)
		jobs.Add(10)
		odd.Set(math.NaN())
		check("jobs_total=10 queue_depth=7")
		later := prometheus.NewGauge(prometheus.GaugeOpts{Name: "later", Help: "Later."})
		reg.MustRegister(later)
		odd.Set(-1)
		check("jobs_total=0 later=0 odd=-1 queue_depth=7")
		if n := gathered.Load(); n != 3 {
			t.Errorf("gathered %d times in 3 turns", n)
		}
		reg.Unregister(jobs)
		jobs = prometheus.NewCounter(prometheus.CounterOpts{Name: "jobs_total", Help: "Jobs."})
		reg.MustRegister(jobs)
		jobs.Add(5)
		check("later=0 odd=-1 queue_depth=7") // it fell
		jobs.Add(5)
		check("jobs_total=5 later=0 odd=-1 queue_depth=7")
		stop()
		stop()
		check("")
	})
}

// A gatherer that errs, panics or hangs costs the readings of that time only.
func TestMeasureBrokenGatherers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt, reg := newRuntime(t), prometheus.NewRegistry()
		for _, name := range []string{"a", "b"} {
			g := prometheus.NewGauge(prometheus.GaugeOpts{Name: name, Help: "One."})
			reg.MustRegister(g)
			g.Set(1)
		}
		bad := func() {}
		stop, err := haleprom.Measure(rt, prometheus.GathererFunc(func() ([]*dto.MetricFamily, error) {
			bad()
			families, _ := reg.Gather()
			return append(families, nil, &dto.MetricFamily{}), errors.New("another one is broken")
		}), "a", "b")
		if err != nil {
			t.Fatal(err)
		}
		defer stop()
		hanging := make(chan struct{})
		for _, tt := range []struct {
			bad  func()
			want string
		}{
			{func() {}, "a=1 b=1"},
			{func() { panic("no") }, ""},
			{func() {}, "a=1 b=1"},
			{func() { <-hanging }, ""},
		} {
			bad = tt.bad
			if got := readings(t, rt); got != tt.want {
				t.Errorf("%q, want %q", got, tt.want)
			}
		}
		if got := readings(t, rt); got != "" {
			t.Errorf("%q while it hangs", got)
		}
		close(hanging)
		synctest.Wait()
		bad = func() {}
		if got := readings(t, rt); got != "b=1" { // what overran is asked again after a minute
			t.Errorf("%q after it hung", got)
		}
		time.Sleep(time.Minute)
		if got := readings(t, rt); got != "a=1 b=1" {
			t.Errorf("%q a minute after it hung", got)
		}
		if n := rt.Status().Loop.Unread; n > 6 {
			t.Errorf("%d readings lost", n)
		}
	})
}

func TestMeasureRefuses(t *testing.T) {
	rt, reg := newRuntime(t), prometheus.NewRegistry()
	many := make([]string, 257)
	for i := range many {
		many[i] = fmt.Sprintf("m%d", i)
	}
	for name, measure := range map[string]func() (func(), error){
		"no runtime":  func() (func(), error) { return haleprom.Measure(nil, reg, "a") },
		"no gatherer": func() (func(), error) { return haleprom.Measure(rt, nil, "a") },
		"no names":    func() (func(), error) { return haleprom.Measure(rt, reg) },
		"many names":  func() (func(), error) { return haleprom.Measure(rt, reg, many...) },
		"empty name":  func() (func(), error) { return haleprom.Measure(rt, reg, "a", "") },
		"bad name":    func() (func(), error) { return haleprom.Measure(rt, reg, "a-b\xff") },
	} {
		stop, err := measure()
		if _, ok := errors.AsType[*hale.ConfigError](err); !ok || stop != nil || hale.Hint(err) == "" {
			t.Errorf("%s: %v", name, err)
		}
	}
	step(t, rt)
	if got := rt.Status().Sample.Readings; len(got) != 0 {
		t.Errorf("%v", got)
	}
}

// A registry that has hale's own metrics too can be measured: a turn asks for them and
// waits for nothing.
func TestMeasureOwnMetrics(t *testing.T) {
	rt := newRuntime(t)
	rt.Operation(observe.Server, "GET /", "")
	reg, _ := register(t, rt)
	stop, err := haleprom.Measure(rt, reg, "hale_goroutines", "hale_operation_in_flight")
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	for deadline := time.Now().Add(20 * time.Second); len(rt.Status().Sample.Readings) < 2; step(t, rt) {
		if time.Now().After(deadline) {
			t.Fatalf("%v", rt.Status().Sample.Readings)
		}
	}
}
