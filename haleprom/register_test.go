package haleprom_test

import (
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/haleprom"
	"github.com/hale-go/hale/observe"
)

// A registerer that does not take all takes nothing, and the error says what to do.
func TestRegisterRefuses(t *testing.T) {
	rt := newRuntime(t)
	taken := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "http_requests_total", Help: "Mine."}, []string{"code"})
	same := prometheus.NewGauge(prometheus.GaugeOpts{Name: "hale_halted", Help: "Mine."})
	for _, tt := range []struct {
		name string
		rt   *hale.Runtime
		reg  func() prometheus.Registerer
		opts []haleprom.Option
		hint string // part of it
	}{
		{name: "a name of the service's, other labels", opts: []haleprom.Option{haleprom.WithGuideNames()}, reg: registryOf(taken), hint: "leave WithGuideNames out"},
		{name: "a name of the service's, other help", reg: registryOf(same), hint: "WithPrefix"},
		{name: "no runtime", rt: nil, hint: "hale.New"},
		{name: "no registerer", reg: func() prometheus.Registerer { return nil }, hint: "prometheus.NewRegistry"},
		{name: "prefix", opts: []haleprom.Option{haleprom.WithPrefix("my-shop ")}, hint: "no digit first"},
		{name: "no prefix", opts: []haleprom.Option{haleprom.WithPrefix("")}, hint: "no digit first"},
		{name: "prefix of nonsense", opts: []haleprom.Option{haleprom.WithPrefix("\xff\x00" + strings.Repeat("é", 1000))}, hint: "no digit first"},
		{name: "long prefix", opts: []haleprom.Option{haleprom.WithPrefix(strings.Repeat("a", 1000))}, hint: "at most 64"},
		{name: "buckets that fall", opts: []haleprom.Option{haleprom.WithBuckets(2, 1)}, hint: "increasing"},
		{name: "no buckets", opts: []haleprom.Option{haleprom.WithBuckets()}, hint: "1 to 64"},
		{name: "only the last bucket", opts: []haleprom.Option{haleprom.WithBuckets(math.Inf(1))}, hint: "1 to 64"},
		{name: "too many buckets", opts: []haleprom.Option{haleprom.WithBuckets(prometheus.LinearBuckets(1, 1, 65)...)}, hint: "1 to 64"},
		{name: "buckets that are no numbers", opts: []haleprom.Option{haleprom.WithBuckets(1, math.NaN())}, hint: "increasing"},
		{name: "negative buckets", opts: []haleprom.Option{haleprom.WithBuckets(-1, 1)}, hint: "above 0"},
		{name: "no quantiles", opts: []haleprom.Option{haleprom.WithSummaries()}, hint: "0.99"},
		{name: "quantile", opts: []haleprom.Option{haleprom.WithSummaries(99)}, hint: "from 0 to 1"},
		{name: "quantile that is no number", opts: []haleprom.Option{haleprom.WithSummaries(math.NaN())}, hint: "from 0 to 1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.reg == nil {
				tt.reg = registryOf()
			}
			if tt.name != "no runtime" {
				tt.rt = rt
			}
			reg := tt.reg()
			c, err := haleprom.Register(tt.rt, reg, tt.opts...)
			if c != nil || err == nil || !strings.Contains(hale.Hint(err), tt.hint) {
				t.Fatalf("%v, %v with the hint %q, want %q in it", c, err, hale.Hint(err), tt.hint)
			}
			if r, ok := reg.(*prometheus.Registry); ok {
				for series := range scrape(t, r) {
					if strings.HasPrefix(series, "hale_") && series != "hale_halted" {
						t.Errorf("%s is there", series)
					}
				}
			}
			if c.Unregister() {
				t.Error("a collector that was not registered was taken off")
			}
		})
	}
}

func registryOf(mine ...prometheus.Collector) func() prometheus.Registerer {
	return func() prometheus.Registerer {
		reg := prometheus.NewRegistry()
		reg.MustRegister(mine...)
		return reg
	}
}

func TestRegisterTwice(t *testing.T) {
	rt := newRuntime(t)
	reg, c := register(t, rt)
	_, err := haleprom.Register(rt, reg)
	failed, ok := errors.AsType[*haleprom.RegisterError](err)
	if !ok || !strings.Contains(failed.Hint(), "WrapRegistererWith") {
		t.Fatalf("%v with the hint %q", err, hale.Hint(err))
	}
	if already, ok := errors.AsType[prometheus.AlreadyRegisteredError](err); !ok || already.ExistingCollector != c {
		t.Errorf("%v", err)
	}
	if _, err := haleprom.Register(rt, reg, haleprom.WithGuideNames()); err == nil {
		t.Error("half of the names are taken")
	}
	if _, err := haleprom.Register(newRuntime(t), prometheus.WrapRegistererWith(prometheus.Labels{"part": "b"}, prometheus.NewRegistry())); err != nil {
		t.Error(err)
	}
	if !c.Unregister() || c.Unregister() {
		t.Error("it is taken off once")
	}
	if got := scrape(t, reg); len(got) != 0 {
		t.Errorf("%v", got)
	}
	again, err := haleprom.Register(rt, reg)
	if err != nil {
		t.Fatal(err)
	}
	if c.Unregister() {
		t.Error("the former takes the new one off")
	}
	if !reg.Unregister(again) || again.Unregister() {
		t.Error("by the registerer")
	}
}

// What there is before anything happened, after the end, and of a runtime that New did
// not make.
func TestRuntimeThatDoesNothing(t *testing.T) {
	var none *haleprom.Collector
	if n := testutil.CollectAndCount(none); n != 0 {
		t.Errorf("%d series of no collector", n)
	}
	reg, _ := register(t, new(hale.Runtime))
	wants(t, scrape(t, reg), map[string]float64{"hale_observer_up": 0, "hale_incidents_opened_total{fault=panic}": 0})
	rt := newRuntime(t)
	reg, _ = register(t, rt)
	if _, ok := scrape(t, reg)["hale_goroutines"]; ok {
		t.Error("there was no turn, and goroutines are known")
	}
	rt.Operation(observe.Server, "GET /", "")
	step(t, rt)
	if err := rt.Close(); err != nil {
		t.Fatal(err)
	}
	got := scrape(t, reg)
	wants(t, got, map[string]float64{"hale_loop_turns_total": 1, "hale_http_request_duration_seconds{method=GET,path=/}": 0})
	if got["hale_goroutines"] < 1 {
		t.Errorf("%v goroutines", got["hale_goroutines"])
	}
}

func TestNames(t *testing.T) {
	rt := newRuntime(t)
	rt.Operation(observe.Server, "GET /", "").Report("declined")
	step(t, rt)
	reg, _ := register(t, rt, haleprom.WithPrefix("shop_"), haleprom.WithGuideNames())
	bare := map[string]bool{}
	for series := range scrape(t, reg) {
		if name, _, _ := strings.Cut(series, "{"); !strings.HasPrefix(name, "shop_") {
			bare[name] = true
		}
	}
	if len(bare) != 3 || !bare["http_request_duration_seconds"] || !bare["active_business_goroutines"] || !bare["business_logic_errors_total"] {
		t.Errorf("%v", bare)
	}
}
