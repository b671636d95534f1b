package detect_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/hale-go/hale/detect"
	"github.com/hale-go/hale/observe"
)

// shop is a service in which GET /cart and POST /order ask the pricing, which asks
// payments.quote.
func shop(seed uint64) (w *errorWorld, cart, order, pricing, quote *simOperation) {
	w = newErrorWorld(seed)
	for i := range 8 {
		w.add(simOperation{name: fmt.Sprintf("GET /r%d", i), rate: 10, fails: map[string]float64{"timeout": 0.01}})
	}
	cart = w.add(simOperation{name: "GET /cart", rate: 10, calls: "pricing"})
	order = w.add(simOperation{name: "POST /order", rate: 5, calls: "pricing"})
	pricing = w.add(simOperation{name: "pricing", kind: observe.Internal, rate: 15, calls: "payments.quote"})
	quote = w.add(simOperation{name: "payments.quote", kind: observe.Client, rate: 15})
	return w, cart, order, pricing, quote
}

// Whose calls fail names the operation in which the errors began.
func TestErrorRateNamesTheOrigin(t *testing.T) {
	w, cart, order, pricing, quote := shop(1)
	d := detect.NewErrorRate(detect.ErrorRateConfig{})
	w.run(d, 300, nil)
	for _, o := range []*simOperation{cart, order, pricing} {
		o.inherited = 0.4
	}
	quote.fails["timeout"] = 0.4
	fs := w.run(d, 15, nil)
	if len(fs) != 4 {
		t.Fatalf("%d findings: %+v", len(fs), fs)
	}
	for _, f := range fs {
		last := f.Evidence[len(f.Evidence)-1].Text
		switch f.Subject.Name {
		case "payments.quote":
			if !f.Cause.IsZero() || !strings.HasPrefix(f.Evidence[0].Text, "the dependency payments.quote fails") || !strings.Contains(last, "100% of them began here") {
				t.Errorf("%+v", f)
			}
		default:
			if f.Cause != (observe.Subject{Name: "payments.quote", Domain: "payments"}) || !strings.Contains(last, "began in payments.quote, a dependency") {
				t.Errorf("%+v", f)
			}
		}
		if f.Confidence != detect.Confirmed {
			t.Errorf("%s is %s", f.Subject, f.Confidence)
		}
	}
}

// Calls that go in circles name no origin, and end.
func TestErrorRateSurvivesCircles(t *testing.T) {
	w := newErrorWorld(1)
	for i, calls := range []string{"b", "c", "a"} {
		w.add(simOperation{name: string(rune('a' + i)), kind: observe.Internal, rate: 20, calls: calls, inherited: 0.9})
	}
	d := detect.NewErrorRate(detect.ErrorRateConfig{})
	fs := w.run(d, 30, nil)
	if len(fs) != 3 {
		t.Fatalf("%+v", fs)
	}
	for _, f := range fs {
		if !f.Cause.IsZero() {
			t.Errorf("%s follows from %s", f.Subject, f.Cause)
		}
	}
}

// When all that serve fail at once and no call explains it, none of them is at fault.
func TestErrorRateOfAllOperations(t *testing.T) {
	w, d := twenty(1), detect.NewErrorRate(detect.ErrorRateConfig{})
	w.run(d, 300, nil)
	for _, o := range w.ops {
		o.fails["overloaded"] = 0.5
	}
	fs := w.run(d, 15, nil)
	all := ofKind(fs, detect.KindErrorRate, "all operations")
	if all == nil || all.Confidence != detect.Confirmed || all.Level < 25 || !strings.Contains(all.Evidence[0].Text, "operations that serve fail at once") {
		t.Fatalf("%+v", all)
	}
	t.Log(all.Evidence[0].Text)
	for _, f := range fs {
		if f.Subject != all.Subject && f.Cause != all.Subject {
			t.Errorf("%s does not follow from all: %+v", f.Subject, f.Cause)
		}
	}
	for _, o := range w.ops {
		delete(o.fails, "overloaded")
	}
	if fs := w.run(d, 90, nil); len(fs) > 0 {
		t.Errorf("still there: %+v", fs)
	}
}
