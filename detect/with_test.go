package detect_test

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/hale-go/hale/detect"
	"github.com/hale-go/hale/observe"
)

// tally counts its turns, and refuses a state of fewer than least.
type tally struct{ n, least, asked int }

func (c *tally) Detect(observe.Turn) []detect.Finding { c.n++; return nil }
func (c *tally) State() (json.RawMessage, error)      { c.asked++; return json.Marshal(c.n) }
func (c *tally) SetState(raw json.RawMessage) (err error) {
	if err = json.Unmarshal(raw, &c.n); err == nil && c.n < c.least {
		err = errors.New("too few")
	}
	return err
}

// A panel with other detectors goes on with what the former remember, where it fits.
func TestPanelWith(t *testing.T) {
	stays, goes := &tally{}, &tally{}
	panel := detect.NewPanel(time.Second, detect.Named{Name: "stays", Detector: stays}, detect.Named{Name: "goes", Detector: goes}, detect.Named{Name: "odd", Detector: &tally{}})
	turn := observe.Turn{Seq: 1, Time: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
	panel.Detect(&turn)
	panel.Detect(&turn)
	fits, made := &tally{least: 2}, 0
	var odd *tally
	next := panel.With(map[string]func() detect.Detector{
		"goes": func() detect.Detector { return fits },
		"odd":  func() detect.Detector { made++; odd = &tally{least: 3}; return odd },
		"none": func() detect.Detector { t.Error("made, and nobody has that name"); return nil },
	})
	next.Detect(&turn)
	if stays.n != 3 || goes.n != 2 || fits.n != 3 || odd.n != 1 || made != 2 {
		t.Errorf("stays %d, goes %d, takes over %d, afresh %d, made %d times", stays.n, goes.n, fits.n, odd.n, made)
	}
}

// What was disabled stays so, whatever its settings.
func TestPanelWithWhatWasDisabled(t *testing.T) {
	slow := &tally{}
	panel := detect.NewPanel(0, detect.Named{Name: "slow", Detector: slow})
	turn := observe.Turn{Seq: 1, Disabled: []string{"slow"}}
	panel.Detect(&turn)
	fresh := &tally{}
	next := panel.With(map[string]func() detect.Detector{"slow": func() detect.Detector { return fresh }})
	next.Detect(&observe.Turn{Seq: 2})
	if fresh.n != 0 || slow.asked != 0 { // it may still run, and must not be asked anything
		t.Errorf("it ran %d times, and was asked %d times", fresh.n, slow.asked)
	}
}
