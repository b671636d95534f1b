package haleprom

import (
	"errors"
	"sync"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/hale-go/hale"
)

// Collector is hale's metrics on a registerer. Its methods may be called from any
// goroutine; a nil or zero Collector collects nothing.
type Collector struct {
	rt         *hale.Runtime
	reg        prometheus.Registerer
	registered atomic.Bool

	mu  sync.Mutex // one scrape reads at a time, so that no counter falls from one to the next
	all metrics
}

// RegisterError says that a registerer did not take hale's metrics. Nothing is
// registered then.
type RegisterError struct {
	Err error // Err is what the registerer returned.

	mend string
}

// Error tells what the registerer said.
func (e *RegisterError) Error() string {
	if e == nil || e.Err == nil {
		return "haleprom: cannot register"
	}
	return "haleprom: cannot register: " + e.Err.Error()
}

// Unwrap returns what the registerer returned, such as a
// [prometheus.AlreadyRegisteredError].
func (e *RegisterError) Unwrap() error {
	if e == nil {
		return nil
	}
	return e.Err
}

// Hint says how to mend it.
func (e *RegisterError) Hint() string {
	if e == nil {
		return ""
	}
	return e.mend
}

// Register makes a collector of the runtime's metrics and registers it with reg,
// never with the default registerer unless that is given. All metrics are registered,
// or none: a name that is taken, by a metric of the service's own or by an earlier
// call, gives a [*RegisterError]; a setting that cannot be used, and a nil runtime or
// registerer, a [*hale.ConfigError]. Several runtimes on one registerer are told apart
// by [prometheus.WrapRegistererWith].
//
// A scrape reads all operations, names and incidents; see BenchmarkScrape for what it
// takes.
func Register(rt *hale.Runtime, reg prometheus.Registerer, opts ...Option) (*Collector, error) {
	if rt == nil {
		return nil, &hale.ConfigError{Field: "haleprom.Register: runtime", Mend: "make one with hale.New"}
	}
	if reg == nil {
		return nil, &hale.ConfigError{Field: "haleprom.Register: registerer", Mend: "give one of prometheus.NewRegistry, or prometheus.DefaultRegisterer"}
	}
	s, err := gather(opts)
	if err != nil {
		return nil, err
	}
	c := &Collector{rt: rt, reg: reg, all: newMetrics(s)}
	if err := reg.Register(c); err != nil {
		mend := "a metric of the service has the name: rename it, or give hale another prefix with WithPrefix"
		if s.bare {
			mend = "a metric of the service has the name: rename it, or leave WithGuideNames out"
		}
		if _, ok := errors.AsType[prometheus.AlreadyRegisteredError](err); ok {
			mend = "hale's metrics are registered here already: call Register once, or tell runtimes apart with prometheus.WrapRegistererWith"
		}
		return nil, &RegisterError{Err: err, mend: mend}
	}
	c.registered.Store(true)
	return c, nil
}

// Unregister takes the metrics off the registerer again and reports whether they were
// there. A second call does nothing.
func (c *Collector) Unregister() bool {
	return c != nil && c.registered.Swap(false) && c.reg.Unregister(c)
}

// Describe implements [prometheus.Collector].
func (c *Collector) Describe(ch chan<- *prometheus.Desc) {
	if c == nil {
		return
	}
	for _, d := range c.all.descs {
		ch <- d
	}
}

// Collect implements [prometheus.Collector].
func (c *Collector) Collect(ch chan<- prometheus.Metric) {
	if c == nil || c.rt == nil {
		return
	}
	for _, m := range c.read() { // who takes them may be slow, and holds up no other scrape
		ch <- m
	}
}

func (c *Collector) read() []prometheus.Metric {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.all.read(c.rt)
}
