package detect

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/hale-go/hale/observe"
)

// AbandonedConfig says how many abandoned bodies are too many.
type AbandonedConfig struct {
	// Cap is for tasks that are in no pool; a pool has its own. Default: 16.
	Cap int `json:"cap" yaml:"cap"`
}

// Abandoned finds names whose abandoned bodies reached their cap: replacing
// stuck work does not cure it any more, and each body costs a goroutine. It
// clears at half the cap.
type Abandoned struct {
	cfg   AbandonedConfig
	state abandonedState
}

type abandonedState struct {
	Over []abandonedSeries `json:"over,omitempty"` // sorted by name
}

type abandonedSeries struct {
	Name   string    `json:"name"`
	Since  time.Time `json:"since"`
	Level  int64     `json:"level"`
	Growth time.Time `json:"growth"` // when it last grew
}

// NewAbandoned returns the detector.
func NewAbandoned(cfg AbandonedConfig) *Abandoned {
	if cfg.Cap <= 0 {
		cfg.Cap = 16
	}
	return &Abandoned{cfg: cfg}
}

// Detect implements [Detector].
func (d *Abandoned) Detect(t observe.Turn) []Finding {
	caps := map[string]int64{}
	for _, p := range t.Sample.Pools {
		caps[p.Name] = int64(p.Cap)
	}
	var next []abandonedSeries
	var out []Finding
	for _, ts := range t.Sample.Tasks { // sorted by name
		limit, pooled := caps[ts.Name]
		if !pooled {
			limit = int64(d.cfg.Cap)
		}
		i := slices.IndexFunc(d.state.Over, func(s abandonedSeries) bool { return s.Name == ts.Name })
		if ts.Abandoned < limit && (i < 0 || 2*ts.Abandoned <= limit) {
			continue
		}
		s := abandonedSeries{Name: ts.Name, Since: t.Time}
		if i >= 0 {
			s = d.state.Over[i]
		}
		if ts.Abandoned > s.Level {
			s.Growth = t.Time
		}
		s.Level = max(ts.Abandoned, 0)
		next = append(next, s)
		out = append(out, Finding{
			Kind: KindAbandoned, Subject: observe.Subject{Name: ts.Name, Domain: ts.Domain}, Confidence: Confirmed,
			Active: t.Time.Sub(s.Growth) <= abandonedQuiet, Level: float64(ts.Abandoned), Unit: inBodies, Since: s.Since,
			TimeToVisible: abandonedQuiet + time.Second,
			Evidence: []Evidence{
				{Metrics, fmt.Sprintf("%d abandoned bodies of %.100s still run, the cap is %d", ts.Abandoned, ts.Name, limit)},
			},
		})
	}
	d.state.Over = next
	return worst(out, maxFindings)
}

// abandonedQuiet is how long the number must have stood still.
const abandonedQuiet = 3 * time.Second

// State implements [Stateful].
func (d *Abandoned) State() (json.RawMessage, error) { return json.Marshal(d.state) }

// SetState implements [Stateful].
func (d *Abandoned) SetState(raw json.RawMessage) error {
	return restore(&d.state, raw)
}
