package hale

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/hale-go/hale/observe"
)

// maxCloseGrace bounds what a pool's grace may add to the time of Close.
const maxCloseGrace = 500 * time.Millisecond

// shutdown stops all work of the runtime and says what did not stop.
func (rt *Runtime) shutdown() error {
	ctx, cancel := context.WithTimeoutCause(context.Background(), closeTimeout, ErrClosed)
	defer cancel()
	rt.endSupervisors(ErrClosed)
	rt.endIdle(ErrClosed)
	for _, c := range rt.root.list() {
		c.stop(ErrClosed)
	}
	tasks := rt.reg.live(func(t *Task) bool { return t.scope.state.Load() == taskRunning })
	for _, t := range tasks {
		if t.child() == nil || t.child().sup.root { // the others are stopped by their supervisor, in order
			t.scope.cancel(ErrClosed)
		}
	}
	all := time.AfterFunc(closeTimeout/2, func() {
		for _, t := range tasks {
			t.scope.cancel(ErrClosed)
		}
	})
	defer all.Stop()
	rt.poolMu.Lock()
	pools := append([]*Pool(nil), rt.pools...)
	rt.poolMu.Unlock()
	var errs []error
	var closing sync.WaitGroup
	closed := make([]error, len(pools))
	for i, p := range pools { // at once, so that their graces do not add up
		closing.Go(func() { closed[i] = p.close(ctx, min(p.cfg.Grace, maxCloseGrace)) })
	}
	closing.Wait()
	errs = append(errs, closed...)
	var stuck []*Task
	var units []*unit
	for _, t := range tasks {
		if t.inline() {
			continue // it ends with its caller
		}
		select {
		case <-t.Done():
		case <-ctx.Done():
		}
		if st := t.scope.state.Load(); st == taskRunning || st == taskAbandoned {
			stuck = append(stuck, t)
		}
	}
	for _, p := range pools {
		units = append(units, p.unstopped()...)
	}
	return errors.Join(append(errs, rt.stopError(byHale, closeTimeout, stuck, units, nil))...)
}

// unstopped returns the units that were given up since the pool was closed and
// have not come back.
func (p *Pool) unstopped() []*unit {
	p.mu.Lock()
	defer p.mu.Unlock()
	var out []*unit
	for _, u := range p.lost {
		if !u.ended() {
			out = append(out, u)
		}
	}
	return out
}

func (rt *Runtime) addPool(p *Pool) error {
	rt.poolMu.Lock()
	defer rt.poolMu.Unlock()
	if rt.closed.Load() {
		return ErrClosed
	}
	for _, known := range rt.pools {
		if known.family == p.family {
			return &ConfigError{Field: "NewPool name", Value: p.family.name, Err: errors.New("a pool has this name"), Mend: "give each pool a name of its own"}
		}
	}
	rt.pools = append(rt.pools, p)
	return nil
}

func (rt *Runtime) dropPool(p *Pool) {
	rt.poolMu.Lock()
	defer rt.poolMu.Unlock()
	for i, known := range rt.pools {
		if known == p {
			rt.pools = append(rt.pools[:i], rt.pools[i+1:]...)
			return
		}
	}
}

// Cancel cancels every live task that the subject covers, with a cause, and
// returns how many: one by its ID, all of a name, all that were started at a
// site, or all of a domain and the domains in it, whichever field is the
// narrowest that is set. Supervised children are restarted by their rules. When
// nothing matches, the error matches [ErrUnknown]. A nil cause is
// [context.Canceled].
func (rt *Runtime) Cancel(subject observe.Subject, cause error) (int, error) {
	if rt.made() == nil {
		return 0, fmt.Errorf("%w: %w", ErrUnknown, noRuntime())
	}
	match := func(id observe.TaskID, s *family, entry uintptr) bool {
		switch {
		case !subject.Task.IsZero():
			return id == subject.Task
		case subject.Name != "":
			return s.name == subject.Name
		case !subject.Site.IsZero():
			at := siteOf(entry)
			return at.Function == subject.Site.Function && (subject.Site.File == "" || at == subject.Site)
		default:
			return subject.Domain != "" && subject.Domain.Contains(s.domain)
		}
	}
	if cause == nil {
		cause = context.Canceled
	}
	n := 0
	for _, t := range rt.reg.live(func(t *Task) bool { return match(t.scope.id(), t.scope.family(), t.entry()) }) {
		t.scope.cancel(cause)
		n++
	}
	rt.poolMu.Lock()
	pools := append([]*Pool(nil), rt.pools...)
	rt.poolMu.Unlock()
	for _, p := range pools {
		if subject.Task.IsZero() && !match(observe.TaskID{}, p.family, 0) {
			continue
		}
		for _, l := range p.running() {
			if subject.Task.IsZero() || l.unit.id() == subject.Task {
				l.unit.cancel(cause)
				n++
			}
		}
	}
	if n == 0 {
		return 0, fmt.Errorf("%w: %q matches no live task", ErrUnknown, printable(subject.String(), maxName))
	}
	return n, nil
}
