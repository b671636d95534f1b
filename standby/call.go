package standby

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// outcome is what a call came to.
type outcome[T any] struct {
	side    int
	value   T
	opened  bool // value is new
	verdict verdict
	epoch   uint64
	err     *SideError
}

// launch begins a check of a side, which opens it first where that is needed, or a
// promotion and the check after it.
func (sw *Switch[T]) launch(ctx context.Context, i int, promote bool, now time.Time) {
	f := &sw.sides[i]
	limit := sw.cfg.Timeout
	if promote {
		limit = sw.cfg.PromoteTimeout
	}
	ctx, cancel := context.WithCancelCause(ctx)
	f.began, f.call = now, &call{deadline: now.Add(limit), promote: promote, cancel: cancel}
	side, value, opened := f.Side, f.value, f.opened
	go func() {
		defer cancel(nil)
		op := "open"
		o := &outcome[T]{side: i, value: value, verdict: failed}
		o.err = &SideError{Side: side.Name, Op: "check", Err: errGoexit, text: errGoexit.Error()} // stands if the goroutine ends
		defer sw.deliver(o)
		returned := false
		defer func() {
			if returned {
				return
			}
			o.verdict, o.err.Op = failed, op
			if v := recover(); v != nil {
				o.err = sideError(side.Name, op, fmt.Errorf("it panicked with %T: %.200v", v, v))
			}
		}()
		err := side.run(ctx, o, &op, opened, promote)
		if err != nil {
			made := sideError(side.Name, op, err)
			if op == "check" && errors.Is(err, ErrReadOnly) {
				o.verdict = readOnly
			}
			o.err = made
		}
		returned = true
	}()
}

// run calls the side's functions. op is which one.
func (s Side[T]) run(ctx context.Context, o *outcome[T], op *string, opened, promote bool) error {
	if !opened {
		v, err := s.Open(ctx)
		if err != nil {
			return err
		}
		o.value, o.opened = v, true
	}
	var refused error
	if promote {
		*op = "promote"
		refused = s.Promote(ctx, o.value)
	}
	*op = "check" // also where it was refused: another process may have promoted it
	if err := s.Check(ctx, o.value); err != nil {
		if refused != nil {
			*op = "promote"
			return refused
		}
		return err
	}
	if s.Epoch != nil {
		*op = "epoch"
		n, err := s.Epoch(ctx, o.value)
		if err != nil {
			return err
		}
		o.epoch = n
	}
	o.verdict, o.err = passed, nil
	return nil
}

// deliver gives the outcome to Run, or closes what was opened when that has ended.
func (sw *Switch[T]) deliver(o *outcome[T]) {
	sw.mu.Lock()
	late := sw.closed
	if !late {
		sw.results <- o // there is room: a side has one call at a time
	}
	sw.mu.Unlock()
	if late && o.opened {
		_ = sw.sides[o.side].shut(o.value) // nobody is left to tell
	}
}

// shut calls Close, and contains a panic.
func (s Side[T]) shut(v T) (err *SideError) {
	if s.Close == nil {
		return nil
	}
	defer func() {
		if p := recover(); p != nil {
			err = sideError(s.Name, "close", fmt.Errorf("it panicked with %T: %.200v", p, p))
		}
	}()
	if err := s.Close(v); err != nil {
		return sideError(s.Name, "close", err)
	}
	return nil
}
