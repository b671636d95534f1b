package detect_test

import (
	"math"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/hale-go/hale/detect"
	"github.com/hale-go/hale/observe"
)

type funcDetector func(observe.Turn) []detect.Finding

func (f funcDetector) Detect(t observe.Turn) []detect.Finding { return f(t) }

func good(name string) detect.Finding {
	return detect.Finding{
		Kind: "custom", Subject: observe.Subject{Name: name}, Confidence: detect.Confirmed, Active: true, Level: 1,
		Evidence: []detect.Evidence{{Channel: detect.Logs, Text: "seen"}},
	}
}

// One bad detector must harm neither the turn nor the others.
func TestPanelContainsBadDetectors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		p := detect.NewPanel(
			time.Second,
			detect.Named{Name: "blocks", Detector: funcDetector(func(observe.Turn) []detect.Finding { <-release; return nil })},
			detect.Named{Name: "panics", Detector: funcDetector(func(observe.Turn) []detect.Finding { panic("x") })},
			detect.Named{Name: "exits", Detector: funcDetector(func(observe.Turn) []detect.Finding { runtime.Goexit(); return nil })},
			detect.Named{Name: "good", Detector: funcDetector(func(observe.Turn) []detect.Finding { return []detect.Finding{good("a")} })},
		)
		var disabled []string
		for i := range 5 {
			turn := observe.Turn{Seq: uint64(i + 1), Time: t0.Add(time.Duration(i) * time.Second)}
			findings, events := p.Detect(&turn)
			if len(findings) != 1 || findings[0].Detector != "good" {
				t.Errorf("turn %d: findings %v", i, findings)
			}
			for _, e := range events {
				if e.Kind == observe.EventDetectorDisabled {
					disabled = append(disabled, e.Subject.Name)
				}
			}
			if (i == 0) != reflect.DeepEqual(turn.Disabled, []string{"blocks"}) {
				t.Errorf("turn %d records %v as overrun", i, turn.Disabled)
			}
		}
		if !reflect.DeepEqual(disabled, []string{"blocks", "panics", "exits"}) {
			t.Errorf("disabled %v", disabled)
		}
		if p.Overrun() != 1 {
			t.Errorf("%d goroutines overran, want 1", p.Overrun())
		}
		close(release)
		synctest.Wait()
		if p.Overrun() != 0 {
			t.Errorf("a detector that came back is still counted")
		}
	})
}

// A replay sees a detector that ends its goroutine as the loop saw it.
func TestPanelWithoutALimitContainsGoexit(t *testing.T) {
	decided := func(limit time.Duration) (events []observe.Event) {
		p := detect.NewPanel(limit, detect.Named{Name: "exits", Detector: funcDetector(func(observe.Turn) []detect.Finding { runtime.Goexit(); return nil })})
		returned := make(chan struct{})
		go func() {
			defer close(returned)
			for range 3 {
				_, more := p.Detect(&observe.Turn{Time: t0})
				events = append(events, more...)
			}
		}()
		<-returned
		return events
	}
	live, replayed := decided(time.Minute), decided(0)
	if len(live) != 1 || !reflect.DeepEqual(live, replayed) {
		t.Errorf("live %v, in a replay %v", live, replayed)
	}
}

