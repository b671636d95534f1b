package detect_test

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/hale-go/hale/internal/goroutine"
	"github.com/hale-go/hale/observe"
)

// world is a service of three routes, in epochs of two seconds, and what hale
// would see of it. All that is random in it comes from its seed.
type world struct {
	rng   *rand.Rand
	shape shape
	now   time.Duration

	noise   float64
	storms  []time.Duration
	routes  []route
	pops    []*population
	conns   int // that the unlisted pool holds
	touched int // shards whose janitor runs
	workers int // of the pool that a deploy enlarges
	burst   time.Duration
	leak    time.Duration // when it begins; 0: never
	leaky   int           // the route that leaks; -1: all of them
	leaked  int
}

type route struct {
	name    string
	share   float64 // of the requests
	latency float64 // in seconds
	stat    observe.TaskStat
	started uint64 // in this epoch
}

// population is goroutines of one code that outlive their task.
type population struct {
	entry   string
	wait    observe.WaitKind
	cohorts []cohort
	old     [3]int // beyond what a snapshot tells the age of, by route
}

type cohort struct {
	route int
	ended time.Duration // when their task did
	dies  time.Duration // 0: never
	n     int
}

const simEpoch = 2 * time.Second

// shape is how the load runs: requests a second as a share of the usual, and
// how much slower they are.
type shape struct {
	name string
	load func(w *world) (rate, slow float64)
	// traits are what the service has beside the usual: "janitors", "slow work", …
	traits string
}

func (s shape) has(trait string) bool { return strings.Contains(s.traits, trait) }

func flat(rate float64) func(*world) (float64, float64) {
	return func(*world) (float64, float64) { return rate, 1 }
}

var shapes = []shape{
	{name: "steady", load: flat(1)},
	{name: "ramp-up", load: func(w *world) (float64, float64) { return min(.2+1.3*w.now.Hours(), 1.5), 1 }},
	{name: "step", load: func(w *world) (float64, float64) {
		if w.now < time.Hour {
			return .5, 1
		}
		return 1.5, 1
	}},
	{name: "diurnal sine", load: func(w *world) (float64, float64) {
		return 1 + .6*math.Sin(2*math.Pi*w.now.Minutes()/80), 1
	}},
	{name: "bursty", load: func(w *world) (float64, float64) {
		if w.now >= w.burst && w.rng.Float64() < 1./150 {
			w.burst = w.now + 20*time.Second + time.Duration(w.rng.IntN(40))*time.Second
		}
		if w.now < w.burst {
			return 3, 1
		}
		return .8, 1
	}},
	{name: "retry storm", load: func(w *world) (float64, float64) {
		for _, at := range w.storms {
			if w.now >= at && w.now < at+5*time.Minute {
				return 2, 5
			}
		}
		return 1, 1
	}},
	{name: "deploy step", load: func(w *world) (float64, float64) {
		if m := w.now.Minutes(); m > 70 && m < 71 {
			return .1, 1
		}
		return 1, 1
	}, traits: "workers"},
}

// healthyShapes are runs in which nothing may be accused, on top of shapes.
var healthyShapes = []shape{
	{name: "lazy janitors", load: flat(1), traits: "janitors"},
	{name: "slow work, 60 s sleeps", load: flat(1), traits: "slow sleeps"},
	{name: "slow work under a sine", load: shapes[3].load, traits: "slow sleeps"},
	{name: "slow work, 20 s select", load: flat(1), traits: "slow selects"},
}

func newWorld(s shape, seed uint64, leaks bool) *world {
	w := &world{rng: rand.New(rand.NewPCG(seed, 7)), shape: s, leaky: -1}
	w.routes = []route{{name: "GET /a", share: .5, latency: .05}, {name: "GET /b", share: .3, latency: .1}, {name: "POST /c", share: .2, latency: .2}}
	for i := range w.routes {
		w.routes[i].stat = observe.TaskStat{Name: w.routes[i].name, Domain: observe.Domain(w.routes[i].name)}
	}
	for range 2 {
		w.storms = append(w.storms, time.Duration(10+w.rng.IntN(100))*time.Minute)
	}
	if leaks {
		w.leak = time.Duration(10*60+w.rng.IntN(70*60)) * time.Second
		if seed%2 == 1 {
			w.leaky = 0 // half of the requests
		}
	}
	return w
}

