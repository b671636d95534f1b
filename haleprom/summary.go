package haleprom

import (
	"math"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/hale-go/hale/observe"
)

// summaries is the quantiles of all operations' latencies.
type summaries struct {
	desc      *prometheus.Desc
	quantiles []float64

	sets      sets[window]
	order     []*window
	candidate time.Time // when next was taken
}

// window is what one set of labels had counted then.
type window struct {
	labels          []string
	now, base, next observe.Histogram
	sum             time.Duration
	seen            bool // in this scrape
}

// minWindow is how old the scrape must be that quantiles are of what ended since.
const minWindow = 10 * time.Second

func newSummaries(m *metrics) *summaries {
	return &summaries{
		quantiles: m.quantiles,
		desc: m.desc(m.prefix, "operation_latency_seconds", "How long spans of operations took that ended since the last scrape that is at least 10 s old.",
			[]string{"operation", "kind"}),
	}
}

// emit adds the summaries of a scrape at now to out.
func (s *summaries) emit(out []prometheus.Metric, all []observe.OperationStat, now time.Time) []prometheus.Metric {
	for i := range all {
		st := &all[i]
		w := s.sets.find([]string{st.Name, string(st.Kind)}, func(kept []string) *window { return &window{labels: kept} })
		if !w.seen {
			w.seen, w.now, w.sum = true, nil, 0
			s.order = append(s.order, w)
		}
		w.now, w.sum = w.now.Plus(st.Latency), w.sum+st.Time
	}
	turnover := s.candidate.IsZero() || now.Sub(s.candidate) >= minWindow
	if turnover {
		s.candidate = now
	}
	for _, w := range s.order {
		if turnover {
			w.base, w.next = w.next, w.now
		}
		recent := minus(w.now, w.base)
		values := make(map[float64]float64, len(s.quantiles))
		for _, q := range s.quantiles {
			if values[q] = math.NaN(); len(recent) > 0 {
				values[q] = recent.Quantile(q).Seconds()
			}
		}
		if m, err := prometheus.NewConstSummary(s.desc, w.now.Count(), w.sum.Seconds(), values, w.labels...); err == nil {
			out = append(out, m)
		}
		w.seen = false
	}
	s.order = s.order[:0]
	return out
}

// minus returns what was counted since a histogram was old.
func minus(now, old observe.Histogram) observe.Histogram {
	var out observe.Histogram
	for _, b := range now {
		for len(old) > 0 && old[0].Index < b.Index {
			old = old[1:]
		}
		if len(old) > 0 && old[0].Index == b.Index {
			b.Count -= min(old[0].Count, b.Count)
		}
		if b.Count > 0 {
			out = append(out, b)
		}
	}
	return out
}
