package hale_test

import (
	"context"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hale-go/hale"
)

// troupe is a set of children whose ends a test decides, and what they did.
type troupe struct {
	mu     sync.Mutex
	starts []start
	stops  []string // in order; "name!" when it failed by itself
	ends   map[string]chan error
	crash  chan struct{} // ends all that run now
}

type start struct {
	name string
	seq  uint64
	at   time.Time
}

func newTroupe(names ...string) *troupe {
	tr := &troupe{ends: map[string]chan error{}, crash: make(chan struct{})}
	for _, n := range names {
		tr.ends[n] = make(chan error)
	}
	return tr
}

// body runs until it is told to end or its context is done.
func (tr *troupe) body(name string) func(context.Context) error {
	return func(ctx context.Context) (err error) {
		tr.mu.Lock()
		tr.starts = append(tr.starts, start{name, hale.Identify(ctx).ID.Seq, time.Now()})
		crash := tr.crash
		tr.mu.Unlock()
		mark := ""
		select {
		case <-ctx.Done():
			err = context.Cause(ctx)
		case <-crash:
			err, mark = io.EOF, "!"
		case err = <-tr.ends[name]:
			mark = "!"
		}
		tr.mu.Lock()
		tr.stops = append(tr.stops, name+mark)
		tr.mu.Unlock()
		return err
	}
}

// crashAll makes all that run now fail at the same time.
func (tr *troupe) crashAll() {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	close(tr.crash)
	tr.crash = make(chan struct{})
}

// took returns what happened since the last call: the stops in order, and the
// starts in the order in which they were made.
func (tr *troupe) took() (stops, starts string) {
	synctest.Wait()
	tr.mu.Lock()
	defer tr.mu.Unlock()
	slices.SortFunc(tr.starts, func(a, b start) int { return int(a.seq) - int(b.seq) })
	var names []string
	for _, s := range tr.starts {
		names = append(names, s.name)
	}
	stops, starts = strings.Join(tr.stops, " "), strings.Join(names, " ")
	tr.stops, tr.starts = nil, nil
	return stops, starts
}

func (tr *troupe) want(t *testing.T, when, stops, starts string) {
	t.Helper()
	if gotStops, gotStarts := tr.took(); gotStops != stops || gotStarts != starts {
		t.Errorf("%s: stopped %q, started %q; want %q and %q", when, gotStops, gotStarts, stops, starts)
	}
}

// company is a supervisor that runs a troupe.
type company struct {
	*troupe
	rt      *hale.Runtime
	sup     *hale.Supervisor
	handles map[string]*hale.Task
	cancel  context.CancelCauseFunc
	done    chan error
}

// assemble starts a supervisor of permanent children; opts adds to those of one.
func assemble(t *testing.T, cfg hale.SupervisorConfig, opts map[string][]hale.TaskOption, names ...string) *company {
	t.Helper()
	co := &company{troupe: newTroupe(names...), rt: newRuntime(t), handles: map[string]*hale.Task{}, done: make(chan error, 1)}
	co.sup = newSupervisor(t, co.rt, "sup", cfg)
	for _, n := range names {
		co.handles[n] = co.sup.Go(n, co.body(n), append([]hale.TaskOption{hale.Restart(hale.Permanent)}, opts[n]...)...)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	co.cancel = cancel
	go func() { co.done <- co.sup.Run(ctx) }()
	co.want(t, "at the start", "", strings.Join(names, " "))
	return co
}

// close ends the supervisor, whose Run must return without an error.
func (co *company) close(t *testing.T) {
	t.Helper()
	co.cancel(nil)
	if err := <-co.done; err != nil {
		t.Errorf("Run = %v", err)
	}
	synctest.Wait()
	if n := len(co.rt.Tasks()); n != 0 {
		t.Errorf("%d tasks are left", n)
	}
}

func bubble(t *testing.T, name string, f func(*testing.T)) {
	t.Run(name, func(t *testing.T) { synctest.Test(t, f) })
}
