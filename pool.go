package hale

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hale-go/hale/observe"
)

// PoolConfig says how a pool works. The zero value is useful.
type PoolConfig struct {
	// Workers is how many units run at once. They are started when first
	// needed. Default: GOMAXPROCS.
	Workers int `json:"workers" yaml:"workers"`
	// Queue is how many units may wait. Default: 64 for each worker.
	Queue int `json:"queue" yaml:"queue"`
	// MaxWait is how long a unit may wait for room in the queue before
	// [ErrFull]. Default: 0, as long as the submitter's context allows.
	MaxWait time.Duration `json:"max_wait" yaml:"max_wait"`
	// Budget is the longest that a unit may run. Past it, its context is
	// cancelled with [ErrBudget]. Default: 0, no limit and no replacement.
	Budget time.Duration `json:"budget" yaml:"budget"`
	// Grace is how long a unit may take to return after that, before its worker
	// is abandoned and replaced. Default: half of Budget, at least 10ms.
	Grace time.Duration `json:"grace" yaml:"grace"`
	// MaxAbandoned is how many abandoned bodies may be alive before the pool
	// counts as exhausted, which is a finding. Replacement goes on up to four
	// times as many; then a stuck worker keeps its slot, so that a pool cannot
	// fill the memory with goroutines. Default: the number of workers.
	MaxAbandoned int `json:"max_abandoned" yaml:"max_abandoned"`
}

// hardCap is how many times MaxAbandoned a pool gives slots away.
const hardCap = 4

func (c PoolConfig) withDefaults(procs int) (PoolConfig, error) {
	for _, f := range []struct {
		name  string
		value int64
	}{
		{"Workers", int64(c.Workers)},
		{"Queue", int64(c.Queue)},
		{"MaxAbandoned", int64(c.MaxAbandoned)},
		{"MaxWait", int64(c.MaxWait)},
		{"Budget", int64(c.Budget)},
		{"Grace", int64(c.Grace)},
	} {
		if f.value < 0 {
			return c, &ConfigError{Field: "PoolConfig." + f.name, Value: f.value, Mend: "give a value above 0, or 0 for the default"}
		}
	}
	const most = 1 << 20 // what a slip of the finger would ask for goes no further
	if c.Workers > most || c.Queue > most {
		return c, &ConfigError{Field: "PoolConfig.Workers or Queue", Value: max(c.Workers, c.Queue), Mend: fmt.Sprintf("give at most %d", most)}
	}
	if c.Workers == 0 {
		c.Workers = procs
	}
	if c.Queue == 0 {
		c.Queue = 64 * c.Workers
	}
	if c.Grace == 0 {
		c.Grace = max(c.Budget/2, 10*time.Millisecond)
	}
	if c.MaxAbandoned == 0 {
		c.MaxAbandoned = c.Workers
	}
	return c, nil
}

// Pool runs units of work on a bounded number of reused workers and heals
// itself: a worker whose unit ignores cancellation past its grace is abandoned,
// counted, and replaced by a fresh one, so that stuck units cost goroutines and
// not capacity, up to four times MaxAbandoned of them. Make one with [Runtime.NewPool]. All methods may be called
// from any goroutine.
type Pool struct {
	rt   *Runtime
	site *site
	cfg  PoolConfig

	queue    chan *unit
	closing  chan struct{} // closed when no more units are taken
	drained  chan struct{} // closed when the last worker is gone
	senders  atomic.Int64  // calls that may still put a unit in the queue
	closed   atomic.Bool
	idle     atomic.Int64 // workers that wait for a unit
	spawned  atomic.Int64 // len(workers), to be read without the lock
	finished atomic.Uint64
	scanning atomic.Bool // the scanner runs

	mu      sync.Mutex
	workers []*worker // live and not abandoned, at most cfg.Workers
}

// NewPool returns a pool whose units are tasks of name. A setting that cannot
// be used gives a [*ConfigError]. The runtime's Close closes the pool.
func (rt *Runtime) NewPool(name string, cfg PoolConfig) (*Pool, error) {
	if rt = rt.made(); rt == nil {
		return nil, noRuntime()
	}
	cfg, err := cfg.withDefaults(runtime.GOMAXPROCS(0))
	if err != nil {
		return nil, err
	}
	p := &Pool{
		rt: rt, cfg: cfg, site: rt.siteFor(name, func() string { return "pool" }, ""),
		queue: make(chan *unit, cfg.Queue), closing: make(chan struct{}), drained: make(chan struct{}),
	}
	if err := rt.addPool(p); err != nil {
		return nil, err
	}
	return p, nil
}

// Go hands fn to the pool and does not wait for it: a nil error means that it
// will run, unless Close gives it up or ctx ends before a worker is free. It
// returns [ErrNilFunc], [ErrClosed], [ErrQuarantined], [ErrFull] after MaxWait,
// or the context's error when ctx ended while the unit waited for room. fn's
// own error is counted, and its panic is an event. It costs one allocation.
func (p *Pool) Go(ctx context.Context, fn func(context.Context) error) error {
	return p.enqueue(&unit{}, ctx, fn)
}

