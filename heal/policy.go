package heal

import (
	"fmt"
	"time"

	"github.com/hale-go/hale/diagnose"
)

// Policy says what is done about each fault. The zero value uses the defaults.
type Policy struct {
	// Act says how far remedies may go. Default: observe.
	Act Act `json:"act" yaml:"act"`
	// Ladders are the remedies for each fault, mildest first: cancel, abandon, quarantine,
	// quarantine_domain, shed, shrink, degrade, restart, handover, or the service's own. A fault
	// without a ladder here uses [DefaultLadders], which have one for goroutine_leak,
	// stuck_task, panic_loop, restart_storm, full_domain and lost_goroutines; one
	// without any, or with an empty one, is escalated. Panics that are no loop are never
	// acted on, and need none.
	Ladders map[diagnose.Fault][]string `json:"ladders,omitempty" yaml:"ladders,omitempty"`
	// Quarantine is how long a name is cut off, or degraded, before probation. It
	// doubles each time that probation fails. Default: 30s, at most MaxQuarantine.
	Quarantine time.Duration `json:"quarantine" yaml:"quarantine"`
	// MaxQuarantine bounds that. Default: 10m.
	MaxQuarantine time.Duration `json:"max_quarantine" yaml:"max_quarantine"`
	// HandoverDelay is the longest that a handover waits, by chance, so that not all
	// instances of a service have theirs at once. If its incident is over by then, there is
	// none. A process that is younger than twenty times that waits until it is as old, so that what
	// a successor has too does not end one process after the other; a person is called meanwhile.
	// Default: 30s.
	HandoverDelay time.Duration `json:"handover_delay" yaml:"handover_delay"`
	// Probes is how many tasks a second may start during probation. Default: 3.
	Probes int `json:"probes" yaml:"probes"`

	Guardrails Guardrails `json:"guardrails" yaml:"guardrails"`
}

// Guardrails bound what remedies may do, whatever the ladder says.
type Guardrails struct {
	// DryRun journals remedies as "would have" and runs none.
	DryRun bool `json:"dry_run" yaml:"dry_run"`
	// Budget is how many remedies may run within BudgetWindow. Default: 10 in 1m.
	Budget       int           `json:"budget" yaml:"budget"`
	BudgetWindow time.Duration `json:"budget_window" yaml:"budget_window"`
	// Cooldown is the wait before a remedy is used again on the same fault of
	// the same subject. It doubles with each use within an hour. Default: 10s, at
	// most MaxCooldown.
	Cooldown time.Duration `json:"cooldown" yaml:"cooldown"`
	// MaxCooldown bounds that. Default: 10m.
	MaxCooldown time.Duration `json:"max_cooldown" yaml:"max_cooldown"`
	// MinStuck is how many tasks of a name must hang at once before the name is
	// quarantined for it: one hung request must not cut off its route. And so many
	// must have got stuck while at least three in ten of its runs did: a few slow
	// clients must not cut off a route that serves all others. Where most runs end
	// in time, the quarantine waits and a person is called. Default: 3.
	MinStuck int `json:"min_stuck" yaml:"min_stuck"`
	// BlastRadius is which share of a domain's names, and of all names, may be
	// in quarantine at once. One is always allowed, and two of four or more.
	// Default: 0.1.
	BlastRadius float64 `json:"blast_radius" yaml:"blast_radius"`
	// MaxAttempts is how often a name is quarantined for one incident before a
	// person is called. Default: 3.
	MaxAttempts int `json:"max_attempts" yaml:"max_attempts"`
}

// DefaultLadders returns the built-in ladders, by the names that settings have:
//
//	goroutine_leak  quarantine
//	stuck_task      cancel, abandon, quarantine, restart
//	panic_loop      quarantine, restart
//	restart_storm   quarantine, restart
//	full_domain     shed
//	lost_goroutines handover
//
// A fault that is not among them has no remedy, as one has whose ladder is empty: a person
// is called.
func DefaultLadders() map[diagnose.Fault][]string {
	return map[diagnose.Fault][]string{
		diagnose.Leak:           {RemedyQuarantine},
		diagnose.StuckTask:      {RemedyCancel, RemedyAbandon, RemedyQuarantine, RemedyRestart},
		diagnose.PanicLoop:      {RemedyQuarantine, RemedyRestart},
		diagnose.RestartStorm:   {RemedyQuarantine, RemedyRestart},
		diagnose.FullDomain:     {RemedyShed},
		diagnose.LostGoroutines: {RemedyHandover},
	}
}

