package hale

import (
	"hash/maphash"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hale-go/hale/observe"
)

// What of the last records is kept: of so many tasks and so many names, in sets of
// eight, of which the one goes that was silent for longest. At 256 bytes a record and
// the default of 8 records it takes 2.5 MB, when there are as many.
const (
	evidenceTasks = 1024
	evidenceNames = 256
	evidenceWays  = 8
)

// evidence keeps the last records of each task, and of each name those of WARN and
// above and those of no task.
type evidence struct {
	keep  atomic.Int32
	tasks [evidenceTasks / evidenceWays]logSet
	names [evidenceNames / evidenceWays]logSet
}

// logSet is where one of a few rings is looked for.
type logSet struct {
	mu    sync.Mutex
	turn  uint64               // counts its uses
	keys  [evidenceWays]uint64 // of the rings; one that was used is not 0
	used  [evidenceWays]uint64 // when they were last
	rings [evidenceWays]logRing
}

// logRing has the last records under one key.
type logRing struct {
	slots []logSlot
	next  int    // where the next one goes
	n     uint64 // how many it was given
}

// logSlot is one record, copied.
type logSlot struct {
	at             int64 // nanoseconds since 1970; 0 where the record has no time
	who            *speaker
	level          int32
	message, attrs uint16 // bytes of text that each takes
	text           [maxText]byte
}

// seed makes hashes that nobody outside can foresee.
var seed = maphash.MakeSeed()

func (e *evidence) keepLine(who *speaker, l *logLine) {
	keep := int(e.keep.Load())
	if who == nil || keep == 0 {
		return
	}
	if seq := who.task.Seq; seq != 0 {
		e.tasks[seq%uint64(len(e.tasks))].put(seq, keep, who, l)
		if l.level < levelWarn {
			return
		}
	}
	name := who.name()
	if name != "" {
		e.ofKey(nameKey(name)).put(nameKey(name), keep, who, l)
	}
	if who.operation != "" && who.operation != name {
		e.ofKey(nameKey(who.operation)).put(nameKey(who.operation), keep, who, l)
	}
}

// nameKey returns the key of a name.
func nameKey(name string) uint64 { return maphash.String(seed, name) | 1 }

func (e *evidence) ofKey(key uint64) *logSet { return &e.names[key>>1%uint64(len(e.names))] }

// put copies a record into the ring of a key.
func (s *logSet) put(key uint64, keep int, who *speaker, l *logLine) {
	s.mu.Lock()
	defer s.mu.Unlock()
	at := slices.Index(s.keys[:], key)
	if at < 0 {
		at = slices.Index(s.used[:], slices.Min(s.used[:]))
		s.keys[at], s.rings[at].n, s.rings[at].next = key, 0, 0
	}
	s.turn++
	s.used[at] = s.turn
	r := &s.rings[at]
	if len(r.slots) != keep {
		r.resize(keep)
	}
	slot := &r.slots[r.next]
	r.n++
	if r.next++; r.next == len(r.slots) {
		r.next = 0
	}
	slot.at, slot.who, slot.level = 0, who, int32(max(min(l.level, 1<<30), -1<<30))
	if !l.at.IsZero() {
		slot.at = l.at.UnixNano()
	}
	room, attrs := maxText, l.attrs.kept()
	if len(l.message)+len(attrs) > maxText {
		room = max(maxText-len(attrs), maxText/2) // half of it at least for the message
	}
	n := copy(slot.text[:room], l.message)
	slot.message, slot.attrs = uint16(n), uint16(copy(slot.text[n:], attrs))
}

// resize makes room for so many records, and keeps the last.
func (r *logRing) resize(keep int) {
	slots, was := make([]logSlot, keep), uint64(len(r.slots))
	n := min(r.n, was, uint64(keep)) //nolint:gosec // it is at most 64
	for i := range n {
		slots[i] = r.slots[(r.n-n+i)%was]
	}
	r.slots, r.n, r.next = slots, n, int(n)%keep //nolint:gosec // so is this
}

// records adds those of the ring's records that are wanted, oldest first.
func (r *logRing) records(out []observe.Record, wanted func(*logSlot) bool) []observe.Record {
	size := uint64(len(r.slots))
	for i := r.n - min(r.n, size); i < r.n; i++ {
		if slot := &r.slots[i%size]; wanted(slot) {
			out = append(out, slot.record())
		}
	}
	return out
}

func (s *logSlot) record() observe.Record {
	r := observe.Record{
		Level: int(s.level), Message: legible(s.text[:s.message]), Attrs: legible(attrsText(s.text[s.message : s.message+s.attrs])),
		Task: s.who.task, Operation: s.who.operation, Request: s.who.request, Trace: s.who.trace,
	}
	if s.at != 0 {
		r.Time = time.Unix(0, s.at).UTC()
	}
	return r
}

// legible returns a text that can be printed, of one that may have been cut within a
// character.
func legible(b []byte) string { return printable(head(string(b), maxText), maxText) }

// ofTask returns the records of a task that are kept, oldest first.
func (e *evidence) ofTask(id observe.TaskID) []observe.Record {
	return e.tasks[id.Seq%uint64(len(e.tasks))].one(nil, id.Seq, func(l *logSlot) bool { return l.who.task == id })
}

// ofName returns the last records of all tasks and operations of a name that are
// kept, oldest first. Those of WARN and above come from the name's own ring.
func (e *evidence) ofName(name string) []observe.Record {
	var out []observe.Record
	is := func(l *logSlot) bool { return l.who.task.Name == name || l.who.operation == name }
	for i := range e.tasks {
		out = e.tasks[i].all(out, func(l *logSlot) bool { return l.level < int32(levelWarn) && is(l) })
	}
	out = e.ofKey(nameKey(name)).one(out, nameKey(name), is)
	slices.SortStableFunc(out, func(a, b observe.Record) int { return a.Time.Compare(b.Time) })
	return out[max(len(out)-int(e.keep.Load()), 0):]
}

// all adds the records of all rings that are wanted, one those of one ring.
func (s *logSet) all(out []observe.Record, wanted func(*logSlot) bool) []observe.Record {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.rings {
		out = s.rings[i].records(out, wanted)
	}
	return out
}

func (s *logSet) one(out []observe.Record, key uint64, wanted func(*logSlot) bool) []observe.Record {
	s.mu.Lock()
	defer s.mu.Unlock()
	if i := slices.Index(s.keys[:], key); i >= 0 {
		return s.rings[i].records(out, wanted)
	}
	return out
}
