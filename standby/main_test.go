package standby_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/hale-go/hale/standby"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var errDown = errors.New("as asked")

// fake is a side that does as it is told.
type fake struct {
	name     string
	down     atomic.Bool
	follows  atomic.Bool // until it is promoted
	epoch    atomic.Uint64
	check    atomic.Pointer[func(context.Context) error] // instead
	promote  atomic.Pointer[func(context.Context) error] // before
	running  atomic.Int32
	most     atomic.Int32 // calls at a time
	checks   atomic.Int32
	promotes atomic.Int32
	closes   atomic.Int32
}

func (f *fake) enter() func() {
	f.most.Store(max(f.most.Load(), f.running.Add(1)))
	return func() { f.running.Add(-1) }
}

func (f *fake) side() standby.Side[string] {
	return standby.Side[string]{
		Name: f.name,
		Open: func(context.Context) (string, error) {
			defer f.enter()()
			return f.name, nil
		},
		Check: func(ctx context.Context, v string) error {
			defer f.enter()()
			f.checks.Add(1)
			if v != f.name {
				return errors.New("the value of the other")
			}
			if check := f.check.Load(); check != nil {
				return (*check)(ctx)
			}
			switch {
			case f.down.Load():
				return errDown
			case f.follows.Load():
				return standby.ErrReadOnly
			}
			return nil
		},
		Promote: func(ctx context.Context, _ string) error {
			defer f.enter()()
			f.promotes.Add(1)
			if promote := f.promote.Load(); promote != nil {
				if err := (*promote)(ctx); err != nil {
					return err
				}
			}
			f.follows.Store(false)
			f.epoch.Add(1)
			return nil
		},
		Close: func(string) error {
			f.closes.Add(1)
			return nil
		},
	}
}

// with lets a side have an epoch.
func (f *fake) withEpoch() standby.Side[string] {
	s := f.side()
	s.Epoch = func(context.Context, string) (uint64, error) { return f.epoch.Load(), nil }
	return s
}

// rig is a switch that runs, in a bubble.
type rig struct {
	*testing.T
	*standby.Switch[string]
	a, b *fake

	mu      sync.Mutex
	changes []standby.Change
	stop    func() error
}

// run runs test with a switch of two fakes, which prepare may change before it runs.
func run(t *testing.T, cfg standby.Config, prepare func(a, b *fake) (standby.Side[string], standby.Side[string]), test func(r *rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r := &rig{T: t, a: &fake{name: "a"}, b: &fake{name: "b"}}
		a, b := r.a.side(), r.b.side()
		if prepare != nil {
			a, b = prepare(r.a, r.b)
		}
		if cfg.OnChange == nil {
			cfg.OnChange = func(c standby.Change) {
				r.mu.Lock()
				defer r.mu.Unlock()
				r.changes = append(r.changes, c)
			}
		}
		sw, err := standby.New(cfg, a, b)
		if err != nil {
			t.Fatal(err)
		}
		r.Switch = sw
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- sw.Run(ctx) }()
		r.stop = sync.OnceValue(func() error { cancel(); return <-ended })
		defer func() {
			if err := r.stop(); err != nil {
				t.Error(err)
			}
			if r.a.most.Load() > 1 || r.b.most.Load() > 1 {
				t.Error("a side was called twice at a time")
			}
		}()
		time.Sleep(time.Millisecond)
		test(r)
	})
}

// sleep lets time pass, and a little more so that what happens then has happened.
func sleep(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// serves checks which side callers get; "" is none.
func (r *rig) serves(want string) {
	r.Helper()
	got := ""
	err := r.Use(r.Context(), func(_ context.Context, v string) error {
		got = v
		return errDown
	})
	if got != want || (want == "") != errors.Is(err, standby.ErrNone) || want != "" && err != errDown {
		r.Errorf("callers get %q, %v, want %q", got, err, want)
	}
	if v, err := r.Current(); (err == nil) != (want != "") || want != "" && v != want {
		r.Errorf("Current = %q, %v, want %q", v, err, want)
	}
	if s := r.Status(); s.Serving != (want != "") || want != "" && s.Active != want || (s.Error == "") != s.Serving {
		r.Errorf("%+v, want %q", s, want)
	}
}

// told checks the reasons of all changes since the last time.
func (r *rig) told(want ...standby.Reason) {
	r.Helper()
	synctest.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	var got []standby.Reason
	for _, c := range r.changes {
		got = append(got, c.Reason)
	}
	if !slices.Equal(got, want) {
		r.Errorf("told %v, want %v", got, want)
	}
	r.changes = nil
}

func (f *fake) hang(until <-chan struct{}) {
	check := func(context.Context) error {
		<-until
		return nil
	}
	f.check.Store(&check)
}
