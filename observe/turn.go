package observe

import (
	"encoding/json"
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

// Size estimates the bytes that a turn keeps in memory. It costs nanoseconds.
func (t Turn) Size() int {
	n := 256 + 512*len(t.Events) + 160*len(t.Sample.Tasks) + 128*len(t.Sample.Pools) + 256*len(t.Sample.Logs) + 40*len(t.Sample.Readings) + 24*len(t.Sample.Degraded)
	for i := range t.Sample.Unhealthy {
		n += 64 + len(t.Sample.Unhealthy[i].Error)
	}
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
