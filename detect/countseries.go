package detect

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/hale-go/hale/observe"
)

// countSeries is what is usual of how often something happens, in slots of ten
// seconds, and whether it happens more often than that, or not any more. What is
// usual follows what happens within about five minutes, but for the time in which it
// is accused.
type countSeries struct {
	Key     string          `json:"key"`
	Subject observe.Subject `json:"subject,omitzero"`

	Slot int64  `json:"slot,omitempty"` // number of the open slot
	Open uint64 `json:"open,omitempty"` // events in it
	Secs int    `json:"secs,omitempty"` // seconds in it with events
	Last uint64 `json:"last,omitempty"` // events in the slot before

	Mean float64 `json:"mean"` // of slots
	Var  float64 `json:"var"`
	N    int     `json:"n"` // slots that were learned

	Fill  float64       `json:"fill"`           // part of the slots with events
	First time.Time     `json:"first,omitzero"` // event in this process
	Seen  time.Time     `json:"seen,omitzero"`  // last event in this process
	Gap   time.Duration `json:"gap,omitempty"`  // longest time between two turns with events

	Since     time.Time `json:"since,omitzero"` // when what is accused began
	Confirmed bool      `json:"confirmed,omitempty"`
	Unseen    int       `json:"unseen,omitempty"` // processes in a row that did not have it
}

const (
	slotLength = 10 * time.Second
	slotsKept  = 30 // how many slots what is usual goes back, about
	warmSlots  = 3  // slots without which nothing is known to be usual
	maxCounted = 1024
	newNormal  = 30 * time.Minute // what lasts for so long has become usual
	spreadSecs = 5                // seconds with events that make a burst more than a blip
)

// limits say when a count is a burst.
type limits struct {
	least  float64 // events in a slot
	factor float64 // times what is usual
	load   float64 // how many times the usual load there is now
}

func slotOf(t time.Time) int64 { return t.Unix() / int64(slotLength/time.Second) }

// roll closes the slots that are over.
func (s *countSeries) roll(now time.Time, learn bool) {
	slot := slotOf(now)
	if s.Slot == 0 || slot < s.Slot {
		s.Slot = slot
	}
	for range min(slot-s.Slot, slotsKept) {
		if learn {
			s.learn(float64(s.Open))
		}
		s.Last, s.Open, s.Secs = s.Open, 0, 0
	}
	s.Slot = slot
}

// learn takes a slot into what is usual. What is far above it counts as less, so
// that one burst does not hide the next.
func (s *countSeries) learn(x float64) {
	if s.N >= warmSlots {
		x = min(x, s.Mean+4*math.Sqrt(s.Var+s.Mean+1))
	}
	s.N = min(s.N+1, 1<<20)
	w := 1 / float64(min(s.N, slotsKept))
	s.Fill *= 1 - w
	if x > 0 {
		s.Fill += w
	}
	d := x - s.Mean
	s.Mean += w * d
	s.Var = (1 - w) * (s.Var + w*d*d)
}

// add counts the events of a turn.
func (s *countSeries) add(now time.Time, n uint64) {
	if n == 0 {
		return
	}
	if s.First.IsZero() {
		s.First = now
	}
	if !s.Seen.IsZero() && now.After(s.Seen) && s.Since.IsZero() {
		s.Gap = max(s.Gap, now.Sub(s.Seen))
	}
	if s.Secs == 0 || now.Truncate(time.Second).After(s.Seen) {
		s.Secs++
	}
	s.Seen = now
	s.Open += n
}

// threshold is how many events in a slot are a burst.
func (s *countSeries) threshold(l limits) float64 {
	load := max(l.load, 1)
	mean := s.Mean * load
	return max(l.least, l.factor*mean, mean+6*math.Sqrt(s.Var*load*load+mean))
}

// judge says whether there is a burst. What is usual must be known.
func (s *countSeries) judge(now time.Time, l limits) (active bool) {
	if s.N < warmSlots {
		return false
	}
	limit := s.threshold(l)
	open, last := float64(s.Open), float64(s.Last)
	switch {
	case s.Since.IsZero():
		if open >= limit {
			s.Since = now
		}
	case now.Sub(s.Since) > newNormal, last < limit/2 && open < limit/2:
		s.Since, s.Confirmed = time.Time{}, false
	}
	if s.Since.IsZero() {
		return false
	}
	if open >= limit && (last >= limit || s.Secs >= spreadSecs) {
		s.Confirmed = true
	}
	return true
}

// steady is in which part of the slots something must happen for its end to be told.
const steady = .8

// silent returns how long nothing has happened, where that is surprising: something
// happened all the time, at least fifteen events were to be expected, and it is three
// times as long as ever before.
func (s *countSeries) silent(now time.Time, load float64) (time.Duration, bool) {
	if s.N < warmSlots || s.Fill < steady || s.Seen.IsZero() {
		return 0, false
	}
	gap := now.Sub(s.Seen)
	expected := s.Mean * min(load, 1) * float64(gap) / float64(slotLength)
	return gap, gap >= 5*time.Second && gap > 3*s.Gap && expected >= 15
}

