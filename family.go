package hale

import (
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hale-go/hale/heal"
	"github.com/hale-go/hale/observe"
)

// family is all tasks of one name, as a metric family is all series of one name:
// what they share (domain, quarantine, counts) and the cell that the next one goes
// into.
type family struct {
	rt     *Runtime
	name   string
	domain observe.Domain
	number int // for cell IDs

	open     atomic.Pointer[cell]   // takes new tasks; nil: the next start opens one
	own      atomic.Bool            // long tasks hold cells open: each task gets its own for an epoch
	catchAll atomic.Bool            // the name stands for many things and is never quarantined
	gate     atomic.Pointer[gate]   // nil: not quarantined
	wall     atomic.Pointer[Wall]   // of what is called under this name; nil: nothing is
	incident atomic.Pointer[string] // ID of the open incident that is about this name, or ""

	failed, panics atomic.Uint64
	refused        atomic.Uint64 // turned away by the quarantine
	ownStarted     atomic.Uint64 // tasks started in cells of their own
	ownLive        atomic.Int64
	ownPeak        atomic.Int64
	longest        atomic.Int64   // life of the tasks that ended since the last sample
	abandoned      atomic.Int64   // bodies that were given up and have not come back
	entry          atomic.Uintptr // where the code of its first task starts, or of the first child that is to; 0: there is none

	mu       sync.Mutex
	epoch    uint64  // number of the next cell
	sealed   []*cell // sealed cells that are still live
	started  uint64  // starts in cells that ended
	peak     int64
	held     []*child // supervised children that wait for the quarantine to end
	detached *cell    // what goroutines that were detached under this name bear
}

// gate is a quarantine: no new task may start, or on probation only a few.
type gate struct {
	lease  *time.Timer  // opens it: a quarantine that nobody renews must end
	probes atomic.Int64 // tasks that may still start this second
	refill int64
	filled time.Time // the loop's own
	probe  bool
}

// admit reports whether a new task may start.
func (s *family) admit() error {
	if g := s.gate.Load(); (g == nil || g.lets()) && (s.catchAll.Load() || s.rt.cut.lets(s.domain)) {
		return nil
	}
	s.refused.Add(1)
	return ErrQuarantined
}

// quarantined reports whether the name or its domain is.
func (s *family) quarantined() bool {
	return s.gate.Load() != nil || (!s.catchAll.Load() && s.rt.cut.cut(s.domain))
}

// newGate returns a quarantine that lets nothing or probes through.
func newGate(g heal.Gate, probes int) *gate {
	next := &gate{probe: g == heal.GateProbe, refill: int64(probes), filled: time.Now()}
	next.probes.Store(next.refill)
	return next
}

// lets reports whether one more may start.
func (g *gate) lets() bool { return g.probe && g.probes.Add(-1) >= 0 }

// renew lets more probes through, each second, and reports whether it did.
func (g *gate) renew(now time.Time) bool {
	if !g.probe || now.Sub(g.filled) < time.Second {
		return false
	}
	g.filled = now
	g.probes.Store(g.refill)
	return true
}

// maxOwnOfFamily is how many supervised tasks of one name have a label of their own.
// More than that are a crowd: each label makes snapshots dearer, and what one of a
// crowd leaves behind is found when the others of its epoch have ended.
const maxOwnOfFamily = 256

// enter counts a task into the open cell, or into a cell of its own.
func (s *family) enter(own bool, id uint64) *cell {
	if (own && s.ownLive.Load() < maxOwnOfFamily) || s.own.Load() {
		if c := s.rt.reg.ownCell(s, observe.TaskID{Name: s.name, Seq: id}); c != nil {
			c.enter()
			s.ownStarted.Add(1)
			raise(&s.ownPeak, s.ownLive.Add(1))
			return c
		}
	}
	for {
		c := s.open.Load()
		if c == nil {
			c = s.openCell()
		}
		if c.enter(); s.stays(c) {
			return c
		}
	}
}

// stays reports whether a cell that was entered still takes tasks, and leaves it if
// not: it was sealed in between, and its count may already have been read.
func (s *family) stays(c *cell) bool {
	if s.open.Load() == c {
		return true
	}
	c.undo()
	return false
}

func (s *family) leave(c *cell) {
	if c.own() {
		s.ownLive.Add(-1)
	}
	c.leave()
}

