package detect

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/hale-go/hale/observe"
)

// Growth finds what leaks where lifetimes do not show it: goroutines of tasks
// that still run, goroutines that hale did not start, and those of pools. It
// knows only counts. The goroutines of one code leak when their number rises
// with a clear trend, like a ramp and not like a step, to where it has never
// been, while the load is where it has been before, and so is the number of tasks of
// their name, or of all where they have none: connections that stay open follow the
// load hours late, each with a task. Tasks that never end are for [Overdue] and [Spans].
//
// Counts are compared at three scales of twelve points each: two minutes, twelve
// minutes and two hours with the default time between snapshots. The points of
// the longer ones are the lowest counts within them, so that bursts do not show.
// The load is the tasks that start; where none ever did, it only suspects. A
// turn with a snapshot of 1,000 groups takes 2 to 3 ms and 1,500 allocations.
type Growth struct {
	cfg   LeakConfig
	state growthState
	codes codeNames
}

type growthState struct {
	Codes   []growthCode `json:"codes,omitempty"` // sorted by key
	Window  time.Time    `json:"window"`          // when the last window ended
	Started uint64       `json:"started,omitempty"`
	Rate    float64      `json:"rate,omitempty"` // of starts, smoothed
	Load    [scales]ring `json:"load"`
}

// growthCode is all goroutines with the same functions and wait.
type growthCode struct {
	Key       string        `json:"key"`
	Group     observe.Group `json:"group"` // one of the name that has most of them, for the reader
	Share     int           `json:"share"` // how many that name has
	Now       int           `json:"now"`
	Counts    [scales]ring  `json:"counts"`
	Tasks     [scales]ring  `json:"tasks"` // alive of its name, or of all
	Hits      [scales]int   `json:"hits"`  // points in a row at which the test held
	Scale     int           `json:"scale,omitempty"`
	Rate      float64       `json:"rate,omitempty"` // goroutines a minute, when last tested
	Top       int           `json:"top,omitempty"`  // of what is confirmed
	Quiet     int           `json:"quiet,omitempty"`
	Since     time.Time     `json:"since,omitzero"`
	Confirmed bool          `json:"confirmed,omitempty"`
}

const (
	scales       = 3
	points       = 12
	loads        = 2 * points // of the load: what it did before shows for a while
	maxGrowths   = 512        // codes that are followed; the largest
	quietWindows = 3          // without growth make it inactive
	leastCount   = 4          // goroutines of a code that is followed
	leastGrowth  = 8          // goroutines by which its trend must rise
)

// coarser is how many points of a scale make one of the next.
var coarser = [scales]int{1, 6, 10}

// hitsNeeded is how often in a row the test must hold.
var hitsNeeded = [scales]int{3, 2, 2}

// ring is the last points of a series at one scale.
type ring struct {
	Points []float64 `json:"points,omitempty"`
	Before float64   `json:"before,omitempty"` // highest of those that were dropped
	Open   float64   `json:"open,omitempty"`   // of the point that is being made
	N      int       `json:"n,omitempty"`      // values in it
}

// add takes a value into the open point, and closes that if it is done. pick
// chooses what a point keeps of its values, keep is how many points are kept.
func (r *ring) add(v float64, done bool, keep int, pick func(a, b float64) float64) {
	if r.N++; r.N == 1 {
		r.Open = v
	} else {
		r.Open = pick(r.Open, v)
	}
	if !done {
		return
	}
	if len(r.Points) == keep {
		r.Before = max(r.Before, r.Points[0])
		r.Points = slices.Delete(r.Points, 0, 1)
	}
	r.Points = append(r.Points, r.Open)
	r.N = 0
}

func (r *ring) last() float64 { return r.Points[len(r.Points)-1] }

func higher(a, b float64) float64 { return max(a, b) }
func lower(a, b float64) float64  { return min(a, b) }

// NewGrowth returns the detector.
func NewGrowth(cfg LeakConfig) *Growth { return &Growth{cfg: cfg.WithDefaults()} }

// Detect implements [Detector].
func (d *Growth) Detect(t observe.Turn) []Finding {
	st := &d.state
	if s := t.Snapshot; s != nil && s.Skipped == "" &&
		(st.Window.IsZero() || s.Time.Before(st.Window) || s.Time.Sub(st.Window) >= d.cfg.Window-d.cfg.Window/8) {
		d.window(t.Sample, s)
	}
	var out []Finding
	for i := range st.Codes {
		if c := &st.Codes[i]; c.Confirmed {
			out = append(out, d.finding(c))
		}
	}
	return worst(out, maxFindings)
}

