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

// LogPattern finds bursts of log records that match a pattern, such as errors of
// one task, and panics whose stacks are logged again and again. It compares with how
// often the same name usually writes such records, and with the load.
type LogPattern struct{ state patternState }

type patternState struct {
	Series countTable        `json:"series,omitempty"` // by pattern and name
	Stacks countTable        `json:"stacks,omitempty"` // by fingerprint and name
	Load   load              `json:"load"`
	Began  time.Time         `json:"began,omitzero"`  // first turn of this process
	Texts  map[string]string `json:"texts,omitempty"` // the form that most records had, of series with records
}

// Bounds of what counts as a burst.
const (
	leastMatches = 10 // records of one pattern in ten seconds
	leastStacks  = 3  // stacks of one fingerprint
)

// NewLogPattern returns the detector.
func NewLogPattern() *LogPattern { return &LogPattern{} }

// Detect implements [Detector].
func (d *LogPattern) Detect(t observe.Turn) []Finding {
	st := &d.state
	if st.Began.IsZero() {
		st.Began = t.Time
	}
	st.Load.add(t)
	for _, table := range []countTable{st.Series, st.Stacks} {
		for i := range table {
			table[i].roll(t.Time, table[i].Since.IsZero())
		}
	}
	matched, texts := map[string]uint64{}, map[string]observe.LogStat{}
	about := map[string]observe.Subject{}
	note := func(key string, l observe.LogStat) {
		matched[key] += l.Count
		about[key] = subjectOfLog(l)
		if l.Count > texts[key].Count {
			texts[key] = l
		}
	}
	stacks := map[string]bool{}
	for _, l := range t.Sample.Logs {
		for _, p := range l.Patterns {
			note(p+"\x00"+l.Name, l)
		}
		if l.Stack != "" {
			key := l.Stack + "\x00" + l.Name
			stacks[key] = true
			note(key, l)
		}
	}
	for _, key := range sortedKeys(matched) {
		table := &st.Series
		if stacks[key] {
			table = &st.Stacks
		}
		if s := table.at(key, about[key], st.Began, t.Time); s != nil {
			s.add(t.Time, matched[key])
			if st.Texts == nil {
				st.Texts = map[string]string{}
			}
			st.Texts[key] = texts[key].Form
		}
	}
	st.Series.forget(t.Time, nil)
	st.Stacks.forget(t.Time, nil)
	var out []Finding
	out = d.judge(t, out, st.Stacks, KindLoggedPanics, limits{leastStacks, 2, st.Load.ratio()})
	out = d.judge(t, out, st.Series, KindLogPattern, limits{leastMatches, 4, st.Load.ratio()})
	for key := range st.Texts { // of what is not accused, nobody asks
		s := st.Series.find(key)
		if s == nil {
			s = st.Stacks.find(key)
		}
		if s == nil || (s.Since.IsZero() && s.Open == 0) {
			delete(st.Texts, key)
		}
	}
	return worst(out, maxFindings)
}

// judge adds a finding for each name; the patterns of one name are its evidence.
func (d *LogPattern) judge(t observe.Turn, out []Finding, table countTable, kind Kind, l limits) []Finding {
	for i := range table {
		s := &table[i]
		if !s.judge(t.Time, l) {
			continue
		}
		what, _, _ := strings.Cut(s.Key, "\x00")
		text := fmt.Sprintf("%d records match %q in 10s, %s: %s", s.now(), what, s.usual(), d.state.Texts[s.Key])
		if kind == KindLoggedPanics {
			text = fmt.Sprintf("stack %s was logged %d times in 10s, %s: %s", what, s.now(), s.usual(), d.state.Texts[s.Key])
		}
		out = addFinding(out, Finding{
			Kind: kind, Subject: s.Subject, Confidence: s.confidence(), Active: true, Level: float64(s.now()), Unit: inRecords,
			Since: s.Since, TimeToVisible: 2 * slotLength, Evidence: []Evidence{{Logs, cutText(text)}},
		})
	}
	return out
}

// addFinding adds a finding, to the one of the same kind and subject if there is.
func addFinding(out []Finding, f Finding) []Finding {
	i := slices.IndexFunc(out, func(g Finding) bool { return g.Kind == f.Kind && g.Subject == f.Subject })
	if i < 0 {
		return append(out, f)
	}
	g := &out[i]
	if f.Confidence > g.Confidence || (f.Confidence == g.Confidence && f.Level > g.Level) {
		f, *g = *g, f
	}
	if f.Since.Before(g.Since) {
		g.Since = f.Since
	}
	if len(g.Evidence) < maxEvidence/2 {
		g.Evidence = append(g.Evidence, f.Evidence...)
	}
	return out
}

// logName stands for records that were written outside any task.
const logName = "log"

func subjectOfLog(l observe.LogStat) observe.Subject {
	if l.Name == "" {
		return observe.Subject{Name: logName, Domain: cmp.Or(l.Domain, logName)}
	}
	return observe.Subject{Name: l.Name, Domain: l.Domain}
}

func sortedKeys[V any](m map[string]V) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// State implements [Stateful].
func (d *LogPattern) State() (json.RawMessage, error) { return json.Marshal(d.state) }

// SetState implements [Stateful].
func (d *LogPattern) SetState(raw json.RawMessage) error {
	return restore(&d.state, raw, func(s *patternState) error {
		return cmp.Or(s.Series.check("series"), s.Stacks.check("stacks"), s.Load.check(), atMost("texts", len(s.Texts), 2*maxCounted))
	})
}

// Baseline implements [Learner]. What is accused is left out.
func (d *LogPattern) Baseline() (json.RawMessage, error) {
	return json.Marshal(patternState{Series: d.state.Series.learned(), Stacks: d.state.Stacks.learned(), Load: d.state.Load.learned()})
}

// SetBaseline implements [Learner].
func (d *LogPattern) SetBaseline(raw json.RawMessage) error {
	var in patternState
	if err := decode(raw, &in); err != nil {
		return err
	}
	series, err := in.Series.recall()
	if err != nil {
		return err
	}
	stacks, err := in.Stacks.recall()
	if err != nil {
		return err
	}
	load, err := in.Load.recall()
	if err != nil {
		return err
	}
	d.state = patternState{Series: series, Stacks: stacks, Load: load}
	return nil
}
