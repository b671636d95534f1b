package hale

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/hale-go/hale/detect"
	"github.com/hale-go/hale/diagnose"
	"github.com/hale-go/hale/heal"
	"github.com/hale-go/hale/internal/aside"
	"github.com/hale-go/hale/observe"
)

// loop is the heart: detect, diagnose, heal and verify, in one turn. It does no
// input and output and reads no clock: what it decides follows from the turns.
type loop struct {
	panel     *detect.Panel
	lost      detect.LostConfig
	lostSince time.Time // since when too many goroutines are; zero: they are not
	diagnoser *diagnose.Diagnoser
	healer    *heal.Healer
	said      []saidFinding           // findings as last told to subscribers, sorted by key
	fresh     []totalKey[detect.Kind] // what of them was told in this turn
}

// saidFinding is what subscribers know of a finding.
type saidFinding struct {
	Key        string            `json:"key"`
	Confidence detect.Confidence `json:"confidence"`
	Subject    observe.Subject   `json:"subject"`
}

// detectorLimit is how long a detector may take for one turn on a machine that
// is not starved. It is generous: who exceeds it hangs.
const detectorLimit = time.Second

// builtin returns the built-in detectors, and how they are made.
func builtin(c *Config) []namedDetector {
	return []namedDetector{
		{"leak", func() detect.Detector { return detect.NewLeak(c.Leak) }},
		{"growth", func() detect.Detector { return detect.NewGrowth(c.Leak) }},
		{"overdue", func() detect.Detector { return detect.NewOverdue(c.Overdue) }},
		{"stuck", func() detect.Detector { return detect.NewStuck() }},
		{"panic_loop", func() detect.Detector { return detect.NewPanicLoop(c.PanicLoop) }},
		{"error_rate", func() detect.Detector { return detect.NewErrorRate(c.ErrorRate) }},
		{"burn_rate", func() detect.Detector { return detect.NewBurnRate(c.Objectives) }},
		{"abandoned", func() detect.Detector { return detect.NewAbandoned(c.Abandoned) }},
		{"log_pattern", func() detect.Detector { return detect.NewLogPattern() }},
		{"log_volume", func() detect.Detector { return detect.NewLogVolume(c.LogVolume) }},
		{"log_form", func() detect.Detector { return detect.NewLogForm() }},
		{"saturation", func() detect.Detector { return detect.NewSaturation() }},
		{"anomaly", func() detect.Detector { return detect.NewAnomaly() }},
		{"exhaustion", func() detect.Detector { return detect.NewExhaustion() }},
		{"latency", func() detect.Detector { return detect.NewLatency(c.Latency) }},
		{"creep", func() detect.Detector { return detect.NewCreep() }},
		{"stalled", func() detect.Detector { return detect.NewStalled() }},
		{"spans", func() detect.Detector { return detect.NewSpans() }},
		{"walls", func() detect.Detector { return detect.NewWalls() }},
		{"unhealthy", func() detect.Detector { return detect.NewUnhealthy() }},
	}
}

// newLoop builds the loop from settings. A limit of 0 is for replays.
func newLoop(o options, limit time.Duration) (*loop, error) {
	var detectors []detect.Named
	for _, d := range builtin(&o.config) {
		detectors = append(detectors, detect.Named{Name: d.name, Detector: d.fresh()})
	}
	for _, d := range o.detectors {
		made, err := aside.Call(limit, new(atomic.Int64), d.fresh)
		if err != nil {
			return nil, &ConfigError{Field: "WithDetector", Value: d.name, Err: err, Mend: "return a detector, at once and without a panic"}
		}
		fresh := detect.Named{Name: d.name, Detector: made}
		if made == nil {
			return nil, &ConfigError{Field: "WithDetector", Value: d.name, Err: errors.New("its function returned nil"), Mend: "return a detector"}
		}
		i := slices.IndexFunc(detectors, func(known detect.Named) bool { return known.Name == d.name })
		if i < 0 {
			detectors = append(detectors, fresh)
		} else {
			detectors[i] = fresh
		}
	}
	healer, err := heal.NewHealer(o.config.Policy, o.allRemedies()...)
	if err != nil {
		return nil, err
	}
	return &loop{panel: detect.NewPanel(limit, detectors...), lost: o.config.Lost.WithDefaults(), diagnoser: diagnose.New(), healer: healer}, nil
}