// window takes a snapshot as the next point.
func (d *Growth) window(sample observe.Sample, snap *observe.Snapshot) {
	st := &d.state
	var started uint64
	var live float64 // whatever counts a sample has, it does not overflow
	for i := range sample.Tasks {
		started += sample.Tasks[i].Started
		live += float64(max(sample.Tasks[i].Live, 0))
	}
	if !st.Window.IsZero() && started >= st.Started {
		rate := float64(started-st.Started) / max(snap.Time.Sub(st.Window).Seconds(), 1)
		st.Rate += (rate - st.Rate) / 3
	}
	st.Started, st.Window = started, snap.Time
	var done [scales]bool
	v := st.Rate
	for i := range scales {
		r := &st.Load[i]
		done[i] = r.N+1 >= coarser[i]
		if r.add(v, done[i], loads, higher); !done[i] {
			break
		}
		v = r.last()
	}

	next := make([]growthCode, 0, len(st.Codes)+8)
	at := 0
	for _, n := range d.count(snap) {
		for at < len(st.Codes) && st.Codes[at].Key < n.key {
			at++
		}
		switch {
		case at < len(st.Codes) && st.Codes[at].Key == n.key:
			next = append(next, st.Codes[at])
		case n.now >= leastCount:
			next = append(next, growthCode{Key: n.key})
			next[len(next)-1].absent(&st.Load, done)
		default:
			continue
		}
		c := &next[len(next)-1]
		c.Group, c.Share, c.Now = *n.group, n.share, n.now
		tasks := live
		if i, ok := findTask(sample, c.Group.Name); ok && 2*c.Share >= c.Now {
			tasks = float64(max(sample.Tasks[i].Live, 0))
		}
		d.follow(c, tasks, snap.Time, done)
	}
	if len(next) > maxGrowths { // the largest stay
		slices.SortStableFunc(next, func(a, b growthCode) int { return b.Now - a.Now })
		next = next[:maxGrowths]
		slices.SortFunc(next, func(a, b growthCode) int { return compare(a.Key, b.Key) })
	}
	st.Codes = next
}

// codeCount is the goroutines of one code in a snapshot.
type codeCount struct {
	key   string
	now   int
	group *observe.Group // of the name that has most of them
	share int            // how many that name has
	name  string         // that is being counted
	named int
}

// count adds up the goroutines of each code, sorted by key.
func (d *Growth) count(snap *observe.Snapshot) []codeCount {
	index := make(map[string]int, len(snap.Groups)/2)
	out := make([]codeCount, 0, len(snap.Groups)/2)
	for i := range snap.Groups { // sorted by name
		g := &snap.Groups[i]
		key := d.codes.of(g, &d.cfg).key
		at, ok := index[key]
		if !ok {
			at = len(out)
			index[key] = at
			out = append(out, codeCount{key: key})
		}
		c := &out[at]
		c.now += max(g.Count, 0)
		if c.name != g.Name {
			c.name, c.named = g.Name, 0
		}
		if c.named += max(g.Count, 0); c.named > c.share || c.group == nil {
			c.share, c.group = c.named, g
		}
	}
	slices.SortFunc(out, func(a, b codeCount) int { return compare(a.key, b.key) })
	return out
}

// absent notes that there were none of a code before it came.
func (c *growthCode) absent(load *[scales]ring, done [scales]bool) {
	for i := range scales {
		n := len(load[i].Points)
		if done[i] {
			n--
		}
		for _, r := range []*ring{&c.Counts[i], &c.Tasks[i]} {
			r.Points = make([]float64, min(max(n, 0), points), points)
			if !done[i] {
				r.N = max(load[i].N-1, 0)
			}
		}
	}
}

// follow takes the count of a window. done says at which scales it completes a
// point.
func (d *Growth) follow(c *growthCode, tasks float64, now time.Time, done [scales]bool) {
	if c.Quiet++; c.Now > c.Top && c.Confirmed {
		c.Top, c.Quiet = c.Now, 0
	}
	if c.Confirmed && (c.Now < c.Top*3/4 || c.Quiet > forgetAfter) { // it was load after all, or is long over
		c.Confirmed, c.Hits, c.Since = false, [scales]int{}, time.Time{}
	}
	v := float64(c.Now)
	for i := range scales {
		r, of := &c.Counts[i], &c.Tasks[i]
		r.add(v, done[i], points, lower)
		if of.add(tasks, done[i], points, lower); !done[i] {
			return // a point is done when the load's is, also of a code that came later
		}
		v, tasks = r.last(), of.last()
		if !d.grows(c, i) {
			c.Hits[i] = 0
			continue
		}
		if c.Hits[i]++; c.Since.IsZero() {
			c.Since = now
		}
		if c.Hits[i] >= hitsNeeded[i] && !c.Confirmed {
			c.Confirmed, c.Scale, c.Top, c.Quiet = true, i, c.Now, 0
		}
	}
}