// maxLease is the longest that a quarantine can be asked for.
const maxLease = 30 * 24 * time.Hour

// WithDefaults returns the policy with every zero field set, and an error that
// names the first field that cannot be used.
func (p Policy) WithDefaults() (Policy, error) {
	g := &p.Guardrails
	for _, f := range []struct {
		name  string
		value any
	}{
		{"Quarantine", p.Quarantine},
		{"MaxQuarantine", p.MaxQuarantine},
		{"HandoverDelay", p.HandoverDelay},
		{"Probes", p.Probes},
		{"Guardrails.MinStuck", g.MinStuck},
		{"Guardrails.Budget", g.Budget},
		{"Guardrails.BudgetWindow", g.BudgetWindow},
		{"Guardrails.Cooldown", g.Cooldown},
		{"Guardrails.MaxCooldown", g.MaxCooldown},
		{"Guardrails.BlastRadius", g.BlastRadius},
		{"Guardrails.MaxAttempts", g.MaxAttempts},
	} {
		if !positive(f.value) {
			return p, &PolicyError{Field: f.name, Value: f.value, Mend: "give a value above 0, or 0 for the default"}
		}
	}
	if g.BlastRadius > 1 {
		return p, &PolicyError{Field: "Guardrails.BlastRadius", Value: g.BlastRadius, Mend: "give a share from 0 to 1"}
	}
	if p.Quarantine > maxLease || p.MaxQuarantine > maxLease {
		return p, &PolicyError{Field: "MaxQuarantine", Value: max(p.Quarantine, p.MaxQuarantine), Mend: "give at most 720h"}
	}
	if p.HandoverDelay > time.Hour {
		return p, &PolicyError{Field: "HandoverDelay", Value: p.HandoverDelay, Mend: "give at most 1h"}
	}
	if p.Act > Full {
		return p, &PolicyError{Field: "Act", Value: p.Act, Mend: "use observe, contain or full"}
	}
	fill(&p.Quarantine, 30*time.Second)
	fill(&p.MaxQuarantine, max(10*time.Minute, p.Quarantine))
	fill(&p.HandoverDelay, 30*time.Second)
	fill(&p.Probes, 3)
	fill(&g.MinStuck, 3)
	fill(&g.Budget, 10)
	fill(&g.BudgetWindow, time.Minute)
	fill(&g.Cooldown, 10*time.Second)
	fill(&g.MaxCooldown, max(10*time.Minute, g.Cooldown))
	fill(&g.BlastRadius, 0.1)
	fill(&g.MaxAttempts, 3)
	ladders := DefaultLadders()
	for fault, l := range p.Ladders {
		ladders[fault] = l
	}
	p.Ladders = ladders
	return p, nil
}

func fill[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// positive reports whether a number is 0 or above. NaN is not.
func positive(v any) bool {
	switch v := v.(type) {
	case time.Duration:
		return v >= 0
	case int:
		return v >= 0
	case float64:
		return v >= 0
	}
	return false
}

// PolicyError says which field of a policy cannot be used.
type PolicyError struct {
	Field string
	Value any    // Value is what it was.
	Err   error  // Err is why it cannot be used, nil where that is plain.
	Mend  string // Mend is what to write instead.
}

// Error names the field, and its value or the reason.
func (e *PolicyError) Error() string {
	if e.Err != nil {
		return fmt.Sprintf("heal: Policy.%s: %v", e.Field, e.Err)
	}
	return fmt.Sprintf("heal: Policy.%s is %v, which cannot be used", e.Field, e.Value)
}

// Unwrap returns the reason.
func (e *PolicyError) Unwrap() error { return e.Err }

// Hint returns the mend.
func (e *PolicyError) Hint() string { return e.Mend }
