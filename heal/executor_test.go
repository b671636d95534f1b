package heal_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/hale-go/hale/heal"
	"github.com/hale-go/hale/observe"
)

// fakeTarget writes down what reaches it.
type fakeTarget struct {
	calls []string
	live  map[uint64]bool
}

func (f *fakeTarget) reach(what string, id observe.TaskID) error {
	if !f.live[id.Seq] {
		return heal.ErrNotApplicable
	}
	f.calls = append(f.calls, what+" "+id.String())
	return nil
}

func (f *fakeTarget) Cancel(id observe.TaskID, cause error) error {
	if !errors.Is(cause, heal.ErrCancelled) {
		return cause
	}
	return f.reach("cancel", id)
}
func (f *fakeTarget) Abandon(id observe.TaskID) error { return f.reach("abandon", id) }
func (f *fakeTarget) Handover(by, why string) error {
	f.calls = append(f.calls, "handover by "+by+": "+why)
	return nil
}

func (f *fakeTarget) Restart(name string) error {
	f.calls = append(f.calls, "restart "+name)
	return nil
}

func (f *fakeTarget) SetGate(name string, g heal.Gate, probes int) error {
	f.calls = append(f.calls, strings.Join([]string{"gate", name, []string{"open", "probe", "closed"}[g]}, " "))
	return nil
}

func (f *fakeTarget) Degrade(name, by string, level int) error {
	f.calls = append(f.calls, fmt.Sprintf("degrade %s by %s to %d", name, by, level))
	return nil
}

func (f *fakeTarget) Restore(name, by string) error {
	f.calls = append(f.calls, "restore "+name+" by "+by)
	return nil
}

type applyFunc func(context.Context, heal.Target, heal.Command) error

func (f applyFunc) Apply(ctx context.Context, t heal.Target, c heal.Command) error {
	return f(ctx, t, c)
}

func TestBuiltinRemedies(t *testing.T) {
	id := func(n uint64) observe.TaskID { return observe.TaskID{Name: "a.b", Seq: n} }
	for _, c := range []struct {
		remedy string
		op     heal.Op
		tasks  []observe.TaskID
		name   string
		result string
		calls  string
	}{
		{heal.RemedyCancel, heal.OpApply, []observe.TaskID{id(1), id(2), id(3)}, "a.b", heal.ResultApplied, "cancel a.b#1,cancel a.b#3"},
		{heal.RemedyCancel, heal.OpApply, []observe.TaskID{id(2)}, "a.b", heal.ResultNotApplicable, ""},
		{heal.RemedyCancel, heal.OpApply, nil, "a.b", heal.ResultNotApplicable, ""}, // never all of a name
		{heal.RemedyAbandon, heal.OpApply, []observe.TaskID{id(3)}, "a.b", heal.ResultApplied, "abandon a.b#3"},
		{heal.RemedyQuarantine, heal.OpApply, nil, "a.b", heal.ResultApplied, "gate a.b closed"},
		{heal.RemedyQuarantine, heal.OpProbe, nil, "a.b", heal.ResultApplied, "gate a.b probe"},
		{heal.RemedyQuarantine, heal.OpUndo, nil, "a.b", heal.ResultApplied, "gate a.b open"},
		{heal.RemedyQuarantine, heal.OpApply, nil, "", heal.ResultNotApplicable, ""},
		{heal.RemedyDegrade, heal.OpApply, nil, "a.b", heal.ResultApplied, "degrade a.b by inc-1 to 1"},
		{heal.RemedyDegrade, heal.OpProbe, nil, "a.b", heal.ResultApplied, "restore a.b by inc-1"},
		{heal.RemedyDegrade, heal.OpUndo, nil, "a.b", heal.ResultApplied, "restore a.b by inc-1"},
		{heal.RemedyDegrade, heal.OpApply, nil, "", heal.ResultNotApplicable, ""},
		{heal.RemedyQuarantineDomain, heal.OpApply, nil, "a.b", heal.ResultNotApplicable, ""}, // it has no domain
		{heal.RemedyQuarantineDomain, heal.OpApply, nil, "a.b in a", heal.ResultApplied, "gate domain:a closed"},
		{heal.RemedyQuarantineDomain, heal.OpProbe, nil, "a.b in a", heal.ResultApplied, "gate domain:a probe"},
		{heal.RemedyQuarantineDomain, heal.OpUndo, nil, "a.b in a", heal.ResultApplied, "gate domain:a open"},
		{heal.RemedyDegrade, heal.OpApply, nil, "a.b in a", heal.ResultApplied, "degrade a by inc-1 to 1"},
		{heal.RemedyShed, heal.OpApply, nil, "a.b in a", heal.ResultApplied, "degrade shed:a by inc-1 to 2"},
		{heal.RemedyShed, heal.OpUndo, nil, "a.b in a", heal.ResultApplied, "restore shed:a by inc-1"},
		{heal.RemedyShed, heal.OpApply, nil, "a.b", heal.ResultNotApplicable, ""},
		{heal.RemedyShrink, heal.OpApply, nil, "a.b in a", heal.ResultApplied, "degrade shrink:a by inc-1 to 1"},
		{heal.RemedyShrink, heal.OpProbe, nil, "a.b in a", heal.ResultApplied, "restore shrink:a by inc-1"},
		{heal.RemedyShrink, heal.OpUndo, nil, "a.b", heal.ResultNotApplicable, ""},
		{heal.RemedyRestart, heal.OpApply, nil, "a.b", heal.ResultApplied, "restart a.b"},
		{heal.RemedyRestart, heal.OpUndo, nil, "a.b", heal.ResultNotApplicable, ""},
		{"unknown", heal.OpApply, nil, "a.b", heal.ResultFailed, ""},
	} {
		f := &fakeTarget{live: map[uint64]bool{1: true, 3: true}}
		j := heal.NewJournal(nil)
		x := heal.NewExecutor(f, j, time.Second, heal.Builtin()...)
		name, domain, _ := strings.Cut(c.name, " in ")
		e := x.Execute(t.Context(), heal.Command{ID: "inc-1/1", Incident: "inc-1", Remedy: c.remedy, Op: c.op, Tasks: c.tasks, Subject: observe.Subject{Name: name, Domain: observe.Domain(domain)}})
		if e.Result != c.result || strings.Join(f.calls, ",") != c.calls || e.Command != "inc-1/1" || e.Kind != observe.EventRemedy {
			t.Errorf("%s %s: %s %q (%s), want %s %q", c.op, c.remedy, e.Result, f.calls, e.Detail, c.result, c.calls)
		}
		entries := j.Entries()
		if last := entries[len(entries)-1]; last.Result != c.result {
			t.Errorf("%s %s: journal ends with %+v", c.op, c.remedy, last)
		}
	}
}

