package hale

import (
	"context"
	"encoding/binary"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/hale-go/hale/observe"
)

// Span is one time that an [Operation] is done: one request, one call. It knows the
// span that it is in, so that hale can tell whose time a slow request took and where
// an error began. All methods may be called from any goroutine and on a nil Span;
// what comes after its end does nothing.
type Span struct {
	op     *Operation
	parent *Span         // within this process; nil at the top
	began  time.Duration // since the birth of the runtime
	below  atomic.Int64  // nanoseconds that spans took which it called
	over   atomic.Bool
	erred  atomic.Bool // a span that it called failed

	remote observe.TraceContext // that it continues; zero: its parent's, or a trace of its own
	id     atomic.Uint64        // of the span; 0: nobody asked yet
	trace  atomic.Pointer[[16]byte]
	finish func(outcome string, failed bool) // of the [Tracer]'s span
	traced context.Context                   // the one with that, until the end; nil without a Tracer
}

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
	if ctx == nil {
		ctx = context.Background()
	}
	if o == nil {
		return ctx, nil
	}
	s := &Span{op: o, parent: SpanOf(ctx), began: time.Since(o.rt.clock.born)}
	if s.parent == nil {
		s.remote, _ = valueOf(ctx, traceKey{}).(observe.TraceContext)
	}
	if t := o.rt.opts.tracer; t != nil {
		ctx, s.finish = t.Start(ctx, o.kind, o.name)
		s.traced = ctx
	}
	o.Began(s.second())
	return context.WithValue(ctx, spanKey{}, s), s
}

func (s *Span) second() uint32 { return uint32(s.began / time.Second) }

// Operation returns what the span is of, nil for nil.
func (s *Span) Operation() *Operation {
	if s == nil {
		return nil
	}
	return s.op
}

// End ends the span. A nil error is the outcome "ok"; any other is a failure, whose
// outcome is its [ErrorType]. A caller who gave up, [context.Canceled], is no
// failure of the operation.
func (s *Span) End(err error) {
	if err == nil {
		s.Finish("ok", false)
		return
	}
	outcome := ErrorType(err)
	s.Finish(outcome, outcome != errorCanceled)
}

// Finish ends the span with an outcome of its own: a status such as "404", of which
// there are few. failed says whether it is a failure of the operation.
func (s *Span) Finish(outcome string, failed bool) {
	if s == nil || s.over.Swap(true) {
		return
	}
	o := s.op
	took := max(time.Since(o.rt.clock.born)-s.began, 0)
	if second := uint32((s.began + took) / time.Second); o.exemplars.due(took, second) && s.known() {
		o.exemplars.keep(took, second, s.sampled())
	}
	s.traced = nil // a span in this one may live on, and need not keep it
	o.Ended(s.second(), SpanEnd{
		Took: took, Below: time.Duration(s.below.Load()), Outcome: outcome,
		Failed: failed, Inherited: s.erred.Load(), Outlived: s.parent != nil && s.parent.over.Load(),
	})
	if p := s.parent; p != nil {
		p.below.Add(int64(took))
		if failed {
			p.erred.Store(true)
		}
		p.op.Called(o.name, took, failed)
	}
	if s.finish != nil {
		s.finish(outcome, failed)
	}
}

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

// SpanEnd says how a span ended that is not hale's own; see [Operation.Ended].
type SpanEnd struct {
	Took, Below time.Duration // its latency, and the part of it in spans that it called
	Outcome     string        // few: a status, the type of an error
	Failed      bool
	Inherited   bool // it failed after a span that it called had
	Outlived    bool // the span that called it had ended before
}

// Began counts a span in that another tracing system keeps, for adapters to it.
// second is when it began, in seconds since the runtime was made; see
// [Runtime.Second]. Each is to be followed by one Ended with the same second.
func (o *Operation) Began(second uint32) {
	if o == nil {
		return
	}
	o.started.Add(1)
	o.ages.began(second)
}

// Ended counts a span out.
func (o *Operation) Ended(second uint32, e SpanEnd) {
	if o == nil {
		return
	}
	o.ages.ended(second)
	o.latency.add(e.Took)
	o.below.Add(int64(min(max(e.Below, 0), e.Took)))
	o.outcomes.at(e.Outcome, e.Failed, &o.rt.ops.unseen).count.Add(1)
	if e.Failed {
		o.failed.Add(1)
		if e.Inherited {
			o.inherited.Add(1)
		}
	}
	if e.Outlived {
		o.outlived.Add(1)
	}
	o.ended.Add(1)
}

// Called counts that a span of the operation called another operation, and how that
// ended.
func (o *Operation) Called(name string, took time.Duration, failed bool) {
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
	if s := SpanOf(ctx); s != nil && s.op.name != name && errOf(ctx) == nil {
		s.erred.Store(true)
		s.op.Called(name, 0, true)
	}
	return err
}

// Second returns how many seconds ago the runtime was made.
func (rt *Runtime) Second() uint32 {
	if rt = rt.made(); rt == nil {
		return 0
	}
	return rt.clock.now()
}
