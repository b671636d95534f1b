package detect

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hale-go/hale/observe"
)

// LeakConfig says when goroutines that outlive their task are a leak.
type LeakConfig struct {
	// Grace is how long after its task's end a goroutine may go on before it
	// counts as an orphan. Default: 5s.
	Grace time.Duration `json:"grace" yaml:"grace"`
	// Patience takes the place of Grace for work that is known to end: it sleeps,
	// or goroutines of its code were seen to end later than Grace. A sleep loop
	// that leaks is found so much later. Default and longest: 75s.
	Patience time.Duration `json:"patience" yaml:"patience"`
	// MinGrowth is by how many orphans a group must have grown, and MinWindows
	// in how many snapshots, to be confirmed. Default: 3 and 3.
	MinGrowth  int `json:"min_growth" yaml:"min_growth"`
	MinWindows int `json:"min_windows" yaml:"min_windows"`
	// Creators are the beginnings of names of functions whose goroutines are
	// pools or otherwise meant to outlive the task that made them, in addition to
	// the built-in ones, e.g. "example.com/cache.(*janitor).run". They are accused
	// only when they grow without end while load does not; see [Growth].
	Creators []string `json:"creators" yaml:"creators"`
	// Epoch is for how long new tasks of one name share a label, and Window the
	// time between two snapshots that nothing in particular asks for. The runtime
	// sets them. Default: 2s, and 0: each snapshot is a window of its own.
	Epoch  time.Duration `json:"-" yaml:"-"`
	Window time.Duration `json:"-" yaml:"-"`
}

// MaxPatience is as far back as a snapshot tells when a task ended, less a
// margin for how exactly it tells.
const MaxPatience = 75 * time.Second

// WithDefaults returns the settings with every zero field set.
func (c LeakConfig) WithDefaults() LeakConfig {
	if c.Grace <= 0 {
		c.Grace = 5 * time.Second
	}
	if c.Patience <= 0 || c.Patience > MaxPatience {
		c.Patience = MaxPatience
	}
	c.Patience = max(c.Patience, c.Grace)
	if c.MinGrowth <= 0 {
		c.MinGrowth = 3
	}
	if c.MinWindows <= 0 {
		c.MinWindows = 3
	}
	if c.Epoch <= 0 {
		c.Epoch = 2 * time.Second
	}
	return c
}

// Leak finds goroutine leaks by lifetime: a goroutine that still bears the
// label of a task which ended more than a grace period before the snapshot
// began is an orphan. Orphans of one code whose number keeps setting records
// leak.
//
// Pools that grow on demand look the same while load grows. They are told apart
// by two rules, of which one is enough. Beyond any pool: there are more orphans
// than four for each of the tasks that ever ran at once under the names that use
// the code, and more in each of three snapshots. Records: in a series that only
// fluctuates, the k-th window is the highest so far with probability 1/k (Rényi,
// 1962); a sequential test (Wald, 1945) adds up how much more often records
// come, where the tasks that ran at once did not rise and do not explain them.
//
// Work that a task leaves behind for a while is told apart by its end: where
// goroutines of a code were seen to go, and where they sleep, only those count
// that are older than Patience.
//
// A turn with a snapshot of 1,000 groups, 300 of them orphans, takes 1 to 2 ms
// and 330 allocations; one without takes a few microseconds.
type Leak struct {
	cfg   LeakConfig
	state leakState
	codes codeNames
}

type leakState struct {
	Series  []leakSeries `json:"series,omitempty"` // sorted by key
	Codes   []leakCode   `json:"codes,omitempty"`  // sorted by key
	Names   []leakName   `json:"names,omitempty"`  // sorted by name
	Looks   []time.Time  `json:"looks,omitempty"`  // times of the last snapshots, oldest first
	Window  time.Time    `json:"window"`           // when the last window ended
	Windows int          `json:"windows,omitempty"`
}

// leakName is a task name, since which window it has been in use, and how many
// of its tasks ran at once.
type leakName struct {
	Name  string    `json:"name"`
	First int       `json:"first" sound:"signed"`
	Peak  int64     `json:"peak"`
	Risen time.Time `json:"risen,omitzero"` // when that last rose
	rose  int64     // by how much it did in this snapshot

	Unseen int `json:"unseen,omitempty"` // processes in a row that did not use it
}

