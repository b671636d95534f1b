package haleprom

import (
	"math"
	"slices"
	"sort"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/observe"
)

// histogram is one metric of durations.
type histogram struct {
	desc   *prometheus.Desc
	bounds []float64 // in seconds
	cuts   []int     // the first of hale's buckets that lies above each bound

	sets  sets[durations]
	order []*durations // those of this scrape
}

// durations is one set of labels of a histogram.
type durations struct {
	labels    []string
	latency   observe.Histogram
	sum       time.Duration
	exemplars []hale.Exemplar // of one operation after the other
	seen      bool            // in this scrape
}

func newHistogram(desc *prometheus.Desc, bounds []float64) *histogram {
	h := &histogram{desc: desc, bounds: bounds}
	for _, b := range bounds {
		h.cuts = append(h.cuts, sort.Search(observe.Buckets, func(i int) bool {
			middle := (observe.BucketStart(i) + observe.BucketStart(i+1)) / 2
			return middle.Seconds() > b
		}))
	}
	return h
}

// add adds the spans of an operation to a set of labels.
func (h *histogram) add(st *observe.OperationStat, exemplars []hale.Exemplar, labels ...string) {
	d := h.sets.find(labels, func(kept []string) *durations { return &durations{labels: kept} })
	if !d.seen {
		*d = durations{labels: d.labels, seen: true}
		h.order = append(h.order, d)
	}
	d.latency = d.latency.Plus(st.Latency)
	d.sum += st.Time
	d.exemplars = append(d.exemplars, exemplars...)
}

// emit adds the histograms of this scrape to out, and begins the next.
func (h *histogram) emit(out []prometheus.Metric) []prometheus.Metric {
	for _, d := range h.order {
		d.seen = false
		buckets, count := h.count(d.latency)
		m, err := prometheus.NewConstHistogram(h.desc, count, d.sum.Seconds(), buckets, d.labels...)
		if err != nil {
			continue
		}
		if latest := h.latest(d.exemplars); len(latest) > 0 {
			if with, err := prometheus.NewMetricWithExemplars(m, latest...); err == nil {
				m = with
			}
		}
		out = append(out, m)
		d.latency, d.exemplars = nil, nil
	}
	h.order = h.order[:0]
	return out
}

// count returns how many durations there are up to each bound, and in all. A
// duration that is as long as a bound may count above it: hale's buckets are up to 3 %
// wide, and each counts where its middle is.
func (h *histogram) count(latency observe.Histogram) (map[float64]uint64, uint64) {
	buckets, n := make(map[float64]uint64, len(h.bounds)), uint64(0)
	for i, bound := range h.bounds {
		for len(latency) > 0 && latency[0].Index < h.cuts[i] {
			n, latency = n+latency[0].Count, latency[1:]
		}
		buckets[bound] = n
	}
	return buckets, n + latency.Count()
}

// latest returns the latest exemplar of each bucket, which is what Prometheus keeps.
func (h *histogram) latest(exemplars []hale.Exemplar) []prometheus.Exemplar {
	var out []prometheus.Exemplar
	slices.SortFunc(exemplars, func(a, b hale.Exemplar) int { return b.Time.Compare(a.Time) })
	taken := make([]bool, len(h.bounds)+1)
	for _, e := range exemplars {
		value := math.Max(e.Took.Seconds(), 0)
		if i := sort.SearchFloat64s(h.bounds, value); !taken[i] {
			taken[i] = true
			labels := prometheus.Labels{"trace_id": e.Trace.Trace()}
			if span := e.Trace.Span(); span != "" {
				labels["span_id"] = span
			}
			out = append(out, prometheus.Exemplar{Value: value, Labels: labels, Timestamp: e.Time})
		}
	}
	return out
}
