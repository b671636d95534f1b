package hale

import (
	"context"
	"reflect"
	"runtime/pprof"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/hale-go/hale/observe"
)

// scope is the context that one body of work runs under: its identity, its
// labels and its cancellation. A task and a unit each have one in them, so that a body costs no
// allocation of its own for any of them. It is small because every start pays
// for its bytes: what few bodies need is in [extra].
//
// A scope is handed to user code and is therefore never used again.
type scope struct {
	parent context.Context
	cell   *cell // what the body is counted in; nil: outside a runtime, or not started
	extra  atomic.Pointer[extra]
	seq    atomic.Uint64
	state  atomic.Uint32 // of the body; see [taskRunning]
	flags  uint32        // set before the body starts; above them, the second of the start
}

// Flags of a scope.
const (
	flagInline uint32 = 1 << iota // it runs on its caller's goroutine and cannot be abandoned
	flagCrash                     // panics are not contained
	flagOwn                       // it is the handle of a child that was given a context

	flagBits = 3
)

// extra is what few scopes have, made when the first of it is needed.
//
// The standard cancellable context is made only when somebody asks for Done or
// when hale cancels; most bodies never need it. From then on all of the
// context package's own machinery works on that one.
type extra struct {
	inner atomic.Pointer[cancellation]
	made  cancellation // what inner points to, but for one that was made too late
	taken atomic.Bool  // by whoever fills made

	wait  atomic.Pointer[chan struct{}] // made when somebody waits for the task
	err   error                         // valid once the state is taskDone
	child *child                        // the supervised child that the task is a run of, or the handle of

	voice atomic.Pointer[voice] // made with the first log record

	declared *declared // set before the body starts
}

// declared is what hardly any scope has.
type declared struct {
	family *family // of work that was refused, which has no cell
	labels any     // pprof's label map, where the caller brought labels from elsewhere
	entry  uintptr // where the function's code starts, if it is not the family's usual one
	watch  *watch
}

type cancellation struct {
	ctx    context.Context
	cancel context.CancelCauseFunc
}

// scopeKey and taskKey are what a context is asked for its scope and its task by.
type (
	scopeKey struct{}
	taskKey  struct{}
)

// keyProbe learns the private keys that runtime/pprof and context look
// themselves up by.
type keyProbe struct {
	context.Context
	key any
}

func (p *keyProbe) Value(key any) any { p.key = key; return nil }
func (p *keyProbe) Err() error        { return context.Canceled } // or Cause looks no further

// labelKey is the key under which runtime/pprof keeps a context's labels.
var labelKey = func() any {
	p := &keyProbe{Context: context.Background()}
	pprof.ForLabels(p, func(string, string) bool { return true })
	return p.key
}()

// cancelKey is the key by which the context package finds the innermost
// cancellable context.
var cancelKey = func() any {
	p := &keyProbe{Context: context.Background()}
	_ = context.Cause(p)
	return p.key
}()

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
	s, _ := valueOf(ctx, scopeKey{}).(*scope)
	return s
}

// extend returns the scope's extra, making it when needed.
func (s *scope) extend() *extra {
	if x := s.extra.Load(); x != nil {
		return x
	}
	if x := new(extra); s.extra.CompareAndSwap(nil, x) {
		return x
	}
	return s.extra.Load()
}

// declared returns what hardly any scope has, nil if this one has not.
func (s *scope) declared() *declared {
	if x := s.extra.Load(); x != nil {
		return x.declared
	}
	return nil
}

// declare returns it, making it when needed. The body has not started.
func (s *scope) declare() *declared {
	x := s.extend()
	if x.declared == nil {
		x.declared = new(declared)
	}
	return x.declared
}

// family returns what the tasks of the scope's name share; nil outside a runtime.
func (s *scope) family() *family {
	if s.cell != nil {
		return s.cell.family
	}
	if x := s.extra.Load(); x != nil && x.child != nil {
		return x.child.family
	}
	if d := s.declared(); d != nil {
		return d.family
	}
	return nil
}

// Deadline returns the parent's: a budget is no deadline, since it is
// stretched when the machine is starved.
func (s *scope) Deadline() (time.Time, bool) { return s.parent.Deadline() }

func (s *scope) Done() <-chan struct{} { return s.cancellation().ctx.Done() }

func (s *scope) Err() error {
	ended := s.ended()
	if in := s.inner(); in != nil {
		if err := in.ctx.Err(); err != nil || !ended {
			return err
		}
	}
	if ended {
		return context.Canceled
	}
	return s.parent.Err()
}

