package goroutine

import "time"

// DefaultInterval is the time between two snapshots of a service at rest.
const DefaultInterval = 10 * time.Second

// budgetShare is how many times the cost of a snapshot must pass before the
// next one: all snapshots together stay within 1 % of one core. It is a fifth more
// than 100, because what they make the garbage collector do is an estimate.
const budgetShare = 120

// Pacer says when the next snapshot is due: an interval after the last one, or
// 120 times what that one cost, whichever is later. A suspicion waives the
// interval but never the cost.
//
// It has no clock of its own, so the same calls give the same answers. The zero
// value is ready to use. [Pacer.Due] costs some ns and no allocation. It is not
// safe for concurrent use.
type Pacer struct {
	// Interval is the time between two snapshots while nothing is suspected.
	// Default: [DefaultInterval].
	Interval time.Duration

	last      time.Time
	rest      time.Duration // what the cost of the last one demands
	suspected bool
}

// Suspect asks for a snapshot as soon as the budget allows, once.
func (p *Pacer) Suspect() { p.suspected = true }

// Due reports whether a snapshot may be taken now. The first one is due at
// once, and so is one after the clock went back.
func (p *Pacer) Due(now time.Time) bool {
	since := now.Sub(p.last)
	if p.last.IsZero() || since < 0 {
		return true
	}
	wait := p.rest
	if !p.suspected {
		wait = p.Spacing()
	}
	return since >= wait
}

// Spacing returns how far apart two snapshots are that nothing asks for.
func (p *Pacer) Spacing() time.Duration {
	interval := p.Interval
	if interval <= 0 {
		interval = DefaultInterval
	}
	return max(p.rest, interval)
}

// Done records a snapshot that began at now and the cost in it, which is 0 for
// one that was skipped. It settles the suspicion.
func (p *Pacer) Done(now time.Time, cost time.Duration) {
	const longest = 1<<63 - 1
	cost = max(cost, 0)
	p.last, p.suspected = now, false
	p.rest = longest
	if cost < longest/budgetShare {
		p.rest = cost * budgetShare
	}
}
