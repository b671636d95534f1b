package heal

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hale-go/hale/diagnose"
	"github.com/hale-go/hale/observe"
)

// Healer decides what is done about open incidents. It is used by one goroutine
// at a time, and what it decides follows from what it is given.
type Healer struct {
	policy   Policy
	remedies map[string]Named
	state    healerState
}

type healerState struct {
	Cares   []*care     `json:"cares,omitempty"` // one for each open incident that is confirmed, in order of opening
	Used    []time.Time `json:"used,omitempty"`  // remedies within the budget's window
	Memory  []memory    `json:"memory,omitempty"`
	Command int         `json:"command"` // commands so far
}

// stage is where the care of one incident stands.
type stage string

const (
	stageLadder     stage = "ladder"     // the next rung is to be tried
	stageReflex     stage = "reflex"     // a declared contract deals with it
	stageWithheld   stage = "withheld"   // a remedy was recorded and not carried out
	stageApplying   stage = "applying"   // waiting for a command's outcome
	stageVerifying  stage = "verifying"  // waiting for the symptom to show the change
	stageQuarantine stage = "quarantine" // it helped and is held
	stageProbation  stage = "probation"  // a little is let through
	stageReleasing  stage = "releasing"  // waiting for the outcome of the undo that ends it
)

// care is what is done about one incident.
type care struct {
	Incident string    `json:"incident"`
	Key      string    `json:"key"`
	Stage    stage     `json:"stage"`
	Rung     int       `json:"rung"`
	Until    time.Time `json:"until,omitzero"`  // when the stage ends or is judged
	Since    time.Time `json:"since,omitzero"`  // when the stage began
	Quiet    time.Time `json:"quiet"`           // since when the symptom has not gone on
	Before   float64   `json:"before"`          // level when the remedy was decided on
	Comes    bool      `json:"comes,omitempty"` // the remedy is a handover that waits
	Command  *Command  `json:"command,omitempty"`
	Level    float64   `json:"level,omitempty"`    // as of the last turn
	Unit     string    `json:"unit,omitempty"`     // of all levels
	Rose     time.Time `json:"rose,omitzero"`      // when it last rose
	Left     float64   `json:"left,omitempty"`     // what hung on when a quarantine that had stopped more was lifted
	Kept     int       `json:"kept,omitempty"`     // the rung of that quarantine
	Held     string    `json:"held,omitempty"`     // name that is in quarantine because of it, or switch that is degraded
	Degrades bool      `json:"degrades,omitempty"` // what is held is a switch
	Rounds   int       `json:"rounds,omitempty"`   // quarantines so far
	Blocked  string    `json:"blocked,omitempty"`  // what kept the rung from being tried, as last said
	Toll     toll      `json:"toll,omitzero"`      // of tasks that hang
}

// NewHealer returns a healer. The policy must have its defaults; remedies of a
// ladder that are not among those given are an error.
func NewHealer(p Policy, remedies ...Named) (*Healer, error) {
	p, err := p.WithDefaults()
	if err != nil {
		return nil, err
	}
	h := &Healer{policy: p, remedies: map[string]Named{}}
	for _, r := range remedies {
		if r.Name == "" || r.Remedy == nil {
			return nil, &PolicyError{Field: "remedies", Err: errors.New("one has no name or no Remedy"), Mend: "give each remedy a name and a Remedy"}
		}
		h.remedies[r.Name] = r
	}
	for fault, ladder := range p.Ladders {
		for _, name := range ladder {
			if _, ok := h.remedies[name]; !ok {
				return nil, &PolicyError{Field: "Ladders", Err: fmt.Errorf("%s names the remedy %q, which is not registered", fault, name), Mend: "name one of cancel, abandon, quarantine, quarantine_domain, shed, shrink, degrade, restart and handover, or register yours with hale.WithRemedy"}
			}
		}
	}
	return h, nil
}

// Policy returns the policy with its defaults filled in.
func (h *Healer) Policy() Policy { return h.policy }

// outcomeTimeout is how long a command's outcome is waited for. The executor
// reports sooner; only an outcome that was dropped takes so long.
const outcomeTimeout = 30 * time.Second

// Heal takes the turn and the open incidents, advances the incidents, and
// returns the commands to carry out, in order. Their outcomes are expected
// among the events of a later turn.
func (h *Healer) Heal(t observe.Turn, open []*diagnose.Incident) []Command {
	h.forget(t.Time, open)
	var out []Command
	for _, inc := range open {
		if inc.Phase.Closed() || inc.Phase == diagnose.Detected {
			continue
		}
		c := h.careOf(t.Time, inc)
		c.measure(t, inc)
		// One turn may end a stage and begin the next; each pass moves forward.
		for range 8 {
			cmd, again := h.step(t, inc, c)
			if cmd != nil {
				out = append(out, *cmd)
			}
			if !again {
				break
			}
		}
	}
	return out
}

