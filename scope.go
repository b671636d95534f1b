package hale

import (
	"context"
	"runtime/pprof"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hale-go/hale/observe"
)

// scope is the context that one body of work runs under: its identity, its
// labels and its cancellation. Task and unit embed it, so that a body costs no
// allocation of its own for any of them.
//
// The standard cancellable context is made only when somebody asks for Done or
// when hale cancels; most bodies never need it. From then on all of the
// context package's own machinery works on that one.
//
// A scope is handed to user code and is therefore never used again.
type scope struct {
	parent context.Context
	rt     *Runtime // nil: no runtime, plain goroutine
	site   *site    // nil with rt
	task   *Task    // the task itself; nil in a pool's unit
	labels any      // pprof's label map, as its context key yields it
	seq    atomic.Uint64
	inner  atomic.Pointer[cancellation]
}

type cancellation struct {
	ctx    context.Context
	cancel context.CancelCauseFunc
}

type scopeKey struct{}

// keyProbe learns the private keys that runtime/pprof and context look
// themselves up by.
type keyProbe struct {
	context.Context
	key any
}

func (p *keyProbe) Value(key any) any { p.key = key; return nil }

// labelKey is the key under which runtime/pprof keeps a context's labels.
var labelKey = sync.OnceValue(func() any {
	p := &keyProbe{Context: context.Background()}
	pprof.ForLabels(p, func(string, string) bool { return true })
	return p.key
})

// cancelKey is the key by which the context package finds the innermost
// cancellable context.
var cancelKey = sync.OnceValue(func() any {
	p := &keyProbe{Context: context.Background()}
	_ = context.Cause(p)
	return p.key
})

// ended stands in for the cancellation of every scope that ended before
// anybody asked for one.
var ended = sync.OnceValue(func() *cancellation {
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(nil)
	return &cancellation{ctx, cancel}
})

func scopeOf(ctx context.Context) *scope {
	if ctx == nil {
		return nil
	}
	s, _ := ctx.Value(scopeKey{}).(*scope)
	return s
}

// Deadline returns the parent's: a budget is no deadline, since it is
// stretched when the machine is starved.
func (s *scope) Deadline() (time.Time, bool) { return s.parent.Deadline() }

func (s *scope) Done() <-chan struct{} { return s.cancellation().ctx.Done() }

func (s *scope) Err() error {
	if in := s.inner.Load(); in != nil {
		return in.ctx.Err()
	}
	return s.parent.Err()
}

func (s *scope) Value(key any) any {
	if key == (scopeKey{}) {
		return s
	}
	if s.labels != nil && key == labelKey() {
		return s.labels
	}
	if in := s.inner.Load(); in != nil && (in != ended() || key == cancelKey()) {
		return in.ctx.Value(key)
	}
	return s.parent.Value(key)
}

func (s *scope) cancellation() *cancellation {
	if in := s.inner.Load(); in != nil {
		return in
	}
	ctx, cancel := context.WithCancelCause(s.parent)
	in := &cancellation{ctx, cancel}
	if s.inner.CompareAndSwap(nil, in) {
		return in
	}
	cancel(nil)
	return s.inner.Load()
}

func (s *scope) cancel(cause error) { s.cancellation().cancel(cause) }

// end cancels what is left of the scope: like any WithCancel whose function
// returned.
func (s *scope) end() {
	if !s.inner.CompareAndSwap(nil, ended()) {
		s.inner.Load().cancel(nil)
	}
}

// cause returns why hale or a parent cancelled the scope, nil if nobody did.
func (s *scope) cause() error {
	if s.Err() == nil {
		return nil
	}
	return context.Cause(s)
}

// id returns the scope's task ID. Units of a pool get theirs when first asked.
func (s *scope) id() observe.TaskID {
	if s.site == nil {
		return observe.TaskID{}
	}
	n := s.seq.Load()
	if n == 0 {
		s.seq.CompareAndSwap(0, s.rt.seq.Add(1))
		n = s.seq.Load()
	}
	return observe.TaskID{Name: s.site.name, Seq: n}
}

func (s *scope) subject(entry uintptr) observe.Subject {
	if s.site == nil {
		return observe.Subject{Site: siteOf(entry)}
	}
	return observe.Subject{Task: s.id(), Name: s.site.name, Domain: s.site.domain, Site: siteOf(entry)}
}

// setLabels puts the labels of c on the scope, merged with those that the
// caller brought from elsewhere.
func (s *scope) setLabels(c *cell) {
	s.labels = c.labels
	brought := s.parent.Value(labelKey())
	if brought == nil {
		return
	}
	if p := scopeOf(s.parent); p != nil && p.labels == brought {
		return // hale's own, from the task around this one
	}
	s.labels = pprof.WithLabels(s.parent, c.set).Value(labelKey())
}
