package hale_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/observe"
)

// spy is a tracer that notes what it is called for. The method that is named in
// breaks does what broken does.
type spy struct {
	breaks string
	broken func()

	mu    sync.Mutex
	notes []string
}

func (s *spy) note(method, text string) {
	s.mu.Lock()
	s.notes = append(s.notes, method+text)
	s.mu.Unlock()
	if s.breaks == method {
		s.broken()
	}
}

func (s *spy) noted() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.notes)
}

func (s *spy) ender(what string) hale.EndSpan {
	return func(outcome string, failed bool, err error) {
		s.note("end", fmt.Sprintf(" %s %s %v %v", what, outcome, failed, err != nil))
	}
}

type spyKey struct{}

func (s *spy) Start(ctx context.Context, kind observe.OperationKind, name string) (context.Context, hale.EndSpan) {
	s.note("start", " "+string(kind)+" "+name)
	return context.WithValue(ctx, spyKey{}, name), s.ender(name)
}

func (s *spy) Rename(ctx context.Context, name string) {
	s.note("rename", fmt.Sprintf(" %v to %s", ctx.Value(spyKey{}), name))
}

func (s *spy) StartTask(ctx context.Context, id observe.TaskID, domain observe.Domain) (context.Context, hale.EndSpan) {
	in := fmt.Sprint(ctx.Value(spyKey{}))
	if hale.Identify(ctx).ID != id {
		in += ", and it is not the task's own"
	}
	s.note("task", fmt.Sprintf(" %s of %s in %s", id.Name, domain, in))
	return context.WithValue(ctx, spyKey{}, id.Name), s.ender(id.Name)
}

func (s *spy) Detach(ctx context.Context) context.Context {
	s.note("detach", "")
	return context.WithValue(ctx, spyKey{}, "nothing")
}

func (s *spy) Trace(context.Context) observe.TraceContext {
	s.note("trace", "")
	return observe.TraceContext{TraceID: [16]byte{1}}
}

func (s *spy) Extract(ctx context.Context, get func(string) string) context.Context {
	s.note("extract", " "+get("h"))
	return context.WithValue(ctx, spyKey{}, "a remote one")
}

func (s *spy) Inject(ctx context.Context, set func(string, string)) {
	s.note("inject", "")
	set("h", fmt.Sprint(ctx.Value(spyKey{})))
}

