package hale_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/detect"
	"github.com/hale-go/hale/observe"
)

// forgetful is a detector that counts turns and reports the tenth of each ten; what it
// remembers by may be broken.
type forgetful struct {
	Turns int `json:"turns"`

	give func(json.RawMessage) (json.RawMessage, error)
	take func(json.RawMessage) error
}

func (d *forgetful) Detect(observe.Turn) []detect.Finding {
	if d.Turns++; d.Turns%10 > 0 {
		return nil
	}
	return []detect.Finding{{
		Kind: "tenth", Subject: observe.Subject{Name: "odd"}, Confidence: detect.Suspected, Active: true,
		Evidence: []detect.Evidence{{Channel: detect.Logs, Text: "the tenth"}},
	}}
}

func (d *forgetful) State() (json.RawMessage, error) {
	raw, err := json.Marshal(d)
	if err != nil {
		return nil, err
	}
	return d.give(raw)
}

func (d *forgetful) SetState(raw json.RawMessage) error {
	if err := d.take(raw); err != nil {
		return err
	}
	return json.Unmarshal(raw, d)
}

func (d *forgetful) Baseline() (json.RawMessage, error)    { return d.State() }
func (d *forgetful) SetBaseline(raw json.RawMessage) error { return d.SetState(raw) }

type badText struct{}

func (badText) Error() string { panic("no text") }

// A detector that cannot give what it remembers costs the others nothing: recordings
// hold their state and replay from any segment, and what they learned is kept.
func TestDetectorThatForgets(t *testing.T) {
	take := func(json.RawMessage) error { return nil }
	for name, give := range map[string]func(json.RawMessage) (json.RawMessage, error){
		"error":  func(json.RawMessage) (json.RawMessage, error) { return nil, errors.New("no state") },
		"text":   func(json.RawMessage) (json.RawMessage, error) { return nil, badText{} },
		"panic":  func(json.RawMessage) (json.RawMessage, error) { panic("x") },
		"exit":   func(json.RawMessage) (json.RawMessage, error) { runtime.Goexit(); return nil, nil },
		"syntax": func(json.RawMessage) (json.RawMessage, error) { return json.RawMessage("{,"), nil },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			odd := func(give func(json.RawMessage) (json.RawMessage, error)) hale.Option {
				return hale.WithDetector("odd", func() detect.Detector { return &forgetful{give: give, take: take} })
			}
			synctest.Test(t, func(t *testing.T) {
				rt := newRuntime(t, hale.WithConfig(contain()), hale.WithDir(dir), odd(give))
				log := collect(rt)
				poison(rt)
				steps(t, rt, 150)
				synctest.Wait()
				if told := log.of(observe.EventMisuse); len(told) != 1 || told[0].Subject.Name != "odd" {
					t.Errorf("told %+v", told)
				}
				if n := len(log.of(observe.EventDetectorDisabled)); n != 0 {
					t.Errorf("%d detectors disabled", n)
				}
				rec := rt.Recording()
				again := []hale.Option{hale.WithConfig(contain()), odd(give)}
				if err := hale.VerifyReplay(rec, again...); err != nil {
					t.Error(err)
				}
				rec.Segments = rec.Segments[1:] // there the odd one begins afresh, at a turn that is divisible by ten
				if err := hale.VerifyReplay(rec, again...); err != nil {
					t.Error(err)
				}
				rec.Segments[0].Turns = rec.Segments[0].Turns[1:] // now it does not
				if err := hale.VerifyReplay(rec, again...); !errors.Is(err, hale.ErrDiffers) || !strings.Contains(err.Error(), "lacks the state of odd") {
					t.Errorf("%v", err)
				}
				if err := rt.Close(); err != nil {
					t.Error(err)
				}
			})
			raw, err := os.ReadFile(filepath.Join(dir, "baselines.json"))
			if err != nil || !bytes.Contains(raw, []byte("mail.send")) {
				t.Errorf("kept %.200s, %v", raw, err)
			}
		})
	}
}

// One that takes up all the room costs the others nothing either.
func TestDetectorThatLearnsTooMuch(t *testing.T) {
	p := detect.NewPanel(0,
		detect.Named{Name: "big", Detector: &forgetful{give: func(json.RawMessage) (json.RawMessage, error) {
			return json.RawMessage(`"` + strings.Repeat("x", 20<<20) + `"`), nil
		}}},
		detect.Named{Name: "leak", Detector: detect.NewLeak(detect.LeakConfig{})})
	out, err := p.Baselines()
	var lost detect.PanelError
	if !errors.As(err, &lost) || len(lost) != 1 || lost["big"] == nil || len(out) != 1 || out["leak"] == nil {
		t.Errorf("%v, %v", slices.Collect(maps.Keys(out)), err)
	}
}

// A detector that refuses what it had learned costs the others nothing, even if the
// process ends at once: the file has theirs, and a copy lies aside.
func TestBaselineThatIsRefused(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "baselines.json")
	give := func(raw json.RawMessage) (json.RawMessage, error) { return raw, nil }
	for name, take := range map[string]func(json.RawMessage) error{
		"error": func(json.RawMessage) error { return errors.New("no such form") },
		"panic": func(json.RawMessage) error { panic("x") },
		"exit":  func(json.RawMessage) error { runtime.Goexit(); return nil },
	} {
		t.Run(name, func(t *testing.T) {
			before := []byte(`{"version":1,"detectors":{"odd":{"turns":7},"overdue":{"names":[]},"leak":{"names":[{"name":"a.b","windows":4}]}}}`)
			if err := os.WriteFile(file, before, 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := hale.New(hale.WithDir(dir), hale.WithDetector("odd", func() detect.Detector { return &forgetful{give: give, take: take} })); err != nil {
				t.Fatal(err)
			}
			raw, err := os.ReadFile(file) // the process is gone
			if err != nil || !bytes.Contains(raw, []byte("a.b")) || bytes.Contains(raw, []byte("odd")) {
				t.Errorf("the file holds %s, %v", raw, err)
			}
			asides, _ := filepath.Glob(file + ".aside-*")
			if aside, err := os.ReadFile(asides[len(asides)-1]); err != nil || !bytes.Equal(aside, before) {
				t.Errorf("set aside %s, %v", aside, err)
			}
		})
	}
}

// What a detector had learned stays in the file when it can no longer be asked.
func TestBaselineOfADetectorThatHangs(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "baselines.json")
	if err := os.WriteFile(file, []byte(`{"version":1,"detectors":{"odd":{"turns":7}}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		give := func(raw json.RawMessage) (json.RawMessage, error) { <-release; return raw, nil }
		rt := newRuntime(t, hale.WithDir(dir), hale.WithDetector("odd", func() detect.Detector {
			return &forgetful{give: give, take: func(json.RawMessage) error { return nil }}
		}))
		steps(t, rt, 70)
		if err := rt.Close(); err != nil {
			t.Error(err)
		}
		close(release)
		time.Sleep(time.Second)
	})
	if raw, err := os.ReadFile(file); err != nil || !bytes.Contains(raw, []byte(`"odd":{"turns":7}`)) {
		t.Errorf("the file holds %s, %v", raw, err)
	}
}
