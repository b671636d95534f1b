package haleprom

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/hale-go/hale/observe"
)

// workMetrics is tasks and pools.
type workMetrics struct {
	active *table

	live, abandoned, quarantined       *table
	started, failed, panicked, refused *table

	size, workers, busy, queued *table
	lost, limit, finished       *table
}

func newWorkMetrics(m *metrics) workMetrics {
	var w workMetrics
	w.active = m.table(prometheus.GaugeValue, m.guide, "active_business_goroutines", "Live tasks and busy workers of pools.", nil)

	task := []string{"task", "domain"}
	w.live = m.gauge("tasks", "Live tasks, abandoned ones among them.", task...)
	w.started = m.counter("tasks_started_total", "Tasks that were started.", task...)
	w.failed = m.counter("tasks_failed_total", "Tasks that ended with an error, panics included.", task...)
	w.panicked = m.counter("tasks_panicked_total", "Tasks that panicked; the panics were contained.", task...)
	w.refused = m.counter("tasks_refused_total", "Tasks that were not started because their name was in quarantine.", task...)
	w.abandoned = m.gauge("tasks_abandoned", "Bodies that hale no longer waits for and that have not come back.", task...)
	w.quarantined = m.gauge("tasks_quarantined", "Whether the name is in quarantine: 1 or 0.", task...)

	pool := []string{"pool", "domain"}
	w.size = m.gauge("pool_size", "Workers that the pool may have.", pool...)
	w.workers = m.gauge("pool_workers", "Live workers that are not abandoned.", pool...)
	w.busy = m.gauge("pool_busy_workers", "Workers that run a unit.", pool...)
	w.queued = m.gauge("pool_queued_units", "Units that wait for a worker.", pool...)
	w.finished = m.counter("pool_units_finished_total", "Units that ended and were not abandoned.", pool...)
	w.finished.anew = true
	w.lost = m.gauge("pool_abandoned_units", "Units that hale no longer waits for and that have not come back.", pool...)
	w.limit = m.gauge("pool_abandoned_units_limit", "Abandoned units at which the pool counts as exhausted.", pool...)
	return w
}

func (w *workMetrics) read(s observe.Sample) {
	if s.Time.IsZero() { // there was no turn
		return
	}
	active := int64(0)
	for i := range s.Tasks {
		st := &s.Tasks[i]
		name, domain := st.Name, string(st.Domain)
		active += st.Live
		w.live.add(float64(st.Live), name, domain)
		w.started.add(float64(st.Started), name, domain)
		w.failed.add(float64(st.Failed), name, domain)
		w.panicked.add(float64(st.Panics), name, domain)
		w.refused.add(float64(st.Refused), name, domain)
		w.abandoned.add(float64(st.Abandoned), name, domain)
		quarantined := 0.
		if st.Quarantined {
			quarantined = 1
		}
		w.quarantined.add(quarantined, name, domain)
	}
	for i := range s.Pools {
		st := &s.Pools[i]
		name, domain := st.Name, string(st.Domain)
		active += int64(st.Busy)
		w.size.add(float64(st.Size), name, domain)
		w.workers.add(float64(st.Workers), name, domain)
		w.busy.add(float64(st.Busy), name, domain)
		w.queued.add(float64(st.Queued), name, domain)
		w.finished.add(float64(st.Finished), name, domain)
		w.limit.add(float64(st.Cap), name, domain)
		if lost := w.lost.at(name, domain); i == 0 || s.Pools[i-1].Name != st.Name { // pools of one name tell of the same
			lost.value += float64(st.Abandoned)
		}
	}
	w.active.add(float64(active))
}