// Each way in which work is started begins a span, in the one around it.
func TestTracerIsToldOfTasks(t *testing.T) {
	s := &spy{}
	rt := newRuntime(t, hale.WithTracer(s))
	ctx := rt.Extract(t.Context(), func(string) string { return "v" })
	pool := newPool(t, rt, hale.PoolConfig{Workers: 1})
	states := newStatePool(t, rt)
	err := rt.Operation(observe.Server, "GET /", "").Do(ctx, func(ctx context.Context) error {
		_ = rt.Do(ctx, "cart.load", func(ctx context.Context) error {
			_ = hale.Go(ctx, "cart.price", func(context.Context) error { panic("oh") }).Wait()
			return errors.New("no")
		})
		_ = rt.Go(ctx, "cart.watch", func(ctx context.Context) error {
			if hale.FromContext(ctx) == nil {
				t.Error("the task is not to be found in its context")
			}
			return nil
		}, hale.Restart(hale.Transient)).Wait()
		_ = pool.Submit(ctx, func(context.Context) error { panic("unit") })
		_ = states.Submit(ctx, func(context.Context, int) error { return context.Canceled })
		if got := hale.TraceOf(ctx); got.TraceID != [16]byte{1} {
			t.Errorf("in the trace %v", got)
		}
		rt.Inject(ctx, func(k, v string) { s.note("set", " "+k+" "+v) })
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"extract v", "start server GET /",
		"task cart.load of cart in GET /", "task cart.price of cart in cart.load",
		"end cart.price panic true true", "end cart.load error true true",
		"detach", "task cart.watch of cart in nothing", "end cart.watch ok false false",
		"task thumbs.render of thumbs in GET /", "end thumbs.render panic true true",
		"task conns.use of conns in GET /", "end conns.use canceled false true",
		"trace", "inject", "set h GET /", "trace", "end GET / ok false false",
	}
	if got := s.noted(); !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func newStatePool(t *testing.T, rt *hale.Runtime) *hale.StatePool[int] {
	t.Helper()
	p, err := hale.NewStatePool(rt, "conns.use", hale.PoolConfig{Workers: 1}, hale.StateConfig[int]{
		Open: func(context.Context) (int, error) { return 1, nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// What is detached from its task is in no trace, and in no span.
func TestDetachLeavesTheTrace(t *testing.T) {
	s := &spy{}
	rt := newRuntime(t, hale.WithTracer(s))
	op := rt.Operation(observe.Server, "GET /", "")
	done := make(chan struct{})
	_ = op.Do(t.Context(), func(ctx context.Context) error {
		return rt.Do(ctx, "pool.dial", func(ctx context.Context) error {
			go func() {
				defer close(done)
				ctx := hale.Detach(ctx, "pool.read")
				if hale.SpanOf(ctx) != nil {
					t.Error("it is in the span")
				}
				_ = rt.Do(ctx, "pool.message", succeed)
			}()
			return nil
		})
	})
	<-done
	if got := s.noted(); !slices.Contains(got, "task pool.message of pool in nothing") {
		t.Errorf("%q", got)
	}
}

// A tracer that breaks takes nothing down with it.
func TestTracerThatPanics(t *testing.T) {
	for _, method := range []string{"start", "rename", "task", "end", "detach", "trace", "extract", "inject"} {
		t.Run(method, func(t *testing.T) {
			s := &spy{breaks: method, broken: func() { panic("tracer") }}
			rt := newRuntime(t, hale.WithTracer(s))
			for range 2 {
				if ran := workOfAllKinds(t, rt); ran != 4 {
					t.Errorf("%d of 4 bodies ran", ran)
				}
			}
			if n := misuses(t, rt, "hale.tracer"); n != 1 {
				t.Errorf("%d reports", n)
			}
		})
	}
}

// misuses takes a turn and counts the reports about a name.
func misuses(t *testing.T, rt *hale.Runtime, name string) (n int) {
	t.Helper()
	_ = sample(t, rt)
	for _, seg := range rt.Recording().Segments {
		for _, turn := range seg.Turns {
			for _, e := range turn.Events {
				if e.Kind == observe.EventMisuse && e.Subject.Name == name {
					n++
				}
			}
		}
	}
	return n
}

// workOfAllKinds returns how many bodies ran to their end.
func workOfAllKinds(t *testing.T, rt *hale.Runtime) (ran int) {
	t.Helper()
	body := func(context.Context) error { ran++; return nil }
	ctx := rt.Extract(t.Context(), func(string) string { return "" })
	check := func(err error) {
		if err != nil {
			t.Error(err)
		}
	}
	check(rt.Operation(observe.Server, "GET /", "").Do(ctx, func(ctx context.Context) error {
		hale.SpanOf(ctx).Rename(rt.Operation(observe.Server, "GET /x", ""))
		check(rt.Do(ctx, "a.do", body))
		check(rt.Go(ctx, "a.go", body).Wait())
		check(rt.Go(ctx, "a.child", body, hale.Restart(hale.Transient)).Wait())
		rt.Inject(ctx, func(string, string) {})
		_ = hale.TraceOf(ctx)
		return body(ctx)
	}))
	return ran
}

// A tracer that ends the goroutine costs the caller's goroutine at most, once: the
// task runs all the same, and the tracer is not called again.
func TestTracerThatEndsTheGoroutine(t *testing.T) {
	for _, method := range []string{"start", "rename", "task", "end", "detach", "trace", "extract", "inject"} {
		t.Run(method, func(t *testing.T) {
			s := &spy{breaks: method, broken: runtime.Goexit}
			rt := newRuntime(t, hale.WithTracer(s))
			done := make(chan struct{})
			go func() { defer close(done); _ = workOfAllKinds(t, rt) }()
			<-done
			before := len(s.noted())
			if ran := workOfAllKinds(t, rt); ran != 4 {
				t.Errorf("%d of 4 bodies ran", ran)
			}
			if after := len(s.noted()); after != before {
				t.Errorf("called %d times more", after-before)
			}
			if n := misuses(t, rt, "hale.tracer"); n != 1 {
				t.Errorf("%d reports", n)
			}
			if st := rt.Status().Sample; slices.ContainsFunc(st.Tasks, func(x observe.TaskStat) bool { return x.Live > 0 }) {
				t.Errorf("tasks are left: %+v", st.Tasks)
			}
		})
	}
}

// The body of a task runs also where its tracer ends the goroutine.
func TestTaskRunsWhereItsTracerEndsTheGoroutine(t *testing.T) {
	s := &spy{breaks: "task", broken: runtime.Goexit}
	rt := newRuntime(t, hale.WithTracer(s))
	failure := errors.New("its own")
	if err := rt.Go(t.Context(), "a", func(context.Context) error { return failure }).Wait(); !errors.Is(err, failure) {
		t.Errorf("the task ended with %v", err)
	}
}

// A tracer that hangs holds up who called it, and nobody else.
func TestTracerThatHangs(t *testing.T) {
	release, calls := make(chan struct{}), atomic.Int64{}
	s := &spy{breaks: "task", broken: func() {
		if calls.Add(1) == 1 {
			<-release
		}
	}}
	rt := newRuntime(t, hale.WithTracer(s))
	hangs := rt.Go(t.Context(), "a.hangs", succeed)
	for calls.Load() == 0 {
		runtime.Gosched()
	}
	if ran := workOfAllKinds(t, rt); ran != 4 {
		t.Errorf("%d of 4 bodies ran", ran)
	}
	_ = sample(t, rt)
	close(release)
	if err := hangs.Wait(); err != nil {
		t.Error(err)
	}
}

// What hale does about a body's end it does in a tracer's span too.
func TestEndsOfTracedTasks(t *testing.T) {
	s := &spy{}
	rt := newRuntime(t, hale.WithTracer(s))
	_ = rt.Go(t.Context(), "a.panics", func(context.Context) error { panic("oh") }).Wait()
	_ = rt.Do(t.Context(), "a.aborts", func(context.Context) error { panic(errors.New("net/http: abort Handler")) })
	_ = rt.Go(t.Context(), "a.exits", func(context.Context) error { runtime.Goexit(); return nil }).Wait()
	task := rt.Go(t.Context(), "a.cancelled", func(ctx context.Context) error { <-ctx.Done(); return errors.New("late") })
	task.Cancel(hale.ErrBudget)
	if err := task.Wait(); !errors.Is(err, hale.ErrBudget) {
		t.Error(err)
	}
	want := []string{"end a.panics panic true true", "end a.aborts aborted false false", "end a.exits error true true", "end a.cancelled timeout true true"}
	got := slices.DeleteFunc(s.noted(), func(n string) bool { return n[:3] != "end" })
	if !slices.Equal(got, want) {
		t.Errorf("got %q\nwant %q", got, want)
	}
	panics := uint64(0)
	for _, st := range sample(t, rt).Tasks {
		panics += st.Panics
	}
	if panics != 1 {
		t.Errorf("%d panics, want 1", panics)
	}
}

// A span that began under one name can count as one of another.
func TestRenamed(t *testing.T) {
	rt := newRuntime(t)
	first, last := rt.Operation(observe.Server, "GET", ""), rt.Operation(observe.Server, "GET /", "")
	span, lost := rt.ForeignSpan(first), rt.ForeignSpan(first)
	span.Begin()
	lost.Begin()
	span.Rename(first).Rename(last).End(hale.ForeignEnd{Took: 1, Outcome: "ok"})
	if op := lost.Rename(nil).Operation(); op != nil {
		t.Errorf("lost to %s", op.Name())
	}
	for _, st := range rt.Operations() {
		if st.InFlight != 0 || (st.Name == "GET /") != (st.Ended == 1) {
			t.Errorf("%+v", st)
		}
	}
}
