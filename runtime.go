package hale

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hale-go/hale/detect"
	"github.com/hale-go/hale/diagnose"
	"github.com/hale-go/hale/heal"
	"github.com/hale-go/hale/internal/aside"
	"github.com/hale-go/hale/internal/goroutine"
	"github.com/hale-go/hale/internal/resource"
	"github.com/hale-go/hale/internal/starve"
	"github.com/hale-go/hale/observe"
)

// Runtime keeps one process healthy: it knows its tasks, pools and supervised
// children, and runs the loop over them. Make one with [New], let [Runtime.Run]
// run for as long as the service does, and end it with [Runtime.Close]. All
// methods may be called from any goroutine.
type Runtime struct {
	opts    options
	tracing *tracing // nil without a [Tracer]
	number  uint64   // of the runtime in the process; part of its labels
	prefix  string

	_         [64]byte
	seq       atomic.Uint64 // of tasks; every start writes it and reads what stands around it
	_         [64]byte
	abandoned atomic.Int64 // bodies that were given up and have not come back
	clock     clock
	closed    atomic.Bool
	closing   chan struct{} // closed with it, to end Run
	halted    atomic.Bool
	disabled  bool        // by HALE_DISABLE, for good
	down      atomic.Bool // the loop broke and has not completed a turn since

	reg     registry
	watcher watcher
	locator locator
	root    *Supervisor
	ops     operations
	domains domains
	cut     domainGates
	gauges  gauges
	unwell  unwell
	logs    *logs
	inbox   inbox
	bus     bus
	misused misused

	switches switches
	handing  handing

	baselines baselines
	journal   *heal.Journal

	poolMu      sync.Mutex
	pools       []*Pool
	supervisors map[*Supervisor]struct{} // that Close has to end
	idle        map[*Supervisor]struct{} // with children that wait for its Run

	// The loop's own; turnMu lets one turn run at a time.
	turnMu   sync.Mutex
	loop     *loop
	exec     *heal.Executor
	meter    *starve.Meter
	resource resources
	capturer *goroutine.Capturer
	pacer    goroutine.Pacer
	recorder *observe.Recorder
	turns    uint64
	cost     turnCost
	found    totals[detect.Kind]
	lastTurn time.Time
	unmet    int                 // looks for settings that name no operation
	shown    map[string]struct{} // what was logged and is logged once: fingerprints of panics, and keys of events
	disk     *diskRecorder       // nil without a folder
	running  atomic.Int32        // calls of Run

	published atomic.Pointer[published]

	settings atomic.Pointer[settings]
	retick   chan struct{} // tells Run that the Tick changed
	named    time.Time     // when settings that name operations were given; the loop's own
}

// published is what the last turn left for readers.
type published struct {
	at        time.Time
	panel     *detect.Panel
	sample    observe.Sample
	snapshot  *observe.Snapshot
	incidents []diagnose.Incident
}

// How much the in-memory recording keeps: ten minutes at the default tick.
const (
	recordSegments = 10
	recordTurns    = 60
)

var runtimes atomic.Uint64 // numbers runtimes, so that their labels differ

