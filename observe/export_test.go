package observe

import (
	"compress/flate"
	"encoding/json"
	"slices"
)

// ReadAtMost is ReadRecording with a limit in bytes.
func ReadAtMost(dir string, limit int) (Recording, error) { return readRecording(dir, limit) }

// FileName is the name of a file of the run "test".
func FileName(number uint64) string { return ringFile{number: number, run: "test"}.name() }

// File makes a file of the run "test" from records as JSON, whatever is in them.
func File(records ...string) []byte {
	out := []byte(magic + "\x01")
	var d deflated
	if err := d.restart(); err != nil {
		panic(err)
	}
	for _, raw := range append([]string{`{"run":"test"}`}, records...) {
		frame, err := d.frame([]byte(raw))
		if err != nil {
			panic(err)
		}
		out = append(out, frame...)
	}
	return out
}

// Records makes the records that a writer would write for a segment.
func Records(s Segment) []string {
	head, _ := json.Marshal(record[*Turn]{Segment: &segmentHead{s.Revision, s.State, s.Fresh}})
	out := []string{string(head)}
	for i := range s.Turns {
		turn, _ := json.Marshal(record[*Turn]{Turn: &s.Turns[i]})
		out = append(out, string(turn))
	}
	return slices.Concat(out, []string{`{"end":true}`})
}

// MaxParts bounds the commas of a turn.
const MaxParts = maxParts

// Encoder returns a function that makes a turn's frame as a writer does, at another
// level of deflate or of all that the turn holds, and returns its length.
func Encoder(level int, whole bool) func(Turn) int {
	var d deflated
	var err error
	if d.flate, err = flate.NewWriter(&d.out, level); err != nil {
		panic(err)
	}
	var prev *Turn
	return func(t Turn) int {
		diff, delta := t, false
		if !whole {
			diff, delta = t.since(prev)
			prev = &t
		}
		raw, err := json.Marshal(record[*Turn]{Turn: &diff, Delta: delta})
		if err != nil {
			panic(err)
		}
		frame, err := d.frame(raw)
		if err != nil {
			panic(err)
		}
		return len(frame)
	}
}

// PackOperations packs operations and returns the names that it takes to unpack them.
func PackOperations(ops []OperationStat) ([]byte, []string) {
	var n numbered
	return packOperations(nil, ops, &n), n.list
}

// UnpackOperations is the reverse.
func UnpackOperations(b []byte, names []string) ([]OperationStat, error) {
	return unpackOperations(b, names)
}

// Kept returns how many bytes a recorder keeps, and how many they are unpacked.
func Kept(r *Recorder) (bytes, whole int) {
	for i := range r.kept {
		bytes += r.kept[i].bytes
		whole += r.kept[i].whole
	}
	return bytes, whole
}
