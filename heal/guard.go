package heal

import (
	"fmt"
	"slices"
	"time"

	"github.com/hale-go/hale/detect"
	"github.com/hale-go/hale/diagnose"
	"github.com/hale-go/hale/observe"
)

// memory is that a remedy was used on a fault, also of incidents long closed.
type memory struct {
	Key  string    `json:"key"` // incident key and remedy
	Last time.Time `json:"last"`
	Uses int       `json:"uses"`
}

const (
	memoryKeep = time.Hour
	maxMemory  = 1024
)

// haltedReason is why a remedy is withheld while the kill switch is on.
const haltedReason = "remedies are switched off"

// catchAllReason is why a remedy that hits all tasks of a name is not used.
const catchAllReason = "the name is a catch-all, and all that it stands for would be hit"

// guard says whether the remedy may be used: withheld is recorded and not
// carried out, wait is tried again next turn, skip goes to the next rung. All
// empty: it may.
func (h *Healer) guard(t observe.Turn, inc *diagnose.Incident, c *care, r Named) (withheld, wait, skip string) {
	g, needs := h.policy.Guardrails, max(r.Needs, Contain)
	switch {
	case r.HitsAll && catchAll(t.Sample, inc.Subject.Name): // first, so that it is not said to be what would have been done
		return "", "", catchAllReason
	case t.Halted:
		return haltedReason, "", ""
	case g.DryRun:
		return "dry run", "", ""
	case needs > h.policy.Act && h.policy.Act == Observe:
		return fmt.Sprintf("it needs act %s, the policy's is %s", needs, h.policy.Act), "", ""
	case needs > h.policy.Act:
		return "", "", fmt.Sprintf("it needs act %s, the policy's is %s", needs, h.policy.Act)
	case r.Destructive && inc.Channels() < 2:
		return "", "", "it is destructive and the evidence is from one channel"
	}
	if m := h.remembered(c.Key + " " + r.Name); m != nil {
		if ready := m.Last.Add(h.cooldown(m.Uses)); t.Time.Before(ready) {
			return "", "cooldown until " + ready.Format(time.TimeOnly), ""
		}
	}
	if h.used(t.Time) >= g.Budget {
		return "", fmt.Sprintf("%d remedies in %v: the budget is used up", g.Budget, g.BudgetWindow), ""
	}
	if _, holds := r.Remedy.(Undoer); holds {
		if inc.Fault == diagnose.StuckTask && !exhausted(inc) {
			switch {
			case len(inc.Tasks) < g.MinStuck:
				return "", "", fmt.Sprintf("only %d of its tasks hang", len(inc.Tasks))
			case c.Toll.Hung < g.MinStuck:
				return "", outweighedReason, ""
			}
		}
		if _, mild := r.Remedy.(degrade); mild {
			return "", "", ""
		}
		q, _ := r.Remedy.(quarantine)
		if why := h.blast(t.Sample, inc, q.domain); why != "" {
			return "", why, ""
		}
	}
	return "", "", ""
}

// exhausted reports whether so many bodies were given up that replacing them is
// no answer any more.
func exhausted(inc *diagnose.Incident) bool {
	return slices.ContainsFunc(inc.Findings, func(f detect.Finding) bool { return f.Kind == detect.KindAbandoned })
}

// catchAll reports whether a name stands for many things.
func catchAll(s observe.Sample, name string) bool {
	return slices.ContainsFunc(s.Tasks, func(ts observe.TaskStat) bool { return ts.Name == name && ts.CatchAll })
}

// blast says why one more name must not be cut off, "" if it may (after Envoy's
// outlier detection: a share of the group, and never fewer than one). Of a whole domain
// only the share of all names counts.
func (h *Healer) blast(s observe.Sample, inc *diagnose.Incident, whole bool) string {
	cuts := func(ts observe.TaskStat) bool {
		if ts.Quarantined || ts.Name == inc.Subject.Name || whole && inc.Subject.Domain.Contains(ts.Domain) && !ts.CatchAll {
			return true
		}
		return slices.ContainsFunc(h.state.Cares, func(c *care) bool { return c.Held != "" && !c.Degrades && c.cuts(ts) })
	}
	var all, allCut, domain, domainCut int
	for _, ts := range s.Tasks {
		cut := cuts(ts)
		all++
		if cut {
			allCut++
		}
		if inc.Subject.Domain.Contains(ts.Domain) {
			domain++
			if cut {
				domainCut++
			}
		}
	}
	share := h.policy.Guardrails.BlastRadius
	if limit := max(1, int(share*float64(domain))); domainCut > limit && !whole {
		return fmt.Sprintf("blast radius: %d of %d names of domain %s may be cut off at once", limit, domain, inc.Subject.Domain)
	}
	if limit := max(1, min(2, all/2), int(share*float64(all))); allCut > limit {
		return fmt.Sprintf("blast radius: %d of %d names may be cut off at once", limit, all)
	}
	return ""
}

// used returns how many remedies ran within the budget's window.
func (h *Healer) used(now time.Time) int {
	h.state.Used = slices.DeleteFunc(h.state.Used, func(u time.Time) bool {
		return now.Sub(u) >= h.policy.Guardrails.BudgetWindow
	})
	return len(h.state.Used)
}

// use notes that a remedy is used now.
func (h *Healer) use(now time.Time, c *care, remedy string) {
	h.state.Used = append(h.state.Used, now)
	m := h.remembered(c.Key + " " + remedy)
	if m == nil {
		if len(h.state.Memory) == maxMemory {
			h.state.Memory = slices.Delete(h.state.Memory, 0, 1)
		}
		h.state.Memory = append(h.state.Memory, memory{Key: c.Key + " " + remedy})
		m = &h.state.Memory[len(h.state.Memory)-1]
	}
	m.Last = now
	m.Uses++
}

func (h *Healer) remembered(key string) *memory {
	for i := range h.state.Memory {
		if h.state.Memory[i].Key == key {
			return &h.state.Memory[i]
		}
	}
	return nil
}

// cooldown is the wait after so many uses of a remedy on one fault.
func (h *Healer) cooldown(uses int) time.Duration {
	g := h.policy.Guardrails
	d := g.Cooldown
	for range uses - 1 {
		if d *= 2; d >= g.MaxCooldown {
			return g.MaxCooldown
		}
	}
	return min(d, g.MaxCooldown)
}

// forget drops the cares of closed incidents and uses of long ago.
func (h *Healer) forget(now time.Time, open []*diagnose.Incident) {
	h.state.Cares = slices.DeleteFunc(h.state.Cares, func(c *care) bool {
		return !slices.ContainsFunc(open, func(i *diagnose.Incident) bool { return i.ID == c.Incident && !i.Phase.Closed() })
	})
	h.state.Memory = slices.DeleteFunc(h.state.Memory, func(m memory) bool { return now.Sub(m.Last) > memoryKeep })
}
