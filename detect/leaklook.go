package detect

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hale-go/hale/internal/goroutine"
	"github.com/hale-go/hale/observe"
)

// orphanCount is the orphans of one name and code in a snapshot.
type orphanCount struct {
	Key, Code string
	Group     observe.Group
	Count     int
}

// count counts the orphans of a snapshot into the codes, and returns those of
// each name and code, sorted by key. passed is the time since the last window.
func (d *Leak) count(snap *observe.Snapshot, passed time.Duration) []orphanCount {
	st := &d.state
	codes := make([]codeName, len(snap.Groups))
	for i := range snap.Groups { // new codes first: what follows keeps pointers
		g := &snap.Groups[i]
		if g.Name == "" {
			continue
		}
		codes[i] = d.codes.of(g, &d.cfg)
		if g.Ended >= d.cfg.Grace && !codes[i].creator {
			st.bear(codes[i].key, g.Name)
		}
	}
	for i := range st.Codes {
		c := &st.Codes[i]
		c.Prev, c.Now, c.Total, c.Old, c.Alive = c.Now, 0, 0, 0, 0
		c.Record, c.Broken = false, false
	}
	still := goroutine.Age(d.cfg.Grace + passed.Truncate(time.Second))
	type nameCode struct{ name, code string }
	index := map[nameCode]int{}
	var out []orphanCount
	for i := range snap.Groups {
		g := &snap.Groups[i]
		if g.Name == "" {
			continue
		}
		code := codes[i].key
		c := st.find(code)
		if c == nil {
			continue
		}
		c.bear(g.Name) // also where its goroutines are no orphans
		if g.Ended < d.cfg.Grace || codes[i].creator || g.Count <= 0 {
			continue
		}
		c.Total += g.Count
		if g.Ended >= still {
			c.Alive += g.Count
		}
		if g.Ended >= d.cfg.Patience {
			c.Old += g.Count
		} else if c.slow() {
			continue
		}
		c.Now += g.Count
		at, ok := index[nameCode{g.Name, code}]
		if !ok {
			at = len(out)
			index[nameCode{g.Name, code}] = at
			out = append(out, orphanCount{Key: g.Name + "|" + code, Code: code, Group: *g})
		}
		out[at].Count += g.Count
	}
	slices.SortFunc(out, func(a, b orphanCount) int { return compare(a.Key, b.Key) })
	return out
}

// lag is how long after it started a goroutine that leaks becomes an orphan: its
// cell must be sealed and found empty, and the grace must pass.
func (d *Leak) lag() time.Duration { return d.cfg.Grace + 2*d.cfg.Epoch }

// quietFor is the least time without growth that makes a leak inactive: orphans of
// a steady leak come to light an epoch at a time.
func (d *Leak) quietFor() time.Duration { return 2 * d.cfg.Epoch }

// Below so many orphans a minute, and so many in all, a leak is minor: at 8 KB
// each it takes a day to cost 12 MB.
const (
	minorRate  = 1.
	minorLevel = 1000
)

func (d *Leak) finding(s *leakSeries, c *leakCode, sample observe.Sample) Finding {
	g := s.Group
	f := Finding{
		Kind:       KindLeak,
		Subject:    observe.Subject{Name: g.Name, Domain: g.Domain, Site: g.Entry},
		Confidence: Suspected,
		Active:     s.Grew > 0 && (s.Quiet < quietLooks || d.state.Looks[len(d.state.Looks)-1].Sub(s.Grown) < d.quietFor()),
		Level:      float64(s.Count),
		Unit:       inGoroutines,
		Since:      s.Since,
		From:       d.state.Looks[0],
		// The rest of the wait, for snapshots, is From's.
		TimeToVisible: d.lag(),
	}
	if c.slow() {
		f.TimeToVisible += d.cfg.Patience - d.cfg.Grace
	}
	if s.Rate < minorRate && s.Count < minorLevel {
		f.Severity = Minor
	} else if s.Confirmed {
		f.Confidence = Confirmed
	}
	rule := s.Rule
	if rule == "" {
		rule = "not sure yet"
	}
	text := fmt.Sprintf("%d goroutines outlived %s: started at %s, %s at %s; counts %s, +%d in %v, %.0f a minute; rule: %s",
		s.Count, g.Name, g.Entry, g.Wait, g.Blocked, arrows(s.Counts), s.Grew, s.Over.Round(time.Second), s.Rate, rule)
	switch s.Rule {
	case ruleBeyond:
		text += fmt.Sprintf(" (%d for at most %d tasks at once)", c.Now, c.Peak)
	case ruleRecords:
		text += fmt.Sprintf(" (%d windows set a record, at most %d tasks at once, %d more than when it began)", c.Votes, c.Peak, c.Rise)
	}
	f.Evidence = []Evidence{{Profiles, cutText(text)}}
	if i, ok := findTask(sample, g.Name); ok {
		ts := sample.Tasks[i]
		f.Evidence = append(f.Evidence, Evidence{Metrics, cutText(fmt.Sprintf("%d tasks of %s are alive, at most %d at once ever, %d held cells", ts.Live, ts.Name, ts.Peak, ts.HeldCells))})
	}
	return f
}

// arrows reads "3 → 9 → 17".
func arrows(counts []int) string {
	var b strings.Builder
	for i, n := range counts {
		if i > 0 {
			b.WriteString(" → ")
		}
		b.WriteString(strconv.Itoa(n))
	}
	return b.String()
}
