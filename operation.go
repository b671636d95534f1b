package hale

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hale-go/hale/observe"
)

// Operation is something that the service does again and again and that is
// measured: it serves a route, calls another service, asks a database. Each time is
// a [Span]. Ask the [Runtime] for one with [Runtime.Operation] once and keep it. All
// methods may be called from any goroutine and on a nil or zero Operation, which measures
// nothing.
type Operation struct {
	rt     *Runtime
	name   string
	kind   observe.OperationKind
	domain observe.Domain

	catchAll atomic.Bool // see [Operation.SetCatchAll]
	wall     atomic.Pointer[Wall]

	_       [32]byte
	started atomic.Uint64
	_       [56]byte
	ended   atomic.Uint64
	untimed atomic.Uint64 // ended besides, well, and without a look at the clock
	sparse  atomic.Uint32 // of calls that are no spans, those are timed whose number has none of these bits

	failed, inherited, outlived atomic.Uint64
	renamed                     atomic.Uint64 // began, and are counted elsewhere
	below                       atomic.Int64  // nanoseconds
	latency                     latency
	ages                        ages
	outcomes, reported, calls   counters
	ok                          atomic.Pointer[counter] // that of the outcome "ok", once there is one
	exemplars                   exemplars
	lastFailed                  atomic.Pointer[exemplar] // the latest span that failed and whose trace is known

	last observe.OperationStat // totals as of the last sample; the sampler's own
}

// Bounds of the table of operations; further ones are counted together as "hale.other".
// Whoever sends requests may have a hand in the names of those that serve. However many
// there are, what the service calls has names of its own.
const (
	maxOperations = 1024
	maxOfOneKind  = 768
)

// operations is a runtime's table of them.
type operations struct {
	table  sync.Map // operationKey → *Operation
	mu     sync.Mutex
	sorted []*Operation // replaced, never changed
	named  int          // how many are not "hale.other"
	ofKind map[observe.OperationKind]int
	unseen atomic.Uint64
}

type operationKey struct {
	kind observe.OperationKind
	name string
}

// Operation returns the operation of a kind and name, made when it is first asked
// for. A kind that is none counts as [observe.Internal]; a name is mended as that of
// a task is, but for an empty one, which becomes "operation", and must be one of few: a route pattern, never a path. The domain is
// that of the first call; "" means what [observe.DomainOf] says. At most 1024 are
// told apart, of one kind at most 768; further ones are counted together as
// "hale.other". It takes about 50 ns for one that is known.
func (rt *Runtime) Operation(kind observe.OperationKind, name string, domain observe.Domain) *Operation {
	if rt = rt.made(); rt == nil {
		return nil
	}
	if o, ok := rt.ops.table.Load(operationKey{kind, name}); ok {
		return o.(*Operation)
	}
	switch kind {
	case observe.Server, observe.Client, observe.Internal:
	default:
		kind = observe.Internal
	}
	clean, mended := cleanName(name, func() string { return "operation" })
	if mended != "" {
		rt.misuse(observe.Subject{Name: clean}, mended)
	}
	return rt.ops.make(rt, operationKey{kind, clean}, observe.Domain(printable(string(domain), maxName)))
}

func (t *operations) make(rt *Runtime, key operationKey, domain observe.Domain) *Operation {
	t.mu.Lock()
	defer t.mu.Unlock()
	if o, ok := t.table.Load(key); ok {
		return o.(*Operation)
	}
	if (t.named >= maxOperations || t.ofKind[key.kind] >= maxOfOneKind) && key.name != otherName {
		rt.misuse(observe.Subject{Name: otherName}, "too many operations of the kind "+string(key.kind)+": further ones are counted as hale.other; names must not carry user data")
		key, domain = operationKey{key.kind, otherName}, "hale"
		if o, ok := t.table.Load(key); ok {
			return o.(*Operation)
		}
	}
	if domain == "" {
		domain = observe.DomainOf(key.name)
	}
	key.name = strings.Clone(key.name)
	o := &Operation{rt: rt, name: key.name, kind: key.kind, domain: domain}
	o.catchAll.Store(key.name == otherName)
	t.table.Store(key, o)
	if t.ofKind == nil {
		t.ofKind = map[observe.OperationKind]int{}
	}
	if key.name != otherName {
		t.named++
		t.ofKind[key.kind]++
	}
	sorted := append(slices.Clone(t.sorted), o)
	slices.SortFunc(sorted, func(a, b *Operation) int {
		return cmp.Or(strings.Compare(a.name, b.name), strings.Compare(string(a.kind), string(b.kind)))
	})
	t.sorted = sorted
	return o
}