// Submit hands fn to the pool, waits for it and returns its error with its
// chain intact. Besides what [Pool.Go] returns it may be a [*PanicError], a
// [*TaskError] when the unit outran its budget, or [ErrAbandoned]. When ctx
// ends first, Submit returns its cause at once, and the unit, whose context is
// cancelled too, is left to the pool.
func (p *Pool) Submit(ctx context.Context, fn func(context.Context) error) error {
	_, err := p.submit(ctx, fn)
	return err
}

// Submit hands fn to the pool, waits for it and returns what it returned; see
// [Pool.Submit]. It is a function because Go has no generic methods.
func Submit[T any](ctx context.Context, p *Pool, fn func(context.Context) (T, error)) (T, error) {
	var zero T
	if fn == nil {
		return zero, p.submitNil()
	}
	out := new(T) // read only if the body returned: one that is given up may write it later
	returned, err := p.submit(ctx, func(ctx context.Context) error {
		v, err := fn(ctx)
		*out = v
		return err
	})
	if !returned {
		return zero, err
	}
	return *out, err
}

// submitNil reports a nil function the way that the untyped calls do.
func (p *Pool) submitNil() error { return p.enqueue(&unit{}, nil, nil) }

// submit reports whether the error is of the body's own return.
func (p *Pool) submit(ctx context.Context, fn func(context.Context) error) (bool, error) {
	u := &unit{done: make(chan struct{})}
	if err := p.enqueue(u, ctx, fn); err != nil {
		return false, err
	}
	select {
	case <-u.done:
		return u.returned, u.err
	case <-u.parent.Done():
	}
	select {
	case <-u.done: // both were ready: the result counts
		return u.returned, u.err
	default:
		return false, context.Cause(u.parent)
	}
}

// enqueue puts the unit in the queue, waiting for room as long as it may.
func (p *Pool) enqueue(u *unit, ctx context.Context, fn func(context.Context) error) error {
	switch {
	case p == nil:
		return &ConfigError{Field: "Pool", Value: nil, Mend: "make one with Runtime.NewPool"}
	case fn == nil:
		p.rt.misuse(observe.Subject{Name: p.site.name}, "nil function: nothing was submitted")
		return ErrNilFunc
	case ctx == nil:
		ctx = context.Background()
	}
	if err := p.site.admit(); err != nil {
		return err
	}
	u.parent, u.rt, u.site, u.fn = ctx, p.rt, p.site, fn
	p.senders.Add(1)
	defer p.senders.Add(-1)
	if p.closed.Load() {
		return ErrClosed
	}
	select {
	case p.queue <- u:
	default:
		p.spawn()
		if err := p.waitForRoom(u); err != nil {
			return err
		}
	}
	p.spawn()
	return nil
}

// waitForRoom is the slow path of enqueue.
func (p *Pool) waitForRoom(u *unit) error {
	var timeout <-chan time.Time
	if p.cfg.MaxWait > 0 {
		timer := time.NewTimer(p.cfg.MaxWait)
		defer timer.Stop()
		timeout = timer.C
	}
	select {
	case p.queue <- u:
		return nil
	case <-timeout:
		return ErrFull
	case <-p.closing:
		return ErrClosed
	case <-u.parent.Done():
		return context.Cause(u.parent)
	}
}

// Name returns the name that the pool's units run under.
func (p *Pool) Name() string { return p.site.name }

// Stat returns the pool's state now.
func (p *Pool) Stat() observe.PoolStat {
	p.mu.Lock()
	defer p.mu.Unlock()
	st := observe.PoolStat{
		Name: p.site.name, Domain: p.site.domain, Workers: len(p.workers), Queued: len(p.queue),
		Finished: p.finished.Load(), Abandoned: int(p.site.abandoned.Load()), Cap: p.cfg.MaxAbandoned,
	}
	for _, w := range p.workers {
		if w.word.Load()&stateMask != workerIdle {
			st.Busy++
		}
	}
	return st
}

// Close takes no more units, lets those that were accepted finish, and waits
// for them as long as ctx allows. Then it cancels what still runs with
// [ErrClosed], gives it the pool's grace, abandons the rest and returns an error
// that says how many did not finish. It is idempotent.
func (p *Pool) Close(ctx context.Context) error {
	if p == nil {
		return nil
	}
	return p.close(ctx, p.cfg.Grace)
}

func (p *Pool) close(ctx context.Context, grace time.Duration) error {
	p.mu.Lock()
	first := !p.closed.Swap(true)
	p.mu.Unlock()
	if first {
		close(p.closing)
		for p.senders.Load() > 0 {
			time.Sleep(50 * time.Microsecond) // they are on their way out
		}
		close(p.queue)
		p.spawn() // what is queued needs a worker, even if none was started yet
		p.gone(nil)
		p.rt.dropPool(p)
	}
	select {
	case <-p.drained:
		return nil
	case <-ctx.Done():
	}
	unrun := p.discard()
	p.cancelAll(ErrClosed)
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-p.drained:
	case <-timer.C:
	}
	stuck := p.abandonAll()
	if unrun+stuck == 0 {
		return nil
	}
	return fmt.Errorf("pool %s: %d queued units were not run, %d running ones were abandoned: %w", p.site.name, unrun, stuck, context.Cause(ctx))
}

// discard gives up what is still queued.
func (p *Pool) discard() int {
	n := 0
	for u := range p.queue {
		u.settle(ErrClosed, false)
		n++
	}
	return n
}
