package hale_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/detect"
	"github.com/hale-go/hale/diagnose"
	"github.com/hale-go/hale/observe"
)

// An operation whose dependency fails is one incident, about the dependency, which
// a person is called for and which is verified when the dependency is back.
func TestErrorsOfADependencyAreOneIncident(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := newRuntime(t)
		serve, quote := rt.Operation(observe.Server, "GET /cart", ""), rt.Operation(observe.Client, "payments.quote", "")
		work := func(n int, end error) {
			for range n {
				for range 10 {
					_ = serve.Do(t.Context(), func(ctx context.Context) error {
						return quote.Do(ctx, func(context.Context) error { return end })
					})
				}
				steps(t, rt, 1)
			}
		}
		work(200, nil)
		if all := rt.Incidents(); len(all) > 0 {
			t.Fatalf("%+v", all)
		}
		work(15, context.DeadlineExceeded)
		inc := only(t, rt)
		if inc.Fault != diagnose.ErrorBurst || inc.Phase != diagnose.Escalated || inc.Subject.Name != "payments.quote" ||
			len(inc.Dependants) != 1 || inc.Dependants[0].Subject.Name != "GET /cart" || !strings.Contains(inc.Root, "the dependency payments.quote fails") || !strings.Contains(inc.Root, "timeout") {
			t.Errorf("%+v", inc)
		}
		work(90, nil)
		if inc = only(t, rt); inc.Phase != diagnose.Verified || inc.Outcome != diagnose.Recovered {
			t.Errorf("%s %s: %+v", inc.Phase, inc.Outcome, inc.Steps)
		}
	})
}

// Bursts that come every minute are a few incidents, not sixty an hour.
func TestBurstsDoNotOpenAnIncidentEach(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := newRuntime(t)
		op := rt.Operation(observe.Server, "GET /a", "")
		for s := range 3600 {
			for range 5 {
				var end error
				if s > 300 && s%60 < 12 {
					end = errors.New("no")
				}
				_ = op.Do(t.Context(), func(context.Context) error { return end })
			}
			steps(t, rt, 1)
		}
		if n := len(rt.Incidents()); n == 0 || n > 3 {
			for _, inc := range rt.Incidents() {
				t.Errorf("%s: %s", inc.Phase, inc.Root)
			}
		}
	})
}

// A budget that is used up too fast is an incident, of the objective's operation.
func TestObjectives(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := newRuntime(t, hale.WithConfig(hale.Config{Objectives: []detect.Objective{{Operation: "GET /a", Target: 0.999}}}))
		op := rt.Operation(observe.Server, "GET /a", "")
		for s := range 600 {
			for i := range 10 {
				var end error
				if s%3 == 0 && i == 0 { // 3 % is too few to be a burst
					end = errors.New("no")
				}
				_ = op.Do(t.Context(), func(context.Context) error { return end })
			}
			steps(t, rt, 1)
		}
		inc := only(t, rt)
		if inc.Fault != diagnose.ErrorBurst || inc.Confidence != detect.Confirmed || !strings.Contains(inc.Root, "error budget") {
			t.Errorf("%+v", inc)
		}
	})
}
