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
	// in how many snapshots, without ever shrinking in between, to be confirmed.
	// Default: 3 and 3.
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

func (c LeakConfig) withDefaults() LeakConfig {
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
// by their bound: growth counts only while the service sees no new peak of
// tasks at once, or once there are more such goroutines than tasks ever were.
// Growth of one name also counts only when there are more goroutines of that
// code in the whole process: one that moves from name to name does not leak.
type Leak struct {
	cfg   LeakConfig
	state leakState
}

type leakState struct {
	Series []leakSeries `json:"series,omitempty"` // sorted by key
	Totals []codeTotal  `json:"totals,omitempty"` // sorted by key
	Peak   int64        `json:"peak,omitempty"`   // sum of all names' peaks
	Rising int          `json:"rising,omitempty"` // snapshots for which a new peak still counts
	Last   time.Time    `json:"last"`             // of the last snapshot
	Every  int64        `json:"every,omitempty"`  // nanoseconds between the last two
}

// codeTotal counts all goroutines of one code, whatever task they belong to.
type codeTotal struct {
	Key   string `json:"key"`
	Count int    `json:"count"`
}

type leakSeries struct {
	Key       string        `json:"key"`
	Group     observe.Group `json:"group"` // its latest group, for the reader
	Code      string        `json:"code"`
	Count     int           `json:"count"`
	Growth    int           `json:"growth,omitempty"`
	Windows   int           `json:"windows,omitempty"` // snapshots in which it grew
	Quiet     int           `json:"quiet,omitempty"`   // snapshots since it last grew
	Since     time.Time     `json:"since"`
	Confirmed bool          `json:"confirmed,omitempty"`
}

// NewLeak returns the detector.
func NewLeak(cfg LeakConfig) *Leak { return &Leak{cfg: cfg.withDefaults()} }

// Detect implements [Detector].
func (d *Leak) Detect(t observe.Turn) []Finding {
	if s := t.Snapshot; s != nil && s.Skipped == "" {
		d.look(t.Sample, s)
	}
	var out []Finding
	for _, s := range d.state.Series {
		if !s.Confirmed && s.Growth == 0 {
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
	if !st.Last.IsZero() {
		st.Every = int64(snap.Time.Sub(st.Last))
	}
	st.Last = snap.Time

	var peak int64
	for _, ts := range sample.Tasks {
		peak += ts.Peak
	}
	st.Rising = max(st.Rising-1, 0)
	if peak > st.Peak {
		st.Peak, st.Rising = peak, 3 // what a new peak dials shows up a little later
	}

	totals, orphans := d.count(snap)
	next := make([]leakSeries, 0, len(orphans))
	for _, o := range orphans {
		i, known := slices.BinarySearchFunc(st.Series, o.Key, func(s leakSeries, key string) int { return cmp.Compare(s.Key, key) })
		if !known {
			o.Since = snap.Time
			if len(next) < maxSeries {
				next = append(next, o)
			}
			continue
		}
		s := st.Series[i]
		s.Group = o.Group
		total, before := totals[o.Code], d.total(o.Code)
		switch poolLike := st.Rising > 0 && int64(total) <= st.Peak; {
		case o.Count < s.Count:
			s.Growth, s.Windows, s.Quiet = 0, 0, s.Quiet+1
		case o.Count > s.Count && total > before && !poolLike:
			s.Growth += o.Count - s.Count
			s.Windows++
			s.Quiet = 0
		default:
			s.Quiet++
		}
		s.Count = o.Count
		s.Confirmed = s.Confirmed || (s.Growth >= d.cfg.MinGrowth && s.Windows >= d.cfg.MinWindows)
		if len(next) < maxSeries {
			next = append(next, s)
		}
	}
	st.Series = next
	st.Totals = st.Totals[:0]
	for key, n := range totals {
		st.Totals = append(st.Totals, codeTotal{key, n})
	}
	slices.SortFunc(st.Totals, func(a, b codeTotal) int { return cmp.Compare(a.Key, b.Key) })
}

func (d *Leak) total(code string) int {
	i, ok := slices.BinarySearchFunc(d.state.Totals, code, func(c codeTotal, key string) int { return cmp.Compare(c.Key, key) })
	if !ok {
		return 0
	}
	return d.state.Totals[i].Count
}

// count returns the goroutines of each code and the orphans of each name and
// code, sorted by key.
func (d *Leak) count(snap *observe.Snapshot) (map[string]int, []leakSeries) {
	totals := map[string]int{}
	index := map[string]int{}
	var orphans []leakSeries
	for _, g := range snap.Groups {
		code := g.Entry.Function + "|" + g.Blocked.Function + "|" + string(g.Wait)
		totals[code] += g.Count
		if g.Name == "" || g.Ended < d.cfg.Grace || d.declared(g.Entry.Function) {
			continue
		}
		key := g.Name + "|" + code
		i, ok := index[key]
		if !ok {
			i = len(orphans)
			index[key] = i
			orphans = append(orphans, leakSeries{Key: key, Code: code, Group: g})
		}
		orphans[i].Count += g.Count
	}
	slices.SortFunc(orphans, func(a, b leakSeries) int { return cmp.Compare(a.Key, b.Key) })
	followed := map[string]int{}
	for _, o := range orphans {
		followed[o.Code] = totals[o.Code]
	}
	return followed, orphans
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
		Active:     s.Windows > 0 && s.Quiet < 2,
		Level:      float64(s.Count),
		Since:      s.Since,
		// A goroutine that leaks now is an orphan after its cell is sealed and the
		// grace has passed, and two snapshots must agree that no more came.
		TimeToVisible: d.cfg.Grace + 2*d.cfg.Epoch + 3*time.Duration(d.state.Every),
		Evidence: []Evidence{{Profiles, fmt.Sprintf("%d goroutines outlived %s: started at %s, %s at %s; +%d in %d snapshots, never fewer",
			s.Count, g.Name, g.Entry, g.Wait, g.Blocked, s.Growth, s.Windows)}},
	}
	f.TimeToVisible = min(f.TimeToVisible, time.Hour)
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
