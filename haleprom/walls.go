package haleprom

import (
	"github.com/hale-go/hale"
	"github.com/hale-go/hale/isolate"
	"github.com/hale-go/hale/observe"
)

// wallMetrics is fault domains, and what is called behind their walls.
type wallMetrics struct {
	limit, inUse, waiting, lost *table
	turnedAway                  *table

	state, opened               *table
	refused                     *table
	retries, fallbacks, expired *table
}

func newWallMetrics(m *metrics) wallMetrics {
	var w wallMetrics
	w.limit = m.gauge("domain_limit", "Calls of a fault domain that may run at once; without a series any number may.", "domain")
	w.inUse = m.gauge("domain_in_use", "Calls of a fault domain that hold a place in its bulkhead.", "domain")
	w.waiting = m.gauge("domain_waiting", "Calls of a fault domain that wait for a place in its bulkhead.", "domain")
	w.lost = m.gauge("domain_lost", "Bodies of calls that were given up, whose places were freed, and that have not come back.", "domain")
	w.turnedAway = m.counter("domain_refused_total", "Calls that a fault domain refused: full, rate_limited or shed.", "domain", "reason")

	w.state = m.gauge("breaker_state", "State of the breaker of what is called: 0 closed, 1 half-open, 2 open.", "name", "domain")
	w.opened = m.counter("breaker_opened_total", "Times that the breaker of what is called opened.", "name", "domain")
	w.refused = m.counter("call_refused_total", "Calls that were refused by a breaker (open) or by quarantine (quarantined).", "name", "reason")
	w.retries = m.counter("call_retries_total", "Tries of calls after the first.", "name")
	w.fallbacks = m.counter("call_fallbacks_total", "Calls that were answered by their fallback.", "name")
	w.expired = m.counter("call_timeouts_total", "Tries of calls whose callers could wait no longer.", "name")
	return w
}

func (w *wallMetrics) read(rt *hale.Runtime) {
	for _, st := range rt.Domains() {
		name := string(st.Name)
		if st.Limit > 0 {
			w.limit.add(float64(st.Limit), name)
			w.inUse.add(float64(st.InUse), name)
			w.waiting.add(float64(st.Waiting), name)
			w.lost.add(float64(st.Lost), name)
		}
		w.turnedAway.add(float64(st.Full), name, "full")
		w.turnedAway.add(float64(st.RateLimited), name, "rate_limited")
		w.turnedAway.add(float64(st.Shed), name, "shed")
	}
	for _, st := range rt.Walls() {
		w.readBreaker(st)
		w.refused.add(float64(st.Open), st.Name, "open")
		w.refused.add(float64(st.Quarantined), st.Name, "quarantined")
		w.retries.add(float64(st.Retried), st.Name)
		w.fallbacks.add(float64(st.FellBack), st.Name)
		w.expired.add(float64(st.TimedOut), st.Name)
	}
}

// readBreaker tells of a breaker, if there is one. One that was declared no more has
// opened as often as before.
func (w *wallMetrics) readBreaker(st observe.WallStat) {
	if st.Breaker != "" || st.Opened > 0 {
		w.opened.add(float64(st.Opened), st.Name, string(st.Domain))
	}
	var state isolate.State
	if st.Breaker == "" || state.UnmarshalText([]byte(st.Breaker)) != nil {
		return
	}
	s := w.state.at(st.Name, string(st.Domain))
	s.value = max(s.value, float64(state)) // of those that are told of together, the worst
}
