package haletest

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/hale-go/hale/observe"
)

// series is turns that follow one another.
type series struct {
	name  string
	turns []observe.Turn
}

// generator makes series. What is random in them comes from its seed.
type generator struct {
	random *rand.Rand
	seq    uint64
	now    time.Time
	peaks  map[string]int64
}

func newGenerator(seed uint64) *generator {
	return &generator{
		random: rand.New(rand.NewPCG(seed, 7)), now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), peaks: map[string]int64{},
	}
}

// next returns an empty turn, some time after the last.
func (g *generator) next(after time.Duration) observe.Turn {
	g.seq++
	g.now = g.now.Add(after)
	return observe.Turn{Seq: g.seq, Time: g.now, Sample: observe.Sample{Time: g.now, Procs: 4, Threads: 12, Slowdown: 1, MemoryBytes: 64 << 20}}
}

// stat returns the counters of a name of which live tasks are alive.
func (g *generator) stat(name string, live int64) observe.TaskStat {
	g.peaks[name] = max(g.peaks[name], live)
	return observe.TaskStat{
		Name: name, Domain: observe.DomainOf(name), Live: live, Started: 25 * g.seq, Peak: g.peaks[name],
	}
}

func group(name, entry, blocked string, wait observe.WaitKind, ended time.Duration, count int) observe.Group {
	at := func(function string) observe.Site {
		return observe.Site{Function: function, File: "/src/" + strings.ReplaceAll(function, ".", "/") + ".go", Line: 40}
	}
	return observe.Group{
		Name: name, Domain: observe.DomainOf(name), Entry: at(entry), Blocked: at(blocked), Wait: wait, Ended: ended, Count: count,
	}
}

// snapshotEvery is how many turns pass between two snapshots.
const snapshotEvery = 5

// healthy returns turns of a service that has nothing: load that rises and
// falls, requests that leave something behind for a moment, connections that are
// dialled in a request and kept, a pool of them that grows with the load.
func (g *generator) healthy(n int) series {
	s := series{name: "a healthy service"}
	pool, load := 0, 20.0
	for i := range n {
		t := g.next(time.Second)
		load = min(max(2, load+math.Sin(float64(i)/60)+g.random.NormFloat64()), 60)
		get, post := int64(load)+g.random.Int64N(3), int64(load/3)+g.random.Int64N(3)
		t.Sample.Tasks = []observe.TaskStat{
			g.stat("GET /orders/{id}", get), g.stat("POST /orders", post), g.stat("orders.consume", 3), g.stat("thumbnails", g.random.Int64N(8)),
		}
		busy := int(t.Sample.Tasks[3].Live)
		t.Sample.Pools = []observe.PoolStat{{Name: "thumbnails", Domain: "thumbnails", Workers: 8, Busy: busy, Finished: 9 * g.seq, Cap: 16}}
		t.Sample.Goroutines = uint64(get+post) + 120
		t.Sample.Operations = g.healthyOperations()
		if i%snapshotEvery == 0 {
			pool = max(pool, int(get+post)/2)
			t.Snapshot = &observe.Snapshot{Time: t.Time, Cost: 2 * time.Millisecond, CPU: 2 * time.Millisecond, Goroutines: int(t.Sample.Goroutines), Groups: []observe.Group{
				group("", "main.main", "main.main", observe.WaitReceive, -1, 1),
				group("GET /orders/{id}", "example.com/shop/db.(*conn).watch", "example.com/shop/db.(*conn).watch", observe.WaitSelect, 30*time.Second, pool),
				group("GET /orders/{id}", "example.com/shop.mail", "example.com/shop.mail", observe.WaitSleep, 6*time.Second, 1+g.random.IntN(3)),
				group("GET /orders/{id}", "net/http.(*conn).serve", "example.com/shop.order", observe.WaitSelect, -1, int(get)),
				group("POST /orders", "net/http.(*persistConn).readLoop", "net/http.(*persistConn).readLoop", observe.WaitNetwork, 30*time.Second, 4),
				group("orders.consume", "example.com/shop.consume", "example.com/shop.consume", observe.WaitSelect, -1, 3),
			}}
		}
		s.turns = append(s.turns, t)
	}
	return s
}