func (h *Healer) careOf(now time.Time, inc *diagnose.Incident) *care {
	for _, c := range h.state.Cares {
		if c.Incident == inc.ID {
			return c
		}
	}
	c := &care{Incident: inc.ID, Key: inc.Key, Stage: stageLadder, Since: now}
	if inc.Reflex {
		c.Stage = stageReflex
		inc.Advance(now, diagnose.Isolating, "the declared contract of "+inc.Subject.String()+" is dealing with it")
	}
	h.state.Cares = append(h.state.Cares, c)
	return c
}

// measure notes how bad it is. It is called once a turn.
func (c *care) measure(t observe.Turn, inc *diagnose.Incident) {
	if inc.Unit != c.Unit { // what was measured before says nothing about what is now
		c.Unit, c.Before, c.Rose, c.Toll = inc.Unit, inc.Level, t.Time, toll{}
	}
	if inc.Level > c.Level {
		c.Rose = t.Time
	}
	c.Level = inc.Level
	if inc.Fault == diagnose.StuckTask {
		c.Toll.count(t, inc)
	}
}

// step moves one incident on by one stage. It reports whether the next stage
// may be looked at in the same turn.
func (h *Healer) step(t observe.Turn, inc *diagnose.Incident, c *care) (*Command, bool) {
	now := t.Time
	gone := !inc.Active && inc.Level == 0
	quiet := !inc.Active
	if !quiet || c.Quiet.IsZero() {
		c.Quiet = now
	}
	if c.lifted(t.Sample) {
		inc.Advance(now, inc.Phase, "the "+c.isolation()+" was lifted from outside")
		c.Held = ""
		h.climb(c, now, c.Rung)
	}
	if t.Halted && c.Held != "" { // the kill switch also lets go of what is held
		return h.undo(now, inc, c, "remedies are switched off: "+c.Command.Remedy+" is taken back", stageWithheld), false
	}
	switch c.Stage {
	case stageReflex:
		switch {
		case quiet:
			return h.verified(now, inc, c, "the contract held")
		case !inc.Reflex: // it does not suffice: the cap on abandoned bodies, for example
			return h.climb(c, now, 0)
		}
	case stageLadder:
		switch {
		case gone, quiet && now.Sub(c.Quiet) >= inc.TimeToVisible:
			return h.verified(now, inc, c, "the symptom went by itself")
		case quiet:
			return nil, false // what has stopped needs no remedy
		}
		return h.try(t, inc, c)
	case stageWithheld:
		switch {
		case gone, quiet && now.Sub(c.Quiet) >= inc.TimeToVisible: // it may come in bursts
			return h.verified(now, inc, c, "the symptom went without a remedy")
		case !t.Halted && c.Blocked == haltedReason:
			return h.climb(c, now, c.Rung)
		}
	case stageApplying, stageReleasing:
		return h.outcome(t, inc, c)
	case stageVerifying:
		if c.Comes {
			return h.comes(t, inc, c, gone)
		}
		judged := c.judged(now, inc)
		switch {
		case gone, quiet && judged, judged && c.stopped(now, inc):
			return h.helped(now, inc, c)
		case judged && (!c.hangs(inc) || now.Sub(c.Since) > maxJudging): // those that were let in before still get stuck
			return h.didNotHelp(now, inc, c)
		}
	case stageQuarantine:
		if !now.Before(c.Until) {
			return h.probe(now, inc, c), false
		}
	case stageProbation:
		switch {
		case now.After(c.Since) && c.back(inc):
			return h.relapsed(now, inc, c), false
		case c.comesDown(now, t.Sample):
			c.Since = now
		case c.judged(now, inc):
			return h.undo(now, inc, c, "probation passed", stageReleasing), false
		}
	}
	return nil, false
}

func (h *Healer) ladder(inc *diagnose.Incident) []string { return h.policy.Ladders[inc.Fault] }

// climb goes to a rung of the ladder.
func (h *Healer) climb(c *care, now time.Time, rung int) (*Command, bool) {
	c.Stage, c.Rung, c.Since, c.Command, c.Blocked = stageLadder, rung, now, nil, ""
	return nil, true
}

