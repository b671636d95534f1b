package detect_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/hale-go/hale/observe"
)

// service is a shop in a day of its life, second by second, as hale sees it: a daily
// cycle, bursts, a ramp, a step, a deploy, pauses of the collector, retries, heavy
// tails, streams and long polls, operations that are done once a minute, errors in
// the background, logs, tasks, a pool. All that is random in it comes from its seed.
// It is well, unless it is given faults.
type service struct {
	rng    *rand.Rand
	second int
	ops    []*simOp
	faults []fault

	load     float64 // of the usual, now
	drag     float64 // how many times as long everything takes
	pause    float64 // of the collector, in this second, in ms
	burst    int     // until when
	storm    int     // of retries, until when
	born     int     // when the process started
	deployAt int
	restarts bool // the process of this turn is a new one

	phase, ramp, step float64
	files             float64
	cpu               time.Duration // processor time so far
	pool              observe.PoolStat
	logs              []observe.LogStat // slices to use again
	stats             []observe.OperationStat
	tasks             []observe.TaskStat
}

// simOp is an operation, and what it did in this second.
type simOp struct {
	name   string
	kind   observe.OperationKind
	rate   float64 // a second; 0: it is only called
	median float64 // of its own time, in ms
	sigma  float64
	tail   float64 // share of requests that the tail takes
	fails  float64
	calls  []simCall
	life   [2]float64 // of streams and polls, in seconds
	apart  float64    // share that outlives its caller
	since  string     // "deploy": it comes with it

	table  []float64 // quantiles of its own time
	wander float64   // slow, of the logarithm
	open   []request // those that take longer than this second
	around int64     // in flight for less than a second

	counts  [observe.Buckets]uint32
	touched []int
	stat    observe.OperationStat
	spent   []observe.Call        // by index of calls
	kept    observe.OperationStat // slices to use again
	task    observe.TaskStat
}

type simCall struct {
	op    int
	times float64
}

// request is a span that is under way.
type request struct {
	began, ends int // seconds; ends < 0: never
	ms          float64
	own         float64
	failed      bool
	calls       [3]float64 // ms in each callee
}

func shopOps() []*simOp {
	const (
		products = iota
		product
		cart
		addCart
		order
		search
		report
		events
		poll
		recommend
		dbProducts
		dbCart
		dbOrders
		cache
		payments
		index
		mail
	)
	return []*simOp{
		products:   {name: "GET /products", kind: observe.Server, rate: 20, median: 8, sigma: .5, tail: .01, fails: .001, calls: []simCall{{cache, 1}}},
		product:    {name: "GET /products/{id}", kind: observe.Server, rate: 15, median: 6, sigma: .4, tail: .01, fails: .002, calls: []simCall{{dbProducts, 1}}},
		cart:       {name: "GET /cart", kind: observe.Server, rate: 8, median: 4, sigma: .4, tail: .005, fails: .001, calls: []simCall{{cache, 2}}},
		addCart:    {name: "POST /cart", kind: observe.Server, rate: 4, median: 9, sigma: .5, tail: .02, fails: .005, calls: []simCall{{dbCart, 1}, {cache, 1}}},
		order:      {name: "POST /order", kind: observe.Server, rate: 3, median: 15, sigma: .5, tail: .02, fails: .01, calls: []simCall{{payments, 1}, {dbOrders, 3}}},
		search:     {name: "GET /search", kind: observe.Server, rate: 6, median: 40, sigma: .7, tail: .02, fails: .003, calls: []simCall{{index, 1}}},
		report:     {name: "GET /report", kind: observe.Server, rate: 1. / 60, median: 900, sigma: .5, tail: .02, fails: .01, calls: []simCall{{dbOrders, 20}}},
		events:     {name: "GET /events", kind: observe.Server, rate: .05, life: [2]float64{300, 3600}},
		poll:       {name: "GET /poll", kind: observe.Server, rate: 2, life: [2]float64{1, 30}},
		recommend:  {name: "GET /recommend", kind: observe.Server, rate: 4, median: 20, sigma: .6, tail: .01, fails: .002, since: "deploy", calls: []simCall{{index, 1}}},
		dbProducts: {name: "db.products", kind: observe.Client, median: 2, sigma: .4, tail: .01, fails: .001},
		dbCart:     {name: "db.cart", kind: observe.Client, median: 3, sigma: .4, tail: .01, fails: .001},
		dbOrders:   {name: "db.orders", kind: observe.Client, median: 4, sigma: .5, tail: .02, fails: .001},
		cache:      {name: "cache.get", kind: observe.Client, median: .4, sigma: .4, tail: .005, fails: .001},
		payments:   {name: "payments.quote", kind: observe.Client, median: 45, sigma: .5, tail: .03, fails: .01},
		index:      {name: "search.query", kind: observe.Client, median: 25, sigma: .6, tail: .02, fails: .002},
		mail:       {name: "mail.send", kind: observe.Internal, rate: 2, median: 120, sigma: .6, tail: .02, fails: .005, apart: .9},
	}
}

