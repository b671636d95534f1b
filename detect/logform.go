package detect

import (
	"cmp"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hale-go/hale/observe"
)

// LogForm finds log records of a form that there never was before, if they warn of
// something, and forms that always came and do not any more. A new release brings
// both, so it only suspects: what it says is evidence for others.
//
// It knows 1024 forms and remembers of 2048 that made room for others that they were
// there. While more come than it has room for, and two hours after, nothing is new.
type LogForm struct{ state formState }

type formState struct {
	Series countTable `json:"series,omitempty"` // by form, level and name
	New    []newForm  `json:"new,omitempty"`
	Began  time.Time  `json:"began,omitzero"`   // first turn of this process
	Full   time.Time  `json:"full_at,omitzero"` // when a form last came for which there was no room
	Cut    []uint32   `json:"cut,omitempty"`    // hashes of what warned and made room for others, oldest first
}

type newForm struct {
	Key   string    `json:"key"`
	Form  string    `json:"form"`
	Since time.Time `json:"since"`
	Hits  uint64    `json:"hits"`
}

const (
	learnForms = 5 * time.Minute  // for so long every form is new
	newFor     = 10 * time.Minute // and a form that came later for so long
	leastNew   = 3                // records that make a new form worth telling
	maxNew     = 64
	maxCut     = 2048
	levelWarn  = 4
)

// NewLogForm returns the detector.
func NewLogForm() *LogForm { return &LogForm{} }

// Detect implements [Detector].
func (d *LogForm) Detect(t observe.Turn) []Finding {
	st := &d.state
	if st.Began.IsZero() {
		st.Began = t.Time
	}
	for i := range st.Series {
		s := &st.Series[i]
		s.roll(t.Time, s.Since.IsZero())
	}
	for _, l := range t.Sample.Logs {
		key := l.Name + "\x00" + strconv.Itoa(l.Level) + "\x00" + l.Form
		known := len(st.Series)
		s := st.Series.at(key, subjectOfLog(l), st.Began, t.Time)
		if s == nil {
			if st.Full = t.Time; len(st.Cut) < maxCut {
				st.cut(key)
			}
			continue
		}
		if len(st.Series) > known && st.isNew(key, l.Level, t.Time) {
			st.New = append(st.New, newForm{Key: key, Form: l.Form, Since: t.Time})
		}
		s.add(t.Time, l.Count)
		for i := range st.New {
			if st.New[i].Key == key {
				st.New[i].Hits += l.Count
			}
		}
	}
	st.Series.forget(t.Time, st.cut)
	return worst(append(d.newForms(t), d.vanished(t)...), maxFindings)
}

// isNew reports whether a form that is not in the table is told if more of it comes.
func (st *formState) isNew(key string, level int, now time.Time) bool {
	learning := now.Sub(st.Began) <= learnForms || (!st.Full.IsZero() && now.Sub(st.Full) <= keptFor)
	return level >= levelWarn && !learning && len(st.New) < maxNew && !slices.Contains(st.Cut, hashOf(key))
}

// cut remembers that there was a form, if it warned: others are never new.
func (st *formState) cut(key string) {
	h := hashOf(key)
	if s := (countSeries{Key: key}); !s.warns() || slices.Contains(st.Cut, h) {
		return
	}
	if len(st.Cut) >= maxCut {
		st.Cut = slices.Delete(st.Cut, 0, 1)
	}
	st.Cut = append(st.Cut, h)
}

func hashOf(key string) uint32 {
	h := fnv.New32a()
	_, _ = h.Write([]byte(key)) // a hash never fails
	return h.Sum32()
}

func (d *LogForm) newForms(t observe.Turn) []Finding {
	st := &d.state
	kept := st.New[:0]
	var out []Finding
	for _, n := range st.New {
		if t.Time.Sub(n.Since) > newFor {
			continue
		}
		kept = append(kept, n)
		s := st.Series.find(n.Key)
		if s == nil || n.Hits < leastNew {
			continue
		}
		f := Finding{
			Kind: KindNewLogForm, Subject: s.Subject, Confidence: Suspected, Unit: inRecords, Since: n.Since, TimeToVisible: time.Minute,
			Evidence: []Evidence{{Logs, cutText(fmt.Sprintf("%d records of a form that there never was before: %s", n.Hits, n.Form))}},
		}
		if f.Active = t.Time.Sub(s.Seen) <= time.Minute; f.Active {
			f.Level = float64(n.Hits)
		}
		out = addFinding(out, f)
	}
	st.New = kept
	return out
}

func (d *LogForm) vanished(t observe.Turn) []Finding {
	var out []Finding
	for i := range d.state.Series {
		s := &d.state.Series[i]
		if s.warns() {
			continue // that warnings end is good
		}
		gap, ok := s.silent(t.Time, 1)
		switch {
		case !ok:
			s.Since = time.Time{}
			continue
		case gap > newFor: // whatever it was, it has become usual
			s.Since, s.Mean, s.Var, s.N = time.Time{}, 0, 0, 0
			continue
		case !atWork(t.Sample, s.Subject.Name): // then it has nothing to say
			continue
		}
		s.Since = s.Seen
		out = addFinding(out, Finding{
			Kind: KindVanishedLogForm, Subject: s.Subject, Confidence: Suspected, Active: true, Level: s.Mean, Unit: inRecords,
			Since: s.Seen, TimeToVisible: 2 * slotLength,
			Evidence: []Evidence{{Logs, cutText(fmt.Sprintf("none for %v, %s: %s", gap.Round(time.Second), s.usual(), formOf(s.Key)))}},
		})
	}
	return out
}

// warns reports whether the series is of a form that warns of something.
func (s *countSeries) warns() bool {
	_, rest, _ := strings.Cut(s.Key, "\x00")
	level, _, _ := strings.Cut(rest, "\x00")
	n, err := strconv.Atoi(level)
	return err != nil || n >= levelWarn
}

// formOf returns the form of a key.
func formOf(key string) string {
	for range 2 {
		for i := range key {
			if key[i] == 0 {
				key = key[i+1:]
				break
			}
		}
	}
	return key
}

// State implements [Stateful].
func (d *LogForm) State() (json.RawMessage, error) { return json.Marshal(d.state) }

// SetState implements [Stateful].
func (d *LogForm) SetState(raw json.RawMessage) error {
	return restore(&d.state, raw, func(s *formState) error {
		return cmp.Or(s.Series.check("series"), atMost("new", len(s.New), maxNew), atMost("cut", len(s.Cut), maxCut))
	})
}

// Baseline implements [Learner]: the forms that are known.
func (d *LogForm) Baseline() (json.RawMessage, error) {
	out := formState{Series: d.state.Series.learned(), Cut: slices.Clone(d.state.Cut)}
	out.cutBeside(d.state.Series)
	return json.Marshal(out)
}

// SetBaseline implements [Learner].
func (d *LogForm) SetBaseline(raw json.RawMessage) error {
	var in formState
	if err := decode(raw, &in); err != nil {
		return err
	}
	series, err := in.Series.recall()
	if err != nil {
		return err
	}
	if err := atMost("cut", len(in.Cut), maxCut); err != nil {
		return err
	}
	d.state = formState{Series: series, Cut: in.Cut}
	d.state.cutBeside(in.Series)
	return nil
}

// cutBeside remembers what is in another table and not in its own.
func (st *formState) cutBeside(all countTable) {
	for i := range all {
		if st.Series.find(all[i].Key) == nil {
			st.cut(all[i].Key)
		}
	}
}
