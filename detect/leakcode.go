package detect

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/hale-go/hale/observe"
)

// leakCode is all goroutines with the same functions and wait, whatever their
// name: orphans that one name loses and another gains set no record.
type leakCode struct {
	Key   string   `json:"key"`
	Names []string `json:"names,omitempty"` // that ever bore this code, sorted

	First int  `json:"first,omitempty"` // window in which it first had an orphan
	Now   int  `json:"now"`             // orphans that count, in the last snapshot
	Most  int  `json:"most,omitempty"`  // in the highest so far
	Ends  bool `json:"ends,omitempty"`  // some were seen to end: only those older than Patience count
	Late  bool `json:"late,omitempty"`  // and some of these ended too: counting them proves nothing

	Young int `json:"young,omitempty"` // orphans past Grace in the last window
	Gone  int `json:"gone,omitempty"`  // of such, have ended so far

	// Of the snapshot that is being looked at.
	Total int `json:"-"` // orphans past Grace
	Old   int `json:"-"` // past Patience
	Alive int `json:"-"` // at most so many of Young are still there
	Prev  int `json:"-"` // Now, in the snapshot before

	Peak int64 `json:"peak,omitempty"` // tasks that ever ran at once under its names

	// The run of evidence.
	Run    time.Time           `json:"run,omitzero"` // when it began
	From   int                 `json:"from,omitempty"`
	Rise   int64               `json:"rise,omitempty"`  // by how much the peaks of its names rose since
	Looks  int                 `json:"looks,omitempty"` // snapshots that set a record
	Votes  int                 `json:"votes,omitempty"` // windows that did
	Judged int                 `json:"judged,omitempty"`
	Sum    [len(rates)]float64 `json:"sum"`
	Fresh  bool                `json:"fresh,omitempty"` // a record was set since the last window
	Still  int                 `json:"still,omitempty"` // windows without a record
	Unseen int                 `json:"unseen,omitempty"`

	Record bool `json:"-"` // the last snapshot set a record
	Broken bool `json:"-"` // the last snapshot ended the run
}

const (
	// maxCodeNames bounds the names of a code; one that is used by more is
	// bounded by the peaks of all names.
	maxCodeNames = 64
	// perTask is how many goroutines a pool may hold for each task at most: a
	// handler that fans out takes several connections at once.
	perTask = 4
	// perCode is how many more a code may hold that has nothing to do with load:
	// janitors, one for each shard.
	perCode = 8
	// maxK bounds what the length of a history can lend to a single record.
	maxK = 1000
	// enough is the logarithm of how much likelier a leak must be: 1000 times.
	enough = 6.9
)

// rates are how often a leak may set a record, from nearly always to seldom.
var rates = [...]float64{.9, .6, .2, .05}

func compare(a, b string) int { return cmp.Compare(a, b) }

// bound is the most goroutines of the code that a pool may hold.
func (c *leakCode) bound() int64 { return perTask*c.Peak + perCode }

// rule returns the rule that confirms a leak of the code, "" if none does.
func (d *Leak) rule(c *leakCode) string {
	least := d.cfg.MinGrowth
	if c.slow() {
		least += perCode
	}
	grown := c.Now - c.From
	switch {
	case c.Late || !c.Record || grown < least || int64(grown) <= perTask*c.Rise:
		return ""
	case int64(c.Now) > c.bound() && c.Looks >= d.cfg.MinWindows && c.Judged > 1:
		return ruleBeyond
	case slices.Max(c.Sum[:]) >= enough && c.Votes > d.cfg.MinWindows:
		return ruleRecords
	}
	return ""
}

// The rules by which a leak is confirmed, for the reader.
const (
	ruleBeyond  = "beyond any pool"
	ruleRecords = "records without load"
	ruleGrowth  = "growth without load"
)

// suspicious reports whether a code is worth a finding that is not confirmed.
func (d *Leak) suspicious(c *leakCode) bool {
	if c.Late || c.Now-c.From < d.cfg.MinGrowth || int64(c.Now-c.From) <= perTask*c.Rise {
		return false
	}
	return (int64(c.Now) > c.bound() && c.Looks > 0) || (slices.Max(c.Sum[:]) >= enough/2 && c.Votes >= 2)
}

// slow reports whether only orphans older than Patience count.
func (c *leakCode) slow() bool {
	return c.Ends || strings.HasSuffix(c.Key, "|"+string(observe.WaitSleep))
}

