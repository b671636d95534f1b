package haleprom

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/hale-go/hale"
)

// metrics is all that a [Collector] has.
type metrics struct {
	settings
	descs  []*prometheus.Desc
	tables []*table
	spans  []*histogram

	ops       operationMetrics
	work      workMetrics
	loop      loopMetrics
	signals   signalMetrics
	walls     wallMetrics
	resources resourceMetrics
	summaries *summaries // nil: none

	emitted int // series of the last scrape
}

func newMetrics(s settings) metrics {
	m := metrics{settings: s}
	m.ops = newOperationMetrics(&m)
	m.work = newWorkMetrics(&m)
	m.loop = newLoopMetrics(&m)
	m.signals = newSignalMetrics(&m)
	m.walls = newWallMetrics(&m)
	m.resources = newResourceMetrics(&m)
	if s.summaries {
		m.summaries = newSummaries(&m)
	}
	return m
}

func (m *metrics) desc(prefix, name, help string, labels []string) *prometheus.Desc {
	d := prometheus.NewDesc(prefix+name, help, labels, nil)
	m.descs = append(m.descs, d)
	return d
}

func (m *metrics) table(kind prometheus.ValueType, prefix, name, help string, labels []string) *table {
	t := &table{desc: m.desc(prefix, name, help, labels), kind: kind}
	m.tables = append(m.tables, t)
	return t
}

func (m *metrics) counter(name, help string, labels ...string) *table {
	return m.table(prometheus.CounterValue, m.prefix, name, help, labels)
}

func (m *metrics) gauge(name, help string, labels ...string) *table {
	return m.table(prometheus.GaugeValue, m.prefix, name, help, labels)
}

func (m *metrics) histogram(prefix, name, help string, labels ...string) *histogram {
	h := newHistogram(m.desc(prefix, name, help, labels), m.buckets)
	m.spans = append(m.spans, h)
	return h
}

// read reads the runtime.
func (m *metrics) read(rt *hale.Runtime) []prometheus.Metric {
	st, ops := rt.Status(), rt.Operations()
	m.ops.read(ops, rt.Exemplars())
	m.work.read(st.Sample)
	m.loop.read(st)
	m.signals.read(rt, st.Sample)
	m.walls.read(rt)
	m.resources.read(st.Sample)
	out := make([]prometheus.Metric, 0, m.emitted)
	for _, t := range m.tables {
		out = t.emit(out)
	}
	for _, h := range m.spans {
		out = h.emit(out)
	}
	if m.summaries != nil {
		out = m.summaries.emit(out, ops, st.Time)
	}
	m.emitted = len(out)
	return out
}
