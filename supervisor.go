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

// RestartKind says when a supervised child is started again, in the terms of
// Erlang/OTP.
type RestartKind uint8

// The restart kinds.
const (
	Temporary RestartKind = iota // never
	Transient                    // when it ended with an error or a panic
	Permanent                    // always
)

// String returns the kind's name in lower case.
func (k RestartKind) String() string {
	switch k {
	case Temporary:
		return "temporary"
	case Transient:
		return "transient"
	case Permanent:
		return "permanent"
	}
	return fmt.Sprintf("RestartKind(%d)", uint8(k))
}

// SupervisorConfig says how a supervisor restarts. The zero value is useful.
type SupervisorConfig struct {
	// Intensity is how many restarts within Period, of all children together,
	// are borne. One more stops the supervisor, whose Run then returns
	// [ErrIntensity] to the supervisor above it. Default: 5.
	Intensity int `json:"intensity" yaml:"intensity"`
	// Period is the window of Intensity. Default: 10s.
	Period time.Duration `json:"period" yaml:"period"`
	// Backoff is the wait before each restart of a child.
	Backoff Backoff `json:"backoff" yaml:"backoff"`
	// StopTimeout is how long Run waits for its children when it ends. Default: 5s.
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
		if f.value < 0 {
			return c, &ConfigError{Field: "SupervisorConfig." + f.name, Value: f.value, Mend: "give a duration above 0, or 0 for the default"}
		}
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

// Supervisor restarts its children one for one: each alone, the others
// untouched. It is itself a service that another supervisor can run:
//
//	top.Go("orders", orders.Run, hale.Restart(hale.Permanent))
//
// All methods may be called from any goroutine.
type Supervisor struct {
	rt   *Runtime
	name string
	cfg  SupervisorConfig
	root bool // the runtime's own: always running, bears every storm

	mu       sync.Mutex      // taken after a child's
	running  context.Context // of Run; nil while it does not run
	cancel   context.CancelCauseFunc
	children []*child // in order of Go; those that ended for good are forgotten
	live     int      // children that are not done
	idle     *sync.Cond
	restarts []time.Time // within Period, oldest first
}

// NewSupervisor returns a supervisor whose children start when its Run is
// called. A setting that cannot be used gives a [*ConfigError].
func (rt *Runtime) NewSupervisor(name string, cfg SupervisorConfig) (*Supervisor, error) {
	if rt == nil {
		return nil, &ConfigError{Field: "Runtime", Value: nil, Mend: "make one with hale.New"}
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
	s := &Supervisor{rt: rt, name: name, cfg: cfg}
	s.idle = sync.NewCond(&s.mu)
	return s
}

// Go adds a child. It starts at once if the supervisor runs, else with it.
// Without [Restart] the child is [Temporary]. The handle's Wait returns when
// the child has ended for good, or with a run of its supervisor.
func (s *Supervisor) Go(name string, fn func(context.Context) error, opts ...TaskOption) *Task {
	return s.add(name, fn, s.rt.options(name, opts))
}

// add makes the child and starts it if the supervisor runs.
func (s *Supervisor) add(name string, fn func(context.Context) error, o taskOptions) *Task {
	handle := &Task{}
	handle.scope.parent = context.Background()
	if o.ctx != nil {
		handle.scope.parent = o.ctx
	}
	if fn == nil {
		s.rt.misuse(observe.Subject{Name: printable(name, maxName)}, "nil function: no child was added")
		handle.conclude(ErrNilFunc)
		return handle
	}
	c := &child{sup: s, ctx: o.ctx, fn: fn, entry: entryOf(fn), options: o, handle: handle}
	c.site = s.rt.siteFor(name, func() string { return siteOf(c.entry).Function }, o.domain)
	x := handle.scope.extend()
	x.runs, x.site, x.entry = c, c.site, c.entry
	if s.rt.closed.Load() {
		handle.conclude(ErrClosed)
		return handle
	}
	s.mu.Lock()
	s.children = append(s.children, c)
	running := s.running
	s.mu.Unlock()
	if running != nil {
		c.begin(running)
	}
	if s.rt.closed.Load() { // Close may have looked before the child was known
		c.stop(ErrClosed)
	}
	return handle
}

// Run starts the children and blocks until ctx is done or they fail too often.
// It then cancels them and waits for them, at most StopTimeout. It returns an
// error that matches [ErrIntensity] when they failed too often, and nil
// otherwise; either is joined with an error that names the children that did
// not stop. It can be called again after it returned.
func (s *Supervisor) Run(ctx context.Context) error {
	if ctx == nil {
		ctx = context.Background()
	}
	s.mu.Lock()
	if s.running != nil {
		s.mu.Unlock()
		return &ConfigError{Field: "Supervisor " + s.name, Value: "running", Mend: "call Run once at a time"}
	}
	s.running, s.cancel = context.WithCancelCause(ctx)
	s.restarts = nil
	running, children := s.running, append([]*child(nil), s.children...)
	s.mu.Unlock()
	for _, c := range children {
		c.begin(running)
	}
	<-running.Done()
	err := s.stop()
	if cause := context.Cause(running); errors.Is(cause, ErrIntensity) {
		err = errors.Join(cause, err)
	}
	return err
}

// stop ends a run: it waits for the children, whose context is done.
func (s *Supervisor) stop() error {
	late := false // guarded by s.mu
	timeout := time.AfterFunc(s.cfg.StopTimeout, func() {
		s.mu.Lock()
		late = true
		s.mu.Unlock()
		s.idle.Broadcast()
	})
	defer timeout.Stop()
	s.mu.Lock()
	for s.live > 0 && !late {
		s.idle.Wait()
	}
	children := append([]*child(nil), s.children...)
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		s.running, s.live = nil, 0
		s.mu.Unlock()
	}()
	var errs []error
	for _, c := range children { // without s.mu: a child's lock comes first
		if id := c.giveUp(); !id.IsZero() {
			errs = append(errs, fmt.Errorf("supervisor %s: child %s did not stop within %v", s.name, id, s.cfg.StopTimeout))
		}
	}
	return errors.Join(errs...)
}

// mayRestart counts a restart and reports whether the intensity bears it.
func (s *Supervisor) mayRestart(restarts *[]time.Time, now time.Time) bool {
	old := 0
	for old < len(*restarts) && now.Sub((*restarts)[old]) >= s.cfg.Period {
		old++
	}
	*restarts = append((*restarts)[:copy(*restarts, (*restarts)[old:])], now)
	if len(*restarts) <= s.cfg.Intensity {
		return true
	}
	*restarts = (*restarts)[:0]
	return false
}

// escalate ends the supervisor's run because its children fail too often.
func (s *Supervisor) escalate(last error) {
	cause := fmt.Errorf("supervisor %s: %w (%d in %v), last: %w", s.name, ErrIntensity, s.cfg.Intensity, s.cfg.Period, orNil(last))
	s.mu.Lock() // only now: formatting runs the child's own code
	defer s.mu.Unlock()
	if s.cancel != nil {
		s.cancel(cause)
	}
}

// orNil gives an error text for children that keep returning without one.
func orNil(err error) error {
	if err == nil {
		return errors.New("the child returned nil")
	}
	return err
}

func (s *Supervisor) childLive() {
	s.mu.Lock()
	s.live++
	s.mu.Unlock()
}

func (s *Supervisor) childDone(c *child, forGood bool) {
	s.mu.Lock()
	if s.live > 0 {
		s.live--
	}
	if i := slices.Index(s.children, c); forGood && i >= 0 {
		s.children = slices.Delete(s.children, i, i+1)
	}
	s.mu.Unlock()
	s.idle.Broadcast()
}