// advance takes a snapshot, which count has counted, into the evidence about a
// code.
func (d *Leak) advance(c *leakCode, snap *observe.Snapshot, window bool, all leakName) {
	user := d.state.user(c, all)
	c.Peak = max(c.Peak, user.Peak)
	c.Rise += user.rose
	if snap.Folded == 0 {
		if window {
			d.ends(c)
		}
		if c.slow() && c.Prev-c.Now >= max(3, c.Prev/10) {
			c.Late = true
		}
	}
	if c.Now < c.Prev {
		c.Looks = 0 // "beyond any pool" is for what never shrinks
	}
	if c.Now > c.Most {
		if c.Looks == 0 && c.Votes == 0 {
			c.start(snap.Time)
		}
		c.Most = c.Now
		c.Record, c.Fresh = true, true
		c.Looks++
	}
	if window && c.Most > 0 {
		d.judge(c, snap.Time, user)
	}
}

// start begins a run of evidence.
func (c *leakCode) start(now time.Time) {
	c.Run, c.From, c.Rise, c.Looks, c.Votes, c.Judged = now, c.Most, 0, 0, 0, 0
	c.Broken = true
}

// ends notes whether orphans of the last window have gone since. Their code then
// ends by itself: what is younger than Patience is no evidence any more.
func (d *Leak) ends(c *leakCode) {
	c.Gone += max(c.Young-c.Alive, 0)
	c.Young = c.Total
	if c.slow() || c.Gone < max(3, c.Young/10) {
		return
	}
	c.Ends = true
	c.Now, c.Prev, c.Most = c.Old, 0, 0
	c.Sum, c.Fresh, c.Still = [len(rates)]float64{}, false, 0
	c.start(c.Run)
}

// judge ends a window: it weighs whether there was a record.
func (d *Leak) judge(c *leakCode, now time.Time, user leakName) {
	record := c.Fresh
	c.Fresh = false
	c.Judged++
	if record {
		c.Still = 0
	} else if c.Still++; c.Still >= d.cfg.MinWindows {
		c.Looks = 0 // "beyond any pool" is for what grows now
	}
	// What a new peak makes a pool dial is an orphan only some time later.
	if now.Sub(user.Risen) <= d.lag()+d.cfg.Window && int64(c.Now) <= c.bound() {
		return
	}
	k := d.history(c, user)
	zero := true
	for i, q := range rates {
		if record {
			c.Sum[i] = max(0, c.Sum[i]+math.Log(q*k))
		} else {
			c.Sum[i] = max(0, c.Sum[i]+min(0, math.Log((1-q)/(1-1/k)))) // no record never speaks for a leak
		}
		zero = zero && c.Sum[i] == 0
	}
	if record {
		c.Votes++
	}
	if zero && c.Looks == 0 {
		c.start(now)
	}
}

// history is for how many windows the code could have set records: since its
// oldest name came into use, or since its own first orphan. A lazily made pool
// says the second, a leak in code that ran for long without any says the first;
// the truth is between.
func (d *Leak) history(c *leakCode, user leakName) float64 {
	name := min(max(d.state.Windows-user.First+1, 2), maxK)
	own := min(max(d.state.Windows-c.First+1, 2), maxK)
	return math.Sqrt(float64(name) * float64(own))
}

// user returns what the names of a code come to: since when the oldest has been
// in use, how many tasks ran at once under all of them, and when that last rose.
// It is all, for a code of too many names.
func (s *leakState) user(c *leakCode, all leakName) leakName {
	if len(c.Names) > maxCodeNames {
		return all
	}
	out := leakName{First: s.Windows}
	for _, name := range c.Names {
		i, ok := slices.BinarySearchFunc(s.Names, name, func(n leakName, name string) int { return compare(n.Name, name) })
		if !ok {
			continue
		}
		n := &s.Names[i]
		out.First = min(out.First, n.First)
		out.Peak += n.Peak
		out.rose += n.rose
		if n.Risen.After(out.Risen) {
			out.Risen = n.Risen
		}
	}
	return out
}

func findTask(sample observe.Sample, name string) (int, bool) {
	return slices.BinarySearchFunc(sample.Tasks, name, func(ts observe.TaskStat, name string) int { return compare(ts.Name, name) })
}

func (s *leakState) at(key string) (int, bool) {
	return slices.BinarySearchFunc(s.Codes, key, func(c leakCode, key string) int { return compare(c.Key, key) })
}

func (s *leakState) find(key string) *leakCode {
	if i, ok := s.at(key); ok {
		return &s.Codes[i]
	}
	return nil
}

// bear remembers that goroutines of a name bear the code. Codes are kept also
// when they have no goroutine any more: a pool that shrank may grow again.
func (s *leakState) bear(key, name string) {
	i, ok := s.at(key)
	if !ok {
		if len(s.Codes) >= maxSeries {
			return
		}
		s.Codes = slices.Insert(s.Codes, i, leakCode{Key: key, First: s.Windows})
	}
	s.Codes[i].bear(name)
}

func (c *leakCode) bear(name string) {
	c.Unseen = 0
	if len(c.Names) > maxCodeNames {
		return
	}
	if at, known := slices.BinarySearch(c.Names, name); !known {
		c.Names = slices.Insert(c.Names, at, name)
	}
}
