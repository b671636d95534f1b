package detect_test

import (
	"slices"
	"testing"
	"time"

	"github.com/hale-go/hale/detect"
	"github.com/hale-go/hale/observe"
)

// turnsOf returns turns of what operations do, every so often.
func turnsOf(n int, every time.Duration, ops func(i int) []observe.OperationStat) (out []observe.Turn) {
	for i := range n {
		now := t0.Add(time.Duration(i+1) * every)
		out = append(out, observe.Turn{Seq: uint64(i + 1), Time: now, Sample: observe.Sample{Time: now, Slowdown: 1, Operations: ops(i)}})
	}
	return out
}

// done is n spans of about so many milliseconds, a few of them twice as long. A part
// of the time is in calls of others.
func done(kind observe.OperationKind, name string, n int, ms float64, calls ...observe.Call) observe.OperationStat {
	o := observe.OperationStat{Name: name, Kind: kind, Domain: observe.DomainOf(name), Started: uint64(n), Ended: uint64(n), InFlight: 2, Calls: calls}
	for i := range n {
		d := time.Duration(ms * (.8 + .4*float64(i)/float64(n)) * 1e6)
		if i%20 == 19 {
			d *= 2
		}
		o.Latency.Add(d)
		o.Time += d
	}
	for _, c := range calls {
		o.Below += c.Time
	}
	o.Below = min(o.Below, o.Time)
	return o
}

func called(name string, n int, ms float64) observe.Call {
	return observe.Call{Name: name, Count: uint64(n), Time: time.Duration(float64(n) * ms * 1e6)}
}

// inFlight is so many spans of which none ends, since so many seconds ago.
func inFlight(kind observe.OperationKind, name string, n, seconds int) observe.OperationStat {
	o := observe.OperationStat{Name: name, Kind: kind, Domain: observe.DomainOf(name), Started: 5, InFlight: int64(n)}
	for k := 1; k <= seconds && k <= 64; k *= 2 {
		o.Waiting = append(o.Waiting, uint32(max(n-5*k, n/2)))
	}
	return o
}

// after returns what a detector finds in the last of some turns.
func after(d detect.Detector, turns []observe.Turn) (out []detect.Finding) {
	for _, t := range turns {
		out = withUnits(d.Detect(t))
	}
	return out
}

// about returns the finding about a name, and fails without one.
func about(t *testing.T, found []detect.Finding, name string) detect.Finding {
	t.Helper()
	i := slices.IndexFunc(found, func(f detect.Finding) bool { return f.Subject.String() == name })
	if i < 0 {
		t.Fatalf("nothing about %s in %+v", name, found)
	}
	return found[i]
}

const (
	slowAt = 60 // turns of ten seconds
	order  = "POST /order"
	quote  = "payments.quote"
)

// slowQuotes are turns of ten seconds in which payments.quote becomes slow.
func slowQuotes(n int, times float64) []observe.Turn {
	return turnsOf(n, 10*time.Second, func(i int) []observe.OperationStat {
		ms := 40.
		if i >= slowAt {
			ms *= times
		}
		return []observe.OperationStat{
			done(observe.Server, "GET /cart", 200, 8),
			done(observe.Server, order, 60, 20+ms, called(quote, 60, ms)),
			done(observe.Client, quote, 60, ms),
		}
	})
}

// stalledQuotes are turns of a second in which payments.quote stops to answer.
func stalledQuotes(n, at int) []observe.Turn {
	return turnsOf(n, time.Second, func(i int) []observe.OperationStat {
		ops := []observe.OperationStat{done(observe.Server, "GET /cart", 20, 8), done(observe.Server, order, 5, 60, called(quote, 5, 40)), done(observe.Client, quote, 5, 40)}
		if i >= at {
			ops[1], ops[2] = inFlight(observe.Server, order, 5*(i-at+1), i-at), inFlight(observe.Client, quote, 5*(i-at+1), i-at)
		}
		return ops
	})
}

// leakedSpans are turns of ten seconds in which one span of fifty never ends.
func leakedSpans(n, at int) []observe.Turn {
	return turnsOf(n, 10*time.Second, func(i int) []observe.OperationStat {
		o := done(observe.Server, "GET /cart", 50, 20)
		if i >= at {
			for age := range 7 {
				o.Waiting = append(o.Waiting, uint32(max(i-at-(1<<age)/10, 0)))
			}
			o.InFlight += int64(i - at)
		}
		return []observe.OperationStat{o}
	})
}

// creepingSearch are turns of five minutes in which a search takes ever longer.
func creepingSearch(n, at int, eachHour float64) []observe.Turn {
	return turnsOf(n, 5*time.Minute, func(i int) []observe.OperationStat {
		ms := 50 + float64(i*7%5)
		if i > at {
			ms *= 1 + eachHour*float64(i-at)/12
		}
		return []observe.OperationStat{done(observe.Server, "GET /search", 400+i*11%40, ms), done(observe.Server, "GET /cart", 900+i*7%60, 8)}
	})
}
