package hale

import (
	"math"
	"runtime/metrics"
	"slices"
	"strings"
	"time"

	"github.com/hale-go/hale/detect"
	"github.com/hale-go/hale/diagnose"
	"github.com/hale-go/hale/observe"
)

// observe gathers the inputs of one turn.
func (rt *Runtime) observe(now time.Time) observe.Turn {
	cfg := rt.config()
	interval := now.Sub(rt.lastTurn)
	if interval <= 0 {
		now = rt.lastTurn.Add(time.Nanosecond) // turns are told apart by their time
	}
	rt.lastTurn = now
	rt.turns++
	// A cell must be known until a snapshot has looked for who outlives it.
	keep := max(cfg.Leak.Grace+4*cfg.Epoch, min(rt.pacer.Spacing()+2*cfg.Epoch, maxGrace))
	rt.reg.tick(now, cfg.Epoch, keep)
	rt.tendGates(now)
	at := rt.stamp(now)
	t := observe.Turn{Seq: rt.turns, Time: at, Halted: rt.halted.Load() || rt.disabled, Sample: rt.sample(at, interval)}
	if rt.pacer.Due(now) {
		snap := rt.capturer.Capture(now)
		rt.pacer.Done(now, snap.CPU)
		snap.Time = at
		t.Snapshot = &snap
	}
	t.Events, t.Dropped = rt.inbox.take(rt.showPanic)
	for i := range t.Events {
		t.Events[i].Time = rt.stamp(t.Events[i].Time)
	}
	return t
}

// stamp turns a reading of the clock into what the loop works with: the wall
// clock of the runtime's birth plus the time that has really passed. A step of
// the wall clock must not make tasks look hours old, and neither zone nor
// monotonic reading would survive a recording.
func (rt *Runtime) stamp(t time.Time) time.Time {
	return rt.clock.born.UTC().Round(0).Add(t.Sub(rt.clock.born))
}

// runtimeMetrics are read once a turn; each costs well below a microsecond at
// any number of goroutines.
var runtimeMetrics = []string{
	"/sched/goroutines:goroutines",
	"/sched/goroutines/runnable:goroutines",
	"/sched/goroutines/waiting:goroutines",
	"/sched/threads/total:threads",
	"/sched/gomaxprocs:threads",
	"/memory/classes/total:bytes",
	"/gc/gomemlimit:bytes",
}

func (rt *Runtime) sample(now time.Time, interval time.Duration) observe.Sample {
	read := make([]metrics.Sample, len(runtimeMetrics))
	for i, name := range runtimeMetrics {
		read[i].Name = name
	}
	metrics.Read(read)
	value := func(i int) uint64 {
		if read[i].Value.Kind() != metrics.KindUint64 {
			return 0
		}
		return read[i].Value.Uint64()
	}
	s := observe.Sample{
		Time: now, Goroutines: value(0), Runnable: value(1), Waiting: value(2), Threads: value(3), Procs: value(4),
		MemoryBytes: value(5), Slowdown: rt.meter.Slowdown(min(interval, time.Minute)), Resources: rt.resource.read(now),
	}
	if limit := value(6); limit < math.MaxInt64 {
		s.MemoryLimit = limit
	}
	if families := rt.reg.all(); len(families) > 0 {
		s.Tasks = make([]observe.TaskStat, 0, len(families))
		for _, family := range families {
			st := family.stat()
			st.Longest, st.Oldest = family.ages(rt.lastTurn)
			s.Tasks = append(s.Tasks, st)
		}
	}
	rt.poolMu.Lock()
	for _, p := range rt.pools {
		s.Pools = append(s.Pools, p.Stat())
	}
	rt.poolMu.Unlock()
	slices.SortFunc(s.Pools, func(a, b observe.PoolStat) int { return strings.Compare(a.Name, b.Name) })
	s.Operations = rt.sampleOperations()
	s.Domains, s.Walls = rt.domains.sample()
	s.Readings = rt.gauges.read(rt)
	s.Degraded = rt.switches.sample()
	s.Unhealthy = rt.unwell.sample(rt.stamp)
	s.Logs, s.Unseen = rt.logs.counts.sample()
	s.Unseen += rt.ops.unseen.Swap(0)
	return s
}

// publish leaves what a turn saw and decided for readers and subscribers.
func (rt *Runtime) publish(t observe.Turn, d Decision) {
	p := &published{at: time.Now(), panel: rt.loop.panel, sample: t.Sample, snapshot: t.Snapshot, incidents: rt.loop.diagnoser.Incidents()}
	if old := rt.published.Load(); t.Snapshot == nil && old != nil {
		p.snapshot = old.snapshot
	}
	rt.published.Store(p)
	for _, f := range rt.loop.fresh {
		rt.found.add(f.name, f.class, 1)
	}
	open := map[string]string{}
	for _, inc := range p.incidents {
		if !inc.Phase.Closed() && inc.Confidence == detect.Confirmed {
			open[inc.Subject.Name] = inc.ID
		}
		if inc.Fault == diagnose.Leak && !inc.Phase.Closed() {
			rt.pacer.Suspect() // a closer look, within the same cost
		}
	}
	for _, s := range rt.reg.all() {
		id := open[s.name]
		if old := s.incident.Load(); old == nil && id != "" || old != nil && *old != id {
			changed := id // only what is stored escapes
			s.incident.Store(&changed)
		}
	}
	rt.logSignals(t.Events)
	for _, e := range d.Events {
		rt.bus.send(e)
		rt.logEvent(e)
	}
}
