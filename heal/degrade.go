package heal

import (
	"context"
	"slices"
	"time"

	"github.com/hale-go/hale/diagnose"
	"github.com/hale-go/hale/observe"
)

// Switches that are hale's own: the domain's name follows. The level of the first says
// what is shed in a domain, least critical first: 1 what is sheddable, 2 what is
// sheddable_plus too, 3 what is critical too. Such calls are let in only while less than
// half of the bulkhead's places are taken, and never wait; without a bulkhead all are
// turned away. The level of the second says by how often the limit of its bulkhead is
// halved.
const (
	ShedSwitch   = "shed:"
	ShrinkSwitch = "shrink:"
)

// degrade has what is at fault do less, by a switch: that of the subject's domain, of its
// name where it has no domain. What asks for the switch then leaves out what it can do
// without. Switches of hale's own turn less critical work away, or let less in.
//
// It is held like a quarantine, and cuts nothing off: work goes on, with less. So the
// blast radius does not count it and does not keep it back, and it may be used on a name
// that is a catch-all; action budget, cooldown and attempts bound it. Since it hits all
// that a domain serves, as many tasks must hang for it as for a quarantine, and as large
// a share (see [Guardrails]).
//
// There is nothing between a level and none that could be tried out. So on probation the
// switch is let go, and probation lasts until it has come down and the symptom has had
// the time to show again.
type degrade struct {
	kind  string // of the switch; "": the service's own
	level int
}

func (d degrade) Apply(_ context.Context, t Target, c Command) error {
	name := d.switchOf(c.Subject)
	if name == "" {
		return ErrNotApplicable
	}
	return t.Degrade(name, c.Incident, d.level)
}

func (d degrade) Probe(ctx context.Context, t Target, c Command) error { return d.Undo(ctx, t, c) }

func (d degrade) Undo(_ context.Context, t Target, c Command) error {
	name := d.switchOf(c.Subject)
	if name == "" {
		return ErrNotApplicable
	}
	return t.Restore(name, c.Incident)
}

// switchOf returns the switch by which what a subject is about is degraded, "" for none.
func (d degrade) switchOf(s observe.Subject) string {
	switch {
	case s.Domain != "":
		return d.kind + string(s.Domain)
	case d.kind == "":
		return s.Name
	}
	return ""
}

// holds notes what a remedy that is used now will hold.
func (c *care) holds(r Remedy, inc *diagnose.Incident) {
	if _, ok := r.(Undoer); !ok {
		return
	}
	c.Held = inc.Subject.Name
	if q, ok := r.(quarantine); ok {
		c.Held = q.of(inc.Subject)
	}
	var d degrade
	if d, c.Degrades = r.(degrade); c.Degrades {
		c.Held = d.switchOf(inc.Subject)
	}
}

// isolation says in a word what is held.
func (c *care) isolation() string {
	if c.Degrades {
		return "degradation"
	}
	return "quarantine"
}

// degraded reports whether a sample has the switch that the care holds.
func (c *care) degraded(s observe.Sample) bool {
	return slices.ContainsFunc(s.Degraded, func(d observe.DegradedStat) bool { return d.Name == c.Held })
}

// comesDown reports whether probation has still to wait for the switch to come down. It
// does not wait for ever, since others may hold it as well.
func (c *care) comesDown(now time.Time, s observe.Sample) bool {
	return c.Degrades && now.Before(c.Until) && c.degraded(s)
}
