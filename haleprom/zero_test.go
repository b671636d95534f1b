package haleprom_test

import (
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/haleprom"
)

// Zero values and nil do nothing, and panic nowhere.
func TestZeroValues(t *testing.T) {
	for _, c := range []*haleprom.Collector{nil, {}} {
		descs, metrics := make(chan *prometheus.Desc, 1), make(chan prometheus.Metric, 1)
		c.Describe(descs)
		c.Collect(metrics)
		if len(descs)+len(metrics) > 0 || c.Unregister() {
			t.Errorf("%v has metrics", c)
		}
	}
	reg := prometheus.NewRegistry()
	reg.MustRegister(&haleprom.Collector{})
	if out, err := reg.Gather(); err != nil || len(out) != 0 {
		t.Errorf("%v, %v", out, err)
	}
	for _, e := range []*haleprom.RegisterError{nil, {}} {
		if e.Error() == "" || e.Unwrap() != nil || e.Hint() != "" {
			t.Errorf("%v", e)
		}
	}
	for _, v := range []*haleprom.Var{nil, {}, haleprom.NewVar(&hale.Runtime{})} {
		if v.String() == "" {
			t.Error("a variable without a value")
		}
	}
	for _, rt := range []*hale.Runtime{nil, {}} {
		c, err := haleprom.Register(rt, reg, nil)
		if (err == nil) != (rt != nil) {
			t.Errorf("%v", err)
		}
		c.Unregister()
		stop, err := haleprom.Measure(rt, reg, "a")
		if (err == nil) != (rt != nil) {
			t.Errorf("%v", err)
		}
		if err == nil {
			stop()
		}
	}
}
