package hale

import (
	"time"

	"github.com/hale-go/hale/observe"
)

// ForeignSpan counts a span that another tracing system keeps as one of an operation.
// It is for adapters to such systems; services have [Span]. The zero value is of no
// operation and counts nothing. All methods may be called from any goroutine.
type ForeignSpan struct {
	op     *Operation
	second uint32 // when it began
}

// ForeignEnd says how a [ForeignSpan] ended.
type ForeignEnd struct {
	Took    time.Duration // its latency; at most 24h count
	Below   time.Duration // the part of it in foreign spans that it called
	Outcome string        // few: a status, the type of an error
	Failed  bool

	Inherited bool // it failed after a span that it called had
	Outlived  bool // the span that called it had ended before

	In    *Span         // hale's own that called it; nil where there is none
	Known time.Duration // the part of Took in spans of hale's own, which In knows already

	Trace observe.TraceContext // where it is in its trace, for [Runtime.Exemplars]
}

// ForeignSpan returns a span of op that begins now. It counts from [ForeignSpan.Begin]
// on.
func (rt *Runtime) ForeignSpan(op *Operation) ForeignSpan {
	if rt = rt.made(); rt == nil {
		return ForeignSpan{}
	}
	return ForeignSpan{op: op.made(), second: rt.clock.now()}
}

// Operation returns what the span is of, nil for the zero value.
func (f ForeignSpan) Operation() *Operation { return f.op }

// Begin counts the span in. It is to be followed by one End, or a Rename to nil.
func (f ForeignSpan) Begin() { f.op.countIn(f.second) }

// Rename makes a span that began one of another operation, for tracing systems that
// know some names late. That it began under the old name stays counted. Where to is
// nil, nobody waits for its end any more.
func (f ForeignSpan) Rename(to *Operation) ForeignSpan {
	to = to.made()
	f.op.renamedTo(f.second, to)
	return ForeignSpan{op: to, second: f.second}
}

// Call counts that the span called another operation, and how that ended.
func (f ForeignSpan) Call(name string, took time.Duration, failed bool) {
	f.op.called(name, took, failed)
}

// End counts the span out.
func (f ForeignSpan) End(e ForeignEnd) {
	if f.op == nil {
		return
	}
	e.Took, e.Below = min(max(e.Took, 0), maxDuration), min(max(e.Below, 0), maxDuration)
	late := e.In.called(f.op.Name(), e.Took, e.Known, e.Failed)
	f.op.countOut(f.second, spanEnd{
		took: e.Took, below: e.Below, outcome: e.Outcome, failed: e.Failed, inherited: e.Inherited, outlived: e.Outlived || late,
	})
	if !e.Trace.IsZero() {
		f.op.exemplars.keep(e.Took, f.op.rt.clock.now(), e.Trace)
	}
}
