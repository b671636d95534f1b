package observe_test

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/hale-go/hale/observe"
)

// fill sets every field to something that is not zero.
func fill(v reflect.Value, n *int) {
	*n++
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i), n)
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 3, 3))
		for i := range 3 {
			fill(v.Index(i), n)
		}
	case reflect.String:
		v.SetString(fmt.Sprint("name ", *n))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(int64(*n))
	case reflect.Uint32, reflect.Uint64:
		v.SetUint(uint64(*n))
	default:
		panic(v.Kind())
	}
}

// Nothing of an operation is lost when it is packed, whatever fields it has.
func TestPackedOperations(t *testing.T) {
	var full observe.OperationStat
	n := 0
	fill(reflect.ValueOf(&full).Elem(), &n)
	extreme := observe.OperationStat{
		Name: strings.Repeat("x", 300), Started: math.MaxUint64, InFlight: math.MinInt64, Time: math.MaxInt64, Waiting: []uint32{0, math.MaxUint32},
		Latency: observe.Histogram{{Index: 5, Count: math.MaxUint64}, {Index: 3}}, Outcomes: []observe.Outcome{{Failed: true}, {}}, Calls: []observe.Call{{}},
	}
	for _, in := range [][]observe.OperationStat{nil, {{}}, {full}, {extreme, {}, full, full}} {
		b, names := observe.PackOperations(in)
		out, err := observe.UnpackOperations(b, names)
		if err != nil || !reflect.DeepEqual(in, out) {
			t.Errorf("%v\n%+v\n%+v", err, in, out)
		}
		for cut := range b {
			if _, err := observe.UnpackOperations(b[:cut], names); err == nil {
				t.Fatalf("%d of %d bytes were taken", cut, len(b))
			}
		}
	}
}

func FuzzUnpackOperations(f *testing.F) {
	var full observe.OperationStat
	n := 0
	fill(reflect.ValueOf(&full).Elem(), &n)
	b, _ := observe.PackOperations([]observe.OperationStat{full, {}})
	f.Add(b)
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0x0f})
	f.Fuzz(func(t *testing.T, b []byte) {
		names := make([]string, 40)
		for i := range names {
			names[i] = fmt.Sprint(i)
		}
		out, err := observe.UnpackOperations(b, names)
		if err != nil {
			return
		}
		packed, list := observe.PackOperations(out)
		again, err := observe.UnpackOperations(packed, list)
		if err != nil || !reflect.DeepEqual(out, again) {
			t.Errorf("%v\n%+v\n%+v", err, out, again)
		}
	})
}

// busy is turns of a service in which every operation is done, and a state such as
// detectors have.
func busy(operations, turns int) ([]observe.Turn, json.RawMessage) {
	r := rand.New(rand.NewPCG(1, 2))
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	names := make([]string, operations)
	var state strings.Builder
	for i := range names {
		names[i] = fmt.Sprintf("GET /api/v1/things/%04d", i)
		fmt.Fprintf(&state, `{"name":%q,"is":[%v`, names[i], r.Float64())
		for range 90 {
			fmt.Fprintf(&state, ",%v", r.Float64())
		}
		state.WriteString("]},")
	}
	out := make([]observe.Turn, turns)
	for k := range out {
		at = at.Add(time.Second)
		t := observe.Turn{Seq: uint64(k + 1), Time: at}
		for _, name := range names {
			o := observe.OperationStat{Name: name, Kind: observe.Server, Domain: "api", Started: r.Uint64N(100), Ended: r.Uint64N(100), Time: time.Duration(r.IntN(1e9))}
			i := 300
			for range 8 {
				i += 1 + r.IntN(20)
				o.Latency = append(o.Latency, observe.Bucket{Index: i, Count: 1 + r.Uint64N(20)})
			}
			o.Outcomes = []observe.Outcome{{Name: "200", Count: r.Uint64N(90)}, {Name: "500", Count: 1 + r.Uint64N(5), Failed: true}}
			t.Sample.Operations = append(t.Sample.Operations, o)
		}
		out[k] = t
	}
	return out, json.RawMessage("[" + state.String() + "0]")
}