// Whatever a remedy does, the caller gets an outcome in time.
func TestBadRemedies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		x := heal.NewExecutor(
			&fakeTarget{}, heal.NewJournal(nil), time.Second,
			heal.Named{Name: "panics", Remedy: applyFunc(func(context.Context, heal.Target, heal.Command) error { panic("x") })},
			heal.Named{Name: "exits", Remedy: applyFunc(func(context.Context, heal.Target, heal.Command) error { runtime.Goexit(); return nil })},
			heal.Named{Name: "hangs", Remedy: applyFunc(func(context.Context, heal.Target, heal.Command) error { <-release; return nil })},
		)
		for name, want := range map[string]string{"panics": "panicked: x", "exits": "ended its goroutine", "hangs": "ran out of time"} {
			start := time.Now()
			e := x.Execute(t.Context(), heal.Command{Remedy: name, Op: heal.OpApply})
			if e.Result != heal.ResultFailed || !strings.Contains(e.Detail, want) || time.Since(start) > time.Second {
				t.Errorf("%s: %s %q after %v", name, e.Result, e.Detail, time.Since(start))
			}
		}
		if x.Overrun() != 1 {
			t.Errorf("%d overrun", x.Overrun())
		}
		close(release)
		synctest.Wait()
		if x.Overrun() != 0 {
			t.Error("a remedy that came back is still counted")
		}
	})
}

// badError is an error whose methods do as they like.
type badError struct {
	text func() string
	is   func() bool
}

func (e badError) Error() string   { return e.text() }
func (e badError) Is(error) bool   { return e.is() }
func (e badError) Unwrap() []error { return nil }

// An error is the user's code too, and its text goes into recordings.
func TestBadErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		fine, yes, no := func() string { return "fine" }, func() bool { return true }, func() bool { return false }
		for name, c := range map[string]struct {
			err    badError
			result string
			want   string
		}{
			"Error panics":  {badError{func() string { panic("x") }, no}, heal.ResultFailed, "its Error panicked"},
			"Is panics":     {badError{fine, func() bool { panic("x") }}, heal.ResultFailed, "fine"},
			"Is exits":      {badError{fine, func() bool { runtime.Goexit(); return true }}, heal.ResultFailed, "ended its goroutine"},
			"Error hangs":   {badError{func() string { <-release; return "" }, no}, heal.ResultFailed, "ran out of time"},
			"Is hangs":      {badError{fine, func() bool { <-release; return true }}, heal.ResultFailed, "ran out of time"},
			"long":          {badError{func() string { return "x" + strings.Repeat("日", 1e5) }, no}, heal.ResultFailed, "x日"},
			"not UTF-8":     {badError{func() string { return "a\xffb\nc" }, no}, heal.ResultFailed, "a_b_c"},
			"gone":          {badError{fine, yes}, heal.ResultGone, ""},
			"what it means": {badError{fine, no}, heal.ResultFailed, "fine"},
		} {
			x := heal.NewExecutor(&fakeTarget{}, heal.NewJournal(nil), time.Second, heal.Named{
				Name: "r", Remedy: applyFunc(func(context.Context, heal.Target, heal.Command) error { return c.err }),
			})
			e := x.Execute(t.Context(), heal.Command{Remedy: "r", Op: heal.OpApply})
			if e.Result != c.result || !strings.Contains(e.Detail, c.want) || len(e.Detail) > 400 || !utf8.ValidString(e.Detail) {
				t.Errorf("%s: %s, %d bytes: %.50q", name, e.Result, len(e.Detail), e.Detail)
			}
		}
		close(release)
		synctest.Wait()
	})
}

