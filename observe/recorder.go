package observe

import (
	"bytes"
	"encoding/json"
	"sync"
)

// Recorder keeps the inputs of the last turns in memory, in segments, each of
// which can be replayed from its start. When it is full, by turns or by bytes, it
// forgets the oldest segment. States and operations, which are most of it, are kept
// packed; see BenchmarkRecorder. It is used by one goroutine at a time, but for
// Recording, which any may call.
type Recorder struct {
	turns    int // of a segment
	segments int
	revision string

	mu   sync.Mutex
	cut  bool // the next turn does not follow from the last
	due  bool // a segment ends before it is full
	kept []keptSegment

	// Of who adds.
	deflate deflated
	buf     []byte
}

// Bounds of a recorder, in bytes, roughly.
const (
	maxRecording = 32 << 20  // that it keeps
	maxUnpacked  = 128 << 20 // that a recording which is taken from it has
)

// keptSegment is a [Segment], packed.
type keptSegment struct {
	Segment            // without state and turns
	state   []byte     // deflated; nil: there is none
	raw     bool       // it is not: it could not be
	turns   []keptTurn // only added to
	names   numbered   // of their operations
	size    int        // of the state, unpacked
	bytes   int        // of the turns
	whole   int        // of the turns, unpacked
}

// keptTurn is a turn, and its operations packed.
type keptTurn struct {
	Turn
	operations []byte
}

// NewRecorder returns a recorder that keeps at most segments segments of turns
// turns each. Values below 1 count as 1. The revision is of the configuration.
func NewRecorder(revision string, segments, turns int) *Recorder {
	return &Recorder{turns: max(turns, 1), segments: max(segments, 1), revision: revision}
}

// Due reports whether the next turn opens a new segment, which needs the state
// of the loop.
func (r *Recorder) Due() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := len(r.kept)
	if n == 0 || r.cut || r.due {
		return true
	}
	s := &r.kept[n-1]
	return len(s.turns) >= r.turns || s.bytes > maxRecording/r.segments || s.whole > maxUnpacked/r.segments
}

// Open begins a segment with the state of the loop before its first turn, and
// returns it.
func (r *Recorder) Open(state json.RawMessage) Segment {
	packed, err := r.deflate.alone(state)
	if err != nil {
		packed = state
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	s := Segment{Revision: r.revision, Fresh: r.cut}
	k := r.open(s)
	k.state, k.raw, k.size = packed, err != nil, len(state)
	r.evict()
	s.State = state
	return s
}

// evict forgets the oldest segments while all take more than they may. States do not
// make a segment end, else a large one would be asked for each turn.
func (r *Recorder) evict() {
	kept, whole := 0, 0
	for i := len(r.kept) - 1; i >= 0; i-- {
		s := &r.kept[i]
		kept += s.bytes + len(s.state)
		whole += s.whole + s.size
		if i < len(r.kept)-1 && (kept > maxRecording || whole > maxUnpacked) {
			r.kept = append([]keptSegment(nil), r.kept[i+1:]...)
			return
		}
	}
}

func (r *Recorder) open(s Segment) *keptSegment {
	if n := len(r.kept); n > 0 {
		r.kept[n-1].names.index = nil // nobody asks it any more
	}
	if len(r.kept) == r.segments {
		r.kept = append([]keptSegment(nil), r.kept[1:]...)
	}
	r.kept = append(r.kept, keptSegment{Segment: s})
	r.cut, r.due = false, false
	return &r.kept[len(r.kept)-1]
}

// Cut ends the segment: the loop started afresh, and its next turn does not
// follow from the last.
func (r *Recorder) Cut() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cut = true
}

// Revise ends the segment: the next turns are decided under a configuration of another
// revision.
func (r *Recorder) Revise(revision string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.revision, r.due = revision, true
}

// Add keeps a turn.
func (r *Recorder) Add(t Turn) {
	whole := t.Size()
	ops := t.Sample.Operations
	t.Sample.Operations = nil
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.kept) == 0 {
		r.open(Segment{Revision: r.revision, Fresh: r.cut})
	}
	s := &r.kept[len(r.kept)-1]
	kept := keptTurn{Turn: t}
	if len(ops) > 0 {
		r.buf = packOperations(r.buf[:0], ops, &s.names)
		kept.operations = bytes.Clone(r.buf)
	}
	s.turns = append(s.turns, kept)
	s.bytes += t.Size() + len(kept.operations)
	s.whole += whole
}

// Recording returns what is kept, of at most 128 MB, roughly. Parts of it are shared
// and must not be changed.
func (r *Recorder) Recording() Recording {
	r.mu.Lock()
	kept := append([]keptSegment(nil), r.kept...)
	r.mu.Unlock()
	var out Recording
	for i := range kept {
		out.Segments = append(out.Segments, kept[i].unpacked())
	}
	return out
}

// unpacked returns the segment, and only its head in place of what cannot be unpacked:
// that would be a fault of the packing.
func (k *keptSegment) unpacked() Segment {
	s := k.Segment
	state, err := k.state, error(nil)
	if !k.raw {
		state, err = inflate(k.state)
	}
	s.State = state
	s.Turns = make([]Turn, len(k.turns))
	for i := range k.turns {
		t := &s.Turns[i]
		*t = k.turns[i].Turn
		if packed := k.turns[i].operations; packed != nil && err == nil {
			t.Sample.Operations, err = unpackOperations(packed, k.names.list)
		}
	}
	if err != nil {
		return k.Segment
	}
	return s
}
