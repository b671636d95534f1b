package detect_test

import (
	"strings"
	"testing"
	"time"

	"github.com/hale-go/hale/detect"
	"github.com/hale-go/hale/observe"
)

func TestSlowCalleeIsTheCause(t *testing.T) {
	found := after(detect.NewLatency(detect.LatencyConfig{}), slowQuotes(slowAt+4, 20))
	if len(found) != 2 {
		t.Fatalf("findings %+v", found)
	}
	f := about(t, found, quote)
	if f.Confidence != detect.Confirmed || !f.Active || f.Kind != detect.KindSlow || f.Level < 10 || !f.Cause.IsZero() {
		t.Errorf("of the callee: %+v", f)
	}
	f = about(t, found, order)
	if f.Confidence != detect.Suspected || f.Cause.Name != quote || !strings.Contains(f.Evidence[1].Text, "are in payments.quote") {
		t.Errorf("of the caller: %+v", f)
	}
}

func TestSlowByMoreCalls(t *testing.T) {
	turns := turnsOf(slowAt+8, 10*time.Second, func(i int) []observe.OperationStat {
		calls := 1.
		if i >= slowAt {
			calls = 12
		}
		return []observe.OperationStat{
			done(observe.Server, order, 60, 20+calls*10, called("db.orders", int(60*calls), 10)),
			done(observe.Client, "db.orders", int(60*calls), 10),
		}
	})
	f := about(t, after(detect.NewLatency(detect.LatencyConfig{}), turns), order)
	if f.Confidence != detect.Confirmed || !f.Cause.IsZero() || !strings.Contains(f.Evidence[1].Text, "12 times a request, usually 1") {
		t.Errorf("%+v", f)
	}
}

func TestSlowEndsAndTeachesNothing(t *testing.T) {
	d := detect.NewLatency(detect.LatencyConfig{})
	before := after(d, slowQuotes(slowAt, 20))
	raw := learned(t, d)
	all := slowQuotes(slowAt+30, 20)
	if found := after(d, all[slowAt:]); len(before) > 0 || len(found) != 2 {
		t.Fatalf("before %+v, while it lasts %+v", before, found)
	}
	if again := learned(t, d); !strings.Contains(string(again), quote) || strings.Index(string(again), quote) != strings.Index(string(raw), quote) {
		t.Errorf("learned from what is slow: %s, before: %s", again, raw)
	}
	well := slowQuotes(slowAt+60, 1)[slowAt+30:]
	if f := about(t, after(d, well[:1]), quote); f.Active {
		t.Errorf("it is over: %+v", f)
	}
	if found := after(d, well[1:8]); len(found) > 0 {
		t.Errorf("it is long over: %+v", found)
	}
}

func TestNotSlow(t *testing.T) {
	for _, c := range []struct {
		name string
		turn func(i int) []observe.OperationStat
	}{
		{"by 40 %", func(i int) []observe.OperationStat {
			return []observe.OperationStat{done(observe.Server, order, 60, map[bool]float64{true: 56, false: 40}[i >= slowAt])}
		}},
		{"by a millisecond", func(i int) []observe.OperationStat {
			return []observe.OperationStat{done(observe.Server, order, 60, map[bool]float64{true: 1.3, false: .3}[i >= slowAt])}
		}},
		{"for one slot", func(i int) []observe.OperationStat {
			return []observe.OperationStat{done(observe.Server, order, 60, map[bool]float64{true: 400, false: 40}[i == slowAt])}
		}},
		{"a stream", func(i int) []observe.OperationStat {
			return []observe.OperationStat{done(observe.Server, order, 60, map[bool]float64{true: 400e3, false: 100e3}[i >= slowAt])}
		}},
		{"nothing usual yet", func(i int) []observe.OperationStat {
			return []observe.OperationStat{done(observe.Server, order, 60, map[bool]float64{true: 400, false: 40}[i > 20])}
		}},
	} {
		if found := after(detect.NewLatency(detect.LatencyConfig{}), turnsOf(slowAt+2, 10*time.Second, c.turn)); len(found) > 0 {
			t.Errorf("%s: %+v", c.name, found)
		}
	}
}

func TestStarvedMachineIsForgiven(t *testing.T) {
	turns := slowQuotes(slowAt+6, 4)
	for i := slowAt; i < len(turns); i++ {
		turns[i].Sample.Slowdown = 4
	}
	if found := after(detect.NewLatency(detect.LatencyConfig{}), turns); len(found) > 0 {
		t.Errorf("%+v", found)
	}
}

func TestAllSlowIsOneFinding(t *testing.T) {
	names := []string{"GET /a", "GET /b", "GET /c", "GET /d", "GET /e"}
	found := after(detect.NewLatency(detect.LatencyConfig{}), turnsOf(slowAt+8, 10*time.Second, func(i int) (out []observe.OperationStat) {
		for _, name := range names {
			out = append(out, done(observe.Server, name, 60, map[bool]float64{true: 200, false: 40}[i >= slowAt]))
		}
		return out
	}))
	if f := about(t, found, "all operations"); f.Confidence != detect.Confirmed {
		t.Errorf("%+v", f)
	}
	for _, name := range names {
		if f := about(t, found, name); f.Confidence != detect.Suspected || f.Cause.Domain != "all operations" {
			t.Errorf("%+v", f)
		}
	}
}

func TestThreshold(t *testing.T) {
	limits := func(name string, p95 time.Duration) detect.LatencyConfig {
		return detect.LatencyConfig{Thresholds: map[string]detect.Threshold{name: {P95: p95}, "*": {P99: time.Hour}}}
	}
	turns := slowQuotes(5, 1) // nothing is usual, and the process is cold
	if found := after(detect.NewLatency(limits(quote, 20*time.Millisecond)), turns); len(found) != 1 || found[0].Confidence != detect.Confirmed {
		t.Errorf("over the limit: %+v", found)
	}
	for _, c := range []detect.LatencyConfig{limits(quote, time.Second), limits("GET /else", time.Millisecond), {}} {
		if found := after(detect.NewLatency(c), turns); len(found) > 0 {
			t.Errorf("limits %+v: %+v", c, found)
		}
	}
}

func TestSlownessIsLearnedOverARestart(t *testing.T) {
	first := detect.NewLatency(detect.LatencyConfig{})
	after(first, slowQuotes(slowAt, 1))
	next := detect.NewLatency(detect.LatencyConfig{})
	if err := next.SetBaseline(learned(t, first)); err != nil {
		t.Fatal(err)
	}
	slow := slowQuotes(slowAt+30, 20)[slowAt:] // from its first second
	if f := about(t, after(next, slow), quote); f.Confidence != detect.Confirmed {
		t.Errorf("%+v", f)
	}
}
