package hale

import (
	"context"
	"log/slog"
	"runtime"
	"sync"
	"time"

	"github.com/hale-go/hale/observe"
)

// TaskOption declares something about a task. See [Heartbeat], [Budget],
// [Grace], [InDomain], [Restart] and [CrashOnPanic].
type TaskOption func(*taskOptions)

type taskOptions struct {
	contract
	domain     observe.Domain
	supervised bool
	ctx        context.Context // of a supervised child; nil: its supervisor's
}

// contract is what was declared about each run of a task.
type contract struct {
	heartbeat, budget, grace time.Duration
	restart                  RestartKind
	crash                    bool
}

// Heartbeat declares that the task calls [Beat] at least once in every d. A
// task that does not is cancelled with [ErrHeartbeat]; one that was declared
// with [Restart] and ignores that past its grace is abandoned, and a fresh one
// takes its place, unless 64 abandoned ones of the name are still alive. Time in
// which the whole machine was starved does not count.
func Heartbeat(d time.Duration) TaskOption { return func(o *taskOptions) { o.heartbeat = d } }

// Budget is the longest that one run of the task may take. Past it, its context
// is cancelled with [ErrBudget]. Time in which the whole machine was starved
// does not count, which is why a budget is not the context's deadline.
func Budget(d time.Duration) TaskOption { return func(o *taskOptions) { o.budget = d } }

// Grace is how long the task may take to return after it was cancelled for its
// budget or heartbeat, or stopped by its supervisor. A child that is a supervisor
// has what its own children need on top of that. Default: 1s, at most 24h.
func Grace(d time.Duration) TaskOption { return func(o *taskOptions) { o.grace = d } }

// InDomain puts the task in a fault domain. Default: its name without the last
// dotted part, so "orders.consume" is in "orders". The first use of a name
// decides.
func InDomain(d observe.Domain) TaskOption { return func(o *taskOptions) { o.domain = d } }

// Restart makes the task a supervised child of the runtime: it is started again
// by the rules of kind, with the default backoff and intensity. A kind that is
// none counts as [Permanent] and is reported as an event.
func Restart(kind RestartKind) TaskOption {
	return func(o *taskOptions) { o.restart, o.supervised = kind, true }
}

// CrashOnPanic lets a panic of the task end the process, as it would without
// hale.
func CrashOnPanic() TaskOption { return func(o *taskOptions) { o.crash = true } }

// defaultGrace is generous, since it costs only the time that a stuck body is
// waited for.
const defaultGrace = time.Second

// Go runs fn on a new goroutine as the task name, under the [Runtime] found in
// ctx, else under [Default]; without either it is a plain goroutine whose panic
// is contained, and whose options are not kept, which is logged once. fn gets a
// context that is cancelled when it returns, when ctx
// is, and with a cause when hale or [Task.Cancel] stops it.
//
// Go never panics and never blocks. Work that cannot start gives a task that
// has ended: with [ErrNilFunc], [ErrQuarantined] or [ErrClosed]. An empty name
// becomes the function's; one with characters that are not printable or of more
// than 128 bytes is mended; a negative duration counts as not given, a grace above
// 24h as that. Each of these is reported once for each name as an event.
//
// It takes 1.4 to 1.8 times as long as a bare go statement, and 2 allocations of
// 72 bytes in all.
func Go(ctx context.Context, name string, fn func(context.Context) error, opts ...TaskOption) *Task {
	return runtimeOf(ctx).Go(ctx, name, fn, opts...)
}

// Go is [Go] under this runtime.
func (rt *Runtime) Go(ctx context.Context, name string, fn func(context.Context) error, opts ...TaskOption) *Task {
	rt = rt.made()
	o := rt.options(name, opts)
	if o != nil && o.supervised && rt != nil {
		if o.ctx = ctx; ctx == nil {
			o.ctx = context.Background()
		}
		return rt.root.add(name, fn, o)
	}
	t, at := rt.newTask(ctx, name, fn, o)
	if t.scope.state.Load() == taskDone {
		return t
	}
	if at != nil {
		t.start(at, entryOf(fn), false)
	}
	go func() { t.run(fn, nil) }() // a closure of 24 bytes; with the nil in it, it has 32
	return t
}

// Do runs fn on the calling goroutine as the task name and returns its error.
// It is what a request handler is wrapped in: a panic comes back as a
// [*PanicError], and whatever fn starts is attributed to the task. A handler that
// panics with [net/http.ErrAbortHandler] is to be let go on: panic with it again.
// The task can be cancelled and its name quarantined, but it cannot be abandoned, and
// [Restart] has no effect. Otherwise it is like [Go].
func Do(ctx context.Context, name string, fn func(context.Context) error, opts ...TaskOption) error {
	return runtimeOf(ctx).Do(ctx, name, fn, opts...)
}

// Do is [Do] under this runtime.
func (rt *Runtime) Do(ctx context.Context, name string, fn func(context.Context) error, opts ...TaskOption) error {
	rt = rt.made()
	t, at := rt.newTask(ctx, name, fn, rt.options(name, opts))
	if t.scope.state.Load() == taskRunning {
		t.scope.flags |= flagInline
		if at != nil {
			t.start(at, entryOf(fn), false)
		}
		t.run(fn, former(t.scope.parent))
	}
	return blame(t.scope.parent, name, t.Err())
}

