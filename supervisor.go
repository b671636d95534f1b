package hale

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/hale-go/hale/observe"
)

// SupervisorConfig says how a supervisor restarts. The zero value is useful. No
// duration may be above 24h.
type SupervisorConfig struct {
	// Strategy is who is started again with a child that failed. Default: one_for_one.
	Strategy Strategy `json:"strategy" yaml:"strategy"`
	// Intensity is how many restarts within Period, of all children together,
	// are borne; children that are started again for the sake of another do not
	// count. One more stops the supervisor, whose Run then returns [ErrIntensity]
	// to the supervisor above it. Above 65536 any number is borne. Default: 5.
	Intensity int `json:"intensity" yaml:"intensity"`
	// Period is the window of Intensity. Default: 10s.
	Period time.Duration `json:"period" yaml:"period"`
	// Backoff is the wait before each restart of a child, and of those that are
	// started again with it.
	Backoff Backoff `json:"backoff" yaml:"backoff"`
	// StopTimeout is how long Run waits for its children when it ends. A child that
	// is a supervisor has its own StopTimeout on top of that. Default: 5s.
	StopTimeout time.Duration `json:"stop_timeout" yaml:"stop_timeout"`
}

func (c SupervisorConfig) withDefaults() (SupervisorConfig, error) {
	b := c.Backoff
	for _, f := range []struct {
		name  string
		value time.Duration
	}{
		{"Period", c.Period}, {"StopTimeout", c.StopTimeout}, {"Backoff.Initial", b.Initial}, {"Backoff.Max", b.Max},
	} {
		if f.value < 0 || f.value > maxDuration {
			return c, &ConfigError{Field: "SupervisorConfig." + f.name, Value: f.value, Mend: "give a duration up to 24h, or 0 for the default"}
		}
	}
	if c.Strategy > RestForOne {
		return c, &ConfigError{Field: "SupervisorConfig.Strategy", Value: c.Strategy, Mend: "use OneForOne, OneForAll or RestForOne"}
	}
	if c.Intensity < 0 {
		return c, &ConfigError{Field: "SupervisorConfig.Intensity", Value: c.Intensity, Mend: "give a count above 0, or 0 for the default of 5"}
	}
	if c.Intensity == 0 {
		c.Intensity = 5
	}
	if c.Period == 0 {
		c.Period = 10 * time.Second
	}
	if c.StopTimeout == 0 {
		c.StopTimeout = 5 * time.Second
	}
	c.Backoff = b.withDefaults()
	return c, nil
}

// Supervisor starts its children in the order in which they were added, restarts
// them by its [Strategy], and stops them in the reverse order. It is itself a
// service that another supervisor can run:
//
//	top.Go("orders", orders.Run, hale.Restart(hale.Permanent))
//
// All methods may be called from any goroutine; on a nil Supervisor they give a
// [*ConfigError].
//
// Who owns what: a child's lock guards the child's state and is taken before the
// supervisor's, which guards the list of children and whether Run runs. Who holds
// the lock of a child takes no lock of a child above it. With [OneForOne] a child
// restarts itself, on the goroutine that saw its run end. With the other
// strategies only the goroutine of Run starts and stops children, and the others
// knock.
type Supervisor struct {
	rt   *Runtime
	name string
	cfg  SupervisorConfig
	root bool // the runtime's own: always running, bears every storm

	mu       sync.Mutex
	running  context.Context // of Run; nil while it does not run
	under    context.Context // what the runs run under: ended one by one, not with running
	cancel   context.CancelCauseFunc
	storm    error         // why Run ends, if its children failed too often
	ended    chan struct{} // closed when Run has returned
	wake     chan struct{} // the knocking; has room for one
	children []*child      // in order of Go; those that ended for good are forgotten
	restarts tally
}

// NewSupervisor returns a supervisor whose children start when its Run is
// called. A setting that cannot be used gives a [*ConfigError].
func (rt *Runtime) NewSupervisor(name string, cfg SupervisorConfig) (*Supervisor, error) {
	if rt = rt.made(); rt == nil {
		return nil, noRuntime()
	}
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	name, mended := cleanName(name, func() string { return "supervisor" })
	if mended != "" {
		rt.misuse(observe.Subject{Name: name}, mended)
	}
	return newSupervisor(rt, name, cfg), nil
}

func newSupervisor(rt *Runtime, name string, cfg SupervisorConfig) *Supervisor {
	return &Supervisor{rt: rt, name: name, cfg: cfg}
}

// Go adds a child, as the last. It starts at once if the supervisor runs, else
// with it. Without [Restart] the child is [Permanent]. The handle's Wait returns
// when the child has ended for good, or with a run of its supervisor; when the
// child is restarted, also for the sake of another, the handle stays as it is.
func (s *Supervisor) Go(name string, fn func(context.Context) error, opts ...TaskOption) *Task {
	if s == nil || s.rt == nil {
		t := &Task{}
		t.conclude(noSupervisor())
		return t
	}
	o := s.rt.options(name, opts)
	if o == nil {
		o = &taskOptions{contract: contract{grace: defaultGrace}}
	}
	if !o.supervised {
		o.restart = Permanent
	}
	return s.add(name, fn, o)
}

func noSupervisor() error {
	return &ConfigError{Field: "Supervisor", Value: nil, Mend: "make one with Runtime.NewSupervisor"}
}

