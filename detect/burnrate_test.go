package detect_test

import (
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/hale-go/hale/detect"
	"github.com/hale-go/hale/observe"
)

// minutes feeds turns of ten seconds each, in which 1,000 spans end, and returns
// the findings of the last and after how many minutes there was one.
func minutes(d detect.Detector, now *time.Time, n int, bad uint64) (last []detect.Finding, first int) {
	for i := range 6 * n {
		*now = now.Add(10 * time.Second)
		last = d.Detect(observe.Turn{Time: *now, Sample: observe.Sample{Operations: []observe.OperationStat{
			{Name: "GET /a", Kind: observe.Server, Ended: 1000, Failed: bad, Latency: observe.Histogram{{Index: observe.BucketOf(time.Millisecond), Count: 1000}}},
			{Name: "db", Kind: observe.Client, Ended: 1000, Failed: 1000},
		}}})
		if withUnits(last); first == 0 && len(last) > 0 {
			first = (i + 6) / 6
		}
	}
	return last, first
}

func TestBurnRate(t *testing.T) {
	for _, c := range []struct {
		name     string
		bad      uint64 // of 1,000; the budget is 1
		minutes  int
		sure     detect.Confidence // 0: nothing
		from, to int               // minutes after which it is found
		evidence string
	}{
		{"within the budget", 0, 600, 0, 0, 0, ""},
		{"everything fails", 1000, 30, detect.Confirmed, 1, 2, "1h and 5m"},
		{"twenty times too fast", 20, 120, detect.Confirmed, 20, 60, "1h and 5m"},
		{"ten times too fast", 10, 300, detect.Confirmed, 60, 250, "6h and 30m"},
		{"three times too fast", 3, 60 * 40, detect.Suspected, 60 * 8, 60 * 30, "3d and 6h"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := detect.NewBurnRate([]detect.Objective{{Operation: "*", Target: 0.999}})
			now := t0
			if fs, _ := minutes(d, &now, 24*60, 0); len(fs) > 0 {
				t.Fatalf("without a failure: %+v", fs)
			}
			fs, first := minutes(d, &now, c.minutes, c.bad)
			if c.sure == 0 {
				if len(fs) > 0 {
					t.Errorf("%+v", fs)
				}
				return
			}
			if len(fs) != 1 || fs[0].Confidence != c.sure || first < c.from || first > c.to || !strings.Contains(fs[0].Evidence[0].Text, c.evidence) {
				t.Fatalf("after %d minutes, want %d to %d: %+v", first, c.from, c.to, fs)
			}
			if f := fs[0]; f.Subject.String() != "all operations" || math.Abs(f.Level-float64(c.bad)) > 0.1*float64(c.bad) || (f.Severity == detect.Minor) != (c.sure == detect.Suspected) {
				t.Errorf("%+v", f)
			}
			t.Logf("after %d minutes: %s", first, fs[0].Evidence[0].Text)
			if c.sure == detect.Confirmed {
				if fs, _ = minutes(d, &now, 45, 0); len(fs) > 0 && fs[0].Confidence == detect.Confirmed {
					t.Errorf("45 minutes after the end: %+v", fs)
				}
			}
		})
	}
}

// A process that starts has not seen enough to say how fast a budget is used up.
func TestBurnRateNeedsItsShortWindow(t *testing.T) {
	d, now := detect.NewBurnRate([]detect.Objective{{Operation: "GET /a", Target: 0.999}}), t0
	if fs, _ := minutes(d, &now, 4, 1000); len(fs) > 0 {
		t.Errorf("after 4 minutes: %+v", fs)
	}
	if fs, _ := minutes(d, &now, 2, 1000); len(fs) != 1 || fs[0].Subject.Name != "GET /a" {
		t.Errorf("after 6 minutes: %+v", fs)
	}
	few := detect.NewBurnRate([]detect.Objective{{Operation: "GET /a", Target: 0.999}})
	for i := range 600 {
		n := observe.OperationStat{Name: "GET /a", Kind: observe.Server, Ended: 1}
		if i%100 == 99 { // 6 of 600
			n.Failed = 1
		}
		if fs := few.Detect(observe.Turn{Time: t0.Add(time.Duration(i) * 5 * time.Second), Sample: observe.Sample{Operations: []observe.OperationStat{n}}}); len(fs) > 0 {
			t.Fatalf("six bad spans are a finding: %+v", fs)
		}
	}
}

