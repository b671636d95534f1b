package detect_test

import (
	"cmp"
	"math/bits"
	"slices"
	"time"

	"github.com/hale-go/hale/observe"
)

// look returns what hale sees at the end of a second, and begins the next.
func (w *service) look() observe.Turn {
	now := t0.Add(time.Duration(w.second) * time.Second)
	t := observe.Turn{Seq: uint64(w.second - w.born), Time: now, Sample: observe.Sample{
		Time: now, Slowdown: 1, Procs: 4, Threads: 12, MemoryBytes: 200 << 20, MemoryLimit: 2 << 30,
	}}
	s := &t.Sample
	s.Operations, s.Tasks = w.stats[:0], w.tasks[:0] // detectors keep nothing of a turn
	for _, o := range w.ops {
		o.settle(w)
		if o.stat.Started > 0 || o.stat.Ended > 0 || o.stat.InFlight > 0 {
			s.Operations = append(s.Operations, o.stat)
		}
		if o.kind == observe.Server {
			o.task.Live = o.stat.InFlight
			o.task.Peak = max(o.task.Peak, o.task.Live+int64(o.stat.Started/8))
			s.Tasks = append(s.Tasks, o.task)
			s.Goroutines += uint64(2 * o.task.Live)
		}
	}
	slices.SortFunc(s.Operations, func(a, b observe.OperationStat) int { return cmp.Compare(a.Name, b.Name) })
	slices.SortFunc(s.Tasks, func(a, b observe.TaskStat) int { return cmp.Compare(a.Name, b.Name) })
	w.stats, w.tasks = s.Operations, s.Tasks
	done := w.poisson(5 * w.load)
	w.pool.Finished += uint64(done)
	w.pool.Busy, w.pool.Queued = min(done, 8), w.poisson(.3)
	s.Pools = []observe.PoolStat{w.pool}
	s.Logs = w.writeLogs()
	w.files += w.leakedFiles()
	s.Readings = []observe.Reading{
		{Name: "cart.items", Value: 400 * w.load * (1 + .05*w.rng.NormFloat64())},
		{Name: "open_files", Value: w.files + float64(s.Goroutines)/2},
	}
	s.Resources = w.resources(s)
	if w.second%10 == 0 {
		t.Snapshot = w.snapshot(now, s)
	}
	for _, o := range w.ops {
		o.begin()
	}
	return t
}

// resources returns what the process uses: files with the requests in flight, a heap
// with the load.
func (w *service) resources(s *observe.Sample) *observe.Resources {
	w.cpu += time.Duration(w.load * float64(400*time.Millisecond) * (1 + .1*w.rng.Float64()))
	live := (200 + 80*w.load) * (1 << 20)
	return &observe.Resources{
		Processors: 2,
		Process:    &observe.ProcessUse{CPU: w.cpu, Resident: uint64(2 * live), Threads: 12},
		Files:      &observe.FileUse{Open: uint64(w.files) + s.Goroutines/2, Limit: 1024},
		Memory:     &observe.MemoryUse{Used: uint64(live * (1.2 + .8*w.rng.Float64())), Limit: 2 << 30},
		Collector:  &observe.CollectorUse{Live: uint64(live), Time: w.cpu / 30},
	}
}

// settle ends what is due and fills in the operation's numbers.
func (o *simOp) settle(w *service) {
	st := &o.stat
	st.Name, st.Kind, st.Domain = o.name, o.kind, observe.DomainOf(o.name)
	hangs := w.hangs(o)
	o.open = slices.DeleteFunc(o.open, func(r request) bool {
		switch {
		case r.ends >= 0 && r.ends <= w.second:
		case r.ends < 0 && !hangs && w.released(o): // what it waited for came after all
			r.ms = 1000 * float64(w.second-r.began)
		default:
			return false
		}
		o.end(r, w)
		return true
	})
	around := int64(0)
	if o.life[0] == 0 && !hangs {
		around = int64(w.poisson(float64(st.Started) * o.median * 1.5 / 1000))
	}
	if more := around - o.around; more >= 0 || st.Started >= uint64(-more) {
		st.Started += uint64(more)
		o.around = around
	}
	st.InFlight = int64(len(o.open)) + o.around
	var waiting [7]uint32
	top := 0
	for _, r := range o.open {
		k := min(bits.Len64(uint64(w.second-r.began)), 7)
		for i := range k {
			waiting[i]++
		}
		top = max(top, k)
	}
	st.Waiting = append(o.kept.Waiting[:0], waiting[:top]...)
	slices.Sort(o.touched)
	st.Latency, st.Outcomes, st.Calls = o.kept.Latency[:0], o.kept.Outcomes[:0], o.kept.Calls[:0]
	for _, b := range o.touched {
		st.Latency = append(st.Latency, observe.Bucket{Index: b, Count: uint64(o.counts[b])})
		o.counts[b] = 0
	}
	st.Below = min(st.Below, st.Time)
	st.Inherited = min(st.Inherited, st.Failed)
	if ok := st.Ended - st.Failed; ok > 0 {
		st.Outcomes = append(st.Outcomes, observe.Outcome{Name: "200", Count: ok})
	}
	if st.Failed > 0 {
		st.Outcomes = append(st.Outcomes, observe.Outcome{Name: "500", Count: st.Failed, Failed: true})
	}
	if o.has("POST /order") {
		if n := w.poisson(.02 * float64(st.Ended)); n > 0 {
			st.Reported = []observe.Outcome{{Name: "out_of_stock", Count: uint64(n)}}
		}
	}
	for _, c := range o.spent {
		if c.Count > 0 {
			st.Calls = append(st.Calls, c)
		}
	}
	slices.SortFunc(st.Calls, func(a, b observe.Call) int { return cmp.Compare(a.Name, b.Name) })
	o.kept = *st
}

