package observe

import (
	"bytes"
	"cmp"
	"compress/flate"
	"encoding/binary"
	"encoding/json"
	"hash/crc32"
	"slices"
)

// A file of a recording is the magic and the format's version, then frames. A
// frame is
//
//	length of the payload   4 bytes, little endian
//	length of the record    4 bytes
//	CRC-32C of both lengths and the payload, 4 bytes
//	payload
//
// and its payload, appended to those before it, inflates to one more record: a
// [record] as JSON. Each file is a deflate stream of its own, flushed after each
// record, so that what repeats costs little and every whole frame can be read.
const (
	magic   = "halerec"
	version = 1

	frameHeader = 12
	// maxRecord bounds a record in bytes. The largest that a loop can make, with
	// every table full, stays below it.
	maxRecord = 16 << 20
	// maxInflate is the most that deflate can compress, and a little more.
	maxInflate = 1100
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// record is one thing that a file says. T is a turn, or its JSON that is still to
// be looked at.
type record[T any] struct {
	Run     string       `json:"run,omitempty"`     // first of a file: whose recording it is
	Segment *segmentHead `json:"segment,omitempty"` // a segment opens
	Turn    T            `json:"turn,omitempty"`    // the next turn of the segment
	Delta   bool         `json:"delta,omitempty"`   // of the turn's tasks and pools only those that changed since the one before
	End     bool         `json:"end,omitempty"`     // last of a file that was closed
}

// segmentHead is a [Segment] without its turns.
type segmentHead struct {
	Revision string          `json:"revision,omitempty"`
	State    json.RawMessage `json:"state,omitempty"`
	Fresh    bool            `json:"fresh,omitempty"`
}

// deflated makes bytes small: the frames of records, in one stream, and states alone.
// It keeps about 1 MB from its first use on.
type deflated struct {
	flate *flate.Writer
	out   bytes.Buffer
}

// frame returns the record's frame, valid until the next call.
func (d *deflated) frame(raw []byte) ([]byte, error) {
	d.out.Reset()
	d.out.Write(make([]byte, frameHeader))
	if _, err := d.flate.Write(raw); err != nil {
		return nil, err
	}
	if err := d.flate.Flush(); err != nil {
		return nil, err
	}
	b := d.out.Bytes()
	binary.LittleEndian.PutUint32(b, uint32(len(b)-frameHeader))
	binary.LittleEndian.PutUint32(b[4:], uint32(len(raw)))
	binary.LittleEndian.PutUint32(b[8:], checksum(b[:8], b[frameHeader:]))
	return b, nil
}

// restart begins a new stream.
func (d *deflated) restart() error {
	if d.flate != nil {
		d.flate.Reset(&d.out)
		return nil
	}
	var err error
	// Level 3 is the cheapest that finds what repeats: level 1 doubles the bytes where
	// little changes, level 6 saves a tenth and takes a third more time
	// (BenchmarkEncoding).
	d.flate, err = flate.NewWriter(&d.out, 3)
	return err
}

func checksum(lengths, payload []byte) uint32 {
	return crc32.Update(crc32.Checksum(lengths, castagnoli), castagnoli, payload)
}

// changed returns the elements of next that are not in prev, and true if prev
// and they make next: both are sorted and nothing of prev is missing.
func changed[T comparable](prev, next []T, name func(T) string) ([]T, bool) {
	var out []T
	i := 0
	for k, e := range next {
		switch {
		case k > 0 && name(next[k-1]) >= name(e):
			return nil, false
		case i < len(prev) && name(prev[i]) == name(e):
			if prev[i] != e {
				out = append(out, e)
			}
			i++
		case i < len(prev) && name(prev[i]) < name(e):
			return nil, false
		default:
			out = append(out, e)
		}
	}
	return out, i == len(prev)
}

// merged is the reverse of changed. Where nothing changed it returns prev. It
// reports whether diff is sorted.
func merged[T any](prev, diff []T, name func(T) string) ([]T, bool) {
	byName := func(a, b T) int { return cmp.Compare(name(a), name(b)) }
	if len(diff) == 0 {
		return prev, true
	}
	out := make([]T, 0, len(prev)+len(diff))
	for k, e := range diff {
		if k > 0 && byName(diff[k-1], e) >= 0 {
			return nil, false
		}
		i, known := slices.BinarySearchFunc(prev, e, byName)
		out = append(append(out, prev[:i]...), e)
		if known {
			i++
		}
		prev = prev[i:]
	}
	return append(out, prev...), true
}

func taskName(s TaskStat) string { return s.Name }
func poolName(s PoolStat) string { return s.Name }

// since returns the turn without those tasks and pools that are as in prev, and
// whether that is enough to restore it.
func (t Turn) since(prev *Turn) (Turn, bool) {
	if prev == nil {
		return t, false
	}
	tasks, ok := changed(prev.Sample.Tasks, t.Sample.Tasks, taskName)
	pools, also := changed(prev.Sample.Pools, t.Sample.Pools, poolName)
	if !ok || !also {
		return t, false
	}
	t.Sample.Tasks, t.Sample.Pools = tasks, pools
	return t, true
}

// onto restores what since left out, and reports whether that makes sense.
func (t *Turn) onto(prev *Turn) bool {
	if prev == nil {
		return false
	}
	var tasks, pools bool
	t.Sample.Tasks, tasks = merged(prev.Sample.Tasks, t.Sample.Tasks, taskName)
	t.Sample.Pools, pools = merged(prev.Sample.Pools, t.Sample.Pools, poolName)
	return tasks && pools
}
