package hale_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/observe"
)

func TestGoWithoutRuntime(t *testing.T) {
	if hale.Default() != nil {
		t.Fatal("there is a default runtime")
	}
	if err := hale.Go(t.Context(), "plain", succeed).Wait(); err != nil {
		t.Error(err)
	}
	err := hale.Go(t.Context(), "plain", func(context.Context) error { panic("x") }).Wait()
	if p := (*hale.PanicError)(nil); !errors.As(err, &p) || p.Value != "x" {
		t.Errorf("Wait = %v, want the contained panic", err)
	}
	if err := hale.Do(t.Context(), "plain", func(context.Context) error { return io.EOF }); err != io.EOF {
		t.Errorf("Do = %v", err)
	}
	if err := hale.Go(t.Context(), "plain", nil).Wait(); !errors.Is(err, hale.ErrNilFunc) {
		t.Errorf("nil function: %v", err)
	}
	if id := hale.FromContext(t.Context()).ID(); !id.IsZero() {
		t.Errorf("ID outside a task = %v", id)
	}
	task := hale.Go(t.Context(), "plain", untilDone)
	task.Cancel(io.EOF)
	if err := task.Wait(); !errors.Is(err, io.EOF) {
		t.Errorf("cancelled with a cause: %v", err)
	}
}

func TestGoFindsItsRuntime(t *testing.T) {
	rt, other := newRuntime(t), newRuntime(t)
	hale.SetDefault(other)
	defer hale.SetDefault(nil)
	err := rt.Go(t.Context(), "outer", func(ctx context.Context) error {
		return hale.Go(ctx, "inner", func(ctx context.Context) error {
			if n := len(rt.Tasks()); n != 2 {
				return fmt.Errorf("the runtime of ctx has %d tasks, want 2", n)
			}
			return nil
		}).Wait()
	}).Wait()
	if err != nil {
		t.Error(err)
	}
	if id := hale.Go(t.Context(), "from.default", succeed).ID(); id.IsZero() {
		t.Error("the default runtime was not used")
	}
}

func TestIdentity(t *testing.T) {
	rt := newRuntime(t)
	ctx := hale.WithRequestID(t.Context(), "req-7\n"+strings.Repeat("x", 1000))
	err := rt.Do(ctx, "orders.create", func(ctx context.Context) error {
		outer := hale.Identify(ctx)
		if outer.Name != "orders.create" || outer.Domain != "orders" || outer.ID.Seq == 0 || !outer.Parent.IsZero() {
			t.Errorf("identity = %+v", outer)
		}
		if !strings.HasPrefix(outer.Request, "req-7_") || len(outer.Request) > 128 {
			t.Errorf("request ID = %q", outer.Request)
		}
		return rt.Go(ctx, "payments.quote.fast", func(ctx context.Context) error {
			inner := hale.Identify(ctx)
			if inner.Parent != outer.ID || inner.Request != outer.Request || inner.Domain != "payments.quote" {
				t.Errorf("identity of a task in a task = %+v", inner)
			}
			if hale.FromContext(ctx).ID() != inner.ID {
				t.Error("FromContext and Identify differ")
			}
			return nil
		}).Wait()
	})
	if err != nil {
		t.Error(err)
	}
	if err := rt.Do(t.Context(), "x.y", func(ctx context.Context) error {
		if d := hale.Identify(ctx).Domain; d != "shop.core" {
			t.Errorf("domain = %q", d)
		}
		return nil
	}, hale.InDomain("shop.core")); err != nil {
		t.Error(err)
	}
}

