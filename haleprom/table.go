package haleprom

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

// maxSeries bounds the sets of labels of one metric.
const maxSeries = 1000

// other is the value of each label of what came after that.
const other = "other"

// sets tells the sets of labels of one metric apart, the first ones of them. What is
// kept of each is kept for good: which are told apart must not change, or counters
// would fall.
type sets[T any] struct {
	known map[string]*T // by their labels
	key   []byte        // of the last look
}

// find returns what is kept of a set of labels, made when it is not known.
func (s *sets[T]) find(labels []string, fresh func(labels []string) *T) *T {
	if known := s.look(labels); known != nil {
		return known
	}
	kept := slices.Clone(labels)
	for i, l := range kept {
		if kept[i] = strings.ToValidUTF8(l, "_"); len(s.known) >= maxSeries {
			kept[i] = other
		}
	}
	if known := s.look(kept); known != nil {
		return known
	}
	if s.known == nil {
		s.known = map[string]*T{}
	}
	known := fresh(kept)
	s.known[string(s.key)] = known
	return known
}

func (s *sets[T]) look(labels []string) *T {
	s.key = s.key[:0]
	for _, l := range labels {
		if !utf8.ValidString(l) {
			return nil
		}
		s.key = append(append(s.key, l...), 0xff) // is in no valid one
	}
	return s.known[string(s.key)]
}

// table is one counter or gauge.
type table struct {
	desc  *prometheus.Desc
	kind  prometheus.ValueType
	anew  bool // a counter whose source may begin anew, as a pool does that was closed
	tally bool // what is added stays from scrape to scrape

	sets   sets[series]
	order  []*series // those of this scrape
	scrape int
}

// series is one set of labels of a table.
type series struct {
	labels []*dto.LabelPair
	value  float64
	seen   bool // in this scrape

	last, base float64 // of counters: the highest value, and what came before it began anew
	scrape     int     // the last one that it was in
}

// at returns the series of a set of labels, for this scrape.
func (t *table) at(labels ...string) *series {
	s := t.sets.find(labels, func(kept []string) *series { return &series{labels: prometheus.MakeLabelPairs(t.desc, kept)} })
	if !s.seen {
		s.seen, s.value = true, 0
		t.order = append(t.order, s)
	}
	return s
}

// add adds to a series: sets of labels that became one are added up.
func (t *table) add(v float64, labels ...string) { t.at(labels...).value += v }

// emit adds the series of this scrape to out, and begins the next.
func (t *table) emit(out []prometheus.Metric) []prometheus.Metric {
	t.scrape++
	points := make([]point, len(t.order))
	for i, s := range t.order {
		v := s.value
		if t.kind == prometheus.CounterValue {
			v = t.risen(s)
		}
		points[i] = point{desc: t.desc, kind: t.kind, labels: s.labels, value: v}
		out = append(out, &points[i])
		s.seen = t.tally
	}
	if !t.tally {
		t.order = t.order[:0]
	}
	return out
}

// risen returns what a counter is at, which never falls: one that is read while it is
// counted may be one less than before.
func (t *table) risen(s *series) float64 {
	if t.anew && (s.value < s.last || s.scrape != t.scrape-1) {
		s.base += s.last
	}
	s.scrape = t.scrape
	if t.anew || s.value > s.last {
		s.last = s.value
	}
	return s.base + s.last
}

// point is what a series was at in one scrape. It is a [prometheus.Metric] that makes
// its labels once and not in each scrape, as a const metric does.
type point struct {
	desc   *prometheus.Desc
	kind   prometheus.ValueType
	labels []*dto.LabelPair
	value  float64
}

// Desc implements [prometheus.Metric].
func (p *point) Desc() *prometheus.Desc { return p.desc }

// Write implements [prometheus.Metric].
func (p *point) Write(out *dto.Metric) error {
	out.Label = p.labels
	if p.kind == prometheus.CounterValue {
		out.Counter = &dto.Counter{Value: &p.value}
	} else {
		out.Gauge = &dto.Gauge{Value: &p.value}
	}
	return nil
}
