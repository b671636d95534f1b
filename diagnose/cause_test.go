package diagnose_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hale-go/hale/detect"
	"github.com/hale-go/hale/diagnose"
	"github.com/hale-go/hale/observe"
)

// errors is a finding that a name fails, because of cause.
func errorsOf(name, cause string, c detect.Confidence) detect.Finding {
	f := finding(detect.KindErrorRate, name, 0, c, detect.Metrics)
	f.Subject.Site = observe.Site{}
	f.TimeToVisible = 30 * time.Second
	if cause != "" {
		f.Cause = observe.Subject{Name: cause}
	}
	return f
}

// keys returns the keys of the incidents that are open.
func keys(open []*diagnose.Incident) (out []string) {
	for _, i := range open {
		out = append(out, i.Key)
	}
	return out
}

func TestWhatFollowsFromACauseIsPartOfItsIncident(t *testing.T) {
	d := diagnose.New()
	open := d.Diagnose(t0, []detect.Finding{
		errorsOf("GET /cart", "pricing", detect.Confirmed), errorsOf("payments.quote", "", detect.Suspected), errorsOf("pricing", "payments.quote", detect.Confirmed),
	})
	if got := keys(open); !slices.Equal(got, []string{"error_burst payments.quote"}) {
		t.Fatalf("incidents %v", got)
	}
	i := open[0]
	if i.Phase != diagnose.Diagnosed || i.Subject.Name != "payments.quote" || len(i.Findings) != 1 || len(i.Dependants) != 2 ||
		i.Root != "error_burst of payments.quote: because; affected: GET /cart, pricing" {
		t.Errorf("%+v", i)
	}
}

// A cause that nobody found has the incident all the same.
func TestIncidentIsAboutACauseThatNobodyFound(t *testing.T) {
	d := diagnose.New()
	open := d.Diagnose(t0, []detect.Finding{errorsOf("GET /cart", "payments.quote", detect.Suspected)})
	if got := keys(open); !slices.Equal(got, []string{"error_burst payments.quote"}) || open[0].Subject.Name != "payments.quote" {
		t.Fatalf("incidents %v", got)
	}
	open = d.Diagnose(t0.Add(time.Second), []detect.Finding{errorsOf("payments.quote", "", detect.Confirmed)})
	if len(open) != 1 || len(open[0].Findings) != 1 || open[0].Findings[0].Subject.Name != "payments.quote" || len(open[0].Dependants) != 1 {
		t.Errorf("%+v", open[0])
	}
}

// A suspicion whose cause comes to light is dismissed for it; what is under way is
// seen through.
func TestCauseThatComesToLightLater(t *testing.T) {
	for _, sure := range []detect.Confidence{detect.Suspected, detect.Confirmed} {
		d := diagnose.New()
		d.Diagnose(t0, []detect.Finding{errorsOf("GET /cart", "", sure)})
		open := d.Diagnose(t0.Add(time.Second), []detect.Finding{errorsOf("GET /cart", "db", sure), errorsOf("db", "", sure)})
		if len(open) != 2 || open[1].Key != "error_burst db" {
			t.Fatalf("incidents %v", keys(open))
		}
		switch first := open[0]; sure {
		case detect.Suspected:
			if first.Phase != diagnose.Dismissed || first.Steps[len(first.Steps)-1].Detail != "it follows from error_burst of db" {
				t.Errorf("%+v", first.Steps)
			}
		default:
			if first.Phase != diagnose.Diagnosed || !first.Active || len(open[1].Dependants) != 0 {
				t.Errorf("%+v", first)
			}
		}
	}
}

// One of another fault explains errors of the same name, while it is there and until
// the errors can be seen to be over.
func TestErrorsOfANameThatHangs(t *testing.T) {
	d := diagnose.New()
	at := func(n int) time.Time { return t0.Add(time.Duration(n) * time.Second) }
	fails, hangs := errorsOf("mail", "mail", detect.Confirmed), finding(detect.KindStuck, "mail", 3, detect.Confirmed, detect.Tasks)
	open := d.Diagnose(at(0), []detect.Finding{fails, hangs})
	if got := keys(open); !slices.Equal(got, []string{"stuck_task mail"}) {
		t.Fatalf("incidents %v", got)
	}
	i := open[0]
	if i.Level != 1 || len(i.Tasks) != 1 || i.Channels() != 1 || len(i.Dependants) != 1 {
		t.Errorf("%+v", i)
	}
	if open = d.Diagnose(at(1), []detect.Finding{fails}); len(open) != 1 || i.Active || i.Level != 0 {
		t.Errorf("what follows is no sign of how it stands: %+v", i)
	}
	i.Advance(at(1), diagnose.Verified, "mended")
	for n := 2; n < 30; n++ {
		if open = d.Diagnose(at(n), []detect.Finding{fails}); len(open) != 0 {
			t.Fatalf("after %d s: %v", n, keys(open))
		}
	}
	if open = d.Diagnose(at(40), []detect.Finding{fails}); !slices.Equal(keys(open), []string{"error_burst mail"}) {
		t.Errorf("errors that go on: %v", keys(open))
	}
}