// sick returns turns of a service that has everything that the built-in
// detectors look for, after a while in health.
func (g *generator) sick(n int) series {
	s := series{name: "a sick service", turns: g.healthy(40).turns}
	subject := func(name string, seq uint64) observe.Subject {
		return observe.Subject{Task: observe.TaskID{Name: name, Seq: seq}, Name: name, Domain: observe.DomainOf(name), Site: observe.Site{Function: "example.com/shop." + strings.ReplaceAll(name, ".", "")}}
	}
	for i, t := range g.healthy(n).turns {
		tell := func(kind observe.EventKind, of observe.Subject, detail string) {
			t.Events = append(t.Events, observe.Event{Time: t.Time, Kind: kind, Subject: of, Detail: detail, Fingerprint: "feedbeef"})
		}
		mail := g.stat("mail.send", 1)
		mail.Panics = uint64(2 * i)
		stuck := g.stat("stock.sync", 20)
		stuck.Abandoned = int64(min(i, 20))
		t.Sample.Tasks = append(t.Sample.Tasks[:3:3], mail, stuck, t.Sample.Tasks[3]) // sorted by name
		mail.Started = uint64(2 * i)
		t.Sample.Tasks[3] = mail
		t.Sample.Pools[0].Abandoned = min(i/2, 16)
		t.Sample.Operations = g.sickOperations()
		t.Sample.Tasks[5].Abandoned = int64(t.Sample.Pools[0].Abandoned)
		for k := range 2 {
			tell(observe.EventPanic, subject("mail.send", g.seq*8+uint64(k)), "panic: index out of range")
		}
		if i%3 == 0 {
			tell(observe.EventRestarted, subject("mail.send", g.seq*8+3), "restarted")
			late := subject("stock.sync", g.seq*8+4)
			tell(observe.EventHeartbeatMissed, late, "no beat for 5s")
			tell(observe.EventOverdue, late, "ignores its cancellation")
			tell(observe.EventAbandoned, late, "given up")
		}
		unit := subject("thumbnails", g.seq*8+5)
		tell(observe.EventBudget, unit, "past its budget")
		tell(observe.EventAbandoned, unit, "given up")
		if t.Snapshot != nil {
			t.Snapshot.Groups = append(t.Snapshot.Groups[:4:4], append([]observe.Group{
				group("GET /orders/{id}", "example.com/reco.(*Client).wait", "example.com/reco.(*Client).wait", observe.WaitSend, 20*time.Second, 4*i),
				group("GET /orders/{id}", "example.com/reco.(*Client).wait", "example.com/reco.(*Client).wait", observe.WaitSend, 60*time.Second, 40*i),
			}, t.Snapshot.Groups[4:]...)...)
		}
		s.turns = append(s.turns, t)
	}
	return s
}

// garbage returns turns that no runtime makes but a damaged recording may hold:
// empty ones, times that jump, tables out of order, numbers at their limits.
func (g *generator) garbage(n int) series {
	s := series{name: "garbage"}
	words := []string{"", "a", "GET /orders/{id}", "\ufffd", "a\nb", strings.Repeat("n", 128), "thumbnails"}
	word := func() string { return words[g.random.IntN(len(words))] }
	number := func() int64 {
		return []int64{0, 1, -1, 7, 1 << 40, math.MaxInt64, math.MinInt64}[g.random.IntN(7)]
	}
	for range n {
		jumps := []time.Duration{0, time.Second, -time.Minute, 30 * 24 * time.Hour, time.Nanosecond, -30 * 24 * time.Hour}
		t := g.next(jumps[g.random.IntN(len(jumps))])
		at := func() time.Time {
			return []time.Time{t.Time, {}, t.Time.Add(time.Hour), t.Time.Add(-time.Hour)}[g.random.IntN(4)]
		}
		task := func() observe.TaskID { return observe.TaskID{Name: "a" + word(), Seq: uint64(number())} }
		subject := func() observe.Subject {
			return observe.Subject{Task: task(), Name: word(), Domain: observe.Domain(word())}
		}
		t.Sample.Slowdown = []float64{0, -1, 1, 1e300}[g.random.IntN(4)]
		for range g.random.IntN(4) {
			t.Sample.Tasks = append(t.Sample.Tasks, observe.TaskStat{
				Name: word(), Domain: observe.Domain(word()), Live: number(), Started: uint64(number()), Failed: uint64(number()), Panics: uint64(number()),
				Peak: number(), HeldCells: int(number()), Abandoned: number(), Quarantined: number() > 0,
			})
			t.Sample.Operations = append(t.Sample.Operations, garbageOperation(word, number))
			t.Sample.Pools = append(t.Sample.Pools, observe.PoolStat{Name: word(), Workers: int(number()), Abandoned: int(number()), Cap: int(number())})
			t.Events = append(t.Events, observe.Event{
				Time: at(), Kind: eventKinds[g.random.IntN(len(eventKinds))], Subject: subject(), Detail: strings.Repeat(word(), 4), Fingerprint: word(),
				Phase: word(), Finding: word(), Confidence: word(), Result: word(), Restarts: int(number()),
			})
		}
		switch g.random.IntN(4) {
		case 0:
			t.Snapshot = &observe.Snapshot{Time: at(), Goroutines: int(number()), Skipped: "memory: too little is left"}
		case 1, 2:
			t.Snapshot = &observe.Snapshot{Time: at(), Goroutines: int(number()), Folded: int(number())}
			for range g.random.IntN(5) {
				t.Snapshot.Groups = append(t.Snapshot.Groups, observe.Group{
					Name: word(), Domain: observe.Domain(word()), Task: task(),
					Entry: observe.Site{Function: word(), Line: int(number())}, Blocked: observe.Site{Function: word()},
					Wait: observe.WaitKind(word()), Ended: time.Duration(number()), Count: int(number()),
				})
			}
		}
		s.turns = append(s.turns, t)
	}
	s.turns = append(s.turns, observe.Turn{}, observe.Turn{Snapshot: &observe.Snapshot{}})
	return s
}

