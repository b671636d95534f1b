package standby

import (
	"context"
	"time"
)

// decide looks at what is known of both sides, and acts on it. Nothing in it calls other
// people's code.
func (sw *Switch[T]) decide(ctx context.Context, now time.Time) {
	a, b := &sw.sides[sw.active], &sw.sides[1-sw.active]
	if a.verdict == unchecked || b.verdict == unchecked {
		return
	}
	for _, f := range []*flank[T]{a, b} {
		if f.call != nil && f.call.promote && !f.call.late {
			return // its end decides
		}
	}
	if sw.order != nil && sw.obey(ctx, now) {
		return
	}
	if sw.first && a.verdict == passed && b.verdict == failed && b.Epoch != nil && b.fails < sw.cfg.Failures {
		return // it may have been promoted, and be slow to say so
	}
	known := max(a.epoch, sw.floor)
	if b.verdict == passed && a.epoch > 0 && b.epoch > known { // somebody promoted it
		sw.turnTo(1-sw.active, NewEpoch, now)
		return
	}
	switch {
	case a.verdict == passed:
		sw.down = false
	case a.fails >= sw.cfg.Failures:
		sw.down = true
	}
	if !sw.down {
		if sw.back(now) {
			sw.turnTo(0, Probation, now)
			return
		}
		sw.publish(now, Recovered, nil)
		return
	}
	stale := b.stale || b.verdict == passed && b.epoch < known
	fallen := a.fails >= sw.cfg.Failures && !stale // not yet, when Run has just begun
	if fallen && b.verdict == passed && b.passes >= sw.cfg.Failures {
		sw.turnTo(1-sw.active, Failover, now)
		return
	}
	why := "is down"
	may := b.verdict == readOnly && b.Promote != nil
	switch {
	case may && !a.well:
		why += " and has not been well since Run began, so that the fault may be on this side: switch to " + b.Name + " by hand"
	case stale:
		why += ", and " + b.Name + " lacks writes: switch to it by hand if they may be lost"
	}
	sw.publish(now, Down, &noneError{side: a.Name, why: why, last: a.last})
	if fallen && may && a.well && b.call == nil && !now.Before(b.retry) {
		sw.launch(ctx, 1-sw.active, true, now)
	}
}

// back says whether the primary is to be switched back to.
func (sw *Switch[T]) back(now time.Time) bool {
	p := &sw.sides[0]
	return sw.cfg.SwitchBack == Auto && sw.active == 1 && p.passes > 0 && !p.stale && !p.followed &&
		now.Sub(p.since) >= p.probation && p.epoch >= max(sw.sides[1].epoch, sw.floor)
}

// obey does what a person asked for. It says whether it acted.
func (sw *Switch[T]) obey(ctx context.Context, now time.Time) bool {
	o := sw.order
	f := &sw.sides[o.to]
	switch {
	case o.gone.Load():
		sw.order = nil
		return false
	case o.to == sw.active && f.verdict == passed:
		sw.answer(nil)
		return false
	case f.verdict == passed:
		sw.turnTo(o.to, Asked, now)
		return true
	case f.verdict == readOnly && f.Promote != nil && f.call == nil:
		sw.publish(now, Down, &noneError{side: sw.sides[sw.active].Name, why: "is being left: " + f.Name + " is promoted"})
		sw.launch(ctx, o.to, true, now)
		return true
	case f.verdict == readOnly && f.Promote != nil && !f.call.late:
		return false // a check of it is under way
	}
	err := f.last
	if err == nil {
		err = &SideError{Side: f.Name, Err: ErrNone}
	}
	sw.answer(&SideError{Side: f.Name, Op: "switch", Err: err})
	return false
}

// answer ends what a person asked for.
func (sw *Switch[T]) answer(err error) {
	if sw.order != nil {
		sw.order.done <- err
		sw.order = nil
	}
}

// promoted switches to a side that can be written to now. There is no way back from that,
// whatever the other one says meanwhile.
func (sw *Switch[T]) promoted(i int, now time.Time) {
	why := Failover
	if sw.order != nil && sw.order.to == i {
		why = Asked
	}
	sw.turnTo(i, why, now)
}

// unpromoted takes down that a promotion failed.
func (sw *Switch[T]) unpromoted(i int, now time.Time, err *SideError) {
	sw.sides[i].retry = now.Add(sw.cfg.PromoteTimeout)
	if sw.order != nil && sw.order.to == i {
		sw.answer(err)
	}
}

// turnTo makes a side the active one.
func (sw *Switch[T]) turnTo(i int, why Reason, now time.Time) {
	f, left := &sw.sides[i], &sw.sides[1-i]
	switch {
	case why == Probation:
		f.returned = true
	case left.returned && now.Sub(sw.turned) < left.probation:
		left.longer(sw.cfg.Probation)
		left.returned = false
	default:
		left.probation, left.returned = sw.cfg.Probation, false
	}
	if why == Asked {
		sw.floor = max(f.epoch, left.epoch)
	}
	// What it got while it was the only one, the other lacks.
	left.stale = left.stale || f.stale || f.followed
	f.stale, f.followed, left.followed = false, false, false
	left.passes = 0 // its probation begins now
	sw.active, sw.down, sw.turned, sw.why = i, false, now, why
	sw.publish(now, why, nil)
	if sw.order != nil && sw.order.to == i {
		sw.answer(nil)
	}
}

// publish lets callers see the active side, or that they are not to use it, and tells of it
// if that is news.
func (sw *Switch[T]) publish(now time.Time, why Reason, none *noneError) {
	was := sw.view.Load()
	v := newView(sw.active, sw.sides[sw.active].value, none)
	c := Change{At: now, From: sw.sides[was.at].Name, To: sw.sides[v.at].Name, Serving: none == nil, Reason: why}
	if f := &sw.sides[was.at]; f.last != nil && f.verdict != passed {
		c.Err = f.last
	}
	news := was.at != v.at || (was.err == nil) != (v.err == nil) || sw.first
	if !news && none == nil {
		return
	}
	if sw.first && none == nil {
		c.Reason = Started
	}
	sw.view.Store(v)
	defer was.leave()
	if !news { // but maybe for what the side says
		return
	}
	if was.at != v.at {
		sw.switches++
	}
	sw.since = now
	if sw.first {
		sw.first = false
		close(sw.decided)
	}
	sw.tell.tell(c)
}
