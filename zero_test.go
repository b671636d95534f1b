package hale_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"testing"
	"time"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/observe"
)

// zeros are the exported types whose values a service can have without asking hale for
// one.
func zeros() []any {
	return []any{
		(*hale.Runtime)(nil), &hale.Runtime{},
		(*hale.Operation)(nil), &hale.Operation{},
		(*hale.Span)(nil), &hale.Span{},
		(*hale.Task)(nil), &hale.Task{},
		(*hale.Pool)(nil), &hale.Pool{},
		(*hale.StatePool[int])(nil), &hale.StatePool[int]{},
		(*hale.Supervisor)(nil), &hale.Supervisor{},
		(*hale.Subscription)(nil), &hale.Subscription{},
		(*hale.LogLevels)(nil), &hale.LogLevels{},
		&hale.PanicError{}, &hale.TaskError{}, &hale.ConfigError{}, &hale.StopError{},
		(*hale.PanicError)(nil), (*hale.TaskError)(nil), (*hale.ConfigError)(nil), (*hale.StopError)(nil),
		hale.Backoff{},
		hale.Config{},
		hale.PoolConfig{},
		hale.StateConfig[int]{},
		hale.SupervisorConfig{},
		hale.LogConfig{},
		hale.LogPattern{},
		hale.Identity{},
		hale.Exemplar{},
		hale.Decision{},
		hale.ForeignSpan{},
		hale.ForeignEnd{},
		hale.Status{},
		hale.TaskInfo{},
		hale.Unstopped{},
		hale.RestartKind(0), hale.RestartKind(99), hale.Strategy(0), hale.Strategy(99),
		hale.LoopStat{},
	}
}

// call calls a method with zero values, and with a context that is done where it takes
// one, and returns what it panicked with.
func call(v reflect.Value, m int, ctx context.Context) (panicked any) {
	method := v.Method(m)
	var in []reflect.Value
	n := method.Type().NumIn()
	if method.Type().IsVariadic() {
		n--
	}
	for i := range n {
		arg := reflect.Zero(method.Type().In(i))
		if ctx != nil && reflect.TypeOf(ctx).AssignableTo(method.Type().In(i)) && method.Type().In(i).Kind() == reflect.Interface && method.Type().In(i).NumMethod() > 0 {
			arg = reflect.ValueOf(ctx)
		}
		in = append(in, arg)
	}
	defer func() { panicked = recover() }()
	method.Call(in)
	return nil
}

// No method of a zero value or of nil panics or hangs, whatever nil it is given.
func TestZeroValues(t *testing.T) {
	done, cancel := context.WithCancel(t.Context())
	cancel()
	for _, zero := range zeros() {
		v := reflect.ValueOf(zero)
		for m := range v.NumMethod() {
			if _, ofTest := map[string]bool{"QueueLate": true, "Enter": true}[v.Type().Method(m).Name]; ofTest {
				continue
			}
			name := fmt.Sprintf("%T.%s", zero, v.Type().Method(m).Name)
			if v.Kind() == reflect.Pointer && v.IsNil() {
				name = "nil " + name
			}
			for _, ctx := range []context.Context{done, nil} {
				returned := make(chan any, 1)
				go func() { returned <- call(v, m, ctx) }()
				select {
				case p := <-returned:
					if p != nil {
						t.Errorf("%s panics: %v", name, p)
					}
				case <-time.After(2 * time.Second):
					t.Errorf("%s hangs", name)
				}
			}
		}
	}
}

// No function of the package panics for what is nil.
func TestNilArguments(t *testing.T) {
	var none context.Context
	for name, f := range map[string]func(){
		"LogHandler": func() {
			log := slog.New(hale.LogHandler(nil, nil, hale.WithRuntime(nil), hale.WithLevels(nil)))
			log.With("a", 1).WithGroup("g").With("b", 2).ErrorContext(none, "nowhere")
		},
		"ConsoleHandler": func() { slog.New(hale.ConsoleHandler(nil, nil)).Info("nowhere") },
		"LogWriter":      func() { _, _ = hale.LogWriter(nil, "").Write([]byte("nowhere\n")) },
		"Extract":        func() { (&hale.Runtime{}).Extract(none, nil) },
		"New": func() {
			rt, err := hale.New(nil, hale.WithLogger(nil), hale.WithTracer(nil))
			if err != nil {
				t.Fatal(err)
			}
			rt.Measure("a", nil)()
			rt.Extract(none, nil)
			rt.Inject(none, nil)
			rt.Subscribe(1, nil).Close()
			rt.Operation("", "", "").Report("")
			if err := rt.Operation("", "a", "").Do(none, nil); !errors.Is(err, hale.ErrNilFunc) {
				t.Errorf("Do = %v", err)
			}
			if err := rt.Go(none, "", nil, nil).Wait(); !errors.Is(err, hale.ErrNilFunc) {
				t.Errorf("Go = %v", err)
			}
			if err := rt.Close(); err != nil {
				t.Error(err)
			}
		},
		"Do":          func() { _ = hale.Do(none, "", nil, nil) },
		"ReportError": func() { hale.ReportError(none, nil); hale.ReportErrorAs(none, nil, "") },
		"contexts":    func() { hale.WithModule(hale.WithUser(hale.WithRequestID(none, ""), ""), "") },
		"errors":      func() { _, _ = hale.Hint(nil), hale.ErrorType(nil) },
		"of contexts": func() {
			_, _, _, _ = hale.IdentityAttrs(none), hale.TraceOf(none), hale.Fenced(none), hale.Generation(none)
		},
		"Submit": func() { _, _ = hale.Submit[int](none, nil, nil) },
		"Replay": func() { _, _ = hale.Replay(observe.Recording{}, nil) },
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if v := recover(); v != nil {
					t.Errorf("panics: %v", v)
				}
			}()
			f()
		})
	}
}
