package hale

import (
	"context"
	"fmt"
)

// runOf returns the innermost run of a supervised child that ctx belongs to, nil
// outside any.
func runOf(ctx context.Context) *Task {
	var run *Task
	above(ctx, func(t *Task) bool {
		if t.child() == nil {
			return true
		}
		run = t
		return false
	})
	return run
}

// above calls f for the task of ctx and those around it, innermost first, until
// f reports false.
func above(ctx context.Context, f func(*Task) bool) {
	for s := scopeOf(ctx); s != nil; s = scopeOf(ctx) {
		if t := FromContext(ctx); t != nil && !f(t) { // of the same scope, nil for a unit
			return
		}
		ctx = s.parent
		around := ctx
		if k, ok := ctx.(*known); ok {
			around = k.Context
		}
		if _, cut := around.(apart); cut {
			return
		}
	}
}

// apart is the context around a goroutine that was detached from its task.
type apart struct{ context.Context }

// Value leaves out the span around the task: it ends with that, and what is detached
// goes on.
func (c apart) Value(key any) any {
	switch key.(type) {
	case spanKey, traceKey:
		return nil
	}
	return c.Context.Value(key)
}

// Generation returns the number of the supervised child's run that ctx belongs
// to, 0 outside supervision. A run that begins later has a higher number, also
// when its child was added again or belongs to a supervisor that was made anew;
// the numbers have gaps. A store that keeps the highest that wrote, and refuses
// lower ones, is safe from a predecessor's late writes. What a run that was given
// up still starts below itself has a higher number too, and only [Fenced] tells
// it: where runs start supervisors of their own, ask that as well. It counts
// within one Runtime: where several processes write, put something that orders
// them before it.
func Generation(ctx context.Context) uint64 {
	if t := runOf(ctx); t != nil {
		return t.scope.seq.Load()
	}
	return 0
}

// Fenced returns an error that matches [ErrFenced] once the task that ctx belongs
// to, or one around it, was abandoned, or a newer run of it has begun; nil
// before, and outside any task. Ask right before a write that must not come from
// a predecessor. It takes about 100 ns. It says what holds now, and the write is
// later: where that gap matters, have the store compare [Generation].
func Fenced(ctx context.Context) error {
	var err error
	above(ctx, func(t *Task) bool {
		switch t.scope.state.Load() {
		case taskAbandoned, taskReturned:
			err = fmt.Errorf("%w: %s was abandoned", ErrFenced, t.scope.id())
		default:
			c := t.child()
			if c == nil {
				return true
			}
			if now := c.latest.Load(); now != nil && now != t {
				err = fmt.Errorf("%w: %s has taken the place of %s", ErrFenced, now.scope.id(), t.scope.id())
			}
		}
		return err == nil
	})
	return err
}
