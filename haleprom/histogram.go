package haleprom

import (
	"math"
	"slices"
	"sort"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"google.golang.org/protobuf/types/known/timestamppb"

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
	labels    []*dto.LabelPair
	latency   observe.Histogram
	sum       time.Duration
	exemplars []traced // of one operation after the other
	seen      bool     // in this scrape
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
func (h *histogram) add(st *observe.OperationStat, exemplars []traced, labels ...string) {
	d := h.sets.find(labels, func(kept []string) *durations { return &durations{labels: prometheus.MakeLabelPairs(h.desc, kept)} })
	if !d.seen {
		*d = durations{labels: d.labels, seen: true}
		h.order = append(h.order, d)
	}
	if d.latency == nil { // as nearly always: one operation is one set of labels
		d.latency, d.sum, d.exemplars = st.Latency, st.Time, exemplars
		return
	}
	d.latency, d.sum = d.latency.Plus(st.Latency), d.sum+st.Time
	d.exemplars = append(slices.Clip(d.exemplars), exemplars...)
}

// emit adds the histograms of this scrape to out, and begins the next.
func (h *histogram) emit(out []prometheus.Metric) []prometheus.Metric {
	for _, d := range h.order {
		out = append(out, h.cut(d))
		d.seen, d.latency, d.exemplars = false, nil, nil
	}
	h.order = h.order[:0]
	return out
}

// cut is what one set of labels was at in one scrape, in Prometheus's buckets.
type cut struct {
	desc   *prometheus.Desc
	labels []*dto.LabelPair
	shown  dto.Histogram
	count  uint64
	sum    float64
}

// Desc implements [prometheus.Metric].
func (c *cut) Desc() *prometheus.Desc { return c.desc }

// Write implements [prometheus.Metric].
func (c *cut) Write(out *dto.Metric) error {
	out.Label, out.Histogram = c.labels, &c.shown
	return nil
}

// cut sorts durations into buckets. One that is as long as a bound may count above it:
// hale's buckets are up to 3 % wide, and each counts where its middle is.
func (h *histogram) cut(d *durations) *cut {
	n := len(h.bounds)
	buckets, counts, shown := make([]dto.Bucket, n+1), make([]uint64, n), make([]*dto.Bucket, 0, n+1)
	c, latency := &cut{desc: h.desc, labels: d.labels, sum: d.sum.Seconds()}, d.latency
	for i := range h.bounds {
		for len(latency) > 0 && latency[0].Index < h.cuts[i] {
			c.count, latency = c.count+latency[0].Count, latency[1:]
		}
		counts[i] = c.count
		buckets[i].CumulativeCount, buckets[i].UpperBound = &counts[i], &h.bounds[i]
		shown = append(shown, &buckets[i])
	}
	c.count += latency.Count()
	if h.show(buckets, d.exemplars); buckets[n].Exemplar != nil { // the last bucket is told for its exemplar only
		buckets[n].CumulativeCount, buckets[n].UpperBound = &c.count, &infinity
		shown = append(shown, &buckets[n])
	}
	c.shown.Bucket, c.shown.SampleCount, c.shown.SampleSum = shown, &c.count, &c.sum
	return c
}

var infinity = math.Inf(1)

// show gives each bucket its latest exemplar.
func (h *histogram) show(buckets []dto.Bucket, exemplars []traced) {
	var latest [maxBuckets + 1]*traced
	for i := range exemplars {
		e := &exemplars[i]
		if at := &latest[sort.SearchFloat64s(h.bounds, e.Took.Seconds())]; *at == nil || (*at).Time.Before(e.Time) {
			*at = e
		}
	}
	for i := range buckets {
		if latest[i] != nil {
			buckets[i].Exemplar = latest[i].show()
		}
	}
}

// Names of the labels of exemplars, as OpenTelemetry has them.
var traceID, spanID = "trace_id", "span_id"

// traced is an exemplar, which several histograms may show.
type traced struct {
	hale.Exemplar
	shown *dto.Exemplar
}

func (e *traced) show() *dto.Exemplar {
	if e.shown != nil {
		return e.shown
	}
	type all struct { // one allocation
		exemplar    dto.Exemplar
		trace, span dto.LabelPair
		time        timestamppb.Timestamp
		labels      [2]*dto.LabelPair
		ids         [2]string
		value       float64
	}
	a := &all{ids: [2]string{e.Trace.Trace(), e.Trace.Span()}, value: max(e.Took.Seconds(), 0)}
	a.time.Seconds, a.time.Nanos = e.Time.Unix(), int32(e.Time.Nanosecond())
	a.exemplar.Value, a.exemplar.Timestamp = &a.value, &a.time
	a.trace.Name, a.trace.Value = &traceID, &a.ids[0]
	a.span.Name, a.span.Value = &spanID, &a.ids[1]
	a.labels = [2]*dto.LabelPair{&a.trace, &a.span}
	if a.exemplar.Label = a.labels[:]; a.ids[1] == "" {
		a.exemplar.Label = a.labels[:1]
	}
	e.shown = &a.exemplar
	return e.shown
}