// New returns a runtime. It starts no goroutine: the loop begins with
// [Runtime.Run] or [Runtime.Step]; tasks, pools and supervision work without
// it. A setting that cannot be used gives a [*ConfigError] or a
// [*heal.PolicyError].
//
// When the environment variable HALE_DISABLE is set to anything but "", "0" or
// "false", no remedy is carried out, whatever the settings say.
func New(opts ...Option) (*Runtime, error) {
	o, err := gather(opts)
	if err != nil {
		return nil, err
	}
	rt := &Runtime{opts: o, clock: clock{born: time.Now()}, lastTurn: time.Now(), number: runtimes.Add(1), closing: make(chan struct{}), retick: make(chan struct{}, 1), journal: heal.NewJournal(o.journal)}
	rt.settings.Store(&settings{o.config, o.config.revision()})
	rt.named = rt.clock.born
	rt.prefix = strconv.FormatUint(rt.number, 10) + "."
	rt.reg = registry{rt: rt, cells: map[string]*cell{}}
	rt.watcher.rt = rt
	if o.tracer != nil {
		rt.tracing = &tracing{rt: rt, of: o.tracer}
	}
	rt.logs = newLogs(o.config.Logs)
	rt.switches.rt, rt.domains.switches = rt, &rt.switches
	domains, err := rt.domains.prepare(o.config.Domains)
	if err != nil {
		return nil, err
	}
	domains()
	if err := rt.switches.reconfigure(o.config.Degraded, o.config.Degradation.Settle); err != nil {
		return nil, err
	}
	if rt.loop, err = newLoop(o, detectorLimit); err != nil {
		return nil, err
	}
	if rt.disk, err = newDiskRecorder(rt); err != nil {
		return nil, err
	}
	if o.dir != "" {
		rt.baselines = baselines{path: filepath.Join(o.dir, baselinesFile), last: rt.clock.born, writing: make(chan struct{}, 1), write: writeBaselines}
		rt.learn()
	}
	rt.exec = heal.NewExecutor(target{rt}, rt.journal, remedyLimit, o.allRemedies()...)
	rt.meter = starve.NewMeter()
	rt.resource.reader = resource.New("")
	rt.capturer = goroutine.NewCapturer(goroutine.Config{}, rt.reg.resolve)
	rt.pacer.Interval = o.config.Snapshots
	rt.recorder = observe.NewRecorder(rt.settings.Load().revision, recordSegments, recordTurns)
	cfg, err := SupervisorConfig{}.withDefaults()
	if err != nil {
		return nil, err
	}
	rt.root = newSupervisor(rt, "root", cfg)
	rt.root.root = true
	rt.root.running, rt.root.under = context.Background(), context.Background()
	switch os.Getenv("HALE_DISABLE") {
	case "", "0", "false":
	default:
		rt.disabled = true
	}
	return rt, nil
}

// remedyLimit is how long a remedy may take. The built-in ones take microseconds.
const remedyLimit = time.Second

var defaultRuntime atomic.Pointer[Runtime]

// SetDefault makes rt the runtime of tasks whose context has none; nil takes
// it away.
func SetDefault(rt *Runtime) { defaultRuntime.Store(rt) }

// Default returns what [SetDefault] set, or nil.
func Default() *Runtime { return defaultRuntime.Load() }

// SetHalted is the kill switch: while it is on, remedies are recorded and not
// carried out, and what is held in quarantine or degraded by incidents is let go with
// the next turn.
// Contracts that the developer declared go on. HALE_DISABLE cannot be switched
// off by it.
func (rt *Runtime) SetHalted(on bool) {
	if rt != nil {
		rt.halted.Store(on)
	}
}

// made returns rt, or nil if it was not made by [New]: methods then do what they
// can do without, or return a [*ConfigError].
func (rt *Runtime) made() *Runtime {
	if rt == nil || rt.root == nil {
		return nil
	}
	return rt
}

func noRuntime() error {
	return &ConfigError{Field: "Runtime", Value: nil, Mend: "make one with hale.New"}
}

// Run runs the loop, a turn every Tick, until ctx is done or the runtime is
// closed; it then returns nil. When a turn breaks, Run reports that the observer
// is down, takes back what it holds in quarantine or degrades, and starts the loop afresh.
// At its end it takes back every quarantine, and what incidents degrade: nobody would
// lift them.
func (rt *Runtime) Run(ctx context.Context) error {
	if rt.made() == nil {
		return noRuntime()
	}
	if ctx == nil {
		ctx = context.Background()
	}
	if rt.running.Add(1) > 1 {
		rt.running.Add(-1)
		return &ConfigError{Field: "Runtime.Run", Err: errors.New("it runs already"), Mend: "call Run once at a time"}
	}
	defer rt.running.Add(-1)
	defer rt.openGates()
	made := derive(ctx) // the caller's own is asked once: it may be anybody's code
	defer made.end(nil)
	ticker := time.NewTicker(rt.config().Tick)
	defer ticker.Stop()
	defer rt.clock.stop()
	for {
		rt.clock.turn(rt.config().Tick)
		select {
		case <-made.ctx.Done():
			return nil
		case <-rt.closing:
			return nil
		case <-rt.retick:
			rt.clock.stop()
			ticker.Reset(rt.config().Tick)
			continue
		case <-ticker.C:
		}
		rt.clock.stop() // a turn may hang
		rt.guard("loop", func() bool { rt.turn(made.ctx); return true })
	}
}