// forgetAfter is for how many windows a confirmed growth that stopped is told.
const forgetAfter = 360

// grows tests the points of a code at a scale.
func (d *Growth) grows(c *growthCode, scale int) bool {
	r, load := &c.Counts[scale], &d.state.Load[scale]
	n := len(r.Points)
	if n < points || len(load.Points) < n || r.last() < max(r.Before, slices.Max(r.Points)) || r.last()-slices.Min(r.Points) < leastGrowth {
		return false
	}
	if r.last() == r.Points[n-1-quietWindows] { // it was a leak, perhaps; the trend shows it for longer than it lasts
		return false
	}
	x := load.Points[len(load.Points)-n:]
	// Where the load is higher than ever, so may everything be that follows it.
	if slices.Max(x[n/2:]) > 1.05*max(load.Before, slices.Max(x[:n/2])) {
		return false
	}
	y := residual(r.Points, x)
	slope := theilSen(y)
	grown := slope * float64(n-1)
	// What follows the load grows by no larger a share than the load did.
	swing := 0.
	if highest := slices.Max(load.Points); highest > 0 {
		swing = 1 - slices.Min(load.Points)/highest
	}
	if grown < leastGrowth || grown/r.last() < min(max(1.5*swing, .1), .9) {
		return false
	}
	tasks := c.Tasks[scale].Points
	if theilSen(tasks)*float64(n-1) > grown/2 && mannKendall(tasks) > surely/1.5 { // there are as many tasks more
		return false
	}
	if mannKendall(y) < surely || !ramp(y) || !ramp(r.Points) {
		return false
	}
	each := max(d.cfg.Window, time.Second)
	for i := 1; i <= scale; i++ {
		each *= time.Duration(coarser[i])
	}
	c.Rate = slope / each.Minutes()
	return true
}

// surely is how many standard deviations make a trend; a series without one
// reaches it in 1 of 4,000 tests.
const surely = 3.5

func (d *Growth) finding(c *growthCode) Finding {
	g := c.Group
	f := Finding{
		Kind: KindLeak, Subject: observe.Subject{Name: g.Name, Domain: g.Domain, Site: g.Entry}, Confidence: Suspected,
		Active: c.Quiet < quietWindows, Level: float64(c.Now), Unit: inGoroutines, Since: c.Since,
		From: d.state.Window.Add(-quietWindows * d.cfg.Window),
	}
	if 2*c.Share < c.Now { // of no name in particular
		f.Subject.Name, f.Subject.Domain = "", ""
	}
	if f.Subject.IsZero() {
		f.Subject.Domain = "hale.unknown"
	}
	switch {
	case c.Rate < minorRate && c.Now < minorLevel:
		f.Severity = Minor
	case c.Confirmed && d.state.Started > 0: // else nobody knows the load
		f.Confidence = Confirmed
	}
	owner := g.Name
	if f.Subject.Name == "" {
		owner = "no task in particular"
	}
	r := &c.Counts[c.Scale]
	counts := make([]int, 0, points)
	for _, v := range r.Points {
		counts = append(counts, int(v))
	}
	f.Evidence = []Evidence{{Profiles, cutText(fmt.Sprintf("%d goroutines of %s: started at %s, %s at %s; lowest counts %s, %.3g a minute; rule: %s (a ramp to a new high, while %.3g tasks started a second are no more than before)",
		c.Now, owner, g.Entry, g.Wait, g.Blocked, arrows(counts), c.Rate, ruleGrowth, d.state.Rate))}}
	return f
}

// State implements [Stateful].
func (d *Growth) State() (json.RawMessage, error) { return json.Marshal(d.state) }

// SetState implements [Stateful].
func (d *Growth) SetState(raw json.RawMessage) error {
	return restore(&d.state, raw, (*growthState).check)
}

func (s *growthState) check() error {
	for i := range s.Load {
		if err := atMost(fmt.Sprintf("load[%d].points", i), len(s.Load[i].Points), loads); err != nil {
			return err
		}
	}
	for i := range s.Codes {
		c, at := &s.Codes[i], fmt.Sprintf("codes[%d]", i)
		for k := range c.Counts {
			n := len(c.Counts[k].Points)
			if err := atMost(fmt.Sprintf("%s.counts[%d].points", at, k), n, points); err != nil {
				return err
			}
			if len(c.Tasks[k].Points) != n {
				return &StateError{Field: fmt.Sprintf("%s.tasks[%d].points", at, k), Err: fmt.Errorf("%w: as many as there are counts, %d, are known", errRange, n)}
			}
		}
		if err := within(at+".scale", float64(c.Scale), 0, scales-1); err != nil {
			return err
		}
	}
	return inOrder("codes", s.Codes, maxGrowths, func(a, b *growthCode) int { return compare(a.Key, b.Key) })
}