func (t *operations) all() []*Operation {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.sorted
}

// made returns o, or nil if it was not made by a runtime.
func (o *Operation) made() *Operation {
	if o == nil || o.rt == nil {
		return nil
	}
	return o
}

// Name returns the operation's name, "" for nil.
func (o *Operation) Name() string {
	if o == nil {
		return ""
	}
	return o.name
}

// Domain returns the operation's fault domain, "" for nil.
func (o *Operation) Domain() observe.Domain {
	if o == nil {
		return ""
	}
	return o.domain
}

// Wall returns the wall of the operation's name in its domain; see [Runtime.Wall]. It
// takes a few nanoseconds.
func (o *Operation) Wall() *Wall {
	if o = o.made(); o == nil {
		return nil
	}
	if w := o.wall.Load(); w != nil {
		return w
	}
	w := o.rt.Wall(o.name, o.domain)
	o.wall.Store(w)
	return w
}

// Do measures fn as one span of the operation. What fn returns decides how the span
// ended; see [Span.End]. A panic ends it too, and goes on. A nil fn gives [ErrNilFunc].
func (o *Operation) Do(ctx context.Context, fn func(context.Context) error) (err error) {
	if fn == nil {
		return ErrNilFunc
	}
	ctx, span := o.Start(ctx)
	defer func() {
		if span == nil || span.isOver() {
			return
		}
		span.Finish("panic", true) // or Goexit: it did not return
	}()
	err = fn(ctx)
	span.End(err)
	return err
}

// totals returns what was counted since the runtime was made, but for the names.
func (o *Operation) totals() observe.OperationStat {
	o.fold()
	st := observe.OperationStat{ // ends before starts, so that none is missing in flight
		Name: o.name, Kind: o.kind, Domain: o.domain,
		Ended: o.ended.Load(), Failed: o.failed.Load(), Inherited: o.inherited.Load(), Outlived: o.outlived.Load(),
		Time: time.Duration(o.latency.sum.Load()), Below: time.Duration(o.below.Load()), Latency: o.latency.all(),
	}
	renamed := o.renamed.Load()
	st.Started = o.started.Load()
	st.InFlight = max(int64(st.Started-st.Ended-renamed), 0) // an adapter may have counted an end twice
	return st
}

// stat returns what happened since the last call. Only the sampler calls it.
func (o *Operation) stat() observe.OperationStat {
	all, last := o.totals(), o.last
	st := observe.OperationStat{
		Name: o.name, Kind: o.kind, Domain: o.domain,
		Started: all.Started - last.Started, Ended: all.Ended - last.Ended, InFlight: all.InFlight,
		Failed: all.Failed - last.Failed, Inherited: all.Inherited - last.Inherited, Outlived: all.Outlived - last.Outlived,
		Time: all.Time - last.Time, Below: min(all.Below-last.Below, all.Time-last.Time),
		Latency: since(all.Latency, last.Latency), Outcomes: o.outcomes.outcomes(), Reported: o.reported.outcomes(), Calls: o.calls.calls(),
	}
	st.Waiting = o.ages.waiting(o.rt.clock.second(), st.InFlight)
	o.thin(st.Started)
	o.last = all
	return st
}

// idle reports whether there is nothing to tell of.
func idle(st observe.OperationStat) bool {
	return st.Started == 0 && st.Ended == 0 && st.InFlight == 0 && len(st.Reported) == 0
}

// sampleOperations reads all operations that did something.
func (rt *Runtime) sampleOperations() []observe.OperationStat {
	var out []observe.OperationStat
	for _, o := range rt.ops.all() {
		if st := o.stat(); !idle(st) {
			out = append(out, st)
		}
	}
	return out
}

// Operations returns what each operation did since the runtime was made, sorted by
// name and kind, for metrics. It takes about 2 µs for each.
func (rt *Runtime) Operations() []observe.OperationStat {
	if rt = rt.made(); rt == nil {
		return nil
	}
	all := rt.ops.all()
	out := make([]observe.OperationStat, 0, len(all))
	for _, o := range all {
		st := o.totals()
		st.Outcomes, st.Reported, st.Calls = o.outcomes.totals(), o.reported.totals(), o.calls.callTotals()
		out = append(out, st)
	}
	return out
}
