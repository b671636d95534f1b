package hale

import (
	"cmp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Who asks for a level when it is no incident.
const (
	byHand   = "hand"   // a person
	byConfig = "config" // the settings

	byIncident = "inc-" // what the ID of an incident begins with
)

// maxHolders bounds how many parties ask for a level at once.
const maxHolders = 64

// hold is a level that several parties may ask for, each under a name of its own and
// for a time: the highest counts. So none can take back what another needs. It rises
// at once and falls with hysteresis: it stays for the settle time after the last moment
// at which a higher level was asked for, and then goes down by one each settle time. A
// cause that comes and goes keeps it up, instead of making it oscillate.
//
// What it is at follows from who asks and from the time, and is worked out when it is
// read: it has no timer and no goroutine. While nobody asks for anything a read is one
// atomic load. The loop tends it once a turn, which forgets what is over.
type hold struct {
	wait    atomic.Int64         // the settle time, in nanoseconds
	mu      sync.Mutex           // of who changes it
	state   atomic.Pointer[held] // nil: nobody asks, and it has come down to 0
	dropped atomic.Uint64        // holders that there was no room for
}

// held is what a hold is at a moment. It is replaced, never changed.
type held struct {
	at      time.Time // the moment
	level   int       // that counts; no less than what any holder asks for
	since   time.Time // when it came to that level
	kept    time.Time // the last moment at which that level was asked for, or at which it came down to it
	holders []holder  // sorted by name; those whose end has come do not count any more
	sure    time.Time // the level cannot be another before that; zero: never, for reads that need no clock
}

// holder is a party that asks for a level.
type holder struct {
	by    string
	level int       // 1 or more
	until time.Time // zero: until it is released
}

func (h holder) livesAt(t time.Time) bool { return h.until.IsZero() || t.Before(h.until) }

// asked returns the highest level that is asked for at the moment.
func (s *held) asked() int {
	most := 0
	for i := range s.holders {
		if h := &s.holders[i]; h.level > most && h.livesAt(s.at) {
			most = h.level
		}
	}
	return most
}

// nextEnd returns the first end of a holder's time after the moment, but not after now.
func (s *held) nextEnd(now time.Time) time.Time {
	for i := range s.holders {
		if u := s.holders[i].until; s.at.Before(u) && u.Before(now) {
			now = u
		}
	}
	return now
}

// after returns what s has become by now if nobody asked for more and nobody released.
func (s held) after(now time.Time, settle time.Duration) held {
	for s.at.Before(now) {
		asked, next := s.asked(), s.nextEnd(now)
		for s.level > asked && !next.Before(s.kept.Add(settle)) {
			s.kept = s.kept.Add(settle)
			s.since = s.kept
			s.level--
		}
		if s.level == asked {
			s.kept = next
		}
		s.at = next
	}
	return s
}

func (h *hold) settle() time.Duration { return time.Duration(h.wait.Load()) }

// resettle changes the settle time from now on.
func (h *hold) resettle(settle time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	s := h.now()
	h.wait.Store(int64(settle))
	h.store(s)
}

// now returns a copy that is up to date, with the holders that still count.
func (h *hold) now() held {
	now := time.Now()
	s := h.state.Load()
	if s == nil {
		return held{at: now, since: now, kept: now}
	}
	out := s.after(now, h.settle())
	out.holders = make([]holder, 0, len(s.holders)+1)
	for _, one := range s.holders {
		if one.livesAt(out.at) {
			out.holders = append(out.holders, one)
		}
	}
	return out
}

func (h *hold) store(s held) {
	if s.level == 0 { // and nobody asks for anything
		h.state.Store(nil)
		return
	}
	s.sure = time.Time{}
	if s.level > s.asked() {
		s.sure = s.kept.Add(h.settle())
	}
	for i := range s.holders {
		if u := s.holders[i].until; !u.IsZero() && (s.sure.IsZero() || u.Before(s.sure)) {
			s.sure = u
		}
	}
	h.state.Store(&s)
}

// level returns what counts now.
func (h *hold) level() int {
	s := h.state.Load()
	switch {
	case s == nil:
		return 0
	case s.sure.IsZero():
		return s.level
	}
	if now := time.Now(); !now.Before(s.sure) {
		return s.after(now, h.settle()).level
	}
	return s.level
}

// ask has a party hold a level, 1 or more, until its lease ends; 0 is until it is
// released. What the party asked for before no longer counts. It reports false when it
// was not taken: maxHolders others ask for as much or more. If they do not, the one
// that asks for least is dropped, of several the one whose time ends first.
func (h *hold) ask(by string, level int, lease time.Duration) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	s := h.now()
	one := holder{by: by, level: level}
	if lease > 0 {
		one.until = s.at.Add(lease)
	}
	i, known := slices.BinarySearchFunc(s.holders, by, func(x holder, by string) int { return strings.Compare(x.by, by) })
	switch {
	case known:
		s.holders[i] = one
	case len(s.holders) < maxHolders:
		s.holders = slices.Insert(s.holders, i, one)
	default:
		h.dropped.Add(1)
		least := slices.MinFunc(s.holders, holder.compare)
		if one.compare(least) <= 0 {
			return false
		}
		s.holders = slices.Insert(s.holders, i, one)
		s.holders = slices.DeleteFunc(s.holders, func(x holder) bool { return x.by == least.by })
	}
	if asked := s.asked(); asked >= s.level {
		if asked > s.level {
			s.level, s.since = asked, s.at
		}
		s.kept = s.at
	}
	h.store(s)
	return true
}

// compare orders holders by how much they are missed: by level, then by how long they
// would stay.
func (h holder) compare(other holder) int {
	switch {
	case h.level != other.level:
		return cmp.Compare(h.level, other.level)
	case h.until.IsZero() || other.until.IsZero():
		return cmp.Compare(btoi(h.until.IsZero()), btoi(other.until.IsZero()))
	}
	return h.until.Compare(other.until)
}

// release takes back what a party asks for. At once also ends the wait: the level is
// then what others ask for. It reports whether there was anything to take back or to
// end.
func (h *hold) release(by string, atOnce bool) bool {
	found := h.releaseAll(func(x string) bool { return x == by })
	if !atOnce {
		return found
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	s := h.now()
	if asked := s.asked(); asked < s.level {
		found = true
		s.level, s.since, s.kept = asked, s.at, s.at
	}
	h.store(s)
	return found
}

// releaseAll takes back what the parties ask for whose name matches, and reports
// whether there was any.
func (h *hold) releaseAll(matches func(by string) bool) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	s := h.now()
	n := len(s.holders)
	s.holders = slices.DeleteFunc(s.holders, func(x holder) bool { return matches(x.by) })
	h.store(s)
	return len(s.holders) < n
}

// tend forgets what is over, and returns what the hold is at.
func (h *hold) tend() held {
	if h.state.Load() == nil {
		return held{}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	s := h.now()
	h.store(s)
	return s
}