func (s *countSeries) confidence() Confidence {
	if s.Confirmed {
		return Confirmed
	}
	return Suspected
}

// usual says for people what is.
func (s *countSeries) usual() string {
	return fmt.Sprintf("usual are %.3g in 10s", s.Mean)
}

// now returns how many events there were in the worse of the last two slots.
func (s *countSeries) now() uint64 { return max(s.Open, s.Last) }

// countTable is series by key, sorted.
type countTable []countSeries

// find returns the series of a key, nil if there is none.
func (t countTable) find(key string) *countSeries {
	if i, ok := t.index(key); ok {
		return &t[i]
	}
	return nil
}

func (t countTable) index(key string) (int, bool) {
	return slices.BinarySearchFunc(t, key, func(s countSeries, key string) int { return strings.Compare(s.Key, key) })
}

// at returns the series of a key, made if need be; nil when the table is full of
// others. That there was nothing of it since began is known then.
func (t *countTable) at(key string, about observe.Subject, began, now time.Time) *countSeries {
	i, ok := t.index(key)
	if ok {
		s := &(*t)[i]
		s.Subject, s.Unseen = about, 0
		return s
	}
	if len(*t) >= maxCounted {
		return nil
	}
	*t = slices.Insert(*t, i, countSeries{Key: key, Subject: about, Slot: slotOf(now), N: int(min(now.Sub(began)/slotLength, slotsKept))})
	return &(*t)[i]
}

// keptFor is for how long a series without an event keeps its place in a full table.
const keptFor = 2 * time.Hour

// forget makes room once the table is nearly full, and tells cut, if it is not nil,
// what goes.
func (t *countTable) forget(now time.Time, cut func(key string)) {
	if len(*t) < maxCounted*3/4 {
		return
	}
	*t = slices.DeleteFunc(*t, func(s countSeries) bool {
		goes := s.Since.IsZero() && now.Sub(s.Seen) > keptFor
		if goes && cut != nil {
			cut(s.Key)
		}
		return goes
	})
}

// learned returns what outlives a restart of the process.
func (t countTable) learned() countTable {
	var out countTable
	for _, s := range t {
		if s.N >= warmSlots && s.Since.IsZero() {
			out = append(out, countSeries{Key: s.Key, Mean: s.Mean, Var: s.Var, N: s.N, Fill: s.Fill, Gap: s.Gap, Unseen: s.Unseen})
		}
	}
	return out
}

// recall checks what an earlier process learned, and returns it for this one.
func (t countTable) recall() (countTable, error) {
	var out countTable
	last := ""
	for _, s := range t {
		sound := func(v float64) bool { return v >= 0 && v < 1e15 }
		if s.Key <= last || !sound(s.Mean) || !sound(s.Var) || !(s.Fill >= 0 && s.Fill <= 1) || s.N < 0 || s.N > 1<<20 || s.Gap < 0 || s.Unseen < 0 {
			return nil, &StateError{Field: "series", Err: fmt.Errorf("%.80q is out of order or has a number that cannot be", s.Key)}
		}
		if last = s.Key; s.Unseen < maxUnseen && len(out) < maxCounted/2 {
			out = append(out, countSeries{Key: s.Key, Mean: s.Mean, Var: s.Var, N: s.N, Fill: s.Fill, Gap: s.Gap, Unseen: s.Unseen + 1})
		}
	}
	return out, nil
}

// check reports why a table that was read cannot be used.
func (t countTable) check(field string) error {
	for i := range t {
		s, at := &t[i], fmt.Sprintf("%s[%d]", field, i)
		if err := cmp.Or(within(at+".fill", s.Fill, 0, 1.001), within(at+".n", float64(s.N), 0, 1<<20)); err != nil {
			return err
		}
	}
	return inOrder(field, t, maxCounted, func(a, b *countSeries) int { return strings.Compare(a.Key, b.Key) })
}

// load is how many requests the service answers.
type load struct {
	Series countTable `json:"series,omitempty"` // one
}

func (l *load) add(t observe.Turn) {
	var n uint64
	for i := range t.Sample.Operations {
		if o := &t.Sample.Operations[i]; o.Kind == observe.Server {
			n += o.Ended
		}
	}
	if n == 0 && len(l.Series) == 0 {
		return
	}
	s := l.Series.at("load", observe.Subject{}, t.Time, t.Time)
	s.roll(t.Time, true)
	s.add(t.Time, n)
}

func (l *load) check() error {
	return cmp.Or(atMost("load.series", len(l.Series), 1), l.Series.check("load.series"))
}

// ratio returns how many times the usual load there is, 1 where that is not known.
func (l *load) ratio() float64 {
	if len(l.Series) == 0 || l.Series[0].N < warmSlots || l.Series[0].Mean < 1 {
		return 1
	}
	return float64(l.Series[0].now()) / l.Series[0].Mean
}

func (l *load) learned() load { return load{l.Series.learned()} }

func (l *load) recall() (load, error) {
	series, err := l.Series.recall()
	return load{series}, err
}
