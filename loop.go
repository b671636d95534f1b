package hale

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/hale-go/hale/detect"
	"github.com/hale-go/hale/diagnose"
	"github.com/hale-go/hale/heal"
	"github.com/hale-go/hale/observe"
)

// loop is the heart: detect, diagnose, heal and verify, in one turn. It does no
// input and output and reads no clock: what it decides follows from the turns.
type loop struct {
	panel     *detect.Panel
	diagnoser *diagnose.Diagnoser
	healer    *heal.Healer
	said      []saidFinding // findings as last told to subscribers, sorted by key
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

// newLoop builds the loop from settings. A limit of 0 is for replays.
func newLoop(o options, limit time.Duration) (*loop, error) {
	detectors := []detect.Named{
		{Name: "leak", Detector: detect.NewLeak(o.config.Leak)},
		{Name: "growth", Detector: detect.NewGrowth(o.config.Leak)},
		{Name: "overdue", Detector: detect.NewOverdue(o.config.Overdue)},
		{Name: "stuck", Detector: detect.NewStuck()},
		{Name: "panic_loop", Detector: detect.NewPanicLoop(o.config.PanicLoop)},
		{Name: "abandoned", Detector: detect.NewAbandoned(o.config.Abandoned)},
	}
	for _, d := range o.detectors {
		fresh := detect.Named{Name: d.name, Detector: d.fresh()}
		if fresh.Detector == nil {
			return nil, &ConfigError{Field: "WithDetector", Value: d.name, Mend: "return a detector"}
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
	return &loop{panel: detect.NewPanel(limit, detectors...), diagnoser: diagnose.New(), healer: healer}, nil
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
	for _, f := range findings {
		key := f.Key() + "|" + f.Detector
		said = append(said, saidFinding{key, f.Confidence, f.Subject})
		i := slices.IndexFunc(l.said, func(s saidFinding) bool { return s.Key == key })
		if i >= 0 && l.said[i].Confidence == f.Confidence {
			continue
		}
		events = append(events, observe.Event{
			Time: now, Kind: observe.EventFinding, Subject: f.Subject, Fingerprint: key,
			Phase: f.Confidence.String(), Detail: f.Evidence[0].Text,
		})
	}
	for _, s := range l.said {
		if !slices.ContainsFunc(said, func(f saidFinding) bool { return f.Key == s.Key }) {
			events = append(events, observe.Event{Time: now, Kind: observe.EventFinding, Subject: s.Subject, Fingerprint: s.Key, Phase: "cleared"})
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
}

func (l *loop) state() (json.RawMessage, error) {
	var s loopState
	var err error
	if s.Detect, err = l.panel.State(); err != nil {
		return nil, err
	}
	if s.Diagnose, err = l.diagnoser.State(); err != nil {
		return nil, err
	}
	if s.Heal, err = l.healer.State(); err != nil {
		return nil, err
	}
	s.Said = l.said
	return json.Marshal(s)
}

func (l *loop) setState(raw json.RawMessage) error {
	var s loopState
	if err := json.Unmarshal(raw, &s); err != nil {
		return fmt.Errorf("hale: state of the loop: %w", err)
	}
	l.said = s.Said
	if err := l.panel.SetState(s.Detect); err != nil {
		return err
	}
	if err := l.diagnoser.SetState(s.Diagnose); err != nil {
		return err
	}
	return l.healer.SetState(s.Heal)
}

// ErrRecording is returned for a recording that cannot be replayed.
var ErrRecording = errors.New("hale: recording is damaged")

// Replay runs the loop over a recording and returns what it decides, turn by
// turn. With the options of the runtime that made the recording it is what that
// runtime decided; with others it is what they would have. Nothing is carried
// out. It starts from the state of the recording's first segment. A recording
// that makes no sense gives an error that matches [ErrRecording] and names the
// segment and turn, with the decisions up to there.
func Replay(rec observe.Recording, opts ...Option) (out []Decision, err error) {
	o, err := gather(opts)
	if err != nil {
		return nil, err
	}
	l, err := newLoop(o, 0)
	if err != nil {
		return nil, err
	}
	var segment int
	var turn uint64
	defer func() { // what a damaged state makes the stages trip over is an error too
		if v := recover(); v != nil {
			err = fmt.Errorf("%w: segment %d, turn %d: %.200v", ErrRecording, segment, turn, v)
		}
	}()
	for i, s := range rec.Segments {
		segment = i
		if s.Fresh {
			if l, err = newLoop(o, 0); err != nil {
				return out, err
			}
		}
		if (i == 0 || s.Fresh) && len(s.State) > 0 {
			if err := l.setState(s.State); err != nil {
				return out, fmt.Errorf("%w: segment %d: %w", ErrRecording, i, err)
			}
		}
		for _, t := range s.Turns {
			turn = t.Seq
			out = append(out, l.turn(&t))
		}
	}
	return out, nil
}