// leakSeries is the orphans of one name and code.
type leakSeries struct {
	Key    string        `json:"key"`
	Group  observe.Group `json:"group"` // its latest group, for the reader
	Code   string        `json:"code"`
	Count  int           `json:"count"`
	Counts []int         `json:"counts,omitempty"` // of the last snapshots in which it changed, oldest first
	Growth int           `json:"growth,omitempty"` // since the code's run of evidence began
	Quiet  int           `json:"quiet,omitempty"`  // snapshots since it last grew to a record
	Grown  time.Time     `json:"grown,omitzero"`   // when it did
	Since  time.Time     `json:"since"`
	Rule   string        `json:"rule,omitempty"` // which confirmed it

	// When it last grew: by how much in that run, over how long, how fast. The
	// highest rate since it was confirmed stays.
	Grew int           `json:"grew,omitempty"`
	Over time.Duration `json:"over,omitempty"`
	Rate float64       `json:"rate,omitempty"` // a minute

	Confirmed bool `json:"confirmed,omitempty"`
}

const (
	maxSeries  = 4096 // groups that are followed at once, and codes, and names
	maxCounts  = 6    // of a series, for the reader
	quietLooks = 2    // snapshots without growth that make a leak inactive, unless they are too close together
	maxLooks   = 64   // whose times are kept
	mostPeak   = 1 << 40
)

// NewLeak returns the detector.
func NewLeak(cfg LeakConfig) *Leak { return &Leak{cfg: cfg.WithDefaults()} }

// Detect implements [Detector].
func (d *Leak) Detect(t observe.Turn) []Finding {
	if s := t.Snapshot; s != nil && s.Skipped == "" {
		d.look(t.Sample, s)
	}
	var out []Finding
	for i := range d.state.Series {
		s := &d.state.Series[i]
		if !s.Confirmed && s.Growth == 0 {
			continue
		}
		c := d.state.find(s.Code)
		if c == nil || (!s.Confirmed && !d.suspicious(c)) {
			continue
		}
		f := d.finding(s, c, t.Sample)
		if n := len(out); n > 0 && out[n-1].Subject.Name == f.Subject.Name {
			out[n-1] = merge(out[n-1], f)
			continue
		}
		out = append(out, f)
	}
	return worst(out, maxFindings)
}

// merge adds what leaks under the same name in other code.
func merge(a, b Finding) Finding {
	if b.Confidence > a.Confidence || (b.Confidence == a.Confidence && b.Level > a.Level) {
		a.Subject.Site = b.Subject.Site
		a.Evidence = slices.Insert(a.Evidence, 0, b.Evidence[0])
	} else {
		a.Evidence = append(a.Evidence, b.Evidence[0])
	}
	a.Evidence = a.Evidence[:min(len(a.Evidence), maxEvidence)]
	a.Confidence = max(a.Confidence, b.Confidence)
	a.Severity = min(a.Severity, b.Severity)
	a.Active = a.Active || b.Active
	a.Level += b.Level
	a.TimeToVisible = max(a.TimeToVisible, b.TimeToVisible)
	if b.Since.Before(a.Since) {
		a.Since = b.Since
	}
	return a
}

// look takes a snapshot into the series.
func (d *Leak) look(sample observe.Sample, snap *observe.Snapshot) {
	st := &d.state
	st.Looks = append(st.Looks, snap.Time)
	old := 0
	for n := len(st.Looks); n-old > quietLooks+1 && (n-old > maxLooks || !st.Looks[old+1].After(snap.Time.Add(-d.quietFor()))); {
		old++
	}
	st.Looks = slices.Delete(st.Looks, 0, old)
	window := st.Window.IsZero() || snap.Time.Sub(st.Window) >= d.cfg.Window-d.cfg.Window/8
	passed := snap.Time.Sub(st.Window)
	if window {
		st.Window = snap.Time
		st.Windows++
	}
	all := st.use(sample, snap.Time)

	orphans := d.count(snap, passed)
	for i := range st.Codes {
		d.advance(&st.Codes[i], snap, window, all)
	}

	next := make([]leakSeries, 0, min(len(orphans), maxSeries))
	at := 0 // both are sorted by key
	for _, o := range orphans[:min(len(orphans), maxSeries)] {
		for at < len(st.Series) && st.Series[at].Key < o.Key {
			at++
		}
		s := leakSeries{Key: o.Key, Code: o.Code, Since: snap.Time}
		if at < len(st.Series) && st.Series[at].Key == o.Key {
			s = st.Series[at]
		}
		d.follow(&s, o, snap.Time)
		next = append(next, s)
	}
	st.Series = next
}

