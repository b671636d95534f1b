package heal

import (
	"slices"
	"time"

	"github.com/hale-go/hale/diagnose"
	"github.com/hale-go/hale/observe"
)

// comes waits for a handover, which comes by chance and not to a young process. It is judged
// from when a successor was asked for. Meanwhile a person is called, and the symptom may go by itself.
func (h *Healer) comes(t observe.Turn, inc *diagnose.Incident, c *care, gone bool) (*Command, bool) {
	e, decided := toldOfHandover(t, inc.ID, true)
	switch {
	case decided && e.Result == ResultApplied:
		inc.Advance(t.Time, inc.Phase, e.Detail)
		c.Comes, c.Since, c.Before = false, t.Time, inc.Level
		return nil, true
	case gone:
		return h.verified(t.Time, inc, c, "the symptom went by itself, before the handover")
	case decided:
		inc.Advance(t.Time, inc.Phase, "no handover: "+e.Detail)
		return h.climb(c, t.Time, c.Rung+1)
	case inc.Phase != diagnose.Escalated && t.Time.Sub(c.Since) >= max(inc.TimeToVisible, time.Second):
		inc.Advance(t.Time, diagnose.Escalated, "the handover is still to come: a person is needed")
	}
	return nil, false
}

// toldOfHandover returns what a turn tells of an incident's handover: what was decided, or when it
// comes.
func toldOfHandover(t observe.Turn, incident string, decided bool) (observe.Event, bool) {
	i := slices.IndexFunc(t.Events, func(e observe.Event) bool {
		return e.Kind == observe.EventHandover && e.Subject.Name == incident && (e.Result != "") == decided
	})
	if i < 0 {
		return observe.Event{}, false
	}
	return t.Events[i], true
}
