package haleprom_test

import (
	"errors"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/haleprom"
	"github.com/hale-go/hale/observe"
)

// FuzzNames scrapes a service whose names, outcomes and types of errors are anything.
func FuzzNames(f *testing.F) {
	f.Add("GET /orders/{id}", "server", "200", "declined")
	f.Add("GET (unmatched)", "server", "", "\xff\x00")
	f.Add("\xff", "other", "other", "a\"b\\\n")
	f.Fuzz(func(t *testing.T, name, kind, outcome, errorType string) {
		rt := newRuntime(t)
		op := rt.Operation(observe.OperationKind(kind), name, observe.Domain(outcome))
		op.Report(errorType)
		rt.ForeignSpan(op).Call(errorType, 1, true)
		for _, failed := range []bool{false, true} {
			_, span := op.Start(t.Context())
			span.Finish(outcome, failed)
		}
		reg, _ := register(t, rt, haleprom.WithSummaries(0.5))
		if n := scrape(t, reg)["hale_unseen_total"]; n != 0 {
			t.Errorf("%v had no room", n)
		}
	})
}

// FuzzPrefix registers with a prefix of anything: it is refused, or all names are good.
func FuzzPrefix(f *testing.F) {
	for _, prefix := range []string{"hale_", "", "a:b", "9", "é", "\xff", "a-b"} {
		f.Add(prefix)
	}
	f.Fuzz(func(t *testing.T, prefix string) {
		rt, reg := newRuntime(t), prometheus.NewPedanticRegistry()
		c, err := haleprom.Register(rt, reg, haleprom.WithPrefix(prefix))
		if err != nil {
			if _, ok := errors.AsType[*hale.ConfigError](err); !ok || c != nil {
				t.Errorf("%q: %v", prefix, err)
			}
			return
		}
		if got := scrape(t, reg); len(got) == 0 {
			t.Errorf("%q: no series", prefix)
		}
	})
}
