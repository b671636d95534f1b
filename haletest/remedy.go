package haletest

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/hale-go/hale/heal"
	"github.com/hale-go/hale/observe"
)

// Remedy checks that a remedy keeps the contract that is written on
// [heal.Remedy] and, where it implements it, [heal.Undoer]. fresh returns a new
// remedy each time. These are the rules, for Apply, Probe and Undo alike:
//
//   - It does not panic, whatever the command and the target say, and leaves the
//     command as it was.
//   - It returns soon after its context is done.
//   - The same command once more changes nothing, and comes to nil, to
//     [heal.ErrGone] or to [heal.ErrNotApplicable].
//   - It cancels and abandons only tasks that the command names.
//   - When the target refuses all that it is asked for, it fails too: with
//     [heal.ErrNotApplicable] or [heal.ErrGone] where the target said so.
//   - Undo restores what was before Apply, also after Probe, and does nothing
//     when there was no Apply.
//
// Each rule that is broken fails t. The remedy acts on a [Target]; what it does
// elsewhere is for tests of its own. It takes a few milliseconds.
func Remedy(t testing.TB, fresh func() heal.Remedy) {
	t.Helper()
	if fresh == nil || fresh() == nil {
		t.Errorf("haletest.Remedy: fresh must return a remedy")
		return
	}
	c := &remedyTest{t: t, fresh: fresh}
	ops := []heal.Op{heal.OpApply}
	_, undoable := fresh().(heal.Undoer)
	if undoable {
		ops = append(ops, heal.OpProbe, heal.OpUndo)
	}
	for _, op := range ops {
		if !c.survives(op) {
			return // it panics or hangs: it would again
		}
		c.again(op)
		c.refused(op)
	}
	if undoable {
		c.undoes()
	}
}

type remedyTest struct {
	t     testing.TB
	fresh func() heal.Remedy
}

// command returns one that names two tasks and their site.
func command(op heal.Op) heal.Command {
	const name = "orders.consume"
	return heal.Command{
		ID: "inc-1/1", Time: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Incident: "inc-1", Remedy: "remedy", Op: op, Probes: 3, Why: "a test",
		Subject: observe.Subject{Name: name, Domain: "orders", Site: observe.Site{Function: "example.com/orders.consume"}},
		Tasks:   []observe.TaskID{{Name: name, Seq: 41}, {Name: name, Seq: 42}},
	}
}

var (
	errBroken   = errors.New("the target is broken")
	errPanicked = errors.New("panicked")
	errHangs    = errors.New("did not return soon after the end of its context")
)

// do carries a command out as a runtime does: with a little time.
func do(r heal.Remedy, t heal.Target, c heal.Command) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	return doWithin(ctx, r, t, c)
}

func doWithin(ctx context.Context, r heal.Remedy, t heal.Target, c heal.Command) error {
	done := make(chan error, 1)
	go func() {
		err := fmt.Errorf("%w: it ended its goroutine", errPanicked)
		defer func() {
			if v := recover(); v != nil {
				err = fmt.Errorf("%w: %v", errPanicked, v)
			}
			done <- err
		}()
		switch u, _ := r.(heal.Undoer); c.Op {
		case heal.OpProbe:
			err = u.Probe(ctx, t, c)
		case heal.OpUndo:
			err = u.Undo(ctx, t, c)
		default:
			err = r.Apply(ctx, t, c)
		}
	}()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	timer := time.NewTimer(hangs)
	defer timer.Stop()
	select {
	case err := <-done:
		return err
	case <-timer.C:
		return errHangs
	}
}