// A panic that is only suspected hides no errors that are sure.
func TestSuspectedPanicHidesNoErrors(t *testing.T) {
	d := diagnose.New()
	panics := finding(detect.KindPanic, "mail", 3, detect.Suspected, detect.Tasks)
	if open := d.Diagnose(t0, []detect.Finding{errorsOf("mail", "mail", detect.Suspected), panics}); !slices.Equal(keys(open), []string{"panic mail"}) {
		t.Errorf("both suspected: %v", keys(open))
	}
	open := d.Diagnose(t0.Add(time.Second), []detect.Finding{errorsOf("mail", "mail", detect.Confirmed), panics})
	if got := keys(open); !slices.Contains(got, "error_burst mail") || len(got) != 2 {
		t.Errorf("sure errors: %v", got)
	}
	panics.Kind, panics.Confidence = detect.KindPanicLoop, detect.Confirmed
	if open = diagnose.New().Diagnose(t0, []detect.Finding{errorsOf("mail", "mail", detect.Confirmed), panics}); !slices.Equal(keys(open), []string{"panic mail"}) {
		t.Errorf("a loop: %v", keys(open))
	}
}

// A budget that is used up goes where the errors of its operation go, and stays there.
func TestBudgetFollowsTheErrors(t *testing.T) {
	d := diagnose.New()
	fails, quote, budget := errorsOf("GET /cart", "payments.quote", detect.Confirmed), errorsOf("payments.quote", "", detect.Confirmed), errorsOf("GET /cart", "", detect.Confirmed)
	budget.Kind, budget.TimeToVisible = detect.KindBurnRate, 5*time.Minute
	open := d.Diagnose(t0, []detect.Finding{budget, fails, quote})
	if got := keys(open); !slices.Equal(got, []string{"error_burst payments.quote"}) || len(open[0].Dependants) != 2 {
		t.Fatalf("incidents %v", got)
	}
	if open = d.Diagnose(t0.Add(time.Second), []detect.Finding{budget, quote}); len(open) != 1 {
		t.Errorf("after the errors: %v", keys(open))
	}
	open[0].Advance(t0, diagnose.Verified, "mended")
	if open = d.Diagnose(t0.Add(time.Minute), []detect.Finding{budget}); len(open) != 0 {
		t.Errorf("after the incident: %v", keys(open))
	}
	d = diagnose.New()
	d.Diagnose(t0, []detect.Finding{fails, quote})
	fails.Cause = observe.Subject{}
	if open = d.Diagnose(t0.Add(time.Second), []detect.Finding{fails, quote}); len(open) != 2 {
		t.Errorf("errors that begin elsewhere now: %v", keys(open))
	}
}

func TestCausesInCircles(t *testing.T) {
	fs := []detect.Finding{
		errorsOf("a", "b", detect.Confirmed), errorsOf("b", "c", detect.Confirmed), errorsOf("c", "a", detect.Confirmed), errorsOf("z", "a", detect.Confirmed),
	}
	open := diagnose.New().Diagnose(t0, fs)
	if got := keys(open); len(got) != 4 {
		t.Errorf("incidents %v", got)
	}
}

// A state continues as if nothing had been between, whatever the order of causes.
func TestCausesSurviveARestart(t *testing.T) {
	a, b := diagnose.New(), diagnose.New()
	for n := range 60 {
		var fs []detect.Finding
		for k := range 8 {
			if (n/(k+3))%2 == 0 {
				fs = append(fs, errorsOf(fmt.Sprint("n", k), fmt.Sprint("n", (k*5+n/20)%9), detect.Confidence(1+(n+k)%2)))
			}
		}
		now := t0.Add(time.Duration(n) * time.Second)
		x, y := a.Diagnose(now, fs), b.Diagnose(now, fs)
		for k := range x {
			if n%7 == k {
				x[k].Advance(now, diagnose.Verified, "done")
				y[k].Advance(now, diagnose.Verified, "done")
			}
		}
		left, _ := json.Marshal(x)
		right, _ := json.Marshal(y)
		if string(left) != string(right) {
			t.Fatalf("turn %d:\n%s\n%s", n, left, right)
		}
		raw, err := b.State()
		if err != nil {
			t.Fatal(err)
		}
		b = diagnose.New()
		if err := b.SetState(raw); err != nil {
			t.Fatal(err)
		}
	}
}

func TestDependantsAreBounded(t *testing.T) {
	d := diagnose.New()
	for n := range 10 {
		var fs []detect.Finding
		for k := range 100 {
			fs = append(fs, errorsOf(fmt.Sprintf("n%d.%d", n, k), "db", detect.Confirmed))
		}
		open := d.Diagnose(t0.Add(time.Duration(n)*time.Second), fs)
		if len(open) != 1 || len(open[0].Dependants) > 32 || !strings.HasSuffix(open[0].Root, "more") {
			t.Fatalf("%d incidents, %d dependants: %s", len(open), len(open[0].Dependants), open[0].Root)
		}
	}
}

func TestKindsLeadToFaults(t *testing.T) {
	for fault, kinds := range map[diagnose.Fault][]detect.Kind{
		diagnose.ErrorBurst:         {detect.KindErrorRate, detect.KindBusinessErrors, detect.KindBurnRate, "log_pattern", "logged_panics"},
		diagnose.SlowRequests:       {"slow_operation", "slow_creep", "stalled_operation", "unfinished_spans"},
		diagnose.ResourceExhaustion: {"saturation", "exhaustion_ahead"},
		diagnose.Anomaly:            {"anomaly", "new_log_form", "vanished_log_form", "log_volume", "outlived_spans"},
	} {
		for _, kind := range kinds {
			open := diagnose.New().Diagnose(t0, []detect.Finding{finding(kind, "a", 0, detect.Confirmed, detect.Metrics)})
			if len(open) != 1 || open[0].Fault != fault {
				t.Errorf("%s leads to %v, want %s", kind, keys(open), fault)
			}
		}
	}
}
