package anomaly_test

import (
	"encoding/json"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/hale-go/hale/internal/anomaly"
)

// TestStateGoesOn saves and loads at many points; the copy must score like the
// original, bit for bit.
func TestStateGoesOn(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var s, twin anomaly.Scorer
	for i := range 3000 {
		if i%97 == 0 {
			raw, err := json.Marshal(&s)
			if err != nil {
				t.Fatal(err)
			}
			twin = anomaly.Scorer{}
			if err := json.Unmarshal(raw, &twin); err != nil {
				t.Fatal(err)
			}
			if again, _ := json.Marshal(&twin); string(again) != string(raw) {
				t.Fatalf("point %d: saved\n%s\nloaded\n%s", i, raw, again)
			}
		}
		v := cycle(i) * r.ExpFloat64()
		if i%500 == 499 {
			v *= 1e200
		}
		if a, b := s.Push(at(i), v), twin.Push(at(i), v); a != b {
			t.Fatalf("point %d: score %v, of the copy %v", i, a, b)
		}
	}
}

// TestStateInMap: a scorer that has no address is saved whole, too.
func TestStateInMap(t *testing.T) {
	var s anomaly.Scorer
	for i := range 200 {
		s.Push(at(i), cycle(i))
	}
	want, _ := json.Marshal(map[string]*anomaly.Scorer{"a": &s})
	if got, err := json.Marshal(map[string]anomaly.Scorer{"a": s}); err != nil || string(got) != string(want) {
		t.Errorf("by value %s, by pointer %s, error %v", got, want, err)
	}
}

// TestBadState gives states that are wrong in one place: each is refused with the
// place, and changes nothing.
func TestBadState(t *testing.T) {
	var s anomaly.Scorer
	for i := range 1000 {
		s.Push(at(i), cycle(i))
	}
	good, err := json.Marshal(&s)
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range []struct {
		field string // that the error names
		key   string
		value any // nil takes the key away
	}{
		{"n", "n", -1},
		{"n", "n", 1.5},
		{"score", "score", -1},
		{"last", "last", 1e307},
		{"step", "step", -1},
		{"level.level", "level", map[string]any{"level": []int{1, 2, 3}}},
		{"rest.level", "rest", nil},
		{"level.span", "level", map[string]any{"level": make([]int, 4), "span": [][]int{{1, 2, 0, 0, 0, 0}}}},
		{"level.span[1]", "level", map[string]any{"level": make([]int, 4), "span": [][]int{{1, 2, 0, 0, 0, 0}, {3, 2, 0, 0, 0, 0}, {1, 2, 0, 0, 0, 0}, {1, 2, 0, 0, 0, 0}}}},
		{"rest.span[0]", "rest", map[string]any{"level": make([]int, 4), "span": [][]int{{1, 2, 0, -1, 0, 0}, {1, 2, 0, 0, 0, 0}, {1, 2, 0, 0, 0, 0}, {1, 2, 0, 0, 0, 0}}}},
		{"active", "active", []int{1, 2}},
		{"day.usual", "day", map[string]any{}},
		{"day.hour", "day", map[string]any{"usual": make([]int, 24), "hour": 24}},
		{"day.seen", "day", map[string]any{"usual": make([]int, 24), "seen": 1 << 24}},
		{"day.count", "day", map[string]any{"usual": make([]int, 24), "count": 0.5}},
		{"", "more", 1},
		{"", "n", "many"},
	} {
		var fields map[string]any
		if err := json.Unmarshal(good, &fields); err != nil {
			t.Fatal(err)
		}
		delete(fields, bad.key)
		if bad.value != nil {
			fields[bad.key] = bad.value
		}
		raw, err := json.Marshal(fields)
		if err != nil {
			t.Fatal(err)
		}
		err = json.Unmarshal(raw, &s)
		if se, ok := errors.AsType[*anomaly.StateError](err); !ok || se.Field != bad.field || se.Hint() == "" || !strings.Contains(err.Error(), bad.field) {
			t.Errorf("%s = %v: error %v, want one in the field %q", bad.key, bad.value, err, bad.field)
		}
		if now, _ := json.Marshal(&s); string(now) != string(good) {
			t.Fatalf("%s = %v changed the scorer", bad.key, bad.value)
		}
	}
	if err := new(anomaly.Scorer).UnmarshalJSON([]byte("{")); err == nil {
		t.Error("half a state was taken")
	}
}