// Detach declares that the calling goroutine is meant to outlive the task that
// started it: a janitor or a connection's reader made on first use. It takes
// the goroutine, and whatever it starts from now on, out of that task and
// returns a context that carries ctx's values and not its cancellation. Call it
// first thing in the new goroutine, with a name of its own. What is detached is not
// fenced with the task; see [Fenced]. It is in no span: what it does from now on is
// no part of the trace that the task was in.
func Detach(ctx context.Context, name string) context.Context {
	if ctx == nil {
		ctx = context.Background()
	}
	rt := runtimeOf(ctx).made()
	out := apart{context.WithoutCancel(ctx)}
	if rt == nil {
		return out
	}
	if t := rt.tracer(); t != nil {
		out = apart{t.detach(out)}
	}
	s := rt.familyFor(name, func() string { return "detached" }, "")
	s.mu.Lock()
	if s.detached == nil {
		s.detached = newCell(s, s.cellID(), new(cellCount))
		s.detached.enter() // never left: it lives as long as the runtime
		rt.reg.addCell(s.detached)
	}
	c := s.detached
	s.mu.Unlock()
	setGoroutineLabels(c.bears)
	return &scope{parent: out, cell: c}
}

// unkept tells once in a process that options were given without a runtime.
var unkept sync.Once

// newTask makes the task without starting it, and returns what it is to be
// counted in, nil without a runtime. A task that may not start has ended.
func (rt *Runtime) newTask(ctx context.Context, name string, fn func(context.Context) error, o *taskOptions) (*Task, *family) {
	if ctx == nil {
		ctx = context.Background()
	}
	t := &Task{}
	t.scope.parent = ctx
	if fn == nil {
		if rt != nil {
			rt.misuse(observe.Subject{Name: printable(name, maxName)}, "nil function: nothing was started")
		}
		t.conclude(ErrNilFunc)
		return t, nil
	}
	var domain observe.Domain
	if o != nil {
		domain = o.domain
		t.declare(o.contract)
	}
	if rt == nil {
		if o != nil {
			unkept.Do(func() {
				slog.Warn("hale: a task declares what nobody keeps: there is no runtime; see hale.SetDefault", "task", printable(name, maxName))
			})
		}
		return t, nil
	}
	at := rt.familyFor(name, func() string { return runtime.FuncForPC(entryOf(fn)).Name() }, domain)
	switch err := at.admit(); {
	case rt.closed.Load():
		t.refuse(at, ErrClosed)
	case err != nil:
		t.refuse(at, err)
	}
	return t, at
}

// declare notes what a task's options say about each of its runs.
func (t *Task) declare(o contract) {
	if o.crash {
		t.scope.flags |= flagCrash
	}
	if o.heartbeat > 0 || o.budget > 0 {
		t.scope.declare().watch = newWatch(o)
	}
}

// refuse ends a task that may not start.
func (t *Task) refuse(at *family, err error) {
	t.scope.declare().family = at
	t.conclude(err)
}

// familyFor returns the family of a name that a caller gave, mended if need be.
func (rt *Runtime) familyFor(name string, fallback func() string, domain observe.Domain) *family {
	if s := rt.reg.lookup(name); s != nil {
		return s // a known name is clean
	}
	clean, mended := cleanName(name, fallback)
	if mended != "" {
		rt.misuse(observe.Subject{Name: clean}, mended)
	}
	return rt.reg.family(clean, observe.Domain(printable(string(domain), maxName)))
}

// options applies opts and mends durations that cannot be used, aloud. It returns nil
// without any: most tasks declare nothing.
func (rt *Runtime) options(name string, opts []TaskOption) *taskOptions {
	if len(opts) == 0 {
		return nil
	}
	o := new(taskOptions)
	for _, opt := range opts {
		if opt != nil {
			opt(o)
		}
	}
	for _, d := range []*time.Duration{&o.heartbeat, &o.budget, &o.grace} {
		if *d < 0 {
			*d = 0
			if rt != nil {
				rt.misuse(observe.Subject{Name: printable(name, maxName)}, "negative heartbeat, budget or grace: it counts as not given")
			}
		}
	}
	if o.restart > Permanent {
		if rt != nil {
			rt.misuse(observe.Subject{Name: printable(name, maxName)}, o.restart.String()+" is none: it counts as permanent")
		}
		o.restart = Permanent // who asks for restarts would rather have too many
	}
	switch {
	case o.grace == 0:
		o.grace = defaultGrace
	case o.grace > maxDuration:
		o.grace = maxDuration
		if rt != nil {
			rt.misuse(observe.Subject{Name: printable(name, maxName)}, "a grace above 24h: it counts as 24h")
		}
	}
	return o
}

// runtimeOf returns the runtime that ctx runs under, else the default one.
func runtimeOf(ctx context.Context) *Runtime { return runtimeIn(ctx, SpanOf(ctx)) }

// runtimeIn is runtimeOf for who knows the span that ctx is in.
func runtimeIn(ctx context.Context, span *Span) *Runtime {
	if s := scopeOf(ctx); s != nil {
		if at := s.family(); at != nil {
			return at.rt
		}
	}
	if span != nil {
		return span.Operation().rt
	}
	return Default()
}