func TestPanicIsContained(t *testing.T) {
	rt := newRuntime(t)
	log := collect(rt)
	cause := errors.New("no stock")
	err := rt.Go(hale.WithRequestID(t.Context(), "r1"), "orders.reserve", func(context.Context) error { panic(fmt.Errorf("reserve: %w", cause)) }).Wait()
	var p *hale.PanicError
	if !errors.As(err, &p) || !errors.Is(err, cause) {
		t.Fatalf("Wait = %v, want a PanicError that wraps the panic's error", err)
	}
	if !strings.Contains(p.Site().Function, "TestPanicIsContained") || !strings.Contains(p.Stack(), "task_test.go") || len(p.Fingerprint()) != 16 {
		t.Errorf("site %v, fingerprint %q, stack:\n%s", p.Site(), p.Fingerprint(), p.Stack())
	}
	if hale.Hint(err) == "" {
		t.Error("no hint")
	}
	poll(t, func() bool { return len(log.of(observe.EventPanic)) == 1 })
	e := log.of(observe.EventPanic)[0]
	if e.Subject.Name != "orders.reserve" || e.Request != "r1" || e.Fingerprint != p.Fingerprint() || e.Subject.Site != p.Site() {
		t.Errorf("event = %+v", e)
	}
}

// An error that tells of a child's panic is no panic of the parent that hands it
// on.
func TestPanicIsToldOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := newRuntime(t)
		log := collect(rt)
		p := newPool(t, rt, hale.PoolConfig{})
		boom := func(context.Context) error { panic("x") }
		err := rt.Do(t.Context(), "outer", func(ctx context.Context) error {
			return errors.Join(rt.Go(ctx, "inner", boom).Wait(), p.Submit(ctx, boom))
		})
		var pe *hale.PanicError
		if !errors.As(err, &pe) {
			t.Errorf("Do = %v", err)
		}
		synctest.Wait()
		names := map[string]int{}
		for _, e := range log.of(observe.EventPanic) {
			names[e.Subject.Name]++
		}
		if len(names) != 2 || names["inner"] != 1 || names["thumbs.render"] != 1 {
			t.Errorf("panics told of %v", names)
		}
	})
}

// How net/http is told to drop a connection is no fault of the handler.
func TestAbortHandlerIsNoFault(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := newRuntime(t)
		log := collect(rt)
		err := rt.Do(t.Context(), "GET /proxy", func(context.Context) error { panic(http.ErrAbortHandler) })
		synctest.Wait()
		if !errors.Is(err, http.ErrAbortHandler) || len(log.of(observe.EventPanic)) != 0 {
			t.Errorf("Do = %v, %d panic events", err, len(log.of(observe.EventPanic)))
		}
	})
}

// poll waits for what another goroutine does, with a deadline.
func poll(t testing.TB, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it did not happen within 10 s")
		}
	}
}

func TestGoexitIsAnError(t *testing.T) {
	rt := newRuntime(t)
	err := rt.Go(t.Context(), "exit", func(context.Context) error { runtime.Goexit(); return nil }).Wait()
	if !errors.Is(err, hale.ErrGoexit) {
		t.Errorf("Wait = %v, want ErrGoexit", err)
	}
}

func TestBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := newRuntime(t)
		log := collect(rt)
		release := make(chan struct{})
		polite := rt.Go(t.Context(), "polite", untilDone, hale.Budget(time.Second))
		rude := rt.Go(t.Context(), "rude", block(release), hale.Budget(time.Second), hale.Grace(2*time.Second))
		if err := polite.Wait(); !errors.Is(err, hale.ErrBudget) || !errors.Is(err, context.Canceled) {
			t.Errorf("a task over its budget: %v", err)
		}
		time.Sleep(30 * time.Second)
		if got := log.of(observe.EventOverdue); len(got) != 1 || got[0].Subject.Task != rude.ID() {
			t.Errorf("overdue events = %v, want one of %v", got, rude.ID())
		}
		close(release)
		if err := rude.Wait(); err != nil {
			t.Errorf("a task that returns nil after all: %v", err)
		}
		synctest.Wait()
		if n := len(log.of(observe.EventEnded)); n != 2 {
			t.Errorf("%d ended events, want 2", n)
		}
	})
}