func (o options) allRemedies() []heal.Named { return append(heal.Builtin(), o.remedies...) }

// Decision is what one turn of the loop decided.
type Decision struct {
	Turn     uint64          `json:"turn"`
	Commands []heal.Command  `json:"commands,omitempty"`
	Events   []observe.Event `json:"events,omitempty"`
}

// turn runs the stages on one turn's inputs. It adds to t the names of
// detectors that overran.
func (l *loop) turn(t *observe.Turn) Decision {
	findings, events := l.panel.Detect(t)
	lost, tooMany := l.lost.Lost(*t, findings, l.lostSince)
	if l.lostSince = lost.Since; tooMany {
		findings = append(findings, lost)
	}
	events = append(events, l.news(t.Time, findings)...)
	open := l.diagnoser.Diagnose(t.Time, findings)
	commands := l.healer.Heal(*t, open)
	for _, inc := range open {
		for _, s := range inc.Steps {
			if s.Time.Equal(t.Time) {
				events = append(events, observe.Event{
					Time: t.Time, Kind: observe.EventIncident, Subject: inc.Subject,
					Incident: inc.ID, Phase: string(s.Phase), Detail: s.Detail,
				})
			}
		}
	}
	return Decision{Turn: t.Seq, Commands: commands, Events: events}
}

// news tells which findings appeared, were confirmed, or cleared.
func (l *loop) news(now time.Time, findings []detect.Finding) []observe.Event {
	var events []observe.Event
	said := make([]saidFinding, 0, len(findings))
	l.fresh = l.fresh[:0]
	for _, f := range findings {
		key := f.Key() + "|" + f.Detector
		said = append(said, saidFinding{key, f.Confidence, f.Subject})
		i := slices.IndexFunc(l.said, func(s saidFinding) bool { return s.Key == key })
		if i >= 0 && l.said[i].Confidence == f.Confidence {
			continue
		}
		l.fresh = append(l.fresh, totalKey[detect.Kind]{f.Kind, int(f.Confidence)})
		events = append(events, observe.Event{
			Time: now, Kind: observe.EventFinding, Subject: f.Subject, Finding: key,
			Confidence: f.Confidence.String(), Detail: f.Evidence[0].Text,
		})
	}
	for _, s := range l.said {
		if !slices.ContainsFunc(said, func(f saidFinding) bool { return f.Key == s.Key }) {
			events = append(events, observe.Event{Time: now, Kind: observe.EventFinding, Subject: s.Subject, Finding: s.Key, Cleared: true})
		}
	}
	l.said = said
	return events
}

// loopState is a checkpoint of the whole loop.
type loopState struct {
	Detect   json.RawMessage `json:"detect"`
	Diagnose json.RawMessage `json:"diagnose"`
	Heal     json.RawMessage `json:"heal"`
	Said     []saidFinding   `json:"said,omitempty"`
	Lost     time.Time       `json:"lost,omitzero"`
}

// state returns the loop's state. A [detect.PanelError] tells which detectors' is
// missing in it.
func (l *loop) state() (json.RawMessage, error) {
	var s loopState
	var err error
	var lost detect.PanelError
	if s.Detect, err = l.panel.State(); err != nil && !errors.As(err, &lost) {
		return nil, err
	}
	if s.Diagnose, err = l.diagnoser.State(); err != nil {
		return nil, err
	}
	if s.Heal, err = l.healer.State(); err != nil {
		return nil, err
	}
	s.Said, s.Lost = l.said, l.lostSince
	raw, err := json.Marshal(s)
	if err == nil && lost != nil {
		err = lost
	}
	return raw, err
}

// lostState tells which detectors' state is missing in a state of the loop.
func lostState(raw json.RawMessage) []string {
	var s loopState
	_ = json.Unmarshal(raw, &s) // setState tells what is wrong with it
	return detect.Lost(s.Detect)
}

func (l *loop) setState(raw json.RawMessage) error {
	var s loopState
	if err := json.Unmarshal(raw, &s); err != nil {
		return fmt.Errorf("hale: state of the loop: %w", err)
	}
	l.said, l.lostSince = s.Said, s.Lost
	if err := l.panel.SetState(s.Detect); err != nil {
		return err
	}
	if err := l.diagnoser.SetState(s.Diagnose); err != nil {
		return err
	}
	return l.healer.SetState(s.Heal)
}
