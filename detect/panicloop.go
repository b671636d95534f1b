package detect

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/hale-go/hale/observe"
)

// PanicLoopConfig says when panics are a loop.
type PanicLoopConfig struct {
	// Count is how many panics with one fingerprint within Window make a loop.
	// Default: 4 within 30s.
	Count  int           `json:"count" yaml:"count"`
	Window time.Duration `json:"window" yaml:"window"`
	// MinShare is which part of the tasks of that name must have panicked, so
	// that one bad request in a thousand does not cut off the others. What was seen
	// must show it for sure, to 97.7 %: 4 of 4 do, 4 of 8 do not. Default: 0.3.
	MinShare float64 `json:"min_share" yaml:"min_share"`
}

func (c PanicLoopConfig) withDefaults() PanicLoopConfig {
	if c.Count <= 0 {
		c.Count = 4
	}
	if c.Window <= 0 {
		c.Window = 30 * time.Second
	}
	if c.MinShare <= 0 || c.MinShare > 1 {
		c.MinShare = 0.3
	}
	return c
}

// PanicLoop finds tasks that panic, and confirms a loop of those that do so again
// and again at the same place. A restart storm of one name confirms at once; one without a
// panic is [KindRestartStorm].
// Panics that are no loop are [KindPanic] and suspected: nothing is done about
// them, since they were contained.
type PanicLoop struct {
	cfg   PanicLoopConfig
	state panicState
}

type panicState struct {
	Loops []panicSeries `json:"loops,omitempty"` // sorted by name and fingerprint
	Last  []nameCount   `json:"last,omitempty"`  // tasks started as of the last turn, sorted by name
}

type nameCount struct {
	Name string `json:"name"`
	N    uint64 `json:"n"`
}

type panicSeries struct {
	Subject     observe.Subject `json:"subject"`
	Fingerprint string          `json:"fingerprint"`
	Detail      string          `json:"detail"`
	Since       time.Time       `json:"since"`
	Hits        []time.Time     `json:"hits"`
	Storm       bool            `json:"storm,omitempty"`
	Held        bool            `json:"held,omitempty"` // its name was in quarantine since its last panic
	Loop        bool            `json:"loop,omitempty"` // it was one, and its last panics are that loop's
	Started     []startedAt     `json:"started"`        // tasks started, at most one entry a second, over the window
}

type startedAt struct {
	Time time.Time `json:"time"`
	N    uint64    `json:"n"`
}

const maxLoops = 512

// NewPanicLoop returns the detector.
func NewPanicLoop(cfg PanicLoopConfig) *PanicLoop { return &PanicLoop{cfg: cfg.withDefaults()} }

// Detect implements [Detector].
func (d *PanicLoop) Detect(t observe.Turn) []Finding {
	for _, e := range t.Events {
		switch e.Kind {
		case observe.EventPanic:
			d.hit(e)
		case observe.EventRestartStorm:
			d.storm(e)
		}
	}
	for i := range d.state.Loops {
		s := &d.state.Loops[i]
		s.Held = s.Held || quarantined(t.Sample, s.Subject.Name)
	}
	d.state.Loops = slices.DeleteFunc(d.state.Loops, func(s panicSeries) bool {
		return t.Time.Sub(s.Hits[len(s.Hits)-1]) > max(d.cfg.Window, d.span(&s))
	})
	d.state.Last = d.state.Last[:0:0]
	for _, ts := range t.Sample.Tasks {
		d.state.Last = append(d.state.Last, nameCount{ts.Name, started(t.Sample, ts.Name)})
	}
	var out []Finding
	for i := range d.state.Loops {
		s := &d.state.Loops[i]
		last := s.Hits[len(s.Hits)-1] // stays: what a storm is judged by may be older than the window
		s.Hits = slices.DeleteFunc(s.Hits, func(h time.Time) bool { return h.Before(last) && t.Time.Sub(h) > d.cfg.Window })
		d.count(s, t)
		f := d.finding(s, t.Time)
		if n := len(out); n > 0 && out[n-1].Subject.Name == f.Subject.Name {
			if f.Kind == KindPanicLoop {
				out[n-1].Kind, out[n-1].Unit = f.Kind, f.Unit
			}
			out[n-1] = merge(out[n-1], f)
			continue
		}
		out = append(out, f)
	}
	return worst(out, maxFindings)
}

func (d *PanicLoop) hit(e observe.Event) {
	key := e.Subject.Name + "|" + e.Fingerprint
	i, known := slices.BinarySearchFunc(d.state.Loops, key, func(s panicSeries, key string) int {
		return cmp.Compare(s.Subject.Name+"|"+s.Fingerprint, key)
	})
	if !known {
		if len(d.state.Loops) >= maxLoops {
			return
		}
		s := e.Subject
		s.Task = observe.TaskID{} // a loop is of the name, not of one task
		var before uint64         // tasks started before this turn: those of the turn are what the panics are a share of
		if at, ok := slices.BinarySearchFunc(d.state.Last, s.Name, func(c nameCount, name string) int { return cmp.Compare(c.Name, name) }); ok {
			before = d.state.Last[at].N
		}
		d.state.Loops = slices.Insert(d.state.Loops, i, panicSeries{
			Subject: s, Fingerprint: e.Fingerprint, Detail: e.Detail, Since: e.Time,
			Started: []startedAt{{e.Time, before}},
		})
	}
	s := &d.state.Loops[i]
	if len(s.Hits) == maxHits {
		s.Hits = slices.Delete(s.Hits, 0, 1)
	}
	s.Hits, s.Held = append(s.Hits, e.Time), false
}