// try uses the rung's remedy if every guardrail lets it.
func (h *Healer) try(t observe.Turn, inc *diagnose.Incident, c *care) (*Command, bool) {
	ladder := h.ladder(inc)
	if c.Rung >= len(ladder) {
		if c.Left > 0 && inc.Level >= c.Left+float64(h.policy.Guardrails.MinStuck) {
			return h.again(t.Time, inc, c)
		}
		c.Left = min(c.Left, inc.Level)
		if inc.Phase != diagnose.Escalated {
			why := "no remedy is left: a person is needed"
			if len(ladder) == 0 {
				why = "there is no remedy for " + string(inc.Fault) + ": a person is needed"
			}
			inc.Advance(t.Time, diagnose.Escalated, why)
		}
		return nil, false
	}
	r := h.remedies[ladder[c.Rung]]
	cmd := h.command(t.Time, inc, c, r.Name, OpApply)
	switch withheld, wait, skip := h.guard(t, inc, c, r); {
	case skip != "":
		inc.Advance(t.Time, inc.Phase, r.Name+" is not used: "+skip)
		_, again := h.climb(c, t.Time, c.Rung+1)
		if skip != catchAllReason {
			return nil, again
		}
		cmd.Withheld = skip // for the journal: another policy would change nothing
		return cmd, again
	case wait != "":
		if c.Blocked != wait {
			c.Blocked = wait
			phase := inc.Phase
			if wait == outweighedReason { // nothing is done about those that hang
				phase, wait = diagnose.Escalated, wait+": a person is needed"
			}
			inc.Advance(t.Time, phase, r.Name+" waits: "+wait)
		}
		return nil, false
	case withheld != "":
		cmd.Withheld = withheld
		c.Stage, c.Since, c.Blocked = stageWithheld, t.Time, withheld
		inc.Advance(t.Time, inc.Phase, "would have used "+r.Name+": "+withheld)
		return cmd, false
	}
	h.use(t.Time, c, r.Name)
	c.Stage, c.Since, c.Before, c.Command, c.Blocked = stageApplying, t.Time, inc.Level, cmd, ""
	c.holds(r.Remedy, inc)
	return cmd, false
}

func (h *Healer) command(now time.Time, inc *diagnose.Incident, c *care, remedy string, op Op) *Command {
	h.state.Command++
	return &Command{
		ID: fmt.Sprintf("%s/%d", inc.ID, h.state.Command), Time: now, Incident: inc.ID, Remedy: remedy, Op: op,
		Subject: inc.Subject, Tasks: slices.Clone(inc.Tasks), Probes: h.policy.Probes, Why: inc.Root,
	}
}

// outcome waits for what became of a command.
func (h *Healer) outcome(t observe.Turn, inc *diagnose.Incident, c *care) (*Command, bool) {
	now := t.Time
	i := slices.IndexFunc(t.Events, func(e observe.Event) bool {
		return e.Kind == observe.EventRemedy && e.Command == c.Command.ID
	})
	result, detail := ResultFailed, "no outcome in time"
	switch {
	case i >= 0:
		result, detail = t.Events[i].Result, t.Events[i].Detail
	case now.Sub(c.Since) < outcomeTimeout:
		return nil, false
	}
	what := fmt.Sprintf("%s %s: %s", c.Command.Op, c.Command.Remedy, result)
	if detail != "" {
		what += ": " + detail
	}
	if c.Stage == stageReleasing {
		return h.released(now, inc, c)
	}
	if result != ResultApplied && result != ResultGone {
		c.Held = ""
		inc.Advance(now, inc.Phase, what)
		return h.climb(c, now, c.Rung+1)
	}
	if c.Comes = c.Command.Remedy == RemedyHandover && result == ResultApplied; c.Comes {
		what = "a handover was asked for"
		if e, ok := toldOfHandover(t, inc.ID, false); ok {
			what += ": it comes " + e.Detail
		}
	}
	inc.Advance(now, onward(inc, diagnose.Isolating), what)
	c.Stage, c.Since = stageVerifying, now
	return nil, true
}

// lifted reports whether what the care holds is no longer held: the loop was
// stopped, or the lease ran out.
func (c *care) lifted(s observe.Sample) bool {
	if c.Held == "" || (c.Stage != stageVerifying && c.Stage != stageQuarantine && c.Stage != stageProbation) {
		return false
	}
	if c.Degrades {
		return c.Stage != stageProbation && !c.degraded(s) // the probe itself lets go of it
	}
	i := slices.IndexFunc(s.Tasks, func(ts observe.TaskStat) bool { return c.cuts(ts) })
	return i >= 0 && !s.Tasks[i].Quarantined
}

// cuts reports whether a name is one that the care holds, or in a domain that it does.
func (c *care) cuts(ts observe.TaskStat) bool {
	if domain, ok := strings.CutPrefix(c.Held, DomainGate); ok {
		return observe.Domain(domain).Contains(ts.Domain) && !ts.CatchAll
	}
	return ts.Name == c.Held
}

// maxJudging bounds the wait for a detector that does not look any more.
const maxJudging = 10 * time.Minute

// judged reports whether what the findings say now is about the time after the
// stage began, with the time that a change needs to become visible.
func (c *care) judged(now time.Time, inc *diagnose.Incident) bool {
	visible := c.Since.Add(max(inc.TimeToVisible, time.Second))
	return !now.Before(visible) && (inc.From.IsZero() || !inc.From.Before(visible) || now.Sub(c.Since) > maxJudging)
}

// onward is the phase p, unless a person was called: that stands until the
// incident is verified.
func onward(inc *diagnose.Incident, p diagnose.Phase) diagnose.Phase {
	if inc.Phase == diagnose.Escalated {
		return diagnose.Escalated
	}
	return p
}

// State returns what later decisions depend on.
func (h *Healer) State() (json.RawMessage, error) { return json.Marshal(h.state) }

// SetState continues from what State returned.
func (h *Healer) SetState(raw json.RawMessage) error {
	var s healerState
	if err := json.Unmarshal(raw, &s); err != nil {
		return err
	}
	h.state = s
	return nil
}