func TestBadInput(t *testing.T) {
	long := strings.Repeat("n", 10_000)
	synctest.Test(t, func(t *testing.T) {
		rt := newRuntime(t)
		log := collect(rt)
		for _, c := range []struct {
			name, want string // want: prefix of the ID's name
			misuse     bool
			opts       []hale.TaskOption
		}{
			{name: "plain", want: "plain"},
			{name: "GET /orders/{id}", want: "GET /orders/{id}"},
			{name: "größe", want: "größe"},
			{name: "", want: "github.com/hale-go/hale_test.succeed", misuse: true},
			{name: long, want: "nnnn", misuse: true},
			{name: "a\x00b\nc", want: "a_b_c", misuse: true},
			{name: "a#7", want: "a_7", misuse: true},
			{name: "bad utf8 \xff", want: "bad utf8 _", misuse: true},
			{name: "negative", want: "negative", misuse: true, opts: []hale.TaskOption{hale.Budget(-1), hale.Heartbeat(-time.Hour), nil}},
			{name: "endless", want: "endless", misuse: true, opts: []hale.TaskOption{hale.Grace(math.MaxInt64)}},
			{name: "endless but fine", want: "endless but fine", opts: []hale.TaskOption{hale.Budget(math.MaxInt64), hale.Heartbeat(math.MaxInt64)}},
		} {
			before := len(log.of(observe.EventMisuse))
			for range 3 { // told once, not three times
				task := rt.Go(t.Context(), c.name, succeed, c.opts...)
				if err := task.Wait(); err != nil {
					t.Errorf("%.20q: %v", c.name, err)
				}
				if id := task.ID(); !strings.HasPrefix(id.Name, c.want) || len(id.Name) > 128 {
					t.Errorf("%.20q became %q, want %q…", c.name, id.Name, c.want)
				} else if back, err := observe.ParseTaskID(id.String()); err != nil || back != id {
					t.Errorf("ID %q does not parse back: %v %v", id, back, err)
				}
			}
			synctest.Wait()
			if got := len(log.of(observe.EventMisuse)) - before; (got == 1) != c.misuse || got > 1 {
				t.Errorf("%.20q: %d misuse events, want misuse %v", c.name, got, c.misuse)
			}
		}
		for _, kind := range []hale.TaskOption{nil, hale.Restart(hale.Permanent)} {
			if err := rt.Go(t.Context(), "nil.func", nil, kind).Wait(); !errors.Is(err, hale.ErrNilFunc) {
				t.Errorf("nil function: %v", err)
			}
		}
		if err := rt.Do(nil, "nil.ctx", succeed); err != nil { //nolint:staticcheck // what a careless caller does
			t.Errorf("nil context: %v", err)
		}
		a, b := rt.Go(t.Context(), long+"a", succeed), rt.Go(t.Context(), long+"b", succeed)
		if a.ID().Name == b.ID().Name {
			t.Error("two long names became one")
		}
	})
}