func (w *world) pop(entry string, wait observe.WaitKind) *population {
	i := slices.IndexFunc(w.pops, func(p *population) bool { return p.entry == entry })
	if i < 0 {
		i = len(w.pops)
		w.pops = append(w.pops, &population{entry: entry, wait: wait})
	}
	return w.pops[i]
}

func (p *population) add(n, route int, ended, life time.Duration) {
	if n == 0 {
		return
	}
	c := cohort{route: route, ended: ended, n: n}
	if life > 0 {
		c.dies = ended + life
	}
	p.cohorts = append(p.cohorts, c)
}

func (w *world) poisson(mean float64) int {
	if mean > 50 {
		return max(0, int(math.Round(mean+math.Sqrt(mean)*w.rng.NormFloat64())))
	}
	n, p, limit := 0, w.rng.Float64(), math.Exp(-mean)
	for p > limit {
		n++
		p *= w.rng.Float64()
	}
	return n
}

// most is the highest of what a mean gives within an epoch.
func (w *world) most(mean float64) (m int) {
	for range 6 {
		m = max(m, w.poisson(mean))
	}
	return m
}

func (w *world) anyRoute() int {
	x := w.rng.Float64()
	for i := range w.routes {
		if x -= w.routes[i].share; x < 0 {
			return i
		}
	}
	return 0
}

const usualRate = 200 // requests a second

// step runs the service for one epoch.
func (w *world) step() {
	rate, slow := w.shape.load(w)
	w.noise = .95*w.noise + .03*w.rng.NormFloat64()
	rate = max(rate*usualRate*(1+w.noise), 0)
	secs := simEpoch.Seconds()
	w.now += simEpoch
	busy := 0.
	for i := range w.routes {
		r := &w.routes[i]
		at := rate * r.share
		n := w.poisson(at * secs)
		busy += at * r.latency * slow
		r.started = uint64(n)
		r.stat.Started += r.started
		r.stat.Live = int64(w.poisson(at * r.latency * slow))
		r.stat.Peak = max(r.stat.Peak, int64(w.most(at*r.latency*slow)), r.stat.Live)
		// What a request tells somebody takes 3 to 12 seconds.
		for range w.poisson(.005 * float64(n)) {
			w.pop("app.notify", observe.WaitSelect).add(1, i, w.now, 3*time.Second+time.Duration(w.rng.IntN(9000))*time.Millisecond)
		}
		if w.shape.has("slow sleeps") {
			w.pop("app.remind", observe.WaitSleep).add(w.poisson(.05*float64(n)), i, w.now, 60*time.Second)
		}
		if w.shape.has("slow selects") {
			w.pop("app.webhook", observe.WaitSelect).add(w.poisson(.02*float64(n)), i, w.now, 20*time.Second)
		}
		if w.leak > 0 && w.now > w.leak && (w.leaky < 0 || w.leaky == i) {
			k := w.poisson(.001 * float64(n) / w.leakShare())
			w.leaked += k
			w.pop("app.(*client).watch", observe.WaitReceive).add(k, i, w.now, 0)
		}
	}
	// A pool that hale does not know, and one that closes what it does not need.
	for users := w.most(busy / 2); w.conns < users; w.conns++ {
		w.pop("vendor.(*conn).read", observe.WaitNetwork).add(1, w.anyRoute(), w.now, 0)
	}
	for range w.poisson(.1 * busy * secs / slow) {
		w.pop("churn.(*conn).read", observe.WaitNetwork).add(1, w.anyRoute(), w.now, time.Duration(w.rng.ExpFloat64()*20*float64(time.Second)))
	}
	w.janitors()
}