// survives calls it with commands and targets of all kinds.
func (c *remedyTest) survives(op heal.Op) bool {
	c.t.Helper()
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	onlyTasks, onlyName, onlyDomain := command(op), command(op), command(op)
	onlyTasks.Subject = observe.Subject{}
	onlyName.Tasks = nil
	onlyDomain.Tasks, onlyDomain.Subject = nil, observe.Subject{Domain: "orders"}
	for _, x := range []struct {
		what    string
		ctx     context.Context
		command heal.Command
		fail    error
	}{
		{"a command", context.Background(), command(op), nil},
		{"a context that is done", ended, command(op), nil},
		{"an empty command", context.Background(), heal.Command{Op: op}, nil},
		{"a command without subject", context.Background(), onlyTasks, nil},
		{"a command without tasks", context.Background(), onlyName, nil},
		{"a command with a domain only", context.Background(), onlyDomain, nil},
		{"a target that refuses", context.Background(), command(op), heal.ErrNotApplicable},
		{"a target whose tasks ended", context.Background(), command(op), heal.ErrGone},
	} {
		target := &Target{Fail: x.fail}
		given := x.command
		given.Tasks = slices.Clone(given.Tasks)
		ctx, cancel := context.WithTimeout(x.ctx, time.Second)
		err := doWithin(ctx, c.fresh(), target, given)
		cancel()
		if errors.Is(err, errPanicked) || errors.Is(err, errHangs) {
			c.t.Errorf("haletest: remedy: %s of %s: %v", op, x.what, err)
			return false
		}
		if !reflect.DeepEqual(given, x.command) {
			c.t.Errorf("haletest: remedy: %s of %s changed the command", op, x.what)
		}
		reached := target.now()
		for _, ids := range []map[observe.TaskID]bool{reached.cancelled, reached.abandoned} {
			for id := range ids {
				if !slices.Contains(x.command.Tasks, id) {
					c.t.Errorf("haletest: remedy: %s of %s reached for %s, which the command does not name", op, x.what, id)
				}
			}
		}
	}
	return true
}

// again carries the same command out twice.
func (c *remedyTest) again(op heal.Op) {
	c.t.Helper()
	r, target := c.fresh(), &Target{}
	_ = do(r, target, command(op)) // it may have nothing to do here
	once := target.now()
	err := do(r, target, command(op))
	if err != nil && !errors.Is(err, heal.ErrGone) && !errors.Is(err, heal.ErrNotApplicable) {
		c.t.Errorf("haletest: remedy: %s of the same command failed the second time: %v", op, err)
	}
	if !once.equal(target.now()) {
		c.t.Errorf("haletest: remedy: %s of the same command did more the second time: %q", op, target.Calls())
	}
}

// refused lets the target refuse everything.
func (c *remedyTest) refused(op heal.Op) {
	c.t.Helper()
	for _, refusal := range []error{heal.ErrNotApplicable, heal.ErrGone, errBroken} {
		target := &Target{Fail: fmt.Errorf("here: %w", refusal)}
		err := do(c.fresh(), target, command(op))
		calls := target.Calls()
		switch {
		case len(calls) == 0: // it needs nothing of the target
		case err == nil:
			c.t.Errorf("haletest: remedy: %s returned nil although the target refused all of %q: %v", op, calls, target.Fail)
		case !errors.Is(refusal, errBroken) && !errors.Is(err, heal.ErrGone) && !errors.Is(err, heal.ErrNotApplicable):
			c.t.Errorf("haletest: remedy: %s returned %q although the target said %q; wrap that, so that the ladder can tell", op, err, target.Fail)
		}
	}
}

// undoes checks that Undo takes back what was done.
func (c *remedyTest) undoes() {
	c.t.Helper()
	for _, ops := range [][]heal.Op{
		{heal.OpUndo},
		{heal.OpApply, heal.OpUndo},
		{heal.OpApply, heal.OpProbe, heal.OpUndo},
		{heal.OpApply, heal.OpProbe, heal.OpApply, heal.OpUndo, heal.OpUndo},
	} {
		r, target := c.fresh(), &Target{}
		for _, op := range ops {
			if err := do(r, target, command(op)); err != nil && op != heal.OpApply && len(ops) > 1 && !errors.Is(err, heal.ErrGone) && !errors.Is(err, heal.ErrNotApplicable) {
				c.t.Errorf("haletest: remedy: in %q, %s failed: %v", ops, op, err)
			}
		}
		now := target.now()
		if len(now.gates) > 0 {
			c.t.Errorf("haletest: remedy: after %q the gates are not what they were: %v", ops, now.gates)
		}
		if len(now.degraded) > 0 {
			c.t.Errorf("haletest: remedy: after %q switches are still degraded: %v", ops, now.degraded)
		}
	}
}