func TestPanelDropsGarbage(t *testing.T) {
	long := strings.Repeat("x", 10_000)
	bad := map[string]func(*detect.Finding){
		"no kind":       func(f *detect.Finding) { f.Kind = "" },
		"no subject":    func(f *detect.Finding) { f.Subject = observe.Subject{} },
		"confidence":    func(f *detect.Finding) { f.Confidence = 9 },
		"NaN":           func(f *detect.Finding) { f.Level = math.NaN() },
		"infinite":      func(f *detect.Finding) { f.Level = math.Inf(1) },
		"negative":      func(f *detect.Finding) { f.Level = -1 },
		"time":          func(f *detect.Finding) { f.TimeToVisible = -1 },
		"no evidence":   func(f *detect.Finding) { f.Evidence = nil },
		"long evidence": func(f *detect.Finding) { f.Evidence[0].Text = long },
		"long name":     func(f *detect.Finding) { f.Subject.Name = long },
		"long site":     func(f *detect.Finding) { f.Subject.Site.Function = long },
		"long channel":  func(f *detect.Finding) { f.Evidence[0].Channel = detect.Channel(long) },
		"bad kind":      func(f *detect.Finding) { f.Kind = "a\xffb" },
		"bad task":      func(f *detect.Finding) { f.Subject.Task = observe.TaskID{Name: "a\nb", Seq: 1} },
		"bad name":      func(f *detect.Finding) { f.Subject.Name = "a\xff" },
		"bad function":  func(f *detect.Finding) { f.Subject.Site.Function = "\xff" },
		"bad file":      func(f *detect.Finding) { f.Subject.Site.File = "a\x00" },
		"bad domain":    func(f *detect.Finding) { f.Subject.Domain = "\u202e" },
		"bad cause":     func(f *detect.Finding) { f.Cause.Name = "a\nb" },
		"long cause":    func(f *detect.Finding) { f.Cause.Site.File = long },
		"bad channel":   func(f *detect.Finding) { f.Evidence[0].Channel = "\xff" },
	}
	for name, spoil := range bad {
		t.Run(name, func(t *testing.T) {
			p := detect.NewPanel(0, detect.Named{Name: "d", Detector: funcDetector(func(observe.Turn) []detect.Finding {
				f := good("b")
				spoil(&f)
				return []detect.Finding{f, good("a")}
			})})
			findings, events := p.Detect(&observe.Turn{Time: t0})
			if len(findings) != 1 || findings[0].Subject.Name != "a" {
				t.Errorf("findings %v, want the good one", findings)
			}
			if len(events) != 1 || events[0].Kind != observe.EventDetectorGarbage {
				t.Errorf("events %v", events)
			}
		})
	}
	p := detect.NewPanel(0, detect.Named{Name: "d", Detector: funcDetector(func(observe.Turn) []detect.Finding {
		return make([]detect.Finding, 100_000)
	})})
	if findings, events := p.Detect(&observe.Turn{Time: t0}); len(findings) != 0 || len(events) != 1 {
		t.Errorf("a flood: %d findings, %d events", len(findings), len(events))
	}
}

// Evidence is for people: what a line cannot show is replaced, and the finding
// counts.
func TestPanelMendsEvidence(t *testing.T) {
	p := detect.NewPanel(0, detect.Named{Name: "d", Detector: funcDetector(func(observe.Turn) []detect.Finding {
		f := good("a")
		f.Evidence[0].Text = "caf\xc3, two\nlines, 日本"
		return []detect.Finding{f}
	})})
	findings, events := p.Detect(&observe.Turn{Time: t0})
	if len(findings) != 1 || len(events) != 0 || findings[0].Evidence[0].Text != "caf_, two_lines, 日本" {
		t.Errorf("findings %v, events %v", findings, events)
	}
}

// A text that is cut is still what a recording gives back.
func TestEvidenceIsCutAtARune(t *testing.T) {
	name := strings.Repeat("ä", 63)
	for n := range 4 {
		f := &feed{d: detect.NewStuck()}
		e := observe.Event{
			Kind: observe.EventBudget, Detail: strings.Repeat("x", n) + strings.Repeat("日", 140),
			Subject: observe.Subject{Name: name, Task: observe.TaskID{Name: name, Seq: 1}},
		}
		out := f.turn(observe.Sample{Tasks: []observe.TaskStat{{Name: name, Live: 1}}}, nil, e)
		if len(out) != 1 {
			t.Fatalf("%d findings", len(out))
		}
		if text := out[0].Evidence[0].Text; !utf8.ValidString(text) || len(text) > 512 || len(text) < 509 {
			t.Errorf("evidence of %d bytes ends in %q", len(text), text[len(text)-4:])
		}
	}
}
