package main

import (
	"fmt"
	"math/rand/v2"
	"runtime"
)

// contest is the same work done by several contestants in turn.
type contest struct {
	name string
	open func() ([]contestant, error)
	rows func(results) []row

	rounds int // at most so many, without one before; 0: as many as are asked for
}

// contestant is one way to do a contest's work.
type contestant struct {
	name    string
	measure func() (reading, error) // does a round's work
	close   func()
	rounds  int // takes part in the first so many counted rounds; 0: in all
}

// reading is what one contestant measured in one round.
type reading struct {
	nanos    float64 // for each unit
	cpu      float64 // nanoseconds of processor time for each unit
	p50, p99 float64 // of each restart in nanoseconds, of each stuck unit in scan ticks
	allocs   float64 // for each unit
	bytes    float64 // for each unit

	values map[string]float64 // what only one contest measures
}

// results are the readings of all rounds, by contestant.
type results map[string][]reading

func (r results) of(name string, field func(reading) float64) series {
	var out series
	for _, m := range r[name] {
		out = append(out, field(m))
	}
	return out
}

func nanos(m reading) float64          { return m.nanos }
func cpu(m reading) float64            { return m.cpu }
func p50(m reading) float64            { return m.p50 }
func p99(m reading) float64            { return m.p99 }
func allocations(m reading) float64    { return m.allocs }
func allocatedBytes(m reading) float64 { return m.bytes }

// value returns the field of a reading's values.
func value(name string) func(reading) float64 {
	return func(m reading) float64 { return m.values[name] }
}

// ratio returns the row of a contestant against another one.
func (r results) ratio(prefix, a, b string, field func(reading) float64, target float64) row {
	x, y := r.of(a, field), r.of(b, field)
	note := fmt.Sprintf("medians %.0f ns / %.0f ns", x.median(), y.median())
	if u, v := r.of(a, cpu), r.of(b, cpu); u.median() > 0 {
		note += fmt.Sprintf("; processor time %.3fx, %.0f ns / %.0f ns", u.over(v).median(), u.median(), v.median())
	}
	return row{name: fmt.Sprintf("%s %s / %s", prefix, a, b), values: x.over(y), unit: times, target: target, note: note}
}

// shuffleSeed is fixed, so that every run has the same order.
const shuffleSeed = 1

// play runs the rounds. In each, every contestant has its turn, in an order
// that is shuffled anew, on a heap that was just collected: what one leaves
// behind is no other's to clean up. One round before is not counted.
func (c contest) play(rounds int) (results, error) {
	contestants, err := c.open()
	if err != nil {
		return nil, err
	}
	defer func() {
		for _, k := range contestants {
			k.close()
		}
	}()
	rng := rand.New(rand.NewPCG(shuffleSeed, 0))
	order := make([]int, len(contestants))
	for i := range order {
		order[i] = i
	}
	out := results{}
	first := 0
	if c.rounds > 0 {
		first, rounds = 1, min(rounds, c.rounds)
	}
	for round := first; round <= rounds; round++ {
		rng.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
		for _, i := range order {
			k := contestants[i]
			if k.rounds > 0 && round > k.rounds {
				continue
			}
			runtime.GC()
			m, err := k.measure()
			if err != nil {
				return nil, fmt.Errorf("%s: %w", k.name, err)
			}
			if round > 0 {
				out[k.name] = append(out[k.name], m)
			}
		}
	}
	return out, nil
}