func TestBurnRateOfLatency(t *testing.T) {
	d, now := detect.NewBurnRate([]detect.Objective{
		{Operation: "GET /a", Target: 0.99, Latency: 100 * time.Microsecond}, {Operation: "GET /a", Target: 0.99},
	}), t0
	fs, _ := minutes(d, &now, 10, 500)
	if len(fs) != 1 || len(fs[0].Evidence) < 2 || !strings.Contains(fs[0].Evidence[0].Text, "took 100µs or more") || fs[0].Level < 99 {
		t.Errorf("%+v", fs)
	}
}

// What was used up of a budget outlives the process, and bad data changes nothing.
func TestBurnRateBaseline(t *testing.T) {
	objectives := []detect.Objective{{Operation: "*", Target: 0.999}, {Operation: "other", Target: 0.9}}
	a, now := detect.NewBurnRate(objectives), t0
	minutes(a, &now, 3*24*60, 1)
	want, _ := minutes(a, &now, 200, 12)
	raw, err := a.Baseline()
	if err != nil || len(raw) > 60_000 {
		t.Fatalf("%d bytes, %v", len(raw), err)
	}
	b := detect.NewBurnRate(objectives[:1])
	if err := b.SetBaseline(raw); err != nil {
		t.Fatal(err)
	}
	got, _ := minutes(b, &now, 1, 12)
	if len(want) != 1 || len(got) != 1 || !got[0].Since.Equal(want[0].Since) || got[0].Confidence != detect.Confirmed {
		t.Errorf("%+v, want %+v", got, want)
	}
	for _, bad := range []string{`{`, `[]`, `{"objectives":[{"operation":"*","buckets":[{"t":2,"n":1},{"t":1,"n":1}]}]}`, `{"objectives":[{"operation":"*","buckets":[{"t":2,"n":1,"bad":2}]}]}`} {
		if err := b.SetBaseline([]byte(bad)); err == nil {
			t.Errorf("took %s", bad)
		}
	}
	if got, _ := minutes(b, &now, 1, 12); len(got) != 1 {
		t.Error("bad data changed what was known")
	}
	now = now.Add(-30 * 24 * time.Hour) // the clock was set back
	if got, _ := minutes(b, &now, 10, 0); len(got) != 0 {
		t.Errorf("%+v", got)
	}
}

func TestObjectiveCheck(t *testing.T) {
	for _, o := range []detect.Objective{
		{},
		{Operation: "a"},
		{Operation: "a", Target: 1},
		{Operation: "a", Target: math.NaN()},
		{Operation: "a\n", Target: 0.9},
		{Operation: "a", Target: 0.9, Latency: -1},
		{Target: 0.9},
		{Operation: "a", Kind: "b", Target: 0.9},
	} {
		if _, ok := errors.AsType[*detect.ObjectiveError](o.Check()); !ok {
			err := o.Check()
			t.Errorf("%+v: %v", o, err)
		}
	}
	if fs := detect.NewBurnRate([]detect.Objective{{Operation: "a", Target: 2}}).Detect(observe.Turn{Time: t0}); len(fs) > 0 {
		t.Errorf("%+v", fs)
	}
}

// An objective is about operations of one kind: calls of a name that is served too
// use up a budget of their own.
func TestAnObjectiveIsOfOneKind(t *testing.T) {
	for _, c := range []struct {
		kind observe.OperationKind
		want int
	}{{"", 0}, {observe.Server, 0}, {observe.Client, 1}, {observe.Internal, 0}} {
		d := detect.NewBurnRate([]detect.Objective{{Operation: "orders", Kind: c.kind, Target: 0.99}})
		now := t0
		var fs []detect.Finding
		for range 60 {
			now = now.Add(10 * time.Second)
			fs = d.Detect(observe.Turn{Time: now, Sample: observe.Sample{Operations: []observe.OperationStat{
				{Name: "orders", Kind: observe.Client, Ended: 100, Failed: 100},
				{Name: "orders", Kind: observe.Server, Ended: 1000},
			}}})
		}
		if len(fs) != c.want {
			t.Errorf("kind %q: %+v", c.kind, fs)
		}
	}
}
