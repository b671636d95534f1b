package anomaly_test

import (
	"encoding/binary"
	"encoding/json"
	"math"
	"testing"
	"time"

	"github.com/hale-go/hale/internal/anomaly"
)

// FuzzPush feeds any bits as values and times. No score may be negative or not a
// number, and the state must be one that can be saved and loaded.
func FuzzPush(f *testing.F) {
	f.Add([]byte{}, uint8(0))
	for _, v := range []float64{0, -1, 1e308, -1e308, math.MaxFloat64, 5e-324, math.NaN(), math.Inf(1), math.Inf(-1)} {
		raw := binary.LittleEndian.AppendUint64(nil, math.Float64bits(v))
		raw = binary.LittleEndian.AppendUint64(raw, math.Float64bits(-v/3))
		f.Add(raw, uint8(200))
	}
	f.Fuzz(func(t *testing.T, raw []byte, repeat uint8) {
		var s anomaly.Scorer
		push := func(at int64, v float64) {
			score := s.Push(time.Unix(at, 0), v)
			if !(score >= 0 && score < 1e6) {
				t.Fatalf("score %v for %v", score, v)
			}
		}
		for i := 0; i+8 <= len(raw); i += 8 {
			bits := binary.LittleEndian.Uint64(raw[i:])
			push(int64(bits), math.Float64frombits(bits))
			for j := range int64(repeat) {
				push(int64(bits)+j*300, math.Float64frombits(bits+uint64(j)))
			}
		}
		state, err := json.Marshal(&s)
		if err != nil {
			t.Fatal(err)
		}
		var twin anomaly.Scorer
		if err := json.Unmarshal(state, &twin); err != nil {
			t.Fatalf("%v: %s", err, state)
		}
		if a, b := s.Push(epoch, 1), twin.Push(epoch, 1); a != b {
			t.Fatalf("score %v, of the copy %v", a, b)
		}
	})
}

// FuzzState takes any bytes as a state: they are refused, or the scorer works and
// saves the same again.
func FuzzState(f *testing.F) {
	var s anomaly.Scorer
	for i := range 500 {
		s.Push(at(i), cycle(i))
		if i%100 == 0 {
			raw, err := json.Marshal(&s)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(raw)
		}
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		var s anomaly.Scorer
		if s.UnmarshalJSON(raw) != nil {
			if blank, _ := json.Marshal(new(anomaly.Scorer)); len(blank) > 0 {
				if now, _ := json.Marshal(&s); string(now) != string(blank) {
					t.Fatal("a refused state changed the scorer")
				}
			}
			return
		}
		for i := range 300 {
			if score := s.Push(at(i), cycle(i)*1e300); !(score >= 0) {
				t.Fatalf("score %v", score)
			}
		}
		saved, err := json.Marshal(&s)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.UnmarshalJSON(saved); err != nil {
			t.Fatalf("%v: %s", err, saved)
		}
	})
}