type badWriter struct{ panics bool }

func (b badWriter) Write([]byte) (int, error) {
	if b.panics {
		panic("disk")
	}
	return 0, errors.New("disk full")
}

// Without a journal, what contains goes on and what is destructive is refused.
func TestJournalThatFails(t *testing.T) {
	for _, w := range []badWriter{{}, {panics: true}} {
		f := &fakeTarget{}
		j := heal.NewJournal(w)
		x := heal.NewExecutor(f, j, time.Second, heal.Builtin()...)
		c := heal.Command{Remedy: heal.RemedyQuarantine, Op: heal.OpApply, Subject: observe.Subject{Name: "a"}}
		if e := x.Execute(t.Context(), c); e.Result != heal.ResultApplied || !strings.Contains(e.Detail, "journal") {
			t.Errorf("quarantine: %s %q", e.Result, e.Detail)
		}
		c.Remedy = heal.RemedyRestart
		if e := x.Execute(t.Context(), c); e.Result != heal.ResultFailed || !strings.Contains(e.Detail, "refused") {
			t.Errorf("restart: %s %q", e.Result, e.Detail)
		}
		if len(f.calls) != 1 || j.Failed() == 0 || len(j.Entries()) == 0 {
			t.Errorf("calls %v, %d failed writes", f.calls, j.Failed())
		}
	}
}

func TestJournalIsWrittenBeforehand(t *testing.T) {
	var buf bytes.Buffer
	j := heal.NewJournal(&buf)
	seen := -1
	x := heal.NewExecutor(&fakeTarget{}, j, time.Second, heal.Named{Name: "look", Remedy: applyFunc(func(context.Context, heal.Target, heal.Command) error {
		seen = bytes.Count(buf.Bytes(), []byte("\n"))
		return nil
	})})
	x.Execute(t.Context(), heal.Command{ID: "inc-1/1", Remedy: "look", Op: heal.OpApply})
	if seen != 1 {
		t.Errorf("%d lines were written before the remedy, want 1", seen)
	}
	lines := strings.Split(strings.TrimSpace(buf.String()), "\n")
	var before, after heal.Entry
	if len(lines) != 2 || json.Unmarshal([]byte(lines[0]), &before) != nil || json.Unmarshal([]byte(lines[1]), &after) != nil ||
		before.Result != "" || after.Result != heal.ResultApplied || after.Command.ID != "inc-1/1" {
		t.Errorf("journal:\n%s", buf.String())
	}
	for range 3000 {
		if err := j.Append(heal.Entry{}); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(j.Entries()); n != 1024 {
		t.Errorf("%d entries in memory, want 1024", n)
	}
}

func TestPolicyErrors(t *testing.T) {
	for _, p := range []heal.Policy{
		{Quarantine: -1},
		{Probes: -1},
		{Act: 9},
		{Guardrails: heal.Guardrails{MinStuck: -1}},
		{Guardrails: heal.Guardrails{BlastRadius: 2}},
		{Guardrails: heal.Guardrails{Budget: -1}},
		{Guardrails: heal.Guardrails{Cooldown: -1}},
	} {
		var pe *heal.PolicyError
		if _, err := heal.NewHealer(p, heal.Builtin()...); !errors.As(err, &pe) || pe.Hint() == "" {
			t.Errorf("%+v: %v", p, err)
		}
	}
	if _, err := heal.NewHealer(heal.Policy{}); err == nil || !strings.Contains(err.Error(), "not registered") {
		t.Errorf("a ladder of unknown remedies: %v", err)
	}
	if _, err := heal.NewHealer(heal.Policy{}, append(heal.Builtin(), heal.Named{Name: "x"})...); err == nil {
		t.Error("a remedy without a Remedy was taken")
	}
	var a heal.Act
	for _, text := range []string{"observe", "contain", "full"} {
		if err := a.UnmarshalText([]byte(text)); err != nil || a.String() != text {
			t.Errorf("%s: %v %v", text, a, err)
		}
	}
	if err := a.UnmarshalText([]byte("maybe")); err == nil {
		t.Error("an unknown mode was taken")
	}
}