// eventKinds are those that a detector may see, and one that does not exist.
var eventKinds = []observe.EventKind{
	observe.EventPanic, observe.EventBudget, observe.EventOverdue, observe.EventHeartbeatMissed, observe.EventAbandoned, observe.EventReturned,
	observe.EventEnded, observe.EventRestarted, observe.EventFailed, observe.EventRestartStorm, observe.EventRestartHeld, observe.EventRestartResumed, observe.EventMisuse, observe.EventRemedy, "no such kind",
}

// newNames is how many names of each kind a turn of [generator.endless] brings.
const newNames = 8

// endless returns one turn of a service whose names never come twice, as they
// do when somebody puts user data in them.
func (g *generator) endless() observe.Turn {
	t := g.next(time.Second)
	if g.seq%snapshotEvery == 0 {
		t.Snapshot = &observe.Snapshot{Time: t.Time, Goroutines: 1000}
	}
	for i := range newNames {
		name := fmt.Sprintf("tenant-%012d-%02d.%s", g.seq, i, strings.Repeat("x", 100))
		subject := observe.Subject{Task: observe.TaskID{Name: name, Seq: g.seq*newNames + uint64(i)}, Name: name, Domain: observe.DomainOf(name)}
		t.Sample.Tasks = append(t.Sample.Tasks, observe.TaskStat{Name: name, Domain: subject.Domain, Live: 1, Started: 1, Peak: 1, Abandoned: int64(i)})
		t.Sample.Operations = append(t.Sample.Operations, endlessOperation(g.seq, i))
		t.Events = append(t.Events, observe.Event{
			Time: t.Time, Kind: eventKinds[(int(g.seq)+i)%len(eventKinds)], Subject: subject, Fingerprint: name, Detail: "something happened",
		})
		if t.Snapshot != nil {
			t.Snapshot.Groups = append(t.Snapshot.Groups, group(name, "example.com/"+name, "example.com/"+name, observe.WaitReceive, time.Minute, 5))
		}
	}
	return t
}

// big returns one turn as large as a runtime makes them.
func (g *generator) big() observe.Turn {
	t := g.next(time.Second)
	t.Snapshot = &observe.Snapshot{Time: t.Time, Goroutines: 1 << 20}
	for i := range 4096 {
		name := fmt.Sprintf("task-%05d", i)
		t.Sample.Tasks = append(t.Sample.Tasks, g.stat(name, int64(i%50)))
		t.Sample.Operations = append(t.Sample.Operations, operation(observe.Server, name, 50, 20, 10))
		t.Snapshot.Groups = append(t.Snapshot.Groups, group(name, "example.com/"+name, "example.com/"+name, observe.WaitReceive, time.Minute, int(g.seq)))
		t.Events = append(t.Events, observe.Event{
			Time: t.Time, Kind: eventKinds[i%len(eventKinds)], Subject: observe.Subject{Task: observe.TaskID{Name: name, Seq: uint64(i) + 1}, Name: name}, Fingerprint: name,
		})
	}
	return t
}
