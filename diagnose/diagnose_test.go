package diagnose_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/hale-go/hale/detect"
	"github.com/hale-go/hale/diagnose"
	"github.com/hale-go/hale/observe"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var t0 = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func finding(kind detect.Kind, name string, seq uint64, c detect.Confidence, ch detect.Channel) detect.Finding {
	f := detect.Finding{
		Kind: kind, Subject: observe.Subject{Name: name, Site: observe.Site{Function: "shop.f", File: "f.go", Line: 3}},
		Confidence: c, Active: true, Level: 1, Evidence: []detect.Evidence{{Channel: ch, Text: "because"}},
	}
	if seq > 0 {
		f.Subject.Task = observe.TaskID{Name: name, Seq: seq}
	}
	return f
}

func TestFindingsOfOneCauseAreOneIncident(t *testing.T) {
	d := diagnose.New()
	open := d.Diagnose(t0, []detect.Finding{
		finding(detect.KindAbandoned, "a.pool", 0, detect.Confirmed, detect.Metrics),
		finding(detect.KindStuck, "a.pool", 0, detect.Suspected, detect.Tasks),
		finding(detect.KindStuck, "b.task", 4, detect.Confirmed, detect.Tasks),
		finding(detect.KindStuck, "b.task", 5, detect.Suspected, detect.Tasks),
		finding(detect.KindLeak, "b.task", 0, detect.Suspected, detect.Profiles),
	})
	if len(open) != 3 {
		t.Fatalf("%d incidents, want 3", len(open))
	}
	pool, task, leak := open[0], open[1], open[2]
	if pool.Fault != diagnose.StuckTask || pool.Phase != diagnose.Diagnosed || pool.Channels() != 2 || len(pool.Findings) != 2 {
		t.Errorf("pool: %+v", pool)
	}
	if len(task.Tasks) != 1 || task.Tasks[0].Seq != 4 || !task.Subject.Task.IsZero() {
		t.Errorf("tasks that are confirmed: %v, subject %+v", task.Tasks, task.Subject)
	}
	if task.Root != "stuck_task of b.task at shop.f f.go:3: because" {
		t.Errorf("root cause %q", task.Root)
	}
	if leak.Phase != diagnose.Detected || leak.ID != "inc-3" {
		t.Errorf("leak: %+v", leak)
	}
}

// A panic is an incident that is no loop; one incident becomes the other when it
// repeats, and only what is a loop is confirmed.
func TestPanicBecomesALoop(t *testing.T) {
	d := diagnose.New()
	at := func(n int) time.Time { return t0.Add(time.Duration(n) * time.Second) }
	once := finding(detect.KindPanic, "a", 0, detect.Suspected, detect.Tasks)
	i := d.Diagnose(at(0), []detect.Finding{once})[0]
	if i.Fault != diagnose.Panic || i.Phase != diagnose.Detected {
		t.Errorf("one panic: %+v", i)
	}
	d.Diagnose(at(1), nil)
	if i.Phase != diagnose.Verified || i.Outcome != diagnose.Recovered || i.Fault != diagnose.Panic {
		t.Errorf("one that was not seen again: %+v", i)
	}
	next := d.Diagnose(at(2), []detect.Finding{once})[0]
	loop := finding(detect.KindPanicLoop, "a", 0, detect.Confirmed, detect.Tasks)
	if open := d.Diagnose(at(3), []detect.Finding{loop}); len(open) != 1 || open[0] != next {
		t.Fatalf("a loop that began is another incident: %+v", open)
	}
	if next.Fault != diagnose.PanicLoop || next.Phase != diagnose.Diagnosed || next.Root != "panic_loop of a at shop.f f.go:3: because" {
		t.Errorf("the loop: %+v", next)
	}
	if next.Key != i.Key {
		t.Errorf("keys %q and %q: the loop's remedies have no cooldown from before", i.Key, next.Key)
	}
}

