package hale

import (
	"context"
	"encoding/binary"
	"math/rand/v2"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/hale-go/hale/observe"
)

// Span is one time that an [Operation] is done: one request, one call. It knows the
// span that it is in, so that hale can tell whose time a slow request took and where
// an error began. All methods may be called from any goroutine and on a nil or zero Span;
// what comes after its end does nothing.
type Span struct {
	op     atomic.Pointer[Operation]
	parent *Span         // within this process; nil at the top
	began  time.Duration // since the birth of the runtime
	below  atomic.Int64  // nanoseconds that spans took which it called
	state  atomic.Uint32 // spanOpen, spanRenamed while that is going on, spanOver
	erred  atomic.Bool   // a span that it called failed
	turned atomic.Bool   // a call that it made was turned away, and had no other answer
	stands atomic.Bool   // what it did goes on past its end; see [Span.Settle]
	open   bool          // see [Operation.Open]

	remote observe.TraceContext // that it continues; zero: its parent's, or a trace of its own
	id     atomic.Uint64        // of the span; 0: nobody asked yet
	trace  atomic.Pointer[[16]byte]
	finish EndSpan         // of the [Tracer]'s span
	traced context.Context // the one with that, until the end; nil without a Tracer
}

// States of a span.
const (
	spanOpen uint32 = iota
	spanRenamed
	spanOver
)

func (s *Span) isOver() bool { return s.state.Load() == spanOver }

type spanKey struct{}

// SpanOf returns the span that ctx is in, or nil.
func SpanOf(ctx context.Context) *Span {
	if ctx == nil {
		return nil
	}
	s, _ := valueOf(ctx, spanKey{}).(*Span)
	return s
}

// Start begins a span. What is given the context that it returns is in the span: its
// log records, the spans that it calls, its tasks. End it with [Span.End] or
// [Span.Finish]. It takes about 300 ns and 3 allocations.
func (o *Operation) Start(ctx context.Context) (context.Context, *Span) {
	return o.start(ctx, false)
}

// Open is Start for what may last as long as somebody wants it: a stream, a
// subscription. The span is counted once, when it ends, with its outcome and as one
// that took no time. So it is never in flight, slow or beyond its caller's end.
func (o *Operation) Open(ctx context.Context) (context.Context, *Span) {
	return o.start(ctx, true)
}

func (o *Operation) start(ctx context.Context, open bool) (context.Context, *Span) {
	if ctx == nil {
		ctx = context.Background()
	}
	if o = o.made(); o == nil {
		return ctx, nil
	}
	s := &Span{parent: SpanOf(ctx), began: time.Since(o.rt.clock.born), open: open}
	s.op.Store(o)
	if s.parent == nil {
		s.remote, _ = valueOf(ctx, traceKey{}).(observe.TraceContext)
	}
	ctx = carry(ctx, spanKey{}, s)
	if t := o.rt.tracer(); t != nil {
		ctx, s.finish = t.start(ctx, o.kind, o.name)
		s.traced = ctx
	}
	if !open {
		o.countIn(s.second())
	}
	return ctx, s
}

func (s *Span) second() uint32 { return uint32(s.began / time.Second) }

// Operation returns what the span is of, nil for nil.
func (s *Span) Operation() *Operation {
	if s == nil {
		return nil
	}
	return s.op.Load()
}

// Rename makes the span one of another operation from now on, for what learns late
// what it does: it is counted there when it ends. That it began as one of the first
// stays counted. An operation of another runtime is not taken.
func (s *Span) Rename(to *Operation) {
	from := s.Operation().made()
	if to = to.made(); to == nil || from == nil || to.rt != from.rt || !s.state.CompareAndSwap(spanOpen, spanRenamed) {
		return
	}
	if s.op.Store(to); !s.open {
		from.renamedTo(s.second(), to)
	}
	traced := s.traced
	s.state.Store(spanOpen)
	if t := to.rt.tracer(); t != nil && traced != nil {
		t.rename(traced, to.name)
	}
}

// close ends the span for good, and reports whether it was open.
func (s *Span) close() bool {
	for !s.state.CompareAndSwap(spanOpen, spanOver) {
		if s.isOver() {
			return false
		}
		runtime.Gosched() // it is being renamed, which takes some nanoseconds
	}
	return true
}

// End ends the span. A nil error is the outcome "ok"; any other is a failure, whose
// outcome is its [ErrorType]. A caller who gave up, [context.Canceled], is no
// failure of the operation.
func (s *Span) End(err error) {
	outcome, failed := outcomeOf(err)
	s.end(outcome, failed, err)
}

// outcomeOK is the outcome of what returned no error.
const outcomeOK = "ok"

// outcomeOf returns how what returned err ended, and whether it failed.
func outcomeOf(err error) (outcome string, failed bool) {
	if err == nil {
		return outcomeOK, false
	}
	outcome = ErrorType(err)
	return outcome, outcome != errorCanceled
}

// Finish ends the span with an outcome of its own: a status such as "404", of which
// there are few. failed says whether it is a failure of the operation.
func (s *Span) Finish(outcome string, failed bool) { s.end(outcome, failed, nil) }

