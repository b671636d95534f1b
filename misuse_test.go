package hale_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/observe"
)

// Nothing panics on a nil or zero receiver, or without a context.
func TestNilAndZeroReceivers(t *testing.T) {
	var ce *hale.ConfigError
	for name, rt := range map[string]*hale.Runtime{"nil": nil, "zero": {}} {
		t.Run(name, func(t *testing.T) {
			for _, opts := range [][]hale.TaskOption{nil, {hale.Restart(hale.Permanent)}, {hale.Heartbeat(time.Hour), hale.InDomain("a")}} {
				if err := rt.Go(t.Context(), "a", succeed, opts...).Wait(); err != nil {
					t.Errorf("Go = %v", err)
				}
				if err := rt.Do(t.Context(), "a", succeed, opts...); err != nil {
					t.Errorf("Do = %v", err)
				}
			}
			if _, err := rt.NewPool("p", hale.PoolConfig{}); !errors.As(err, &ce) {
				t.Errorf("NewPool = %v", err)
			}
			if _, err := rt.NewSupervisor("s", hale.SupervisorConfig{}); !errors.As(err, &ce) {
				t.Errorf("NewSupervisor = %v", err)
			}
			if err := rt.Run(t.Context()); !errors.As(err, &ce) {
				t.Errorf("Run = %v", err)
			}
			if err := rt.Step(t.Context()); !errors.As(err, &ce) || hale.Hint(err) == "" {
				t.Errorf("Step = %v", err)
			}
			if n, err := rt.Cancel(observe.Subject{Name: "a"}, nil); n != 0 || !errors.Is(err, hale.ErrUnknown) {
				t.Errorf("Cancel = %d, %v", n, err)
			}
			if st := rt.Status(); st.Observer != "off" || len(rt.Tasks()) != 0 || len(rt.Incidents()) != 0 || len(rt.Recording().Segments) != 0 {
				t.Errorf("Status = %+v", st)
			}
			rt.SetHalted(true)
			sub := rt.Subscribe(1, func(observe.Event) {})
			sub.Close()
			<-sub.Done()
			hale.SetDefault(rt)
			defer hale.SetDefault(nil)
			if err := hale.Do(t.Context(), "a", succeed); err != nil {
				t.Errorf("Do under it as the default = %v", err)
			}
			if ctx := hale.Detach(t.Context(), "a"); ctx.Err() != nil {
				t.Error("Detach under it as the default")
			}
			if err := rt.Close(); err != nil {
				t.Errorf("Close = %v", err)
			}
		})
	}
	for _, s := range []*hale.Supervisor{nil, {}} {
		if err := s.Go("a", succeed).Wait(); !errors.As(err, &ce) {
			t.Errorf("Go of a supervisor = %v", err)
		}
		if err := s.Run(t.Context()); !errors.As(err, &ce) {
			t.Errorf("Run of a supervisor = %v", err)
		}
	}
	var none *hale.Subscription
	none.Close()
	if <-none.Done(); none.Dropped() != 0 || none.Panics() != 0 {
		t.Error("a nil subscription has counts")
	}
}

func TestNilContexts(t *testing.T) {
	var ctx context.Context
	hale.Beat(ctx)
	if hale.FromContext(ctx) != nil || hale.Identify(ctx) != (hale.Identity{}) || hale.RequestID(ctx) != "" {
		t.Error("somebody works for no context")
	}
	if id := hale.RequestID(hale.WithRequestID(ctx, "r")); id != "r" {
		t.Errorf("request ID %q", id)
	}
	if hale.Detach(ctx, "a") == nil {
		t.Error("Detach gave no context")
	}
	synctest.Test(t, func(t *testing.T) {
		rt := newRuntime(t)
		s := newSupervisor(t, rt, "s", hale.SupervisorConfig{})
		loop, run := make(chan error, 1), make(chan error, 1)
		go func() { loop <- rt.Run(ctx) }()
		go func() { run <- s.Run(ctx) }()
		time.Sleep(time.Second)
		if err := rt.Step(ctx); err != nil {
			t.Error(err)
		}
		if err := rt.Close(); err != nil {
			t.Error(err)
		}
		if err := errors.Join(<-loop, <-run); err != nil {
			t.Error(err)
		}
	})
}