func TestLifeOfAnIncident(t *testing.T) {
	d := diagnose.New()
	at := func(n int) time.Time { return t0.Add(time.Duration(n) * time.Second) }
	f := finding(detect.KindLeak, "a", 0, detect.Suspected, detect.Profiles)
	d.Diagnose(at(0), []detect.Finding{f})
	if open := d.Diagnose(at(1), nil); len(open) != 1 || open[0].Phase != diagnose.Dismissed || open[0].Steps[1].Detail != "it ended before it was confirmed" {
		t.Fatalf("a suspicion that was never confirmed: %+v", open)
	}
	rest := f
	rest.Active = false
	if open := d.Diagnose(at(2), []detect.Finding{rest}); len(open) != 0 {
		t.Fatalf("what is left of a former fault opened %+v", open)
	}
	open := d.Diagnose(at(3), []detect.Finding{f})
	f.Confidence = detect.Confirmed
	d.Diagnose(at(4), []detect.Finding{f})
	i := open[0]
	if i.ID != "inc-2" || !i.At(diagnose.Detected).Equal(at(3)) || !i.At(diagnose.Diagnosed).Equal(at(4)) || !i.At(diagnose.Verified).IsZero() {
		t.Errorf("%+v", i)
	}
	for n := range 1000 {
		i.Advance(at(n), diagnose.Isolating, "again")
	}
	if len(i.Steps) > 64 || i.Steps[0].Phase != diagnose.Detected {
		t.Errorf("%d steps, the first is %s", len(i.Steps), i.Steps[0].Phase)
	}
	copied := i.Clone()
	i.Advance(at(2000), diagnose.Verified, "done")
	if copied.Phase == diagnose.Verified || len(copied.Steps) == 0 || copied.Steps[len(copied.Steps)-1].Detail == "done" {
		t.Error("a copy changed with its original")
	}
	d.Diagnose(at(2001), nil)
	if all := d.Incidents(); len(all) != 2 || all[1].Closed.IsZero() || len(d.Open()) != 0 {
		t.Errorf("history %+v", all)
	}
}

func TestDiagnoserIsBounded(t *testing.T) {
	d := diagnose.New()
	for round := range 3 {
		var fs []detect.Finding
		for i := range 1000 {
			fs = append(fs, finding(detect.KindLeak, fmt.Sprintf("n%d.%d", round, i), 0, detect.Confirmed, detect.Profiles))
		}
		open := d.Diagnose(t0.Add(time.Duration(round)*time.Second), fs)
		if len(open) > 256 {
			t.Fatalf("%d open incidents", len(open))
		}
		for _, i := range open {
			i.Advance(t0, diagnose.Verified, "")
		}
	}
	if n := len(d.Incidents()); n > 512 {
		t.Errorf("%d incidents are kept", n)
	}
}

func TestStateContinues(t *testing.T) {
	a, b := diagnose.New(), diagnose.New()
	f := finding("custom", "x", 1, detect.Confirmed, detect.Logs)
	a.Diagnose(t0, []detect.Finding{f})
	raw, err := a.State()
	if err != nil {
		t.Fatal(err)
	}
	if err := b.SetState(raw); err != nil {
		t.Fatal(err)
	}
	for _, d := range []*diagnose.Diagnoser{a, b} {
		d.Diagnose(t0.Add(time.Second), []detect.Finding{f, finding("custom", "y", 2, detect.Confirmed, detect.Logs)})
	}
	x, errX := json.Marshal(a.Incidents())
	y, errY := json.Marshal(b.Incidents())
	if errX != nil || errY != nil || !slices.Equal(x, y) || len(x) < 100 {
		t.Errorf("%v %v\n%s\n%s", errX, errY, x, y)
	}
	if err := b.SetState([]byte("{")); err == nil {
		t.Error("a broken state was taken")
	}
}

func ExampleDiagnoser() {
	d := diagnose.New()
	for _, inc := range d.Diagnose(t0, []detect.Finding{finding(detect.KindStuck, "orders.consume", 7, detect.Confirmed, detect.Tasks)}) {
		fmt.Println(inc.ID, inc.Phase, inc.Root)
	}
	// Output: inc-1 diagnosed stuck_task of orders.consume at shop.f f.go:3: because
}

// An incident is measured in one unit while there is something of that, so that two
// levels of it can be compared.
func TestAnIncidentHasOneUnit(t *testing.T) {
	d := diagnose.New()
	of := func(kind detect.Kind, level float64, unit string) detect.Finding {
		f := finding(kind, "GET /a", 0, detect.Confirmed, detect.Metrics)
		f.Level, f.Unit = level, unit
		return f
	}
	share, burn := of(detect.KindErrorRate, 40, "%"), of(detect.KindBurnRate, 90, "times")
	for i, c := range []struct {
		findings []detect.Finding
		level    float64
		unit     string
		worst    float64
	}{
		{[]detect.Finding{share}, 40, "%", 40},
		{[]detect.Finding{burn, share}, 40, "%", 40},
		{[]detect.Finding{burn}, 90, "times", 90},
		{[]detect.Finding{share, burn}, 90, "times", 90},
		{nil, 0, "times", 90},
		{[]detect.Finding{share}, 40, "%", 40},
	} {
		open := d.Diagnose(t0.Add(time.Duration(i)*time.Second), c.findings)
		if len(open) != 1 || open[0].Level != c.level || open[0].Unit != c.unit || open[0].Worst != c.worst {
			t.Fatalf("turn %d: %+v, want %+v", i, open[0], c)
		}
	}
}