// add makes the child and starts it if the supervisor runs.
func (s *Supervisor) add(name string, fn func(context.Context) error, o *taskOptions) *Task {
	handle := &Task{}
	handle.scope.parent = context.Background()
	if o.ctx != nil {
		o.ctx = remember(o.ctx)
		handle.scope.parent = o.ctx
		handle.scope.flags = flagOwn
	}
	if fn == nil {
		s.rt.misuse(observe.Subject{Name: printable(name, maxName)}, "nil function: no child was added")
		handle.conclude(ErrNilFunc)
		return handle
	}
	c := &child{sup: s, fn: fn, options: o.contract, handle: handle}
	c.family = s.rt.familyFor(name, func() string { return siteOf(c.entry()).Function }, o.domain)
	c.family.entry.CompareAndSwap(0, c.entry())
	handle.scope.extend().child = c
	if s.rt.closed.Load() {
		handle.conclude(ErrClosed)
		return handle
	}
	s.mu.Lock()
	s.children = append(s.children, c)
	running, under := s.running, s.under
	s.mu.Unlock()
	switch {
	case running == nil:
		s.rt.remember(s)
	case o.ctx == nil && running.Err() != nil: // it stops, and may have looked before the child was known
		c.dismiss(context.Cause(running))
	case s.together():
		s.knock()
	default:
		c.begin(running, under)
	}
	if s.rt.closed.Load() { // Close may have looked before the child was known
		c.stop(ErrClosed)
	}
	return handle
}

// Run starts the children in order and blocks until ctx is done or they fail too
// often. It then stops them in the reverse order: each is cancelled when the one
// after it has returned or its grace is over, and all of the rest after half of
// StopTimeout. It returns an error that matches [ErrIntensity] when they failed
// too often, [ErrClosed] on a runtime that is closed, and nil otherwise; each is
// joined with a [*StopError] that names the children, also of supervisors below
// it, that did not stop. It can be called again after it returned.
func (s *Supervisor) Run(ctx context.Context) error {
	if s == nil || s.rt == nil {
		return noSupervisor()
	}
	if ctx == nil {
		ctx = context.Background()
	}
	within := runOf(ctx)
	running, under, err := s.open(ctx)
	if err != nil || running == nil {
		return err
	}
	defer s.shut()
	if t := within; t != nil {
		t.child().runs(t, s)
		defer t.child().ran(s)
	} else if !s.rt.oversee(s) {
		return ErrClosed // Close ends the handles: they are remembered still
	} else {
		defer s.rt.release(s)
	}
	s.rt.forget(s)
	if s.together() {
		s.lead(running, under)
	} else {
		for _, c := range s.list() {
			c.begin(running, under)
		}
	}
	<-running.Done()
	err = s.stop(context.Cause(running))
	s.mu.Lock()
	defer s.mu.Unlock()
	return errors.Join(s.storm, err)
}

// open begins a run, unless ctx ended before it could. One that is on its way out is waited for: a supervisor that
// was given up by the one above it may be called again before it has returned.
func (s *Supervisor) open(ctx context.Context) (running, under context.Context, err error) {
	_ = ctx.Done() // panics here, if it does, and not where its end would be missed
	asked := remember(ctx)
	made := derive(asked) // before the lock, as all that is anybody's code
	defer func() {
		if running == nil {
			made.end(nil)
		}
	}()
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.running != nil {
		if s.running.Err() == nil {
			return nil, nil, &ConfigError{Field: "Supervisor " + s.name, Err: errors.New("it runs already"), Mend: "call Run once at a time"}
		}
		ended := s.ended
		s.mu.Unlock()
		select {
		case <-ended:
		case <-made.ctx.Done():
		}
		s.mu.Lock()
		if made.ctx.Err() != nil {
			return nil, nil, nil
		}
	}
	if s.rt.closed.Load() {
		return nil, nil, ErrClosed
	}
	s.running, s.cancel = made.ctx, made.end
	s.under = &values{asked}
	s.ended, s.wake = make(chan struct{}), make(chan struct{}, 1)
	s.storm, s.restarts = nil, tally{}
	return s.running, s.under, nil
}

// values is [context.WithoutCancel] without an allocation for each look-up: the
// children are ended one by one, not with the context of Run.
type values struct{ of context.Context }

func (*values) Deadline() (deadline time.Time, ok bool) { return time.Time{}, false }
func (*values) Done() <-chan struct{}                   { return nil }
func (*values) Err() error                              { return nil }

func (v *values) Value(key any) any {
	if key == cancelKey {
		return nil
	}
	return v.of.Value(key)
}

// shut ends a run.
func (s *Supervisor) shut() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cancel(nil)
	close(s.ended)
	s.running, s.under = nil, nil
}

// together reports whether children are started again for the sake of others.
func (s *Supervisor) together() bool { return s.cfg.Strategy != OneForOne }

// list returns the children in the order in which they were added.
func (s *Supervisor) list() []*child {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.children)
}

// escalate ends the supervisor's run because its children fail too often.
func (s *Supervisor) escalate(last error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.running != nil && s.running.Err() == nil {
		s.storm = &stormError{name: s.name, intensity: s.cfg.Intensity, period: s.cfg.Period, last: orNil(last)}
		s.cancel(s.storm)
	}
}

// stormError says that a supervisor's children failed too often. Its text is made
// when somebody reads it: that runs the child's own code.
type stormError struct {
	name      string
	intensity int
	period    time.Duration
	last      error
}

func (e *stormError) Error() string {
	return fmt.Sprintf("supervisor %s: %v (%d in %v), last: %s", e.name, ErrIntensity, e.intensity, e.period, errText(e.last))
}

func (e *stormError) Unwrap() []error { return []error{ErrIntensity, e.last} }

// orNil gives an error text for children that keep returning without one.
func orNil(err error) error {
	if err == nil {
		return errors.New("the child returned nil")
	}
	return err
}

// forget drops a child that has ended for good.
func (s *Supervisor) forget(c *child) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if i := slices.Index(s.children, c); i >= 0 {
		s.children = slices.Delete(s.children, i, i+1)
	}
}