func (w *world) leakShare() float64 {
	if w.leaky < 0 {
		return 1
	}
	return w.routes[w.leaky].share
}

// janitors start what is made on first use and kept.
func (w *world) janitors() {
	p := w.pop("cache.(*shard).sweep", observe.WaitSelect)
	for shards := 8; w.touched < shards && w.rng.Float64() < .9; w.touched++ {
		p.add(1, w.anyRoute(), w.now, 0)
	}
	if w.shape.has("janitors") {
		for i := range w.routes {
			if w.routes[i].stat.Started > 0 && w.routes[i].stat.Started == w.routes[i].started {
				w.pop("lib.(*janitor).run", observe.WaitSelect).add(2+w.rng.IntN(6), i, w.now, 0)
			}
		}
		if m := w.now.Minutes(); m > 40 && m < 41 && len(w.pop("late.(*pool).worker", observe.WaitReceive).cohorts) == 0 {
			w.pop("late.(*pool).worker", observe.WaitReceive).add(16, 0, w.now, 0) // a feature that is used late
		}
	}
	if w.shape.has("workers") && w.now.Minutes() > 71 && w.workers < 40 {
		n := min(40-w.workers, 4+w.rng.IntN(6))
		w.workers += n
		w.pop("app.(*dispatcher).worker", observe.WaitReceive).add(n, w.anyRoute(), w.now, 0)
	}
}

// look returns what hale would see now.
func (w *world) look(lifetimes bool) (observe.Sample, *observe.Snapshot) {
	sample := observe.Sample{}
	snap := &observe.Snapshot{}
	for i := range w.routes {
		r := &w.routes[i]
		sample.Tasks = append(sample.Tasks, r.stat)
		snap.Groups = append(snap.Groups, simGroup(r.name, "app.handle", observe.WaitNetwork, -1, int(r.stat.Live)))
	}
	rate := 0.
	for i := range w.routes {
		rate += float64(w.routes[i].started) / simEpoch.Seconds()
	}
	snap.Groups = append(snap.Groups, simGroup("", "net/http.(*conn).serve", observe.WaitNetwork, -1, w.poisson(rate/2)))
	for _, p := range w.pops {
		by := map[[2]time.Duration]int{}
		p.cohorts = slices.DeleteFunc(p.cohorts, func(c cohort) bool {
			if c.dies > 0 && w.now >= c.dies {
				return true
			}
			age := w.now - c.ended - time.Second // the cell is sealed and found empty later
			if age > 100*time.Second && c.dies == 0 {
				p.old[c.route] += c.n
				return true
			}
			if age = goroutine.Age(age); age < 0 {
				age = -1
			}
			by[[2]time.Duration{time.Duration(c.route), age}] += c.n
			return false
		})
		for i, n := range p.old {
			if n > 0 {
				by[[2]time.Duration{time.Duration(i), goroutine.Age(time.Hour)}] += n
			}
		}
		for k, n := range by {
			snap.Groups = append(snap.Groups, simGroup(w.routes[k[0]].name, p.entry, p.wait, k[1], n))
		}
	}
	slices.SortFunc(snap.Groups, func(a, b observe.Group) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Entry.Function, b.Entry.Function), cmp.Compare(a.Ended, b.Ended))
	})
	if !lifetimes { // counts alone: no label, no age
		for i := range snap.Groups {
			snap.Groups[i].Name, snap.Groups[i].Domain, snap.Groups[i].Ended = "", "", -1
		}
	}
	return sample, snap
}

func simGroup(name, entry string, wait observe.WaitKind, ended time.Duration, n int) observe.Group {
	return observe.Group{
		Name: name, Domain: observe.Domain(name), Wait: wait, Ended: ended, Count: n,
		Entry: observe.Site{Function: entry}, Blocked: observe.Site{Function: entry},
	}
}
