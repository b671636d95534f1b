package detect_test

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/hale-go/hale/detect"
	"github.com/hale-go/hale/observe"
)

// A state that is refused changes nothing.
func TestRefusedStatesChangeNothing(t *testing.T) {
	for _, d := range builtins() {
		s := d.Detector.(detect.Stateful)
		w := newService(1)
		for range 120 {
			d.Detector.Detect(w.turn())
		}
		before, err := s.State()
		if err != nil {
			t.Fatal(err)
		}
		for _, bad := range []string{"{", `"x"`} {
			if s.SetState([]byte(bad)) == nil {
				t.Errorf("%s takes the state %s", d.Name, bad)
			}
		}
		after, err := s.State()
		if err != nil || !bytes.Equal(before, after) {
			t.Errorf("%s is not as it was: %v\n%.200s\n%.200s", d.Name, err, before, after)
		}
	}
}

// States that make no sense are refused, or do no harm.
func TestWildStates(t *testing.T) {
	if err := detect.NewPanicLoop(detect.PanicLoopConfig{}).SetState([]byte(`{"loops":[{"subject":{"name":"a"}}]}`)); err == nil {
		t.Error("a loop without a panic is taken")
	}
	if err := detect.NewExhaustion().SetState([]byte(`{"series":[{"name":"process.files","points":[[1,2,3],[]]}]}`)); err == nil {
		t.Error("points without a time are taken")
	}
	d := detect.NewGrowth(detect.LeakConfig{Window: 10 * time.Second})
	load := `{"points":[5,5,5,1e308,5,5,5,5,5,5,5,5,5,5,5,5,5,5,5,5,5,5,5,1e308]}`
	state := `{"load":[` + load + `,{},{}],"window":"2026-01-01T00:00:00Z","codes":[{"key":"app.f|app.f|chan send","counts":[{"points":[10,20,30,40,50,60,70,80,90,100,110]},{},{}],"tasks":[{"points":[1,1,1,1,1,1,1,1,1,1,1]},{},{}]}]}`
	if err := d.SetState([]byte(state)); err != nil {
		return // refused, which is as good
	}
	for i := range 15 {
		at := t0.Add(time.Duration(i) * 10 * time.Second)
		d.Detect(observe.Turn{Time: at, Snapshot: &observe.Snapshot{Time: at, Groups: []observe.Group{simGroup("", "app.f", observe.WaitSend, -1, 120+10*i)}}})
	}
}

// Of more findings than a panel takes, the gravest stay.
func TestTheGravestFindingsStay(t *testing.T) {
	p := detect.NewPanel(0, detect.Named{Name: "panic_loop", Detector: detect.NewPanicLoop(detect.PanicLoopConfig{})})
	found := false
	for i := range 200 {
		turn := observe.Turn{Time: t0.Add(time.Duration(i) * time.Second)}
		say := func(name string) {
			turn.Events = append(turn.Events, observe.Event{Time: turn.Time, Kind: observe.EventPanic, Subject: observe.Subject{Name: name}, Fingerprint: name, Detail: "panic"})
		}
		for k := range 150 {
			if i%20 == k%20 {
				say(fmt.Sprintf("a%03d", k))
			}
		}
		say("zz")
		findings, events := p.Detect(&turn)
		if len(events) > 0 {
			t.Fatalf("turn %d: %+v", i, events)
		}
		for _, f := range findings {
			found = found || f.Subject.Name == "zz" && f.Confidence == detect.Confirmed
		}
	}
	if !found {
		t.Error("the name that panics all the time is hidden by others")
	}
}
