package haletest_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/hale-go/hale/haletest"
	"github.com/hale-go/hale/heal"
	"github.com/hale-go/hale/observe"
)

// remedy is made of functions; those that are nil do nothing.
type remedy struct {
	apply func(ctx context.Context, t heal.Target, c heal.Command) error
}

func (r remedy) Apply(ctx context.Context, t heal.Target, c heal.Command) error {
	return r.apply(ctx, t, c)
}

// undoer is one that can be taken back.
type undoer struct {
	remedy
	probe, undo func(ctx context.Context, t heal.Target, c heal.Command) error
}

func (r undoer) Probe(ctx context.Context, t heal.Target, c heal.Command) error {
	return r.probe(ctx, t, c)
}

func (r undoer) Undo(ctx context.Context, t heal.Target, c heal.Command) error {
	return r.undo(ctx, t, c)
}

func to(g heal.Gate) func(ctx context.Context, t heal.Target, c heal.Command) error {
	return func(_ context.Context, t heal.Target, c heal.Command) error {
		return t.SetGate(c.Subject.Name, g, c.Probes)
	}
}

func TestRemedySaysWhichRuleIsBroken(t *testing.T) {
	restarts := 0
	for _, c := range []struct {
		name   string
		remedy heal.Remedy
		want   string // "" passes
	}{
		{"good", remedy{func(_ context.Context, t heal.Target, c heal.Command) error { return t.Restart(c.Subject.Name) }}, ""},
		{"good and undone", undoer{remedy{to(heal.GateClosed)}, to(heal.GateProbe), to(heal.GateOpen)}, ""},
		{"needs nothing", remedy{func(context.Context, heal.Target, heal.Command) error { return nil }}, ""},
		{"panics", remedy{func(_ context.Context, _ heal.Target, c heal.Command) error {
			_ = c.Tasks[0]
			return nil
		}}, "apply of an empty command: panicked: runtime error: index out of range"},
		{"changes the command", remedy{func(_ context.Context, t heal.Target, c heal.Command) error {
			slices.Reverse(c.Tasks)
			return nil
		}}, "changed the command"},
		{"hits the bystander", remedy{func(_ context.Context, t heal.Target, c heal.Command) error {
			return t.Cancel(observe.TaskID{Name: c.Subject.Name, Seq: 7}, nil)
		}}, "reached for orders.consume#7, which the command does not name"},
		{"does more the second time", remedy{func(_ context.Context, t heal.Target, c heal.Command) error {
			restarts++
			return t.Restart(c.Subject.Name + strings.Repeat("x", restarts))
		}}, "did more the second time"},
		{"fails the second time", remedy{func() func(context.Context, heal.Target, heal.Command) error {
			done := map[string]bool{}
			return func(_ context.Context, t heal.Target, c heal.Command) error {
				if done[c.ID] {
					return errors.New("already done")
				}
				done[c.ID] = c.ID != ""
				return nil
			}
		}()}, "failed the second time: already done"},
		{"hides a refusal", remedy{func(_ context.Context, t heal.Target, c heal.Command) error {
			_ = t.Restart(c.Subject.Name)
			return nil
		}}, "returned nil although the target refused"},
		{"drops the reason", remedy{func(_ context.Context, t heal.Target, c heal.Command) error {
			if t.Restart(c.Subject.Name) != nil {
				return errors.New("did not work")
			}
			return nil
		}}, `returned "did not work" although the target said`},
		{"does not undo", undoer{remedy{to(heal.GateClosed)}, to(heal.GateProbe), to(heal.GateProbe)}, "the gates are not what they were"},
		{"stays degraded", undoer{remedy{func(_ context.Context, t heal.Target, c heal.Command) error {
			return t.Degrade("orders", c.Incident, 1)
		}}, to(heal.GateOpen), to(heal.GateOpen)}, "switches are still degraded"},
		{"cannot undo", undoer{remedy{to(heal.GateClosed)}, to(heal.GateProbe), func(_ context.Context, t heal.Target, c heal.Command) error {
			_ = t.SetGate(c.Subject.Name, heal.GateOpen, 0)
			return errors.New("no")
		}}, "undo failed: no"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := record(t)
			haletest.Remedy(r, func() heal.Remedy { return c.remedy })
			errs := r.end()
			if (c.want == "") != (len(errs) == 0) || !strings.Contains(strings.Join(errs, "\n"), c.want) {
				t.Errorf("told %q, want %q", errs, c.want)
			}
		})
	}
}

func TestRemedyWantsOne(t *testing.T) {
	for _, fresh := range []func() heal.Remedy{nil, func() heal.Remedy { return nil }} {
		r := record(t)
		haletest.Remedy(r, fresh)
		told(t, r.end(), "must return a remedy")
	}
}

func TestTargetWritesDownWhatReachesIt(t *testing.T) {
	id := observe.TaskID{Name: "a.b", Seq: 3}
	target := &haletest.Target{}
	for _, err := range []error{
		target.Cancel(id, nil), target.Abandon(id), target.SetGate("a.b", heal.GateClosed, 0), target.SetGate("a.b", heal.GateOpen, 0),
		target.Degrade("a", "inc-1", 1), target.Restore("a", "inc-1"), target.Restart("a.b"),
	} {
		if err != nil {
			t.Error(err)
		}
	}
	if err := target.Abandon(id); !errors.Is(err, heal.ErrGone) {
		t.Errorf("abandoned twice: %v", err)
	}
	want := []string{"cancel a.b#3", "abandon a.b#3", "gate a.b closed", "gate a.b open", "degrade a to 1 by inc-1", "restore a by inc-1", "restart a.b", "abandon a.b#3"}
	if got := target.Calls(); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	target.Fail = heal.ErrNotApplicable
	for _, err := range []error{target.Cancel(id, nil), target.Abandon(id), target.SetGate("a.b", heal.GateProbe, 1), target.Degrade("a", "inc-1", 1), target.Restore("a", "inc-1"), target.Restart("a.b")} {
		if !errors.Is(err, heal.ErrNotApplicable) {
			t.Errorf("%v, want what Fail says", err)
		}
	}
}