// Step takes one turn of the loop and waits for it, for functions that run only
// while they are called. No goroutine of the loop outlives it, but for a write to a
// disk that hangs and for what was left behind because it overran. It returns
// [ErrClosed] after Close, an error when the turn broke, and nil otherwise.
func (rt *Runtime) Step(ctx context.Context) error {
	if rt.made() == nil {
		return noRuntime()
	}
	if ctx == nil {
		ctx = context.Background()
	}
	if rt.closed.Load() {
		return ErrClosed
	}
	made := derive(ctx)
	defer made.end(nil)
	rt.guard("loop", func() bool { rt.turn(made.ctx); return true })
	if rt.down.Load() {
		return errors.New("hale: the turn broke; the loop starts afresh with the next")
	}
	return nil
}

// turn observes, decides and acts, once.
func (rt *Runtime) turn(ctx context.Context) {
	rt.turnMu.Lock()
	defer rt.turnMu.Unlock()
	recorded, done := false, false
	var t observe.Turn
	began := time.Now()
	defer func() {
		rt.cost.add(&t, began, done)
		if done {
			return
		}
		if t.Broke = true; !recorded && t.Seq > 0 { // it is the one that somebody will want to see
			rt.record(t)
		}
		rt.afresh()
	}()
	t = rt.observe(began)
	rt.tellUnmet(began)
	rt.openSegment()
	d := rt.loop.turn(&t)
	t.Decided = d.digest()
	rt.record(t)
	recorded = true
	rt.publish(t, d)
	rt.keep(t.Time, false)
	for _, c := range d.Commands {
		rt.emit(rt.exec.Execute(ctx, c))
	}
	rt.down.Store(false)
	rt.baselines.sound()
	done = true
}

// afresh starts the loop over after a turn that broke.
func (rt *Runtime) afresh() {
	rt.down.Store(true)
	rt.openGates()
	if l, err := newLoop(rt.current(), detectorLimit); err == nil { // it worked in New
		rt.recorder.Cut()
		l.diagnoser.NumberAfter(rt.loop.diagnoser)
		rt.loop = l
		rt.learn()
	}
}

// guard runs a piece of hale's own work. A fault of hale's must not take the
// service down, nor one that ends the goroutine take hale down: what breaks is
// reported and goes no further. It returns what f returned, and true after that.
func (rt *Runtime) guard(what string, f func() bool) bool {
	ok, err := aside.Call(0, nil, f)
	if err == nil {
		return ok
	}
	detail := err.Error()
	if _, panicked := errors.AsType[aside.Panicked](err); panicked {
		detail = "panic: " + detail
	}
	e := observe.Event{Kind: observe.EventObserverDown, Subject: observe.Subject{Name: "hale." + what}, Detail: printable(detail, maxDetail)}
	rt.emit(e) // logged by the next turn, unless turns break
	if e.Subject.Name == loopName {
		rt.logEvent(e)
	}
	return true
}

// closeTimeout is how long Close waits for pools and children.
const closeTimeout = 5 * time.Second

// Close ends the loop, closes the pools, and cancels every task and supervised
// child with [ErrClosed]; nothing is restarted and nothing new starts. It waits
// at most 5 s, supervisors stop their children in order for half of that, then the
// grace of pools, at most 500 ms, and at most 1 s each for the recording and for
// what was learned to reach the disk, and for the logger to take what happened since
// the last turn. The error has a [*StopError] that names the
// tasks and units of pools that did not end, and says of each pool how many units.
// It is idempotent.
func (rt *Runtime) Close() error {
	if rt.made() == nil || rt.closed.Swap(true) {
		return nil
	}
	close(rt.closing)
	defer rt.bus.close()
	rt.openGates()
	rt.handing.stop()
	defer rt.logLast()
	return errors.Join(rt.shutdown(), rt.disk.close(), rt.keepLast())
}
