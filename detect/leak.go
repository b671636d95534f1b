package detect

import (
	"cmp"
	"encoding/json"
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
	// MinGrowth is by how many orphans a group must have grown, and MinWindows
	// in how many snapshots, without ever shrinking in between, to be confirmed;
	// three times as many snapshots where a pool could hold as many. Default: 3
	// and 3.
	MinGrowth  int `json:"min_growth" yaml:"min_growth"`
	MinWindows int `json:"min_windows" yaml:"min_windows"`
	// Creators are the beginnings of names of functions whose goroutines are
	// pools or otherwise meant to outlive the task that made them, in addition to
	// the built-in ones, e.g. "example.com/cache.(*janitor).run".
	Creators []string `json:"creators" yaml:"creators"`
	// Epoch is for how long new tasks of one name share a label. The runtime sets
	// it. Default: 2s.
	Epoch time.Duration `json:"-" yaml:"-"`
}

// WithDefaults returns the settings with every zero field set.
func (c LeakConfig) WithDefaults() LeakConfig {
	if c.Grace <= 0 {
		c.Grace = 5 * time.Second
	}
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

// builtinCreators start goroutines in a request and keep them beyond it.
var builtinCreators = []string{
	"net/http.(*persistConn).",
	"net/http.(*Transport).",
	"net/http.(*conn).serve",
	"net/http.(*http2",
	"net/http/internal/http2.",
	"golang.org/x/net/http2.",
	"database/sql.(*DB).connection",
	"os/signal.",
}

// maxSeries bounds the groups that are followed at once.
const maxSeries = 4096

// Leak finds goroutine leaks by lifetime: a goroutine that still bears the
// label of a task which ended more than a grace period before the snapshot
// began is an orphan. A group of orphans that keeps growing and never shrinks
// leaks.
//
// Pools that grow on demand look the same while load grows. They are told apart
// by their bound: a pool never holds more than a few for each of the tasks that
// ever ran at once under the names that use it; a leak does. So growth counts
// only where the orphans of that code reach a number that the process has never
// seen, and then above that bound at once, and below it only when it is steady
// and the service sees no new peak of tasks. Orphans that one name loses and
// another gains set no record.
type Leak struct {
	cfg   LeakConfig
	state leakState
}

type leakState struct {
	Series []leakSeries `json:"series,omitempty"` // sorted by key
	Codes  []leakCode   `json:"codes,omitempty"`  // sorted by key
	Peak   int64        `json:"peak,omitempty"`   // sum of all names' peaks
	Risen  time.Time    `json:"risen"`            // when that was last seen to rise
	Looks  []time.Time  `json:"looks,omitempty"`  // times of the last snapshots, oldest first
}

// quietLooks is how many snapshots without growth make a leak inactive.
const quietLooks = 2

// every returns the time between the last two snapshots.
func (s leakState) every() time.Duration {
	if n := len(s.Looks); n > 1 {
		return s.Looks[n-1].Sub(s.Looks[n-2])
	}
	return 0
}

// leakCode is all goroutines with the same functions and wait, whatever their
// name.
type leakCode struct {
	Key   string   `json:"key"`
	Most  int      `json:"most"`            // orphans, in the highest snapshot ever
	Names []string `json:"names,omitempty"` // that ever bore this code, sorted
}

// maxCodeNames bounds the names of a code; one that is used by more is bounded by
// the peaks of all names.
const maxCodeNames = 64

type leakSeries struct {
	Key       string        `json:"key"`
	Group     observe.Group `json:"group"` // its latest group, for the reader
	Code      string        `json:"code"`
	Count     int           `json:"count"`
	Growth    int           `json:"growth,omitempty"`
	Above     int           `json:"above,omitempty"`  // snapshots in which it grew above the bound of a pool
	Steady    int           `json:"steady,omitempty"` // snapshots in which it grew below, without a pause
	Quiet     int           `json:"quiet,omitempty"`  // snapshots since it last grew
	Since     time.Time     `json:"since"`
	Confirmed bool          `json:"confirmed,omitempty"`
}

// NewLeak returns the detector.
func NewLeak(cfg LeakConfig) *Leak { return &Leak{cfg: cfg.WithDefaults()} }

// Detect implements [Detector].
func (d *Leak) Detect(t observe.Turn) []Finding {
	if s := t.Snapshot; s != nil && s.Skipped == "" {
		d.look(t.Sample, s)
	}
	var out []Finding
	for _, s := range d.state.Series {
		if !s.Confirmed && s.Above == 0 && s.Steady < 2*d.cfg.MinWindows {
			continue
		}
		f := d.finding(s, t.Sample)
		if n := len(out); n > 0 && out[n-1].Subject.Name == f.Subject.Name {
			out[n-1] = merge(out[n-1], f)
			continue
		}
		out = append(out, f)
	}
	return out
}

// merge adds what leaks under the same name in other code.
func merge(a, b Finding) Finding {
	if b.Level > a.Level {
		a.Subject.Site = b.Subject.Site
	}
	a.Confidence = max(a.Confidence, b.Confidence)
	a.Active = a.Active || b.Active
	a.Level += b.Level
	if len(a.Evidence) < 4 {
		a.Evidence = append(a.Evidence, b.Evidence[0])
	}
	if b.Since.Before(a.Since) {
		a.Since = b.Since
	}
	return a
}

// look takes a snapshot into the series.
func (d *Leak) look(sample observe.Sample, snap *observe.Snapshot) {
	st := &d.state
	if len(st.Looks) > quietLooks {
		st.Looks = slices.Delete(st.Looks, 0, 1)
	}
	st.Looks = append(st.Looks, snap.Time)

	var peak int64
	for _, ts := range sample.Tasks {
		peak += ts.Peak
	}
	if peak > st.Peak {
		st.Peak, st.Risen = peak, snap.Time
	}
	// What a new peak makes a pool dial is an orphan only some time later.
	rising := snap.Time.Sub(st.Risen) <= d.lag()+3*st.every()

	now, orphans := d.count(snap)
	next := make([]leakSeries, 0, min(len(orphans), maxSeries))
	for _, o := range orphans {
		if len(next) == maxSeries {
			break
		}
		s := o
		s.Since = snap.Time
		i, known := slices.BinarySearchFunc(st.Series, o.Key, func(s leakSeries, key string) int { return cmp.Compare(s.Key, key) })
		if known {
			s = st.Series[i]
			s.Group = o.Group
			s.advance(o.Count, d.code(o.Code), now[o.Code], d.bound(d.code(o.Code), sample), rising)
			s.Count = o.Count
			s.Confirmed = s.Confirmed || (s.Above >= d.cfg.MinWindows && s.Growth >= d.cfg.MinGrowth) || s.Steady >= 3*d.cfg.MinWindows
		}
		next = append(next, s)
	}
	st.Series = next
	for i := range st.Codes {
		st.Codes[i].Most = max(st.Codes[i].Most, now[st.Codes[i].Key])
	}
}

// advance takes a new count: how it compares with the last, with the highest
// number of orphans of the code, and with the bound of a pool.
func (s *leakSeries) advance(count int, code leakCode, orphans int, bound int64, rising bool) {
	record := orphans > code.Most
	switch {
	case count < s.Count:
		s.Growth, s.Above, s.Steady, s.Quiet = 0, 0, 0, s.Quiet+1
	case count > s.Count && record && int64(orphans) > bound:
		s.Growth += count - s.Count
		s.Above++
		s.Quiet = 0
	case count > s.Count && record && !rising:
		s.Growth += count - s.Count
		s.Steady++
		s.Quiet = 0
	default:
		if s.Quiet++; s.Quiet >= 3 {
			s.Steady = 0
		}
	}
}

// lag is how long after it started a goroutine that leaks becomes an orphan: its
// cell must be sealed and found empty, and the grace must pass.
func (d *Leak) lag() time.Duration { return d.cfg.Grace + 2*d.cfg.Epoch }

// perTask is how many goroutines a pool may hold for each task at most: a handler
// that fans out takes several connections at once.
const perTask = 4

// bound is the most goroutines that a pool used by the code's names can hold.
func (d *Leak) bound(c leakCode, sample observe.Sample) int64 {
	if len(c.Names) == 0 || len(c.Names) > maxCodeNames {
		return perTask * d.state.Peak
	}
	var sum int64
	for _, ts := range sample.Tasks {
		if _, ok := slices.BinarySearch(c.Names, ts.Name); ok {
			sum += ts.Peak
		}
	}
	return perTask * sum
}

func (d *Leak) findCode(key string) (int, bool) {
	return slices.BinarySearchFunc(d.state.Codes, key, func(c leakCode, key string) int { return cmp.Compare(c.Key, key) })
}

func (d *Leak) code(key string) leakCode {
	if i, ok := d.findCode(key); ok {
		return d.state.Codes[i]
	}
	return leakCode{}
}

// use remembers that goroutines of a name bear the code. Codes are kept also
// when they have no goroutine any more: a pool that shrank may grow again.
func (d *Leak) use(key, name string) {
	i, ok := d.findCode(key)
	if !ok {
		if len(d.state.Codes) >= maxSeries {
			return
		}
		d.state.Codes = slices.Insert(d.state.Codes, i, leakCode{Key: key})
	}
	c := &d.state.Codes[i]
	if at, known := slices.BinarySearch(c.Names, name); !known && len(c.Names) <= maxCodeNames {
		c.Names = slices.Insert(c.Names, at, name)
	}
}

// count returns the orphans of each code, and of each name and code, sorted by
// key.
func (d *Leak) count(snap *observe.Snapshot) (map[string]int, []leakSeries) {
	sums := map[string]int{}
	index := map[string]int{}
	var orphans []leakSeries
	for _, g := range snap.Groups {
		if g.Name == "" || d.declared(g.Entry.Function) {
			continue
		}
		if g.Ended < d.cfg.Grace {
			continue
		}
		code := codeOf(g)
		key := g.Name + "|" + code
		i, ok := index[key]
		if !ok {
			i = len(orphans)
			index[key] = i
			orphans = append(orphans, leakSeries{Key: key, Code: code, Group: g})
		}
		orphans[i].Count += g.Count
		sums[code] += g.Count
	}
	slices.SortFunc(orphans, func(a, b leakSeries) int { return cmp.Compare(a.Key, b.Key) })
	for _, g := range snap.Groups { // also the names whose goroutines of that code are no orphans
		code := codeOf(g)
		_, orphaned := sums[code]
		if _, known := d.findCode(code); g.Name != "" && (orphaned || known) {
			d.use(code, g.Name)
		}
	}
	return sums, orphans
}

// codeOf names what goroutines run, wherever they come from.
func codeOf(g observe.Group) string {
	return g.Entry.Function + "|" + g.Blocked.Function + "|" + string(g.Wait)
}

func (d *Leak) declared(function string) bool {
	has := func(prefix string) bool { return prefix != "" && strings.HasPrefix(function, prefix) }
	return slices.ContainsFunc(builtinCreators, has) || slices.ContainsFunc(d.cfg.Creators, has)
}

func (d *Leak) finding(s leakSeries, sample observe.Sample) Finding {
	g := s.Group
	f := Finding{
		Kind:       KindLeak,
		Subject:    observe.Subject{Name: g.Name, Domain: g.Domain, Site: g.Entry},
		Confidence: Suspected,
		Active:     s.Above+s.Steady > 0 && s.Quiet < quietLooks,
		Level:      float64(s.Count),
		Since:      s.Since,
		From:       d.state.Looks[0],
		// The rest of the wait, for snapshots, is From's.
		TimeToVisible: d.lag(),
		Evidence: []Evidence{{Profiles, fmt.Sprintf("%d goroutines outlived %s: started at %s, %s at %s; +%d in %d snapshots, never fewer",
			s.Count, g.Name, g.Entry, g.Wait, g.Blocked, s.Growth, s.Above+s.Steady)}},
	}
	if s.Confirmed {
		f.Confidence = Confirmed
	}
	i, ok := slices.BinarySearchFunc(sample.Tasks, g.Name, func(ts observe.TaskStat, name string) int { return cmp.Compare(ts.Name, name) })
	if ok {
		ts := sample.Tasks[i]
		f.Evidence = append(f.Evidence, Evidence{Metrics, fmt.Sprintf("%d tasks of %s are alive, at most %d at once ever, %d held cells", ts.Live, ts.Name, ts.Peak, ts.HeldCells)})
	}
	for i := range f.Evidence {
		f.Evidence[i].Text = f.Evidence[i].Text[:min(len(f.Evidence[i].Text), maxText)]
	}
	return f
}

// State implements [Stateful].
func (d *Leak) State() (json.RawMessage, error) { return json.Marshal(d.state) }

// SetState implements [Stateful].
func (d *Leak) SetState(raw json.RawMessage) error {
	d.state = leakState{}
	return json.Unmarshal(raw, &d.state)
}
