package isolate

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// Bulkhead bounds how many calls run at once and how many wait for that. Those that
// wait are let in by their [Criticality], and among equals in the order in which they
// came; when the queue is full the least critical makes place, the newest of them
// first. Make one with [NewBulkhead]. All methods may be called from any goroutine; a
// nil Bulkhead lets everything in.
//
// What was let in must be given back by one [Bulkhead.Release], also when the work
// panics: do it in a defer. Both together take one uncontended compare-and-swap each
// and no allocation; to wait takes one of each.
type Bulkhead struct {
	limit   atomic.Int64
	inUse   atomic.Int64
	waiting atomic.Int64 // in the queue; whoever makes room looks at it
	refused atomic.Uint64
	maxWait atomic.Int64 // nanoseconds

	mu    sync.Mutex
	queue int64
	lines [levels]line // by criticality
}

// BulkheadStat is the state of a [Bulkhead].
type BulkheadStat struct {
	Limit   int    `json:"limit"`
	InUse   int    `json:"in_use"`
	Waiting int    `json:"waiting,omitempty"`
	Refused uint64 `json:"refused,omitempty"` // so far, those that waited in vain among them
}

// NewBulkhead returns a bulkhead, or a [*ConfigError].
func NewBulkhead(c BulkheadConfig) (*Bulkhead, error) {
	c, err := c.WithDefaults()
	if err != nil {
		return nil, err
	}
	b := new(Bulkhead)
	b.set(c)
	return b, nil
}

func (b *Bulkhead) set(c BulkheadConfig) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.queue = int64(c.Queue)
	b.maxWait.Store(int64(c.MaxWait))
	b.limit.Store(int64(c.Limit))
	b.grant()
}

// Reconfigure changes the settings, as [Bulkhead.Resize] does the limit. What waits
// already goes on waiting. A [*ConfigError] changes nothing.
func (b *Bulkhead) Reconfigure(c BulkheadConfig) error {
	c, err := c.WithDefaults()
	if err == nil && b != nil {
		b.set(c)
	}
	return err
}

// TryAcquire lets one call in if there is room and nobody waits for it.
func (b *Bulkhead) TryAcquire() bool { return b == nil || b.enter() }

// Acquire lets one call in, waiting for room as long as the settings say. It returns
// [ErrFull] when there was none, or the cause of ctx when that ended first.
func (b *Bulkhead) Acquire(ctx context.Context, c Criticality) error {
	if b == nil || b.enter() {
		return nil
	}
	return b.wait(ctx, c)
}

// enter takes a place if there is one and nobody waits for it.
func (b *Bulkhead) enter() bool {
	return b.waiting.Load() == 0 && b.take()
}

// TryAcquireSpare is TryAcquire for what is to leave room for others: it lets the call in
// only while less than half of the places are taken.
func (b *Bulkhead) TryAcquireSpare() bool {
	return b == nil || (b.waiting.Load() == 0 && b.takeOf(2))
}

// take takes a place if there is one.
func (b *Bulkhead) take() bool { return b.takeOf(1) }

// takeOf takes a place if there is one in the first part of them: all, or half.
func (b *Bulkhead) takeOf(parts int64) bool {
	for n := b.inUse.Load(); n < b.limit.Load()/parts; n = b.inUse.Load() {
		if b.inUse.CompareAndSwap(n, n+1) {
			return true
		}
	}
	return false
}

// Release gives a place back.
func (b *Bulkhead) Release() {
	if b == nil {
		return
	}
	b.inUse.Add(-1)
	if b.waiting.Load() > 0 { // after the place is free: see wait
		b.mu.Lock()
		b.grant()
		b.mu.Unlock()
	}
}

// Resize changes how many may run at once. It does not wait and stops nothing: where
// more run than may from now on, nobody is let in until they are fewer. Of 0 and less,
// nobody is let in until it is changed again.
func (b *Bulkhead) Resize(limit int) {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.limit.Store(int64(min(max(limit, 0), most)))
	b.grant()
}

// Stat returns the state now.
func (b *Bulkhead) Stat() BulkheadStat {
	if b == nil {
		return BulkheadStat{}
	}
	return BulkheadStat{
		Limit: int(b.limit.Load()), InUse: int(b.inUse.Load()), Waiting: int(b.waiting.Load()), Refused: b.refused.Load(),
	}
}

// waiter is one call that waits. Its fields are guarded by the bulkhead's mutex.
type waiter struct {
	ready  chan struct{} // closed when it is let in or turned away
	let    bool
	queued bool

	next, previous *waiter
}

// wait queues the call. A place that becomes free after it is counted as waiting is
// handed over by who frees it; one that did before is seen by grant.
func (b *Bulkhead) wait(ctx context.Context, c Criticality) error {
	at := c.Rank()
	w := b.join(at)
	if w == nil {
		b.refused.Add(1)
		return ErrFull
	}
	timer := time.NewTimer(time.Duration(b.maxWait.Load()))
	defer timer.Stop()
	why := ErrFull
	select {
	case <-w.ready:
	case <-timer.C:
	case <-ctx.Done():
		why = context.Cause(ctx)
	}
	switch let := b.leave(w, at); {
	case let && ctx.Err() == nil:
		return nil
	case let: // for one that nobody waits for any more
		b.Release()
		return context.Cause(ctx)
	}
	b.refused.Add(1)
	return why
}

// join puts a call of a level into the queue, and lets in whoever may. It returns nil
// where there is no place to wait.
func (b *Bulkhead) join(at int) *waiter {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.waiting.Load() >= b.queue && !b.evict(at) {
		return nil
	}
	w := &waiter{ready: make(chan struct{}), queued: true}
	b.lines[at].push(w)
	b.waiting.Add(1)
	b.grant()
	return w
}

// leave takes a call out of the queue and reports whether it was let in.
func (b *Bulkhead) leave(w *waiter, at int) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if w.queued {
		b.remove(w, at)
	}
	return w.let
}

// evict turns away the newest of those that are less critical than a level, and reports
// whether there was one. b.mu is held.
func (b *Bulkhead) evict(at int) bool {
	for i := range b.lines[:at] {
		if w := b.lines[i].last; w != nil {
			b.remove(w, i)
			close(w.ready)
			return true
		}
	}
	return false
}

// grant lets in those that wait while there is room, the most critical first. b.mu is
// held.
func (b *Bulkhead) grant() {
	for i := len(b.lines) - 1; i >= 0; i-- {
		for w := b.lines[i].first; w != nil; w = b.lines[i].first {
			if !b.take() {
				return
			}
			b.remove(w, i)
			w.let = true
			close(w.ready)
		}
	}
}

// remove takes a call out of its line. b.mu is held.
func (b *Bulkhead) remove(w *waiter, at int) {
	b.lines[at].remove(w)
	w.queued = false
	b.waiting.Add(-1)
}

// line is those that wait and are equally critical, oldest first.
type line struct{ first, last *waiter }

func (l *line) push(w *waiter) {
	if w.previous = l.last; l.last == nil {
		l.first = w
	} else {
		l.last.next = w
	}
	l.last = w
}

func (l *line) remove(w *waiter) {
	if w.previous == nil {
		l.first = w.next
	} else {
		w.previous.next = w.next
	}
	if w.next == nil {
		l.last = w.previous
	} else {
		w.next.previous = w.previous
	}
	w.next, w.previous = nil, nil
}