// However many operations there are, the default recorder holds minutes within its
// bounds, and gives back what it was given.
func TestRecorderHoldsMinutes(t *testing.T) {
	for operations, least := range map[int]int{10: 540, 100: 540, 1024: 180} {
		turns, state := busy(operations, least+80)
		r := observe.NewRecorder("rev", 10, 60)
		for _, turn := range turns {
			if r.Due() {
				r.Open(state)
			}
			r.Add(turn)
		}
		kept, whole := observe.Kept(r)
		rec := r.Recording()
		held, ofTurns := 0, 0
		at := turns[len(turns)-1].Seq
		for i := len(rec.Segments) - 1; i >= 0; i-- {
			s := rec.Segments[i]
			if string(s.State) != string(state) || s.Revision != "rev" {
				t.Fatalf("segment %d has another state", i)
			}
			for k := len(s.Turns) - 1; k >= 0; k-- {
				if s.Turns[k].Seq != at || k%10 == 0 && !reflect.DeepEqual(s.Turns[k], turns[at-1]) {
					t.Fatalf("turn %d is\n%+v, was\n%+v", at, s.Turns[k], turns[at-1])
				}
				ofTurns += s.Turns[k].Size()
				held++
				at--
			}
		}
		t.Logf("%d operations: %d turns are held in %d kB, %d kB unpacked, of which %d kB are states", operations, held, kept>>10, whole>>10, (whole-ofTurns)>>10)
		if held < least || kept > 32<<20 || whole > 140<<20 || whole-ofTurns > whole/2 {
			t.Errorf("%d operations: %d turns are held, want %d, in %d bytes, %d unpacked", operations, held, least, kept, whole)
		}
	}
}

// BenchmarkRecorder is what it takes to keep a turn of 1024 operations, and to open a
// segment with the state of detectors that know them; and, to compare, JSON of it.
func BenchmarkRecorder(b *testing.B) {
	turns, state := busy(1024, 2)
	b.Run("add", func(b *testing.B) {
		b.ReportAllocs()
		r := observe.NewRecorder("rev", 1, 10)
		for b.Loop() {
			if r.Due() {
				r.Open(nil)
			}
			r.Add(turns[0])
		}
	})
	b.Run("add_peer=json", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := json.Marshal(turns[0]); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("open", func(b *testing.B) {
		b.ReportAllocs()
		r := observe.NewRecorder("rev", 1, 10)
		for b.Loop() {
			r.Open(state)
		}
		b.ReportMetric(float64(len(state)), "state-bytes")
	})
	b.Run("recording", func(b *testing.B) {
		b.ReportAllocs()
		r := observe.NewRecorder("rev", 1, 10)
		r.Open(nil)
		r.Add(turns[0])
		for b.Loop() {
			if len(r.Recording().Segments) != 1 {
				b.Fatal("no segment")
			}
		}
	})
}

// A state of any size opens a segment no sooner than its turns ask for one, and what is
// kept stays within its bounds.
func TestRecorderOfLargeStates(t *testing.T) {
	r := observe.NewRecorder("r", 20, 5)
	state, _ := json.Marshal(strings.Repeat("x", 14<<20))
	opened := 0
	for i := range 100 {
		if r.Due() {
			r.Open(state)
			opened++
		}
		r.Add(observe.Turn{Time: time.Unix(int64(i), 0)})
	}
	if opened != 20 {
		t.Errorf("opened %d segments for 100 turns of 5 each", opened)
	}
	size := 0
	segments := r.Recording().Segments
	for _, s := range segments {
		size += len(s.State)
	}
	if size > 128<<20 || len(segments) < 5 {
		t.Errorf("%d segments with %d bytes of state", len(segments), size)
	}
}