// storm marks the loops of a name whose child was restarted too often. One that
// keeps failing without a panic is a loop too: each such failure counts.
func (d *PanicLoop) storm(e observe.Event) {
	panics := func(s panicSeries) bool { // the panic that it was told after was counted
		return s.Subject.Name == e.Subject.Name && s.Fingerprint != "" && e.Time.Sub(s.Hits[len(s.Hits)-1]) <= time.Second
	}
	if !slices.ContainsFunc(d.state.Loops, panics) {
		d.hit(e)
	}
	for i := range d.state.Loops {
		if s := &d.state.Loops[i]; panics(*s) || s.Subject.Name == e.Subject.Name && s.Fingerprint == "" {
			s.Storm = true
		}
	}
}

// span is how long after its last panic a loop counts as active: at least a
// sixth of the window, and longer where backoff spaces the panics. A child in a
// storm waits for up to 30s between two runs, and that it does not fail meanwhile
// says nothing, unless a quarantine is what holds it.
func (d *PanicLoop) span(s *panicSeries) time.Duration {
	if s.Storm && !s.Held {
		return d.cfg.Window + d.cfg.Window/2
	}
	span := d.cfg.Window / 6
	if n := len(s.Hits); n > 1 {
		span = max(span, 2*s.Hits[n-1].Sub(s.Hits[n-2]))
	}
	return min(span, d.cfg.Window)
}

func quarantined(sample observe.Sample, name string) bool {
	i, ok := findTask(sample, name)
	return ok && sample.Tasks[i].Quarantined
}

func started(sample observe.Sample, name string) uint64 {
	if i, ok := slices.BinarySearchFunc(sample.Pools, name, func(p observe.PoolStat, name string) int { return cmp.Compare(p.Name, name) }); ok {
		return sample.Pools[i].Finished
	}
	if i, ok := slices.BinarySearchFunc(sample.Tasks, name, func(s observe.TaskStat, name string) int { return cmp.Compare(s.Name, name) }); ok {
		return sample.Tasks[i].Started
	}
	return 0
}

// count notes how many tasks were started so far.
func (d *PanicLoop) count(s *panicSeries, t observe.Turn) {
	s.Started = append(s.Started, startedAt{t.Time, started(t.Sample, s.Subject.Name)})
	old := 0
	for old < len(s.Started)-2 && (t.Time.Sub(s.Started[old+1].Time) >= d.cfg.Window || len(s.Started)-old > maxHits) {
		old++
	}
	s.Started = slices.Delete(s.Started, 0, old)
}

// runs returns how many tasks started since the first of the panics that are kept, or
// up to a turn longer.
func (s *panicSeries) runs() uint64 {
	from, now := s.Started[0].N, s.Started[len(s.Started)-1].N
	for _, at := range s.Started {
		if at.Time.Before(s.Hits[0]) {
			from = at.N
		}
	}
	return now - min(from, now)
}

// shareForSure returns the least share that so many of so many are in accord with, to
// 97.7 % (the lower end of Wilson's score interval, JASA 1927): the first few of many
// may be bad by chance.
func shareForSure(bad, of float64) float64 {
	const z = 2
	if of <= 0 {
		return 0
	}
	p, zz := bad/of, z*z/of
	return max((p+zz/2-z*math.Sqrt(p*(1-p)/of+zz/(4*of)))/(1+zz), 0)
}

func (d *PanicLoop) finding(s *panicSeries, now time.Time) Finding {
	n := len(s.Hits)
	runs := max(s.runs(), uint64(n))
	share := float64(n) / float64(runs)
	span := d.span(s)
	panics := "panics"
	if n == 1 {
		panics = "panic"
	}
	took := max(now.Sub(s.Hits[0]).Round(time.Second), time.Second)
	text := fmt.Sprintf("%d %s in %v, fingerprint %s: %s", n, panics, min(took, d.cfg.Window), s.Fingerprint, s.Detail)
	if s.Fingerprint == "" {
		text = s.Subject.Name + " " + s.Detail
	}
	f := Finding{
		Kind: KindPanic, Subject: s.Subject, Confidence: Suspected, Level: float64(n), Unit: inPanics, Since: s.Since,
		Active: now.Sub(s.Hits[n-1]) <= span, TimeToVisible: span + time.Second,
		Evidence: []Evidence{
			{Tasks, cutText(text)},
			{Metrics, cutText(fmt.Sprintf("%.0f%% of the last runs of %s failed so", 100*share, s.Subject.Name))},
		},
	}
	if !f.Active {
		f.Level = 0 // panics of the past are not left of anything
	}
	if (n >= d.cfg.Count && shareForSure(float64(n), float64(runs)) >= d.cfg.MinShare) || s.Storm {
		f.Confidence, s.Loop = Confirmed, true
	}
	switch {
	case s.Loop && s.Fingerprint == "":
		f.Kind, f.Unit = KindRestartStorm, inFailures
	case s.Loop:
		f.Kind = KindPanicLoop
	}
	return f
}

// State implements [Stateful].
func (d *PanicLoop) State() (json.RawMessage, error) { return json.Marshal(d.state) }

// SetState implements [Stateful].
func (d *PanicLoop) SetState(raw json.RawMessage) error {
	return restore(&d.state, raw, func(s *panicState) error {
		for i, l := range s.Loops {
			if len(l.Hits) == 0 {
				return &StateError{Field: fmt.Sprintf("loops[%d].hits", i), Err: errors.New("a series of panics without a panic")}
			}
		}
		return nil
	})
}