func newService(seed uint64, faults ...fault) *service {
	w := &service{rng: rand.New(rand.NewPCG(seed, 11)), ops: shopOps(), faults: faults, load: 1, files: 120}
	w.phase, w.ramp, w.step = 24*w.rng.Float64(), 6+8*w.rng.Float64(), 18+6*w.rng.Float64()
	w.deployAt = int(3600 * (11 + 4*w.rng.Float64()))
	for _, o := range w.ops {
		o.task = observe.TaskStat{Name: o.name, Domain: observe.DomainOf(o.name)}
		o.spent = make([]observe.Call, len(o.calls))
		for i, c := range o.calls {
			o.spent[i].Name = w.ops[c.op].name
		}
		if o.life[0] > 0 { // some are there already
			for range int(o.rate * (o.life[0] + o.life[1]) / 2) {
				o.open = append(o.open, request{ends: 1 + w.rng.IntN(int(o.life[1])), ms: 1000 * o.life[0]})
			}
			continue
		}
		o.table = make([]float64, 4096)
		for i := range o.table {
			o.table[i] = o.median * math.Exp(o.sigma*normal((float64(i)+.5)/4096))
		}
	}
	w.pool = observe.PoolStat{Name: "thumbnails", Domain: "thumbnails", Size: 8, Workers: 8, Cap: 16}
	return w
}

// normal is the quantile of the normal distribution.
func normal(p float64) float64 { return math.Sqrt2 * math.Erfinv(2*p-1) }

// own is how long an operation takes without what it calls.
func (w *service) own(o *simOp) float64 {
	r := w.rng.Uint64()
	ms := o.table[r&4095]
	if u := float64(r>>12) / (1 << 52); u < o.tail { // Pareto, from about P95 on
		ms = o.median * math.Exp(1.6*o.sigma) * math.Pow(u/o.tail+1e-6, -1/1.8)
		ms = min(ms, max(40*o.median, 1000))
	}
	ms *= w.drag * o.wander
	if w.pause > 0 && float64(r>>12&1023)/1024 < w.pause/1000 {
		ms += w.pause * float64(r>>22&1023) / 1024
	}
	return ms
}

// turn lets the service live for a second and returns what hale sees.
func (w *service) turn() observe.Turn {
	w.second++
	w.weather()
	for i, o := range w.ops {
		if o.since == "deploy" && w.born == 0 {
			continue
		}
		rate := o.rate * w.load * w.silence(o)
		for range w.poisson(rate) {
			w.ask(i)
		}
	}
	return w.look()
}

