package hale

import (
	"context"
	"reflect"
	"sync/atomic"
	"time"

	"github.com/hale-go/hale/isolate"
)

// flight is a body that runs on a goroutine of its own while its caller waits, so that
// the caller gets control back when the time is up, whatever the body does. Whoever
// changes its state settles what it holds: that happens once.
type flight struct {
	wall  *Wall
	visit *callVisit // whose places it has; nil: it has none
	plan  *plan
	task  *Task
	done  chan struct{}
	state atomic.Uint32
	timer atomic.Pointer[time.Timer] // that gives it up
}

// States of a flight.
const (
	flying uint32 = iota // the caller waits
	left                 // the caller has gone: the body has its grace
	lost                 // it has been given up
	landed               // the body has returned
)

// maxBehind bounds how many bodies of one name that no bulkhead bounds are left behind:
// further calls find no room, and further fallbacks are not asked.
const maxBehind = 1024

// detach runs fn as a task on a goroutine of its own, for as long as the plan's timeout.
// v is nil for what has no place behind the wall.
func detach[T any](ctx context.Context, w *Wall, p *plan, v *callVisit, o *callOptions, fn func(context.Context) (T, error)) (T, error) {
	launched := false
	defer func() {
		if !launched { // the caller's context ended the goroutine
			v.giveBack()
		}
	}()
	run, cancel := context.WithTimeoutCause(hear(v.ctx(ctx)), p.timeout, ErrTimeout)
	out := new(T) // read only if the body returned: one that is left behind may write it later
	f := &flight{wall: w, visit: v, plan: p, task: new(Task), done: make(chan struct{})}
	f.task.scope.parent = run
	f.task.start(w.family, reflect.ValueOf(fn).Pointer(), false)
	if v != nil {
		w.detached.Add(1)
		w.flying.Add(1)
		defer w.flying.Add(-1)
	}
	launched = true
	go func() {
		defer cancel()
		defer f.land()
		f.task.run(func(ctx context.Context) (err error) {
			*out, err = fn(ctx)
			return err
		}, nil)
	}()
	select {
	case <-f.done:
	case <-run.Done():
		if f.leave() {
			err := f.late(ctx)
			f.visit.settleLate(ctx, o, err)
			return *new(T), err
		}
	}
	err := f.task.Err()
	if err != nil && errOf(ctx) == nil && matches(causeOf(run), ErrTimeout) { // it heeded the end of its time
		err = f.late(ctx)
	}
	v.leave(ctx, o, err)
	return *out, err
}

// land is called when the body has returned.
func (f *flight) land() {
	defer close(f.done)
	switch {
	case f.state.CompareAndSwap(flying, landed): // the caller gives back what it holds
	case f.state.CompareAndSwap(left, landed):
		f.wall.behind.Add(-1)
		if t := f.timer.Load(); t != nil {
			t.Stop()
		}
		f.visit.giveBack()
	default:
		f.state.Store(landed)
		f.wall.behind.Add(-1)
		for _, s := range f.plan.bulkheads {
			s.domain.lost.Add(-1)
		}
	}
}

// leave leaves the body behind and reports whether it had not returned.
func (f *flight) leave() bool {
	f.wall.behind.Add(1)
	if !f.state.CompareAndSwap(flying, left) {
		f.wall.behind.Add(-1)
		return false
	}
	f.timer.Store(time.AfterFunc(f.plan.grace, f.giveUp))
	if f.state.Load() == landed { // before there was a timer to stop
		f.timer.Load().Stop()
	}
	return true
}

// late is the error of a caller that could wait no longer.
func (f *flight) late(ctx context.Context) error {
	if errOf(ctx) != nil {
		return causeOf(ctx)
	}
	f.wall.timedOut.Add(1)
	return &isolate.TimeoutError{At: f.wall.family.name, After: f.plan.timeout}
}

// giveUp frees the places of a body that ignores the end of its context, unless too many
// were given up: then it keeps them, so that stuck bodies cannot fill the memory.
func (f *flight) giveUp() {
	for _, s := range f.plan.bulkheads {
		if s.domain.lost.Load() >= int64(s.cfg.Bulkhead.Limit) {
			return
		}
	}
	if !f.state.CompareAndSwap(left, lost) {
		return
	}
	for _, s := range f.plan.bulkheads {
		s.domain.lost.Add(1)
	}
	f.task.abandon()
	f.visit.giveBack()
}