// Names that carry user data must not fill the memory.
func TestNamesAreBounded(t *testing.T) {
	rt := newRuntime(t)
	log := collect(rt)
	for i := range 5000 {
		if err := rt.Do(t.Context(), fmt.Sprintf("user.%d", i), succeed); err != nil {
			t.Fatal(err)
		}
	}
	if err := rt.Step(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := len(rt.Status().Sample.Tasks); n > 4097 {
		t.Errorf("%d names are kept, want at most 4097", n)
	}
	poll(t, func() bool { return len(log.of(observe.EventMisuse)) == 1 })
}

func TestCancel(t *testing.T) {
	boom := errors.New("boom")
	for _, c := range []struct {
		name    string
		subject func(observe.TaskID) observe.Subject
		want    int
	}{
		{"by ID", func(id observe.TaskID) observe.Subject { return observe.Subject{Task: id} }, 1},
		{"by name", func(id observe.TaskID) observe.Subject { return observe.Subject{Name: id.Name} }, 2},
		{"by site", func(observe.TaskID) observe.Subject {
			return observe.Subject{Site: observe.Site{Function: "github.com/hale-go/hale_test.untilDone"}}
		}, 3},
		{"by domain", func(observe.TaskID) observe.Subject { return observe.Subject{Domain: "orders"} }, 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				rt := newRuntime(t)
				a := rt.Go(t.Context(), "orders.consume", untilDone)
				rt.Go(t.Context(), "orders.consume", untilDone)
				rt.Go(t.Context(), "orders.eu.consume", untilDone)
				other := rt.Go(t.Context(), "payments.quote", func(ctx context.Context) error { return untilDone(ctx) })
				n, err := rt.Cancel(c.subject(a.ID()), boom)
				if n != c.want || err != nil {
					t.Errorf("Cancel = %d, %v; want %d", n, err, c.want)
				}
				if err := a.Wait(); !errors.Is(err, boom) {
					t.Errorf("Wait = %v", err)
				}
				synctest.Wait()
				if other.Err() != nil || len(rt.Tasks()) != 4-c.want {
					t.Errorf("others were touched: %v, %d live", other.Err(), len(rt.Tasks()))
				}
			})
		})
	}
	rt := newRuntime(t)
	for _, s := range []observe.Subject{{}, {Task: observe.TaskID{Name: "a", Seq: 9}}, {Name: "nobody"}, {Domain: "none"}} {
		if n, err := rt.Cancel(s, nil); n != 0 || !errors.Is(err, hale.ErrUnknown) {
			t.Errorf("Cancel(%v) = %d, %v; want ErrUnknown", s, n, err)
		}
	}
}

func TestCloseEndsEverything(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt, err := hale.New()
		if err != nil {
			t.Fatal(err)
		}
		release := make(chan struct{})
		task := rt.Go(t.Context(), "polite", untilDone)
		child := rt.Go(t.Context(), "child", untilDone, hale.Restart(hale.Permanent))
		stuck := rt.Go(t.Context(), "stuck", block(release))
		err = rt.Close()
		if err == nil || !strings.Contains(err.Error(), "stuck#") {
			t.Errorf("Close = %v, want an error that names the task that did not end", err)
		}
		for _, x := range []*hale.Task{task, child} {
			if err := x.Wait(); !errors.Is(err, hale.ErrClosed) {
				t.Errorf("%v: %v, want ErrClosed", x.ID(), err)
			}
		}
		if err := rt.Go(t.Context(), "late", succeed).Wait(); !errors.Is(err, hale.ErrClosed) {
			t.Errorf("Go after Close: %v", err)
		}
		if err := rt.Step(t.Context()); !errors.Is(err, hale.ErrClosed) {
			t.Errorf("Step after Close: %v", err)
		}
		if err := rt.Close(); err != nil {
			t.Errorf("second Close: %v", err)
		}
		close(release)
		if err := stuck.Wait(); err != nil {
			t.Error(err)
		}
	})
}

func TestConfigErrors(t *testing.T) {
	for _, cfg := range []hale.Config{{Tick: -1}, {Epoch: -time.Second}, {Snapshots: 48 * time.Hour}} {
		_, err := hale.New(hale.WithConfig(cfg))
		var ce *hale.ConfigError
		if !errors.As(err, &ce) || hale.Hint(err) == "" {
			t.Errorf("New(%+v): %v, want a ConfigError with a mend", cfg, err)
		}
	}
	bad := hale.Config{}
	bad.Leak.Grace = time.Hour
	if _, err := hale.New(hale.WithConfig(bad)); err == nil {
		t.Error("a grace beyond what snapshots tell was taken")
	}
	if _, err := hale.New(hale.WithDetector("", nil)); err == nil {
		t.Error("a detector without a name was taken")
	}
}
