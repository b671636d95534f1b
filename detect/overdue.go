package detect

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/hale-go/hale/observe"
)

// OverdueConfig says when a task has run for too long.
type OverdueConfig struct {
	// Times is how many times as long as nearly all tasks of its name a task may
	// run. Default: 8.
	Times int `json:"times" yaml:"times"`
	// Least is what no task is overdue before. Default: 1m.
	Least time.Duration `json:"least" yaml:"least"`
}

// times is Times × d, at most the longest duration there is.
func (c OverdueConfig) times(d time.Duration) time.Duration {
	if d > 0 && int64(c.Times) > int64(math.MaxInt64/d) {
		return math.MaxInt64
	}
	return time.Duration(c.Times) * d
}

// Overdue finds tasks that run for far longer than tasks of their name ever
// did: a handler that waits for what never comes hides what it started, too,
// since its label is still in use. How long is usual is learned from those that
// ended.
//
// It only suspects: a long poll that stays for once is no fault. A name whose
// tasks do not end has nothing to be compared with, and its first task may stay
// for as long as the service: both are daemons, and never overdue.
type Overdue struct {
	cfg   OverdueConfig
	state overdueState
}

type overdueState struct {
	Names []overdueName `json:"names,omitempty"` // sorted by name
}

// overdueName is what was learned about the tasks of a name.
type overdueName struct {
	Name   string    `json:"name"`
	Lives  lives     `json:"lives,omitempty"`
	First  time.Time `json:"first,omitzero"` // when the name came into use
	Since  time.Time `json:"since,omitzero"` // when a task became overdue
	Unseen int       `json:"unseen,omitempty"`
}

// settle is how long after a name's first task its daemons have started.
const settle = 30 * time.Second

// NewOverdue returns the detector.
func NewOverdue(cfg OverdueConfig) *Overdue {
	if cfg.Times <= 0 {
		cfg.Times = 8
	}
	if cfg.Least <= 0 {
		cfg.Least = time.Minute
	}
	return &Overdue{cfg: cfg}
}

// Detect implements [Detector].
func (d *Overdue) Detect(t observe.Turn) []Finding {
	var out []Finding
	for i := range t.Sample.Tasks {
		ts := &t.Sample.Tasks[i]
		n := d.name(ts.Name)
		if n == nil {
			continue
		}
		if n.First.IsZero() {
			n.First = t.Time
		}
		n.Unseen = 0
		n.Lives.learn(ts.Longest)
		usual, known := n.Lives.usual()
		limit := max(d.cfg.times(usual), d.cfg.Least)
		if !known || ts.Oldest < limit || t.Time.Add(-ts.Oldest).Before(n.First.Add(settle)) {
			n.Since = time.Time{}
			continue
		}
		if n.Since.IsZero() {
			n.Since = t.Time
		}
		out = append(out, Finding{
			Kind: KindOverdue, Subject: observe.Subject{Name: ts.Name, Domain: ts.Domain}, Confidence: Suspected, Active: true,
			Level: float64(ts.Oldest) / float64(limit), Unit: inTimes, Since: n.Since, TimeToVisible: time.Second,
			Evidence: []Evidence{{Tasks, cutText(fmt.Sprintf(
				"a task of %s has run for %v; 99 of 100 times those that ended had run for less than %v; %d are alive, %d held cells hide what they leave behind",
				ts.Name, ts.Oldest.Round(time.Second), usual, ts.Live, ts.HeldCells))}},
		})
	}
	return out
}

func (d *Overdue) name(name string) *overdueName {
	names := &d.state.Names
	i, ok := slices.BinarySearchFunc(*names, name, func(n overdueName, name string) int { return compare(n.Name, name) })
	if !ok {
		if len(*names) >= maxSeries {
			return nil
		}
		*names = slices.Insert(*names, i, overdueName{Name: name})
	}
	return &(*names)[i]
}

// State implements [Stateful].
func (d *Overdue) State() (json.RawMessage, error) { return json.Marshal(d.state) }

// SetState implements [Stateful].
func (d *Overdue) SetState(raw json.RawMessage) error {
	return restore(&d.state, raw, func(s *overdueState) error {
		for _, n := range s.Names {
			if err := n.Lives.check(); err != nil {
				return err
			}
		}
		return inOrder("names", s.Names, maxSeries, func(a, b *overdueName) int { return compare(a.Name, b.Name) })
	})
}
