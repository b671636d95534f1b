package haleotel

import (
	"context"
	"strconv"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/hale-go/hale"
)

// SpanProcessor measures the spans of the OpenTelemetry SDK as operations of hale's.
// It is an [sdktrace.SpanProcessor]; make one with [NewSpanProcessor]. All methods
// may be called from any goroutine, and on a nil or zero SpanProcessor, which measures
// nothing.
type SpanProcessor struct {
	rt     *hale.Runtime
	live   live
	names  names
	status [600]string // HTTP status codes as text
	closed atomic.Bool
}

// NewSpanProcessor returns a processor that feeds rt. Register it by
// sdktrace.WithSpanProcessor; the order does not matter. It exports nothing and has
// no goroutine.
//
// Each span counts in the operation of its name and kind (consumers are servers,
// producers are clients). Where the name of a server's span lacks its http.route,
// the operation's name is method and route; where that of a client's span lacks
// whom it calls, that is put to it: peer.service, server.address or the database.
// A name that is known late, as otelhttp's is, counts from then on; until then the
// span is in flight under the name that it began with. Of the names no more are told
// apart than of other operations.
//
// A span is a failure if its status is Error. Its outcome is its error.type, else
// its HTTP, gRPC or database status, else "ok" or "error".
//
// 65536 live spans are told apart. What begins beyond that is counted when it ends,
// is not seen in flight and belongs to no caller; see [SpanProcessor.Dropped]. That
// takes 12 MB at most. OnStart and OnEnd take some hundred nanoseconds each, and
// allocate nothing of their own where the name is known.
func NewSpanProcessor(rt *hale.Runtime) *SpanProcessor {
	p := &SpanProcessor{rt: rt}
	p.names.rt = rt
	for code := 100; code < len(p.status); code++ {
		p.status[code] = strconv.Itoa(code)
	}
	return p
}

var _ sdktrace.SpanProcessor = (*SpanProcessor)(nil)

// OnStart implements [sdktrace.SpanProcessor].
func (p *SpanProcessor) OnStart(ctx context.Context, s sdktrace.ReadWriteSpan) {
	if p == nil || s == nil || p.closed.Load() {
		return
	}
	e := liveSpan{hale: hale.SpanOf(ctx), ours: s.InstrumentationScope().Name == ScopeName}
	if parent := s.Parent(); parent.IsValid() && !parent.IsRemote() {
		p.place(ctx, &e, parent)
	}
	if !e.ours {
		e.span = p.rt.ForeignSpan(p.names.atStart(s))
	}
	id := idOf(s.SpanContext())
	if !p.live.add(id, e) {
		return
	}
	e.span.Begin()
	if p.closed.Load() { // Shutdown may have looked before
		if _, ok, _ := p.live.take(id); ok {
			e.span.Rename(nil)
		}
	}
}

// place finds out which span called one that begins. hale's own, which ctx knows, is
// nearer than that around it if it began later.
func (p *SpanProcessor) place(ctx context.Context, e *liveSpan, parent trace.SpanContext) {
	around, ok := p.live.get(idOf(parent))
	if !ok {
		ended, known := trace.SpanFromContext(ctx).(sdktrace.ReadOnlySpan)
		e.late = known && !ended.EndTime().IsZero()
		return
	}
	same := around.hale == e.hale // no span of hale's began in between
	e.task = e.ours && same
	switch {
	case !e.ours && !same:
	case !around.ours:
		e.around = idOf(parent)
	case around.task: // it stands for what it is in
		e.around = around.around
	}
}

// OnEnd implements [sdktrace.SpanProcessor].
func (p *SpanProcessor) OnEnd(s sdktrace.ReadOnlySpan) {
	if p == nil || s == nil || p.closed.Load() {
		return
	}
	e, ok, missed := p.live.take(idOf(s.SpanContext()))
	if !ok && !missed {
		return // ended before, or began before hale looked
	}
	took := min(max(s.EndTime().Sub(s.StartTime()), 0), maxTook)
	failed := s.Status().Code == codes.Error
	if missed {
		if e.ours = s.InstrumentationScope().Name == ScopeName; e.ours {
			return
		}
		e.span = p.rt.ForeignSpan(p.names.atEnd(s))
		e.span.Begin()
	}
	if e.ours {
		if !e.task && e.around != (spanID{}) {
			if caller, ok := p.live.called(e.around, took, took, failed); ok {
				caller.Call(s.Name(), took, failed)
			}
		}
		return
	}
	if op := p.names.atEnd(s); op != e.span.Operation() {
		e.span = e.span.Rename(op)
	}
	end := hale.ForeignEnd{
		Took: took, Below: e.below, Outcome: p.outcome(s, failed), Failed: failed, Inherited: e.erred, Outlived: e.late, Known: e.known,
	}
	if e.around != (spanID{}) {
		caller, ok := p.live.called(e.around, took, e.known, failed)
		caller.Call(e.span.Operation().Name(), took, failed)
		end.Outlived = end.Outlived || !ok
	} else {
		end.In = e.hale
	}
	e.span.End(end)
}

// maxTook bounds what a span with made-up times can add to a sum.
const maxTook = 24 * time.Hour

// Dropped returns how many spans began while too many were live.
func (p *SpanProcessor) Dropped() uint64 {
	if p == nil {
		return 0
	}
	return p.live.dropped()
}

// ForceFlush implements [sdktrace.SpanProcessor]. There is nothing to flush.
func (p *SpanProcessor) ForceFlush(context.Context) error { return nil }

// Shutdown implements [sdktrace.SpanProcessor]. Spans that have not ended do not
// count any more, neither as ended nor as in flight.
func (p *SpanProcessor) Shutdown(context.Context) error {
	if p == nil {
		return nil
	}
	p.closed.Store(true)
	p.live.clear(func(e liveSpan) { e.span.Rename(nil) })
	return nil
}