func (w *service) poisson(mean float64) int {
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

// weather is what befalls the whole service in a second.
func (w *service) weather() {
	t := float64(w.second) / 3600
	w.restarts = w.second == w.deployAt
	if w.restarts {
		w.restart()
	}
	w.load = 1 + .5*math.Sin(2*math.Pi*(t-w.phase)/24)
	w.load *= 1 + .4*min(max((t-w.ramp)*2, 0), 1)
	if t > w.step {
		w.load *= 1.3
	}
	if w.second >= w.burst && w.rng.Float64() < 1./3600 {
		w.burst = w.second + 20 + w.rng.IntN(40)
	}
	w.drag = 1 + .12*(w.load-1)
	if w.second < w.burst {
		w.load *= 2.5
		w.drag *= 1.25
	}
	if w.second >= w.storm && w.rng.Float64() < 1./7200 {
		w.storm = w.second + 10 + w.rng.IntN(20)
	}
	if up := float64(w.second - w.born); w.born > 0 && up < 300 { // caches are cold
		w.drag *= 1 + 2*math.Exp(-up/45)
	}
	w.pause = 0
	if w.rng.Float64() < 1./90 {
		w.pause = 10 + 70*w.rng.Float64()
	}
	if w.second%60 == 0 {
		for _, o := range w.ops {
			o.wander = math.Exp(.995*math.Log(max(o.wander, .1)) + .006*w.rng.NormFloat64())
		}
	}
	for _, o := range w.ops {
		if o.wander == 0 {
			o.wander = math.Exp(.05 * w.rng.NormFloat64())
		}
	}
}

// restart is a deploy: a process of a new release takes over.
func (w *service) restart() {
	w.born = w.second
	for _, o := range w.ops {
		for i := range o.open { // streams connect again
			o.open[i].began = w.second
			if o.open[i].ends >= 0 {
				o.open[i].ends = max(o.open[i].ends, w.second+1)
			}
		}
		o.open = slices.DeleteFunc(o.open, func(r request) bool { return r.ends < 0 || o.life[0] == 0 })
		o.task.Started, o.task.Failed, o.task.Peak = uint64(len(o.open)), 0, 0
	}
	w.pool.Finished = 0
	w.files = 120
}

// ask does an operation once.
func (w *service) ask(i int) {
	o := w.ops[i]
	r := request{began: w.second}
	if o.life[0] > 0 {
		r.ms = 1000 * (o.life[0] + (o.life[1]-o.life[0])*w.rng.Float64())
	} else {
		w.spend(i, &r)
	}
	o.stat.Started++
	o.task.Started++
	switch {
	case r.ends < 0:
		o.open = append(o.open, r)
	case r.ms >= 1000:
		r.ends = w.second + int(r.ms/1000)
		o.open = append(o.open, r)
	default:
		o.end(r, w)
	}
}

// spend is the time of a request, and of what it calls.
func (w *service) spend(i int, r *request) {
	o := w.ops[i]
	r.own = w.slowed(o, w.own(o))
	r.ms = r.own
	r.failed = w.rng.Float64() < w.failing(o)
	if w.hangs(o) {
		r.ends = -1
	}
	for k, c := range o.calls {
		callee := w.ops[c.op]
		times := int(c.times)
		if callee.name == "payments.quote" && w.second < w.storm && w.rng.Float64() < .3 {
			times++
		}
		for range times {
			sub := request{began: w.second}
			w.spend(c.op, &sub)
			callee.stat.Started++
			if sub.ends < 0 {
				callee.open = append(callee.open, sub)
				r.ends = -1
				return
			}
			if sub.failed && w.rng.Float64() < .5 {
				r.failed = true
				o.stat.Inherited++
			}
			r.calls[k] += sub.ms
			r.ms += sub.ms
			o.spent[k].Count++
			o.spent[k].Time += time.Duration(sub.ms * 1e6)
			if sub.ms >= 1000 {
				sub.ends = w.second + int(sub.ms/1000)
				callee.open = append(callee.open, sub)
			} else {
				callee.end(sub, w)
			}
		}
	}
}

// end counts a request out.
func (o *simOp) end(r request, w *service) {
	d := time.Duration(r.ms * 1e6)
	b := observe.BucketOf(d)
	if o.counts[b]++; o.counts[b] == 1 {
		o.touched = append(o.touched, b)
	}
	o.stat.Ended++
	o.stat.Time += d
	o.stat.Below += time.Duration((r.calls[0] + r.calls[1] + r.calls[2]) * 1e6)
	if r.failed {
		o.stat.Failed++
		o.task.Failed++
	}
	if o.apart > 0 && w.rng.Float64() < o.apart {
		o.stat.Outlived++
	}
}

func (o *simOp) has(part string) bool { return strings.Contains(o.name, part) }
