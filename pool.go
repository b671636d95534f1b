package hale

import (
	"cmp"
	"context"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hale-go/hale/observe"
)

// Pool runs units of work on a bounded number of reused workers and heals
// itself: a worker whose unit ignores cancellation past its grace is abandoned,
// counted, and replaced by a fresh one, so that stuck units cost goroutines and
// not capacity, up to four times MaxAbandoned of them. Make one with
// [Runtime.NewPool]; what a nil or zero Pool is handed it refuses with a
// [*ConfigError]. All methods may be called from any goroutine.
type Pool struct {
	rt     *Runtime
	family *family
	cfg    PoolConfig // MaxAbandoned is 0 where it follows the size

	states *states // nil: workers have no state

	closing  chan struct{} // closed when no more units are taken
	drained  chan struct{} // closed when the last worker is gone
	room     chan struct{} // wakes a submitter that waits for room; holds one token
	scanning atomic.Bool   // the scanner runs

	mu       sync.Mutex // held for some nanoseconds only, never while foreign code runs
	parked   sync.Cond  // idle workers wait here
	queue    ring       // at most cfg.Queue, and what was given back to it
	workers  []*worker  // live and not abandoned
	size     int        // workers there may be
	cap      int        // abandoned bodies at which the pool counts as exhausted
	leaving  int        // workers that will take no more
	opening  int        // workers that make their state, for a unit that is queued
	idle     int        // parked, and nobody has woken them yet
	waiting  int        // submitters that wait for room
	starved  int        // of them: those that others have overtaken for too long
	finished uint64     // units, but for those that their workers have not told yet
	closed   bool
	lost     []*unit // that ran and were given up since

	sized     bool // its own settings say how many workers it has
	discarded bool // Close has lost its patience: nothing is run again
}

// NewPool returns a pool whose units are tasks of name. What cfg leaves 0 is taken from
// the settings of the domain of that name, [DomainConfig].Pool. A setting that cannot
// be used gives a [*ConfigError]. The runtime's Close closes the pool.
func (rt *Runtime) NewPool(name string, cfg PoolConfig) (*Pool, error) {
	return rt.newPool(name, cfg, nil)
}

func (rt *Runtime) newPool(name string, cfg PoolConfig, s *states) (*Pool, error) {
	if rt = rt.made(); rt == nil {
		return nil, noRuntime()
	}
	own := cfg.Workers
	cfg, err := cfg.or(rt.config().Domains[name].Pool).withDefaults(runtime.GOMAXPROCS(0))
	if err != nil {
		return nil, err
	}
	p := &Pool{
		sized: own > 0,
		rt:    rt, cfg: cfg, states: s, family: rt.familyFor(name, func() string { return "pool" }, ""),
		size: cfg.Workers, cap: cmp.Or(cfg.MaxAbandoned, cfg.Workers),
		closing: make(chan struct{}), drained: make(chan struct{}), room: make(chan struct{}, 1),
	}
	p.parked.L = &p.mu
	if err := rt.addPool(p); err != nil {
		return nil, err
	}
	return p, nil
}

// Name returns the name that the pool's units run under.
func (p *Pool) Name() string {
	if p.usable() != nil {
		return ""
	}
	return p.family.name
}

// Stat returns the pool's state now.
func (p *Pool) Stat() observe.PoolStat {
	if p.usable() != nil {
		return observe.PoolStat{}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	st := observe.PoolStat{
		Name: p.family.name, Domain: p.family.domain, Size: p.size, Workers: len(p.workers), Queued: p.queue.n,
		Finished: p.finished, Abandoned: int(p.family.abandoned.Load()), Cap: p.cap,
	}
	for _, w := range p.workers {
		if w.current.Load() != nil {
			st.Busy++
		}
	}
	return st
}

// Resize changes how many units may run at once, from 1 to 1048576, while the
// pool runs. It does not wait: a larger pool starts workers at once for what is
// queued, a smaller one lets workers end when they have finished their unit,
// and ends no unit. MaxAbandoned follows unless it was given; the queue keeps
// its length. Anything else than such a number gives a [*ConfigError], a closed
// pool [ErrClosed].
func (p *Pool) Resize(workers int) error {
	if err := p.usable(); err != nil {
		return err
	}
	if workers < 1 || workers > most {
		return &ConfigError{Field: "Pool.Resize", Value: workers, Mend: fmt.Sprintf("give a number of workers from 1 to %d", most)}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return ErrClosed
	}
	p.size = workers
	if p.cfg.MaxAbandoned == 0 {
		p.cap = workers
	}
	for range min(p.queue.n, p.size-len(p.workers)) {
		p.startLocked()
	}
	// As many as are counted out, and no Broadcast: a submitter that has counted
	// a worker out may signal only now. That signal must find the worker parked,
	// not one that has come back since and is counted in.
	for range min(p.idle, len(p.workers)-p.leaving-p.size) {
		p.idle--
		p.parked.Signal()
	}
	return nil
}

// follow resizes a pool whose size is the settings' to what they say now.
func (p *Pool) follow(c *PoolConfig) {
	if !p.sized && c != nil && c.Workers > 0 && p.Stat().Size != c.Workers {
		_ = p.Resize(c.Workers) // it was checked; a pool that closes needs no size
	}
}

// Close takes no more units, lets those that were accepted finish, and waits
// for them as long as ctx allows. Then it cancels what still runs with
// [ErrClosed], gives it the pool's grace and abandons the rest. When not all
// finished it returns an error that says how many, also when they were abandoned
// for their budget while it waited: that error matches [ErrAbandoned], or the
// cause of ctx when ctx ended first. It is idempotent.
func (p *Pool) Close(ctx context.Context) error {
	if p.usable() != nil {
		return nil
	}
	if ctx == nil {
		ctx = context.Background()
	}
	return p.close(ctx, p.cfg.Grace)
}

func (p *Pool) close(ctx context.Context, grace time.Duration) error {
	p.mu.Lock()
	first := !p.closed
	if first {
		p.closed = true
		close(p.closing)
		p.idle = 0 // all are woken, and none parks again
		p.parked.Broadcast()
		p.endIfDrainedLocked()
	}
	p.mu.Unlock()
	if first {
		p.rt.dropPool(p)
	}
	select {
	case <-p.drained:
		return p.unfinished(0, ErrAbandoned)
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
	p.abandonAll()
	return p.unfinished(unrun, context.Cause(ctx))
}

// unfinished is Close's error, nil if everything finished.
func (p *Pool) unfinished(unrun int, why error) error {
	p.mu.Lock()
	stuck := len(p.lost)
	p.mu.Unlock()
	if unrun+stuck == 0 {
		return nil
	}
	return fmt.Errorf("pool %s: %d queued units were not run, %d running ones were abandoned: %w", p.family.name, unrun, stuck, why)
}

// discard gives up what is still queued and returns how much that was.
func (p *Pool) discard() int {
	p.mu.Lock()
	p.discarded = true
	p.mu.Unlock()
	return p.refuse(ErrClosed)
}
