package observe_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/hale-go/hale/observe"
)

func TestParseTaskID(t *testing.T) {
	for _, s := range []string{"#1", "a#", "a#0", "a#-1", "a#+1", "a#1.5", "a", "a#99999999999999999999999", "#"} {
		if id, err := observe.ParseTaskID(s); !errors.Is(err, observe.ErrBadTaskID) {
			t.Errorf("%q = %v, %v; want ErrBadTaskID", s, id, err)
		}
	}
	if id, err := observe.ParseTaskID(""); err != nil || !id.IsZero() {
		t.Errorf("empty: %v %v", id, err)
	}
}

func FuzzParseTaskID(f *testing.F) {
	for _, s := range []string{"orders.consume#42", "a#b#3", "", "#", "x#18446744073709551615"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		id, err := observe.ParseTaskID(s)
		if err != nil {
			return
		}
		again, err := observe.ParseTaskID(id.String())
		if err != nil || again != id {
			t.Errorf("%q → %+v → %q → %+v, %v", s, id, id.String(), again, err)
		}
	})
}

func TestDomain(t *testing.T) {
	for name, want := range map[string]observe.Domain{"orders.consume": "orders", "a.b.c": "a.b", "plain": "plain", "GET /v1.2/x": "GET /v1.2/x", "GET example.com/a": "GET example.com/a", ".x": ".x", "": ""} {
		if got := observe.DomainOf(name); got != want {
			t.Errorf("DomainOf(%q) = %q, want %q", name, got, want)
		}
	}
	for _, c := range []struct {
		d, other observe.Domain
		want     bool
	}{{"orders", "orders", true}, {"orders", "orders.eu", true}, {"orders", "ordersx", false}, {"orders.eu", "orders", false}, {"", "orders", false}} {
		if got := c.d.Contains(c.other); got != c.want {
			t.Errorf("%q contains %q = %v", c.d, c.other, got)
		}
	}
	if p := observe.Domain("a.b.c").Parent(); p != "a.b" || p.Parent().Parent() != "" {
		t.Errorf("parents of a.b.c: %q", p)
	}
}

func TestSubjectNamesItsNarrowestPart(t *testing.T) {
	s := observe.Subject{Domain: "orders"}
	if s.String() != "orders" {
		t.Error(s)
	}
	s.Site = observe.Site{Function: "example.com/shop/orders.(*C).Run", File: "/src/orders/c.go", Line: 8}
	if s.String() != "orders.(*C).Run c.go:8" {
		t.Error(s)
	}
	s.Name = "orders.consume"
	if s.String() != "orders.consume" {
		t.Error(s)
	}
	s.Task = observe.TaskID{Name: s.Name, Seq: 3}
	if s.String() != "orders.consume#3" || s.IsZero() || !(observe.Subject{}).IsZero() {
		t.Error(s)
	}
}

func TestRecorderForgetsWholeSegments(t *testing.T) {
	r := observe.NewRecorder("rev", 2, 3)
	for i := range 8 {
		if r.Due() {
			r.Open(json.RawMessage(fmt.Sprint(i)))
		}
		r.Add(observe.Turn{Seq: uint64(i)})
	}
	rec := r.Recording()
	if len(rec.Segments) != 2 || string(rec.Segments[0].State) != "3" || len(rec.Segments[0].Turns) != 3 || rec.Segments[1].Turns[1].Seq != 7 {
		t.Errorf("%+v", rec)
	}
	r.Add(observe.Turn{Seq: 9})
	r.Add(observe.Turn{Seq: 10})
	if len(rec.Segments[1].Turns) != 2 {
		t.Error("a recording changed after it was taken")
	}
}

// Switches that are degraded come out of the recorder, and of a recording on disk, as
// they went in, turn by turn.
func TestDegradedRoundTrip(t *testing.T) {
	turns := service(3, 12, 0.5)
	turns[1].Sample.Degraded = []observe.DegradedStat{{Name: "reco", Level: 2}, {Name: "search.fuzzy", Level: 9}}
	turns[2].Sample.Degraded = []observe.DegradedStat{{Name: "reco", Level: 1}, {Name: "search.fuzzy", Level: 9}} // one step down
	turns[3].Sample.Degraded = []observe.DegradedStat{{Name: "search.fuzzy", Level: 9}}                           // one is back
	turns[5].Events = []observe.Event{{Time: turns[5].Time, Kind: observe.EventRestored, Subject: observe.Subject{Name: "reco"}, Detail: "level 0, was 1"}}
	in := observe.Recording{Segments: []observe.Segment{segment(turns)}}
	r := observe.NewRecorder("r", 1, len(turns))
	r.Open(in.Segments[0].State)
	for _, turn := range turns {
		r.Add(turn)
	}
	if a, b := asJSON(t, in), asJSON(t, r.Recording()); a != b {
		t.Errorf("recorder:\n%s\n%s", a, b)
	}
	dir := t.TempDir()
	write(t, dir, in.Segments...)
	out, err := observe.ReadRecording(dir)
	if a, b := asJSON(t, in), asJSON(t, out); err != nil || a != b {
		t.Errorf("disk: %v\n%s\n%s", err, a, b)
	}
	if with, without := turns[1].Size(), turns[4].Size(); with <= without {
		t.Errorf("a turn with switches counts %d bytes, one without %d", with, without)
	}
}

// A recording must survive being written and read.
func TestTurnRoundTrip(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)
	in := observe.Turn{
		Seq: 1, Time: at, Halted: true, Disabled: []string{"d"}, Dropped: 2,
		Sample:   observe.Sample{Time: at, Slowdown: 1.5, Tasks: []observe.TaskStat{{Name: "a", Peak: 3}}, Pools: []observe.PoolStat{{Name: "p", Cap: 2}}},
		Snapshot: &observe.Snapshot{Time: at, Groups: []observe.Group{{Name: "a", Task: observe.TaskID{Name: "a", Seq: 1}, Ended: -1, Wait: observe.WaitSend}}},
		Events:   []observe.Event{{Time: at, Kind: observe.EventPanic, Subject: observe.Subject{Name: "a"}, Restarts: 1}},
	}
	b, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	var out observe.Turn
	if err := json.Unmarshal(b, &out); err != nil {
		t.Fatal(err)
	}
	again, err := json.Marshal(out)
	if err != nil || string(b) != string(again) {
		t.Errorf("%v\n%s\n%s", err, b, again)
	}
}

func ExampleParseTaskID() {
	id, err := observe.ParseTaskID("orders.consume#42")
	fmt.Println(id.Name, id.Seq, err)
	fmt.Println(observe.DomainOf(id.Name))
	// Output:
	// orders.consume 42 <nil>
	// orders
}