func (s *scope) Value(key any) any {
	switch key.(type) {
	case scopeKey, voiceKey:
		return s
	case taskKey:
		return nil // of a unit: it is no task, and neither is what is around it
	}
	if key == labelKey {
		if l := s.labels(); l != nil {
			return l
		}
	}
	if in := s.inner(); in != nil {
		return in.ctx.Value(key)
	}
	if s.ended() && key == cancelKey {
		return ended().ctx.Value(key)
	}
	return s.parent.Value(key)
}

// inner returns the scope's cancellation, nil if nobody needed one yet.
func (s *scope) inner() *cancellation {
	if x := s.extra.Load(); x != nil {
		return x.inner.Load()
	}
	return nil
}

// cancellation returns the scope's cancellation, making it when needed.
func (s *scope) cancellation() *cancellation {
	if in := s.inner(); in != nil {
		return in
	}
	if s.ended() {
		return ended()
	}
	return s.adopt(derive(s.parent))
}

// adopt makes a cancellation the scope's, and returns the one that it has.
func (s *scope) adopt(made cancellation) *cancellation {
	x := s.extend()
	in := &x.made
	if x.taken.CompareAndSwap(false, true) {
		*in = made
	} else {
		in = &cancellation{made.ctx, made.cancel}
	}
	if !x.inner.CompareAndSwap(nil, in) {
		in.end(nil)
		in = x.inner.Load()
	}
	if s.ended() { // meanwhile, and perhaps without a look at this one
		in.end(nil)
	}
	return in
}

// cancel asks a parent that may hang nothing: nobody has waited for its end, and
// nobody needs to any more.
func (s *scope) cancel(cause error) {
	in := s.inner()
	if in == nil {
		if s.ended() {
			return
		}
		if endTame(s.parent) { // its end, if it has ended, stays the cause
			in = s.adopt(derive(s.parent))
		} else {
			in = s.adopt(alone(s.parent))
		}
	}
	in.end(cause)
}

// ended reports whether the body has returned.
func (s *scope) ended() bool {
	st := s.state.Load()
	return st == taskDone || st == taskReturned
}

// end marks the body of a unit as returned.
func (s *scope) end() {
	s.state.Store(taskDone)
	s.release()
}

// release cancels what is left of a scope that has ended: like any WithCancel
// whose function returned.
func (s *scope) release() {
	if in := s.inner(); in != nil {
		in.end(nil)
	}
}

// cause returns why hale or a parent cancelled the scope, nil if nobody did.
func (s *scope) cause() error {
	if errOf(s) == nil {
		return nil
	}
	return causeOf(s)
}

// id returns the scope's task ID. Units of a pool get theirs when first asked.
func (s *scope) id() observe.TaskID {
	at := s.family()
	if at == nil {
		return observe.TaskID{}
	}
	n := s.seq.Load()
	if n == 0 {
		s.seq.CompareAndSwap(0, at.rt.seq.Add(1))
		n = s.seq.Load()
	}
	return observe.TaskID{Name: at.name, Seq: n}
}

// subject names the scope for events and findings. entry is where the code of
// its function starts, 0 if that is not known.
func (s *scope) subject(entry uintptr) observe.Subject {
	at := s.family()
	if at == nil {
		return observe.Subject{Site: siteOf(entry)}
	}
	return observe.Subject{Task: s.id(), Name: at.name, Domain: at.domain, Site: siteOf(entry)}
}

// enter puts the scope into a cell.
func (s *scope) enter(c *cell) {
	s.cell = c
	s.bring(c)
}

// bring makes the scope bear the labels of its cell merged with those that the
// caller brought from elsewhere.
func (s *scope) bring(c *cell) {
	if s.parent == context.Background() {
		return
	}
	brought := valueOf(s.parent, labelKey)
	if brought == nil {
		return
	}
	if p := scopeOf(s.parent); p != nil && p.labels() == brought {
		return // hale's own, from the task around this one
	}
	s.declare().labels = pprof.WithLabels(s.parent, labelsOf(c.family, c.id)).Value(labelKey)
}

// labels returns pprof's label map as its context key yields it, nil if the
// scope has none of its own.
func (s *scope) labels() any {
	if d := s.declared(); d != nil && d.labels != nil {
		return d.labels
	}
	if s.cell != nil {
		return s.cell.labels
	}
	return nil
}

// bears returns what the goroutine of the scope's body is to bear.
func (s *scope) bears() unsafe.Pointer {
	if d := s.declared(); d != nil && d.labels != nil {
		return reflect.ValueOf(d.labels).UnsafePointer()
	}
	return s.cell.bears
}
