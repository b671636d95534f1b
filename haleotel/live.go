package haleotel

import (
	"sync"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/hale-go/hale"
)

// How many spans may be live at once and be told apart.
const (
	shards   = 64
	maxLive  = 1 << 16
	perShard = maxLive / shards
)

// spanID is what tells a span from all others.
type spanID struct {
	trace trace.TraceID
	span  trace.SpanID
}

func idOf(sc trace.SpanContext) spanID { return spanID{sc.TraceID(), sc.SpanID()} }

// liveSpan is what is known of a span that has not ended.
type liveSpan struct {
	span   hale.ForeignSpan // of none for what hale's tracer made: it is counted already
	hale   *hale.Span       // the innermost of hale's own that it is in, or is
	around spanID           // the live span that called it; zero: hale's, or nobody known
	ours   bool             // hale's tracer made it
	task   bool             // and it is of a task, no operation
	late   bool             // who called it had ended before it began
	erred  bool             // a span that it called failed
	below  time.Duration    // in spans that it called
	known  time.Duration    // the part of it in spans of hale's own
}

// live is the table of spans that have not ended, in shards so that cores do not wait
// for one another.
type live struct {
	shards [shards]shard
}

type shard struct {
	mu     sync.Mutex
	spans  map[spanID]liveSpan
	missed uint64 // began while the shard was full, and have not ended
	full   uint64 // how often that was
	_      [32]byte
}

func (l *live) of(id spanID) *shard { return &l.shards[id.span[7]%shards] }

// get returns a span that is live.
func (l *live) get(id spanID) (liveSpan, bool) {
	s := l.of(id)
	s.mu.Lock()
	defer s.mu.Unlock()
	e, ok := s.spans[id]
	return e, ok
}

// add notes a span, and reports whether there was room. One that is there already
// stays as it is.
func (l *live) add(id spanID, e liveSpan) bool {
	s := l.of(id)
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.spans) >= perShard {
		s.missed++
		s.full++
		return false
	}
	if _, twice := s.spans[id]; twice {
		return false
	}
	if s.spans == nil {
		s.spans = make(map[spanID]liveSpan)
	}
	s.spans[id] = e
	return true
}

// take removes a span that ends. missed says that it may be one of those for which
// there was no room.
func (l *live) take(id spanID) (e liveSpan, ok, missed bool) {
	s := l.of(id)
	s.mu.Lock()
	defer s.mu.Unlock()
	if e, ok = s.spans[id]; ok {
		delete(s.spans, id)
		return e, true, false
	}
	if s.missed > 0 {
		s.missed--
		return e, false, true
	}
	return e, false, false
}

// called tells a span of one that it called and that has ended. It returns the span,
// and false if it has ended itself.
func (l *live) called(id spanID, took, known time.Duration, failed bool) (hale.ForeignSpan, bool) {
	s := l.of(id)
	s.mu.Lock()
	defer s.mu.Unlock()
	e, ok := s.spans[id]
	if !ok {
		return hale.ForeignSpan{}, false
	}
	e.below += took
	e.known += known
	e.erred = e.erred || failed
	s.spans[id] = e
	return e.span, true
}

// clear empties the table and calls f for each span that was in it.
func (l *live) clear(f func(liveSpan)) {
	for i := range l.shards {
		s := &l.shards[i]
		s.mu.Lock()
		spans := s.spans
		s.spans, s.missed = nil, 0
		s.mu.Unlock()
		for _, e := range spans {
			f(e)
		}
	}
}

// dropped returns for how many spans there was no room.
func (l *live) dropped() (n uint64) {
	for i := range l.shards {
		s := &l.shards[i]
		s.mu.Lock()
		n += s.full
		s.mu.Unlock()
	}
	return n
}