// follow takes the new count of a series.
func (d *Leak) follow(s *leakSeries, o orphanCount, now time.Time) {
	c := d.state.find(o.Code)
	s.Group = o.Group
	s.Quiet++
	if c != nil {
		if c.Broken {
			s.Growth = 0
		}
		if c.Late || (c.slow() && c.Now < d.cfg.MinGrowth) {
			s.Confirmed = false // it ends by itself after all
		}
		if o.Count > s.Count && c.Record {
			s.Growth += o.Count - s.Count
			s.Quiet, s.Grown = 0, now
			s.Grew, s.Over = s.Growth, max(now.Sub(c.Run)+d.cfg.Window, time.Second) // what the first record has more came before it
			rate := float64(s.Grew) / s.Over.Minutes()
			if s.Confirmed {
				rate = max(rate, s.Rate)
			}
			s.Rate = rate
		}
		if rule := d.rule(c); s.Growth > 0 && !s.Confirmed && rule != "" {
			s.Confirmed, s.Rule = true, rule
		}
	}
	if o.Count != s.Count {
		s.Counts = append(s.Counts, o.Count)
		if len(s.Counts) > maxCounts {
			s.Counts = slices.Delete(s.Counts, 1, 2) // the first one tells where it began
		}
	}
	s.Count = o.Count
}

// use takes the names that are in use, and returns what all of them come to.
func (s *leakState) use(sample observe.Sample, now time.Time) (all leakName) {
	for i := range s.Names {
		s.Names[i].rose = 0
	}
	var fresh []leakName
	at := 0
	for i := range sample.Tasks { // sorted by name
		ts := &sample.Tasks[i]
		peak := min(max(ts.Peak, 0), mostPeak)
		for at < len(s.Names) && s.Names[at].Name < ts.Name {
			at++
		}
		if at < len(s.Names) && s.Names[at].Name == ts.Name {
			n := &s.Names[at]
			n.Unseen = 0
			if n.rose = max(peak-n.Peak, 0); n.rose > 0 {
				n.Peak, n.Risen = peak, now
			}
		} else if len(s.Names)+len(fresh) < maxSeries {
			fresh = append(fresh, leakName{Name: ts.Name, First: s.Windows, Peak: peak, Risen: now, rose: peak})
		}
	}
	if len(fresh) > 0 {
		s.Names = append(s.Names, fresh...)
		slices.SortFunc(s.Names, func(a, b leakName) int { return strings.Compare(a.Name, b.Name) })
	}
	for i := range s.Names {
		all.Peak += s.Names[i].Peak
		all.rose += s.Names[i].rose
		if s.Names[i].Risen.After(all.Risen) {
			all.Risen = s.Names[i].Risen
		}
	}
	return all
}

// State implements [Stateful].
func (d *Leak) State() (json.RawMessage, error) { return json.Marshal(d.state) }

// SetState implements [Stateful].
func (d *Leak) SetState(raw json.RawMessage) error {
	return restore(&d.state, raw, (*leakState).check)
}

func (s *leakState) check() error {
	if len(s.Series) > 0 && len(s.Looks) == 0 {
		return &StateError{Field: "looks", Err: errors.New("there are series, and nobody looked")}
	}
	for i := range s.Series {
		if err := atMost(fmt.Sprintf("series[%d].counts", i), len(s.Series[i].Counts), maxCounts); err != nil {
			return err
		}
	}
	for i := range s.Codes {
		if err := inOrder(fmt.Sprintf("codes[%d].names", i), s.Codes[i].Names, maxCodeNames+1, func(a, b *string) int { return compare(*a, *b) }); err != nil {
			return err
		}
	}
	return cmp.Or(
		atMost("looks", len(s.Looks), maxLooks),
		inOrder("series", s.Series, maxSeries, func(a, b *leakSeries) int { return compare(a.Key, b.Key) }),
		inOrder("codes", s.Codes, maxSeries, func(a, b *leakCode) int { return compare(a.Key, b.Key) }),
		atMost("names", len(s.Names), maxSeries))
}
