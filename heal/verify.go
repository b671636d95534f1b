package heal

import (
	"fmt"
	"time"

	"github.com/hale-go/hale/diagnose"
)

// worseBy is how much the level must rise past what it was before a remedy to
// count as made worse, with a floor so that 1 → 2 is not.
const (
	worseBy    = 1.5
	worseFloor = 3
)

// helped follows a remedy after which the symptom is gone.
func (h *Healer) helped(now time.Time, inc *diagnose.Incident, c *care) (*Command, bool) {
	if c.Held == "" {
		return h.verified(now, inc, c, c.Command.Remedy+" helped")
	}
	detail := "isolated"
	if c.Degrades {
		detail = "degraded"
	}
	if inc.Level > 0 {
		detail += fmt.Sprintf(": the symptom has stopped, %s are left", amount(inc.Level, inc.Unit))
	} else {
		detail += ": the symptom is gone"
	}
	inc.Advance(now, onward(inc, diagnose.Recovering), detail)
	c.Stage, c.Until = stageQuarantine, c.Since.Add(h.quarantineFor(c))
	c.Since = now
	return nil, true
}

// quarantineFor doubles with each round.
func (h *Healer) quarantineFor(c *care) time.Duration {
	d := h.policy.Quarantine
	for range c.Rounds {
		if d *= 2; d >= h.policy.MaxQuarantine {
			return h.policy.MaxQuarantine
		}
	}
	return d
}

// didNotHelp rolls back what made things worse and climbs to the next rung. A
// quarantine or degradation that did not help is taken back too: it costs and does
// nothing.
func (h *Healer) didNotHelp(now time.Time, inc *diagnose.Incident, c *care) (*Command, bool) {
	worse := inc.Fault != diagnose.StuckTask && inc.Level > c.Before*worseBy && inc.Level >= c.Before+worseFloor
	detail := fmt.Sprintf("%s did not help: %s", c.Command.Remedy, change(inc, c.Before))
	if worse {
		detail = fmt.Sprintf("%s made it worse: %s", c.Command.Remedy, change(inc, c.Before))
	}
	inc.Advance(now, inc.Phase, detail)
	var cmd *Command
	if c.Held != "" {
		cmd = h.command(now, inc, c, c.Command.Remedy, OpUndo)
		c.Held = ""
	}
	h.climb(c, now, c.Rung+1)
	return cmd, true
}

// probe begins the probation of what is held.
func (h *Healer) probe(now time.Time, inc *diagnose.Incident, c *care) *Command {
	cmd := h.command(now, inc, c, c.Command.Remedy, OpProbe)
	detail := "probation: a few tasks a second may start"
	if c.Degrades {
		detail = "probation: the switch is let go"
	}
	inc.Advance(now, inc.Phase, detail)
	c.Stage, c.Since, c.Before, c.Until = stageProbation, now, inc.Level, now.Add(maxJudging)
	return cmd
}

// relapsed closes the gate again, for longer, after a probation that failed.
func (h *Healer) relapsed(now time.Time, inc *diagnose.Incident, c *care) *Command {
	c.Rounds++
	cmd := h.command(now, inc, c, c.Command.Remedy, OpApply)
	h.use(now, c, cmd.Remedy) // closing again what was closed is never refused, but it counts
	c.Stage, c.Since, c.Command, c.Before = stageApplying, now, cmd, inc.Level
	phase, detail := diagnose.Isolating, "probation failed: the symptom is back"
	if c.Rounds >= h.policy.Guardrails.MaxAttempts || inc.Phase == diagnose.Escalated {
		stays := "cut off"
		if c.Degrades {
			stays = "degraded"
		}
		phase, detail = diagnose.Escalated, fmt.Sprintf("probation failed %d times: it stays %s but for probes, a person is needed", c.Rounds, stays)
	}
	inc.Advance(now, phase, detail)
	return cmd
}

// undo takes back what is held.
func (h *Healer) undo(now time.Time, inc *diagnose.Incident, c *care, why string, next stage) *Command {
	cmd := h.command(now, inc, c, c.Command.Remedy, OpUndo)
	inc.Advance(now, inc.Phase, why)
	c.Stage, c.Since, c.Command, c.Held = next, now, cmd, ""
	if next == stageWithheld {
		c.Blocked = haltedReason
	}
	return cmd
}

// verified closes the incident.
func (h *Healer) verified(now time.Time, inc *diagnose.Incident, c *care, why string) (*Command, bool) {
	inc.Outcome = diagnose.Recovered
	detail := why + "; recovered: the symptom is gone"
	if inc.Level > 0 {
		inc.Outcome = diagnose.Contained
		detail = fmt.Sprintf("%s; contained: it no longer grows, %s are left", why, amount(inc.Level, inc.Unit))
	}
	inc.Advance(now, diagnose.Verified, detail)
	return nil, false
}

// hangs reports whether what is held is held for tasks that hang. They may do so
// until the process ends: a quarantine is judged by whether more do, and not by
// whether they go.
func (c *care) hangs(inc *diagnose.Incident) bool {
	return c.Held != "" && hung(inc)
}

// hung reports whether there are tasks that hang. A pool's units have been given
// up and replaced.
func hung(inc *diagnose.Incident) bool {
	return inc.Fault == diagnose.StuckTask && len(inc.Tasks) > 0
}

// stopped reports whether no more tasks hang since what is held was closed.
func (c *care) stopped(now time.Time, inc *diagnose.Incident) bool {
	return c.hangs(inc) && now.Sub(c.Rose) >= max(inc.TimeToVisible, time.Second)
}

// back reports whether the symptom is back on probation.
func (c *care) back(inc *diagnose.Incident) bool {
	if !c.hangs(inc) {
		return inc.Active
	}
	more := inc.Level > c.Before
	c.Before = min(c.Before, inc.Level)
	return more
}

// released follows a probation that passed. What hangs on is for the next rung.
func (h *Healer) released(now time.Time, inc *diagnose.Incident, c *care) (*Command, bool) {
	if !inc.Active || !hung(inc) {
		return h.verified(now, inc, c, "probation passed")
	}
	inc.Advance(now, inc.Phase, fmt.Sprintf("probation passed; contained: no more hang, %s are left", amount(inc.Level, inc.Unit)))
	c.Left, c.Kept = inc.Level, c.Rung
	return h.climb(c, now, c.Rung+1)
}

// again goes back to the quarantine that had stopped what now hangs again, as
// after a probation that failed.
func (h *Healer) again(now time.Time, inc *diagnose.Incident, c *care) (*Command, bool) {
	inc.Advance(now, inc.Phase, "more hang again: "+change(inc, c.Left))
	c.Rounds++
	c.Left = 0
	return h.climb(c, now, c.Kept)
}