func (s *Span) end(outcome string, failed bool, err error) {
	if s == nil || s.Operation().made() == nil || !s.close() {
		return
	}
	o := s.op.Load()
	failed = failed && !s.turned.Load() // the fault is where it was turned away, and is found there
	took := max(time.Since(o.rt.clock.born)-s.began, 0)
	if s.open {
		took = 0
		o.countIn(s.second())
	}
	second := uint32((s.began + took) / time.Second)
	if !s.open && o.exemplars.due(took, second) && s.known() {
		o.exemplars.keep(took, second, s.sampled())
	}
	if failed {
		o.keepFailed(s, took, second)
	}
	s.traced = nil // a span in this one may live on, and need not keep it
	o.countOut(s.second(), spanEnd{
		took: took, below: time.Duration(s.below.Load()), outcome: outcome,
		failed: failed, inherited: s.erred.Load(), outlived: !s.open && s.parent.outlived(),
	})
	s.parent.called(o.name, took, 0, failed)
	if f := s.finish; f != nil {
		s.finish = nil // a span in this one may live on, and need not keep the tracer's
		o.rt.tracing.end(f, outcome, failed, err)
	}
}

// called counts a span in s, and reports whether s had ended before. known is the part
// of took that has been counted already: spans of hale's own, in one that another
// tracing system keeps.
func (s *Span) called(name string, took, known time.Duration, failed bool) (ended bool) {
	if s == nil {
		return false
	}
	s.below.Add(int64(max(took-known, 0)))
	if failed {
		s.erred.Store(true)
	}
	s.Operation().called(name, took, failed)
	return s.isOver()
}

// Settle is Finish for a span whose work goes on with no end in sight: a stream or a
// connection that was opened. Its latency is the time until now, and what it calls
// from now on does not count as having outlived it.
func (s *Span) Settle(outcome string, failed bool) {
	if s == nil || s.isOver() {
		return
	}
	s.stands.Store(true)
	s.Finish(outcome, failed)
}

// outlived reports whether a span that s called ends after it.
func (s *Span) outlived() bool { return s != nil && s.isOver() && !s.stands.Load() }

// Trace returns where the span is in its trace, which it begins where there is
// none. What the span calls elsewhere is given this.
func (s *Span) Trace() observe.TraceContext {
	if s == nil {
		return observe.TraceContext{}
	}
	t := s.root().remote
	if t.IsZero() {
		t.TraceID, t.Flags = *s.root().traceID(), 1
	}
	t.SpanID = spanIDOf(s.spanID())
	return t
}

func spanIDOf(id uint64) (out [8]byte) {
	binary.BigEndian.PutUint64(out[:], id)
	return out
}

// root returns the span's outermost one in this process.
func (s *Span) root() *Span {
	for s.parent != nil {
		s = s.parent
	}
	return s
}

func (s *Span) traceID() *[16]byte {
	if id := s.trace.Load(); id != nil {
		return id
	}
	var id [16]byte
	binary.BigEndian.PutUint64(id[:], rand.Uint64()|1) // never all zeros
	binary.BigEndian.PutUint64(id[8:], rand.Uint64())
	s.trace.CompareAndSwap(nil, &id)
	return s.trace.Load()
}

func (s *Span) spanID() uint64 {
	if id := s.id.Load(); id != 0 {
		return id
	}
	s.id.CompareAndSwap(0, rand.Uint64()|1)
	return s.id.Load()
}

// spanEnd says how a span ended.
type spanEnd struct {
	took, below time.Duration // its latency, and the part of it in spans that it called
	outcome     string
	failed      bool
	inherited   bool // it failed after a span that it called had
	outlived    bool // the span that called it had ended before
}

// countIn counts a span that began. second is when it began, since the runtime was made. Each
// is followed by one countOut with the same second.
func (o *Operation) countIn(second uint32) {
	if o == nil {
		return
	}
	o.started.Add(1)
	o.ages.began(second, 1)
}

// renamedTo counts a span that began as one of o as one of another operation from now
// on; nil counts it as none.
func (o *Operation) renamedTo(second uint32, to *Operation) {
	if o == nil || o == to {
		return
	}
	o.ages.ended(second, 1)
	o.renamed.Add(1)
	to.countIn(second)
}

// countOut counts a span that ended.
func (o *Operation) countOut(second uint32, e spanEnd) {
	if o == nil {
		return
	}
	o.ages.ended(second, 1)
	o.latency.add(e.took)
	if e.below > 0 {
		o.below.Add(int64(min(e.below, e.took)))
	}
	o.outcome(e.outcome, e.failed).count.Add(1)
	if e.failed {
		o.failed.Add(1)
		if e.inherited {
			o.inherited.Add(1)
		}
	}
	if e.outlived {
		o.outlived.Add(1)
	}
	o.ended.Add(1)
}

// outcome returns the counter of an outcome. That of most is at hand.
func (o *Operation) outcome(name string, failed bool) *counter {
	if name != outcomeOK || failed {
		return o.outcomes.at(name, failed, &o.rt.ops.unseen)
	}
	c := o.ok.Load()
	if c == nil {
		if c = o.outcomes.at(name, failed, &o.rt.ops.unseen); c.name == name { // and not that of those that have no room
			o.ok.Store(c)
		}
	}
	return c
}

// called counts that a span of the operation called another operation, and how that
// ended.
func (o *Operation) called(name string, took time.Duration, failed bool) {
	if o == nil {
		return
	}
	e := o.calls.at(name, false, &o.rt.ops.unseen)
	e.time.Add(int64(max(took, 0)))
	if failed {
		e.fails.Add(1)
	}
	e.count.Add(1)
}

// blame tells the span of ctx, if it is in one, that work of a name failed which it
// waited for: the error began there. It returns err.
func blame(ctx context.Context, name string, err error) error {
	if err == nil {
		return nil
	}
	if s := SpanOf(ctx); s != nil && s.Operation().name != name && errOf(ctx) == nil {
		s.erred.Store(true)
		s.Operation().called(name, 0, true)
	}
	return err
}
