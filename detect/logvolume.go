package detect

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/hale-go/hale/observe"
)

// LogVolume finds names that write far more log records than they usually do, for
// the load there is, and names that have fallen silent while they are at work.
type LogVolume struct {
	cfg   LogVolumeConfig
	state volumeState
}

// LogVolumeConfig says what is a storm of log records, and what a silence.
type LogVolumeConfig struct {
	// MinStorm is how many records of one name in ten seconds can be a storm; they
	// must be eight times the usual, too. Default: 1000.
	MinStorm int `json:"min_storm" yaml:"min_storm"`
	// Steady is for how long a name must have logged all the time, about, for its
	// silence to be confirmed: what has run for less may be in another phase of its
	// work. Before, it is suspected. Default: 5m, at least 30s.
	Steady time.Duration `json:"steady" yaml:"steady"`
}

// WithDefaults returns the settings with every zero field set.
func (c LogVolumeConfig) WithDefaults() LogVolumeConfig {
	if c.MinStorm <= 0 {
		c.MinStorm = 1000
	}
	if c.Steady <= 0 {
		c.Steady = 5 * time.Minute
	}
	c.Steady = max(c.Steady, warmSlots*slotLength)
	return c
}

type volumeState struct {
	Series countTable `json:"series,omitempty"` // by name
	Talk   countTable `json:"talk,omitempty"`   // the same of what warns of nothing: that warnings end is good
	Load   load       `json:"load"`
	Began  time.Time  `json:"began,omitzero"` // first turn of this process
}

// NewLogVolume returns the detector.
func NewLogVolume(cfg LogVolumeConfig) *LogVolume { return &LogVolume{cfg: cfg.WithDefaults()} }

// Detect implements [Detector].
func (d *LogVolume) Detect(t observe.Turn) []Finding {
	st := &d.state
	if st.Began.IsZero() {
		st.Began = t.Time
	}
	st.Load.add(t)
	for _, table := range []countTable{st.Series, st.Talk} {
		for i := range table {
			table[i].roll(t.Time, table[i].Since.IsZero())
		}
	}
	about := map[string]observe.Subject{}
	all, talk := map[string]uint64{}, map[string]uint64{}
	for _, l := range t.Sample.Logs {
		subject := subjectOfLog(l)
		about[subject.Name] = subject
		all[subject.Name] += l.Count
		if l.Level < levelWarn {
			talk[subject.Name] += l.Count
		}
	}
	for _, name := range sortedKeys(all) {
		if s := st.Series.at(name, about[name], st.Began, t.Time); s != nil {
			s.add(t.Time, all[name])
		}
		if n := talk[name]; n > 0 {
			if s := st.Talk.at(name, about[name], st.Began, t.Time); s != nil {
				s.add(t.Time, n)
			}
		}
	}
	st.Series.forget(t.Time, nil)
	st.Talk.forget(t.Time, nil)
	var out []Finding
	for i := range st.Series {
		if f, ok := d.storm(t, &st.Series[i]); ok {
			out = append(out, f)
		}
	}
	for i := range st.Talk {
		f, ok := d.silence(t, &st.Talk[i])
		storms := slices.ContainsFunc(out, func(g Finding) bool { return g.Subject == f.Subject })
		if ok && !storms { // what storms with warnings is not silent
			out = append(out, f)
		}
	}
	return worst(out, maxFindings)
}

// silence names the name itself as its cause: where that has another incident, it is
// a part of it.
func (d *LogVolume) silence(t observe.Turn, s *countSeries) (Finding, bool) {
	gap, ok := s.silent(t.Time, d.state.Load.ratio())
	if !ok {
		s.Since = time.Time{}
		return Finding{}, false
	}
	s.Since = s.Seen // what is silent is not learned
	what := "nothing"
	if all := d.state.Series.find(s.Key); all == nil || all.Seen.After(s.Seen) {
		what = "nothing below WARN"
	}
	f := Finding{
		Kind: KindLogVolume, Subject: s.Subject, Cause: s.Subject, Confidence: Suspected, Active: true, Level: s.Mean, Unit: inRecords,
		Since: s.Seen, TimeToVisible: 2 * slotLength,
		Evidence: []Evidence{{Logs, cutText(fmt.Sprintf("%s has logged %s for %v, %s", s.Subject.Name, what, gap.Round(time.Second), s.usual()))}},
	}
	if atWork(t.Sample, s.Subject.Name) {
		if time.Duration(s.N)*slotLength >= d.cfg.Steady {
			f.Confidence = Confirmed
		}
		f.Evidence = append(f.Evidence, Evidence{Tasks, s.Subject.Name + " is at work"})
	}
	return f, true
}

func (d *LogVolume) storm(t observe.Turn, s *countSeries) (Finding, bool) {
	f := Finding{Kind: KindLogVolume, Subject: s.Subject, Cause: s.Subject, Active: true, Unit: inRecords, TimeToVisible: 2 * slotLength}
	if !s.judge(t.Time, limits{float64(d.cfg.MinStorm), 8, d.state.Load.ratio()}) {
		return f, false
	}
	f.Since, f.Level, f.Confidence = s.Since, float64(s.now()), s.confidence()
	f.Evidence = []Evidence{{Logs, cutText(fmt.Sprintf("%s logged %d records in 10s, %s", s.Subject.Name, s.now(), s.usual()))}}
	if form := mostOf(t.Sample, s.Subject.Name); form.Count > 0 {
		f.Evidence = append(f.Evidence, Evidence{Logs, cutText(fmt.Sprintf("%d in the last turn are: %s", form.Count, form.Form))})
	}
	return f, true
}

// atWork reports whether there are tasks of a name, or requests.
func atWork(s observe.Sample, name string) bool {
	if i, ok := findTask(s, name); ok && s.Tasks[i].Live > 0 {
		return true
	}
	for i := range s.Operations {
		if o := &s.Operations[i]; o.Name == name && (o.InFlight > 0 || o.Started > 0) {
			return true
		}
	}
	return false
}

// mostOf returns the form that most of a name's records had.
func mostOf(s observe.Sample, name string) (most observe.LogStat) {
	for _, l := range s.Logs {
		if subjectOfLog(l).Name == name && l.Count > most.Count {
			most = l
		}
	}
	return most
}

// State implements [Stateful].
func (d *LogVolume) State() (json.RawMessage, error) { return json.Marshal(d.state) }

// SetState implements [Stateful].
func (d *LogVolume) SetState(raw json.RawMessage) error {
	return restore(&d.state, raw, func(s *volumeState) error {
		return cmp.Or(s.Series.check("series"), s.Talk.check("talk"), s.Load.check())
	})
}

// Baseline implements [Learner]. What is accused is left out.
func (d *LogVolume) Baseline() (json.RawMessage, error) {
	return json.Marshal(volumeState{Series: d.state.Series.learned(), Talk: d.state.Talk.learned(), Load: d.state.Load.learned()})
}

// SetBaseline implements [Learner].
func (d *LogVolume) SetBaseline(raw json.RawMessage) error {
	var in volumeState
	if err := decode(raw, &in); err != nil {
		return err
	}
	series, err := in.Series.recall()
	if err != nil {
		return err
	}
	talk, err := in.Talk.recall()
	if err != nil {
		return err
	}
	load, err := in.Load.recall()
	if err != nil {
		return err
	}
	d.state = volumeState{Series: series, Talk: talk, Load: load}
	return nil
}
