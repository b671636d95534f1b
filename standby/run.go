package standby

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/hale-go/hale/internal/aside"
)

// Run opens both sides, checks them and switches between them until ctx ends; then it
// closes both and returns nil, or what their Close failed with. It is called once, and
// whoever calls it owns what goes on: the goroutines that it starts have ended when it returns, but
// for functions of a side, and an OnChange, that did not come back within [Config.Timeout]. Before
// it runs, and after, no side can be used.
//
// While no side can be used, or the standby is and nobody asked for it, the switch is unhealthy for the
// runtime of hale that ctx belongs to, if any, as "standby:" and the task's name: see
// [hale.ReportHealth].
func (sw *Switch[T]) Run(ctx context.Context) error {
	if !sw.ran.CompareAndSwap(false, true) {
		return ErrRunning
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	health := health{name: sw.part(ctx)}
	defer health.report(ctx, nil)
	for {
		var o *outcome[T]
		var asked *order
		hurry := false
		select {
		case <-ctx.Done():
			return sw.end()
		case o = <-sw.results:
		case asked = <-sw.orders:
		case <-sw.hurry:
			hurry = true
		case <-timer.C:
		}
		sw.mu.Lock()
		now := time.Now()
		if o != nil {
			sw.take(o, now)
		}
		if asked != nil {
			if sw.order != nil {
				sw.order.done <- &SideError{Side: sw.sides[sw.order.to].Name, Op: "switch", Err: errBusy}
			}
			sw.order = asked
		}
		if f := &sw.sides[sw.active]; hurry && f.call == nil {
			f.next = earlier(f.next, f.began.Add(sw.cfg.Interval/5))
		}
		sw.overdue(now)
		sw.decide(ctx, now)
		wake := sw.start(ctx, now)
		unwell := sw.unwell()
		sw.mu.Unlock()
		health.report(ctx, unwell)
		timer.Reset(wake.Sub(now))
	}
}

// overdue counts calls that are not back as failed checks, once when they are late and
// then as often as checks would begin.
func (sw *Switch[T]) overdue(now time.Time) {
	for i := range sw.sides {
		f := &sw.sides[i]
		c := f.call
		if c == nil || now.Before(c.deadline) {
			continue
		}
		if late := now.Sub(c.deadline); !c.late && !c.forgiven && late > sw.cfg.Timeout/4 {
			// This goroutine was not woken in time either: whoever starves it starves the check.
			c.forgiven, c.deadline = true, now.Add(min(late, sw.cfg.Timeout))
			continue
		}
		op := "check"
		if c.promote {
			op = "promote"
		}
		if !f.opened {
			op = "open"
		}
		if !c.late {
			c.late = true
			c.cancel(ErrTimeout)
			if c.promote {
				sw.unpromoted(i, now, &SideError{Side: f.Name, Op: op, Err: ErrTimeout})
			}
		}
		c.deadline = now.Add(sw.cfg.Interval)
		sw.heard(i, failed, &SideError{Side: f.Name, Op: op, Err: ErrTimeout}, now)
	}
}

// start begins the checks that are due and returns when to look again.
func (sw *Switch[T]) start(ctx context.Context, now time.Time) time.Time {
	wake := now.Add(sw.cfg.Interval)
	for i := range sw.sides {
		f := &sw.sides[i]
		if f.call == nil && !now.Before(f.next) {
			sw.launch(ctx, i, false, now)
		}
		if f.call != nil {
			wake = earlier(wake, f.call.deadline)
		} else {
			wake = earlier(wake, f.next)
		}
	}
	return wake
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// take takes down what a call came to.
func (sw *Switch[T]) take(o *outcome[T], now time.Time) {
	f := &sw.sides[o.side]
	c := f.call
	sw.keep(o)
	if f.next = f.began.Add(sw.cfg.Interval); c.late || f.next.Before(now) {
		f.next = now
	}
	if c.late { // it was counted, and what it says is old news
		return
	}
	if o.verdict == passed {
		f.epoch = o.epoch
	}
	sw.heard(o.side, o.verdict, o.err, now)
	if !c.promote {
		return
	}
	if o.verdict == passed {
		sw.promoted(o.side, now)
		return
	}
	sw.unpromoted(o.side, now, o.err)
}

// keep takes what a call has opened.
func (sw *Switch[T]) keep(o *outcome[T]) {
	f := &sw.sides[o.side]
	f.call = nil
	if o.opened {
		f.value, f.opened = o.value, true
	}
}

// heard takes down what a check came to.
func (sw *Switch[T]) heard(i int, v verdict, err *SideError, now time.Time) {
	f := &sw.sides[i]
	if v == failed && f.verdict == passed && i == 0 && sw.active != 0 {
		f.longer(sw.cfg.Probation)
	}
	f.heard(v, err, now)
}

// end gives what runs the time to come back, and closes the sides.
func (sw *Switch[T]) end() error {
	timer := time.NewTimer(sw.cfg.Timeout)
	defer timer.Stop()
	sw.mu.Lock()
	sw.publish(time.Now(), Ended, &noneError{side: sw.sides[sw.active].Name, why: "was closed: Run has ended"})
	for range sw.sides {
		running := sw.sides[0].call != nil || sw.sides[1].call != nil
		sw.mu.Unlock()
		if running {
			select {
			case o := <-sw.results:
				sw.mu.Lock()
				sw.keep(o)
				continue
			case <-timer.C:
			}
		}
		sw.mu.Lock()
		break
	}
	sw.closed = true
	for len(sw.results) > 0 { // it came in between
		sw.keep(<-sw.results)
	}
	sides := sw.sides
	sw.mu.Unlock()

	var wg sync.WaitGroup
	var errs [len(sides) + 1]error
	for i := range sides {
		if f := &sides[i]; f.opened {
			wg.Go(func() { errs[i] = sw.shut(f) })
		}
	}
	wg.Go(func() { errs[len(sides)] = sw.tell.wait(sw.cfg.Timeout) })
	wg.Wait()
	close(sw.ended)
	return errors.Join(errs[:]...)
}

// shut closes a side within the time that it may take.
func (sw *Switch[T]) shut(f *flank[T]) error {
	made, err := aside.Call(sw.cfg.Timeout, &sw.behind, func() *SideError { return f.shut(f.value) })
	switch {
	case errors.Is(err, aside.ErrOverran):
		return &SideError{Side: f.Name, Op: "close", Err: ErrTimeout}
	case err != nil:
		return &SideError{Side: f.Name, Op: "close", Err: err}
	case made != nil:
		return made
	}
	return nil
}
