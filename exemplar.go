package hale

import (
	"math/bits"
	"sync/atomic"
	"time"

	"github.com/hale-go/hale/observe"
)

// Exemplar is one span of an operation whose trace is kept, to look at: metrics lead
// to traces by it.
type Exemplar struct {
	Name string // of the operation
	Kind observe.OperationKind

	Took  time.Duration
	Time  time.Time            // when it ended
	Trace observe.TraceContext // sampled; its SpanID is zeros where nobody has asked for it
}

// exemplars keeps the latest traced span of an operation for each doubling of
// latency. A slot is replaced at most once a second, so that for all others it costs
// two loads and a compare.
type exemplars [24]atomic.Pointer[exemplar]

// exemplar is never changed.
type exemplar struct {
	took   time.Duration
	second uint32 // in which it ended, or a little before
	at     time.Time
	trace  observe.TraceContext
}

// slot returns the one for a latency; the last takes all from 4 s.
func (e *exemplars) slot(took time.Duration) *atomic.Pointer[exemplar] {
	return &e[min(bits.Len64(uint64(max(took, 0)/time.Microsecond)), len(e)-1)]
}

// due reports whether a span that ended is to replace the latest.
func (e *exemplars) due(took time.Duration, second uint32) bool {
	old := e.slot(took).Load()
	return old == nil || old.second != second
}

// keep takes a span, unless its trace is nowhere kept.
func (e *exemplars) keep(took time.Duration, second uint32, t observe.TraceContext) {
	if t.IsZero() || !t.Sampled() || !e.due(took, second) {
		return
	}
	t.State = ""
	e.slot(took).Store(&exemplar{took, second, time.Now(), t})
}

// keepFailed takes a span that failed, at most one a second, to show to whoever is
// called because of it.
func (o *Operation) keepFailed(s *Span, took time.Duration, second uint32) {
	if old := o.lastFailed.Load(); (old != nil && old.second == second) || !s.known() {
		return
	}
	if t := s.sampled(); !t.IsZero() && t.Sampled() {
		t.State = ""
		o.lastFailed.Store(&exemplar{took, second, time.Now(), t})
	}
}

// known reports whether somebody may find the span by its trace: a tracer, who sent
// the request, or who asked before, such as a log record.
func (s *Span) known() bool {
	root := s.root()
	return s.traced != nil || !root.remote.IsZero() || root.trace.Load() != nil
}

// sampled returns where a span that is known is in its trace. It makes no IDs up.
func (s *Span) sampled() observe.TraceContext {
	if s.traced != nil {
		if t := s.Operation().rt.tracer(); t != nil {
			return t.trace(s.traced)
		}
		return observe.TraceContext{}
	}
	root := s.root()
	t := root.remote
	if id := root.trace.Load(); t.IsZero() && id != nil {
		t.TraceID, t.Flags = *id, 1
	}
	t.SpanID = spanIDOf(s.id.Load())
	return t
}

// Exemplars returns, of each operation and doubling of its latency, the latest span
// whose trace is sampled, sorted by the operations' names and kinds and by latency.
// They are at most a second older than the latest such span.
func (rt *Runtime) Exemplars() []Exemplar {
	if rt = rt.made(); rt == nil {
		return nil
	}
	all := rt.ops.all()
	n := 0
	for _, o := range all {
		for i := range o.exemplars {
			if o.exemplars[i].Load() != nil {
				n++
			}
		}
	}
	out := make([]Exemplar, 0, n)
	for _, o := range all {
		for i := range o.exemplars {
			if e := o.exemplars[i].Load(); e != nil {
				out = append(out, Exemplar{o.name, o.kind, e.took, e.at, e.trace})
			}
		}
	}
	return out
}
