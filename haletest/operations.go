package haletest

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/hale-go/hale/observe"
)

// operation returns what an operation did in a turn: n spans of which failed
// ended so, and inherited of these for a call of payments.quote.
func operation(kind observe.OperationKind, name string, n, failed, inherited uint64) observe.OperationStat {
	st := observe.OperationStat{Name: name, Kind: kind, Domain: observe.DomainOf(name), Started: n, Ended: n, Failed: failed, Inherited: inherited}
	st.Latency = observe.Histogram{{Index: observe.BucketOf(20 * time.Millisecond), Count: n}}
	st.Time = time.Duration(n) * 20 * time.Millisecond
	if n > failed {
		st.Outcomes = append(st.Outcomes, observe.Outcome{Name: "ok", Count: n - failed})
	}
	if failed > 0 {
		st.Outcomes = append(st.Outcomes, observe.Outcome{Name: "timeout", Count: failed, Failed: true})
	}
	if kind == observe.Server {
		st.Calls = []observe.Call{{Name: "payments.quote", Count: n, Failed: inherited, Time: time.Duration(n) * 10 * time.Millisecond}}
	}
	return st
}

// healthyOperations are of a service that fails in one of 100 requests.
func (g *generator) healthyOperations() []observe.OperationStat {
	now, then := g.seq, g.seq%5
	failed := func(every uint64) uint64 {
		if now%every == 0 {
			return 1
		}
		return 0
	}
	return []observe.OperationStat{
		operation(observe.Server, "GET /orders/{id}", 20+then, failed(5), 0),
		operation(observe.Server, "POST /orders", 5+then, failed(17), failed(34)),
		operation(observe.Client, "payments.quote", 25+2*then, failed(34), 0),
	}
}

// sickOperations are of one whose dependency fails, and whose customers do.
func (g *generator) sickOperations() []observe.OperationStat {
	out := g.healthyOperations()
	out[1] = operation(observe.Server, "POST /orders", 10, 6, 6)
	out[2] = operation(observe.Client, "payments.quote", 30, 12, 0)
	out[0].Reported = []observe.Outcome{{Name: "out of stock", Count: 15, Failed: true}}
	return out
}

// garbageOperation is one that no runtime measures.
func garbageOperation(word func() string, number func() int64) observe.OperationStat {
	n := func() uint64 { return uint64(number()) }
	return observe.OperationStat{
		Name: word(), Kind: observe.OperationKind(word()), Domain: observe.Domain(word()), Started: n(), Ended: n(), InFlight: number(),
		Waiting: []uint32{uint32(number())}, Failed: n(), Inherited: n(), Outlived: n(), Time: time.Duration(number()), Below: time.Duration(number()),
		Latency:  observe.Histogram{{Index: int(number()), Count: n()}, {Index: 3, Count: math.MaxUint64}},
		Outcomes: []observe.Outcome{{Name: word(), Count: n(), Failed: true}, {Name: word(), Count: n()}},
		Reported: []observe.Outcome{{Name: word(), Count: n(), Failed: true}},
		Calls:    []observe.Call{{Name: word(), Count: n(), Failed: n(), Time: time.Duration(number())}},
	}
}

// endlessOperation has names that never come twice.
func endlessOperation(seq uint64, i int) observe.OperationStat {
	name := fmt.Sprintf("GET /tenant-%012d-%02d/%s", seq, i, strings.Repeat("x", 80))
	st := operation(observe.Server, name, 3, 2, 1)
	st.Outcomes = append(st.Outcomes, observe.Outcome{Name: name, Count: 1, Failed: true})
	st.Reported = []observe.Outcome{{Name: name, Count: 1, Failed: true}}
	st.Calls = append(st.Calls, observe.Call{Name: name, Count: 2, Failed: 1})
	return st
}
