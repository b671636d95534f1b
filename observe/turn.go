package observe

import (
	"encoding/json"
	"sync"
	"time"
)

// Turn is all that one turn of the loop decides from. Given the same turns, the
// loop takes the same decisions.
type Turn struct {
	Seq    uint64    `json:"seq"` // counts from 1
	Time   time.Time `json:"time"`
	Sample Sample    `json:"sample"`

	// Snapshot is nil in turns in which none was due.
	Snapshot *Snapshot `json:"snapshot,omitempty"`

	// Events since the last turn, in the order in which they happened. The
	// outcomes of remedies are among them.
	Events []Event `json:"events,omitempty"`

	// Dropped counts events that did not fit since the last turn.
	Dropped int `json:"dropped,omitempty"`

	// Halted reports that the kill switch is on: no remedy may run.
	Halted bool `json:"halted,omitempty"`

	// Disabled names the detectors that overran this turn. How long code took is
	// not a function of the other inputs, so it is one of them.
	Disabled []string `json:"disabled,omitempty"`

	// Decided is a digest of what the loop decided, which a replay can be compared
	// with; "" where it decided nothing.
	Decided string `json:"decided,omitempty"`
	// Broke reports that the loop broke in this turn and decided nothing. A replay
	// leaves the turn out; to see it break again, clear the field.
	Broke bool `json:"broke,omitempty"`
}

// Segment is a run of turns and the state of the loop before the first, so that
// a replay can start with it.
type Segment struct {
	Revision string `json:"revision,omitempty"` // of the configuration that decided

	State json.RawMessage `json:"state,omitempty"`
	Fresh bool            `json:"fresh,omitempty"` // the state does not follow from the turns before: the loop started over, or turns are missing
	Turns []Turn          `json:"turns"`
}

// Recording is what the loop decided from. Its first segment's state is where a
// replay starts.
type Recording struct {
	Segments []Segment `json:"segments"`
}

// Recorder keeps the inputs of the last turns in memory, in segments, each of
// which can be replayed from its start. When it is full, by turns or by bytes, it
// forgets the oldest segment. It is used by one goroutine at a time.
type Recorder struct {
	turns    int // of a segment
	segments int

	mu       sync.Mutex
	sizes    []int // of the segments, in bytes, roughly
	cut      bool  // the next turn does not follow from the last
	revision string
	rec      Recording
}

// maxRecording bounds what a recorder keeps, in bytes, roughly.
const maxRecording = 32 << 20

// Size estimates the bytes that a turn keeps in memory. It costs nanoseconds.
func (t Turn) Size() int {
	n := 256 + 512*len(t.Events) + 160*len(t.Sample.Tasks) + 128*len(t.Sample.Pools) + 256*len(t.Sample.Logs) + 40*len(t.Sample.Readings)
	for i := range t.Sample.Operations {
		o := &t.Sample.Operations[i]
		n += 320 + 16*len(o.Latency) + 32*(len(o.Outcomes)+len(o.Reported)) + 48*len(o.Calls)
	}
	if t.Sample.Resources != nil {
		n += 768 // their reasons for what is missing are shared
	}
	if t.Snapshot != nil {
		n += 400 * len(t.Snapshot.Groups)
	}
	return n
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
	n := len(r.rec.Segments)
	return n == 0 || r.cut || len(r.rec.Segments[n-1].Turns) >= r.turns || r.sizes[n-1] > maxRecording/r.segments
}

// Open begins a segment with the state of the loop before its first turn, and
// returns it.
func (r *Recorder) Open(state json.RawMessage) Segment {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.open(state)
}

func (r *Recorder) open(state json.RawMessage) Segment {
	if len(r.rec.Segments) == r.segments {
		r.rec.Segments = append([]Segment(nil), r.rec.Segments[1:]...)
		r.sizes = append([]int(nil), r.sizes[1:]...)
	}
	s := Segment{Revision: r.revision, State: state, Fresh: r.cut}
	r.rec.Segments = append(r.rec.Segments, s)
	r.sizes = append(r.sizes, len(state))
	r.cut = false
	return s
}

// Cut ends the segment: the loop started afresh, and its next turn does not
// follow from the last.
func (r *Recorder) Cut() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cut = true
}

// Add keeps a turn.
func (r *Recorder) Add(t Turn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.rec.Segments) == 0 {
		r.open(nil)
	}
	s := &r.rec.Segments[len(r.rec.Segments)-1]
	s.Turns = append(s.Turns, t)
	r.sizes[len(r.sizes)-1] += t.Size()
}

// Recording returns what is kept. The turns are shared and must not be changed.
func (r *Recorder) Recording() Recording {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := r.rec
	out.Segments = append([]Segment(nil), r.rec.Segments...)
	return out
}
