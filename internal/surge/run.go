package surge

import (
	"math/rand/v2"
	"time"
)

// Limit decides which calls reach the dependency.
type Limit struct {
	// Admit is asked for each call, and returns what is told how it ended: how long it
	// took, and whether it was given up.
	Admit func() (settle func(took time.Duration, dropped bool), ok bool)
	// Clock, where given, is told before anything happens at a time.
	Clock func(at time.Duration)
}

// Result is what came of a run.
type Result struct {
	Goodput [Phases]float64       // Goodput is answers in time, each second, once settled.
	Whole   [Phases]float64       // Whole is the same over the whole phase.
	Took    [Phases]time.Duration // Took is how long these took on average, once settled.
}

// call is one call's way.
type call struct {
	began   time.Duration
	settle  func(time.Duration, bool)
	running bool
	over    bool // for its caller
}

type run struct {
	Shape
	limit  Limit
	rng    *rand.Rand
	now    time.Duration
	ahead  events  // arrivals and completions
	given  []*call // all that began, in the order in which they would be given up
	queue  []*call // those that wait for a worker
	busy   int     // workers
	result Result
	counts [Phases]int
	wholes [Phases]int
}

// Run lets the phases pass.
func Run(s Shape, seed uint64, limit Limit) Result {
	r := &run{Shape: s, limit: limit, rng: rand.New(rand.NewPCG(seed, 1))}
	first := 1
	if s.Closed {
		first = s.callers()
	}
	for range first {
		r.arriveLater()
	}
	for {
		next := r.ahead.first().at
		if len(r.given) > 0 && r.given[0].began+s.Deadline <= next {
			c := r.given[0]
			r.given = r.given[1:]
			if !c.over {
				r.pass(c.began + s.Deadline)
				r.giveUp(c)
			}
			continue
		}
		if next >= time.Duration(Phases)*s.Phase {
			return r.sum()
		}
		r.pass(next)
		if e := r.ahead.pop(); e.of == nil {
			r.arrive()
		} else {
			r.complete(e.of)
		}
	}
}

// pass lets time pass.
func (r *run) pass(at time.Duration) {
	r.now = at
	if r.limit.Clock != nil {
		r.limit.Clock(at)
	}
}

func (r *run) arriveLater() { r.ahead.push(event{at: r.now + r.pause(r.rng)}) }

func (r *run) phase() Phase { return min(Phase(r.now/r.Phase), Phases-1) }

func (r *run) arrive() {
	settle, ok := r.limit.Admit()
	if !r.Closed || !ok {
		r.arriveLater()
	}
	if !ok {
		return
	}
	c := &call{began: r.now, settle: settle}
	r.given = append(r.given, c)
	r.queue = append(r.queue, c)
	r.work()
}

// work gives free workers the next calls.
func (r *run) work() {
	for r.busy < r.Workers && len(r.queue) > 0 {
		c := r.queue[0]
		r.queue = r.queue[1:]
		if c.over && !r.Deaf {
			continue
		}
		r.busy++
		c.running = true
		r.ahead.push(event{at: r.now + r.service(r.rng, r.phase()), of: c})
	}
}

func (r *run) complete(c *call) {
	if c.over && !r.Deaf {
		return // its worker was free from then on
	}
	r.busy--
	if !c.over {
		r.end(c, false)
		p, took := r.phase(), r.now-c.began
		r.wholes[p]++
		if float64(r.now-time.Duration(p)*r.Phase) >= settled*float64(r.Phase) {
			r.counts[p]++
			r.result.Took[p] += took
		}
	}
	r.work()
}

func (r *run) giveUp(c *call) {
	r.end(c, true)
	if c.running && !r.Deaf {
		r.busy--
		r.work()
	}
}

func (r *run) end(c *call, dropped bool) {
	c.over = true
	c.settle(r.now-c.began, dropped)
	if r.Closed {
		r.arriveLater()
	}
}

func (r *run) sum() Result {
	for p := range Phases {
		r.result.Goodput[p] = float64(r.counts[p]) / ((1 - settled) * r.Phase.Seconds())
		r.result.Whole[p] = float64(r.wholes[p]) / r.Phase.Seconds()
		if r.counts[p] > 0 {
			r.result.Took[p] /= time.Duration(r.counts[p])
		}
	}
	return r.result
}