// begin makes room for the next second.
func (o *simOp) begin() {
	o.touched = o.touched[:0]
	o.stat = observe.OperationStat{}
	for i := range o.spent {
		o.spent[i] = observe.Call{Name: o.spent[i].Name}
	}
}

// writeLogs returns what the service logged in this second.
func (w *service) writeLogs() []observe.LogStat {
	out := w.logs[:0]
	say := func(form string, level int, name string, n uint64) {
		if n > 0 {
			st := observe.LogStat{Form: form, Level: level, Name: name, Domain: observe.DomainOf(name), Count: n}
			if level >= 8 {
				st.Patterns = []string{"error level"}
			}
			out = append(out, st)
		}
	}
	for _, o := range w.ops {
		if w.mute(o) {
			continue
		}
		if o.kind == observe.Server {
			say("request served in <*>", 0, o.name, o.stat.Ended)
		}
		say("request failed: <*>", 8, o.name, o.stat.Failed)
		if o.has("payments") && w.second < w.storm {
			say("payments did not answer, trying again", 4, o.name, uint64(w.poisson(2)))
		}
	}
	if !slices.ContainsFunc(w.ops, func(o *simOp) bool { return o.name == "GET /products" && w.mute(o) }) {
		say("cache miss for <*>", -4, "GET /products", uint64(w.poisson(3*w.load)))
	}
	say("query took <*>", 4, "GET /search", uint64(w.poisson(.02)))
	if w.second%60 == 0 {
		say("stock was counted: <*> items", 0, "stock.count", 1)
	}
	if w.rng.Float64() < 1./3600 {
		say([]string{"certificate renewed", "configuration was read again", "leader is <*>"}[w.rng.IntN(3)], 0, "", 1)
	}
	if w.born > 0 {
		say("recommended <*> of <*> products", 0, "GET /recommend", uint64(w.poisson(5*w.load)))
		if up := w.second - w.born; up < 5 {
			say("started release <*>", 0, "", 1)
			say("cache is cold, filling <*>", 4, "", uint64(w.poisson(3)))
		}
	}
	w.stormLogs(say)
	slices.SortFunc(out, func(a, b observe.LogStat) int {
		return cmp.Or(cmp.Compare(a.Form, b.Form), cmp.Compare(a.Level, b.Level), cmp.Compare(a.Name, b.Name))
	})
	w.logs = out
	return out
}

// snapshot returns the goroutines, which follow what is in flight.
func (w *service) snapshot(now time.Time, s *observe.Sample) *observe.Snapshot {
	snap := &observe.Snapshot{Time: now, Cost: 2 * time.Millisecond, Goroutines: int(s.Goroutines)}
	for i := range s.Tasks {
		ts := &s.Tasks[i]
		if ts.Live > 0 {
			snap.Groups = append(snap.Groups, simGroup(ts.Name, "shop.handle", observe.WaitSelect, -1, int(ts.Live)))
		}
		if i == 0 {
			snap.Groups = append(snap.Groups, simGroup(ts.Name, "shop.notify", observe.WaitSelect, 6*time.Second, 1+w.rng.IntN(3)))
		}
	}
	snap.Groups = append(snap.Groups, simGroup("", "net/http.(*conn).serve", observe.WaitNetwork, -1, int(s.Goroutines/2)+1),
		simGroup("", "main.main", observe.WaitReceive, -1, 1), simGroup("", "shop.(*cache).sweep", observe.WaitSelect, -1, 8))
	return snap
}