// A kind of restart that is none is told, and counts as one that is.
func TestRestartKindThatIsNone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := newRuntime(t)
		log := collect(rt)
		s := newSupervisor(t, rt, "s", hale.SupervisorConfig{})
		runs := 0
		s.Go("a", func(ctx context.Context) error {
			if runs++; runs == 2 {
				<-ctx.Done()
			}
			return nil
		}, hale.Restart(hale.RestartKind(77)))
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := s.Run(ctx); err != nil || runs != 2 {
			t.Errorf("Run = %v after %d runs", err, runs)
		}
		if told := log.of(observe.EventMisuse); len(told) != 1 || told[0].Subject.Name != "a" {
			t.Errorf("told %v", told)
		}
	})
}

// cyclic is an error that says it wraps itself.
type cyclic struct{}

func (c *cyclic) Error() string { return "round and round" }
func (c *cyclic) Unwrap() error { return c }

// bushy wraps itself many times over.
type bushy struct{}

func (b *bushy) Error() string   { return "everywhere" }
func (b *bushy) Unwrap() []error { return []error{b, b, b} }

func TestErrorsThatLeadBackToThemselves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := newRuntime(t)
		for _, bad := range []error{&cyclic{}, &bushy{}} {
			task := rt.Go(t.Context(), "a", func(ctx context.Context) error { <-ctx.Done(); return bad })
			task.Cancel(bad)
			<-task.Done()
			task = rt.Go(t.Context(), "a", func(context.Context) error { panic(bad) })
			<-task.Done()
			if hale.Hint(bad) != "" {
				t.Error("a hint for an error that hale does not know")
			}
			s := newSupervisor(t, rt, "s", hale.SupervisorConfig{Strategy: hale.OneForAll, Intensity: 1})
			s.Go("b", func(context.Context) error { return bad }, hale.Restart(hale.Permanent))
			if err := s.Run(t.Context()); !errors.Is(err, hale.ErrIntensity) {
				t.Errorf("Run = %v", err)
			}
			ctx, cancel := context.WithCancelCause(t.Context())
			s = newSupervisor(t, rt, "s", hale.SupervisorConfig{})
			s.Go("c", func(ctx context.Context) error { <-ctx.Done(); return bad }, hale.Restart(hale.Permanent))
			cancel(bad)
			if err := s.Run(ctx); err != nil {
				t.Errorf("Run = %v", err)
			}
		}
	})
}

// A logger that blocks holds up the loop, whose status says so, and no caller.
func TestLoggerThatBlocksHoldsUpNoCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		log := &logLines{block: release}
		rt := newRuntime(t, hale.WithLogger(slog.New(log)))
		for _, name := range []string{"", "a\nb"} {
			if err := rt.Go(t.Context(), name, succeed).Wait(); err != nil {
				t.Error(err)
			}
		}
		stepped := make(chan error, 1)
		go func() { stepped <- rt.Step(t.Context()) }()
		synctest.Wait()
		if err := rt.Do(t.Context(), "c\nd", succeed); err != nil {
			t.Error(err)
		}
		close(release)
		if err := <-stepped; err != nil {
			t.Error(err)
		}
		steps(t, rt, 1)
		if len(log.lines) != 3 {
			t.Errorf("logged %q, want three misuses", log.lines)
		}
	})
}

// logLines is a handler that keeps what it gets, once it is let.
type logLines struct {
	block <-chan struct{}
	lines []string
}

func (l *logLines) Enabled(context.Context, slog.Level) bool { return true }
func (l *logLines) WithAttrs([]slog.Attr) slog.Handler       { return l }
func (l *logLines) WithGroup(string) slog.Handler            { return l }
func (l *logLines) Handle(_ context.Context, r slog.Record) error {
	<-l.block
	l.lines = append(l.lines, r.Message)
	return nil
}