func (s *family) openCell() *cell {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.open.Load(); c != nil {
		return c
	}
	c := newCell(s, s.cellID(), new(cellCount))
	for _, old := range s.sealed {
		c.base += old.live()
	}
	s.rt.reg.addCell(c)
	s.open.Store(c)
	return c
}

// notePeak takes the cell's peak into the family's. It is an upper bound: what
// older cells and own cells had at most is added, and a leak detector that
// compares with it must rather wait than accuse. s.mu is held.
func (s *family) notePeak(c *cell) {
	s.peak = max(s.peak, c.base+c.count.peak.Load()+s.ownPeak.Load())
}

// cellID returns a new ID: runtime, family and number. s.mu must be held.
func (s *family) cellID() string {
	s.epoch++
	var buf [64]byte
	b := strconv.AppendUint(buf[:0], s.rt.number, 10)
	b = append(b, '.')
	b = strconv.AppendInt(b, int64(s.number), 10)
	b = append(b, '.')
	return string(strconv.AppendUint(b, s.epoch, 10))
}

// Cells that are this many epochs old and still live make their family give each
// task a cell of its own for the next epoch.
const heldFrom, heldTo = 2, 6

// seal closes the open cell to new tasks and looks after the sealed ones. The
// cells that ended are returned, for the registry to forget in time.
func (s *family) seal(now time.Time, epoch time.Duration) []*cell {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.open.Load(); c != nil && c.started() > 0 && now.Sub(c.opened) >= epoch {
		s.open.Store(nil)
		c.sealed = now
		s.notePeak(c)
		s.sealed = append(s.sealed, c)
	}
	var out []*cell
	kept := s.sealed[:0]
	held := false
	for _, c := range s.sealed {
		if n, ended := c.ended(); ended {
			s.started += n
			s.lived(now.Sub(c.opened))
			out = append(out, c)
			continue
		}
		kept = append(kept, c)
		age := now.Sub(c.sealed)
		held = held || (age >= heldFrom*epoch && age <= heldTo*epoch)
	}
	clear(s.sealed[len(kept):])
	s.sealed = kept
	s.own.Store(held)
	return out
}

// live returns how many tasks and units of the family are alive.
func (s *family) live() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.liveLocked()
}

func (s *family) liveLocked() int64 {
	n := s.ownLive.Load()
	for _, c := range s.sealed {
		n += c.live()
	}
	if c := s.open.Load(); c != nil {
		n += c.live()
	}
	return n
}

// stat returns the family's counters.
func (s *family) stat() observe.TaskStat {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := observe.TaskStat{
		Name: s.name, Domain: s.domain,
		Live: s.liveLocked(), Started: s.started + s.ownStarted.Load(), // and of live cells, below
		Failed: s.failed.Load(), Panics: s.panics.Load(), Refused: s.refused.Load(),
		HeldCells: len(s.sealed), Abandoned: s.abandoned.Load(), Quarantined: s.quarantined(), CatchAll: s.catchAll.Load(),
	}
	s.peak = max(s.peak, s.ownPeak.Load())
	for _, c := range s.sealed {
		st.Started += c.started()
	}
	if c := s.open.Load(); c != nil {
		st.Started += c.started()
		s.notePeak(c)
	}
	if w := s.wall.Load(); w != nil {
		started, live := w.inline()
		st.Started, st.Live = st.Started+started, st.Live+live
	}
	st.Peak = s.peak
	return st
}

// abandon counts bodies that were given up, and those that came back.
func (s *family) abandon(delta int64) {
	s.abandoned.Add(delta)
	s.rt.abandoned.Add(delta)
}

// known reports whether a task of the name was ever started or added to a supervisor.
func (s *family) known() bool { return s.entry.Load() != 0 }

func (s *family) subject() observe.Subject {
	return observe.Subject{Name: s.name, Domain: s.domain, Site: siteOf(s.entry.Load())}
}

// hold keeps a child until the family's quarantine ends or probes it.
func (s *family) hold(c *child) {
	s.mu.Lock()
	if !slices.Contains(s.held, c) {
		s.held = append(s.held, c)
	}
	s.mu.Unlock()
}

// unhold forgets a child that was kept.
func (s *family) unhold(c *child) {
	s.mu.Lock()
	if i := slices.Index(s.held, c); i >= 0 {
		s.held = slices.Delete(s.held, i, i+1)
	}
	s.mu.Unlock()
}
