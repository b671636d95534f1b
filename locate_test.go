package hale_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/observe"
)

// A look at where tasks hang that do not stop is not taken among very many goroutines.
func TestLocateIsBounded(t *testing.T) {
	for name, crowd := range map[string]int{"few": 10, "many": 1100} {
		bubble(t, name, func(t *testing.T) {
			rt := newRuntime(t)
			release := make(chan struct{})
			for range crowd {
				go func() { <-release }()
			}
			s := newSupervisor(t, rt, "sup", hale.SupervisorConfig{StopTimeout: time.Second})
			s.Go("stuck", block(release))
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan error, 1)
			go func() { done <- s.Run(ctx) }()
			synctest.Wait()
			cancel()
			var stop *hale.StopError
			if err := <-done; !errors.As(err, &stop) || len(stop.Tasks) != 1 {
				t.Fatalf("Run = %v", err)
			}
			looked := crowd == 10
			if u := stop.Tasks[0]; u.Blocked.IsZero() == looked || (u.Wait == observe.WaitReceive) != looked || strings.Contains(stop.Error(), "(chan receive)") != looked {
				t.Errorf("looked at %+v, want it to be %v: %v", u, looked, stop)
			}
			close(release)
			synctest.Wait()
		})
	}
}

// waitsFor is where a body waits that heeds its end.
func waitsFor(ctx context.Context, release <-chan struct{}) error {
	select {
	case <-release:
	case <-ctx.Done():
	}
	return ctx.Err()
}

// lateEvents returns what was told of a name's tasks that are late.
func lateEvents(log *eventLog, name string) (out []observe.Event) {
	for _, kind := range []observe.EventKind{observe.EventHeartbeatMissed, observe.EventBudget, observe.EventOverdue, observe.EventAbandoned} {
		out = append(out, slices.DeleteFunc(log.of(kind), func(e observe.Event) bool { return e.Subject.Name != name })...)
	}
	return out
}

// What is late is told with where it is: also of a task that ends when it is told to, of each
// child of a name, and of what has no label of its own where all of its kind are at one place.
func TestLateTellsWhere(t *testing.T) {
	release := make(chan struct{})
	heeds := func(ctx context.Context) error { return waitsFor(ctx, release) }
	deaf := func(context.Context) error { return wedge(release) }
	beat, budget := hale.Heartbeat(5*time.Second), hale.Budget(5*time.Second)
	child := hale.Restart(hale.Temporary) // it has a label of its own
	const heedsAt, deafAt = "hale_test.waitsFor locate_test.go:", "hale_test.wedge stoperror_test.go:16 (chan receive)"
	for name, c := range map[string]struct {
		start func(*testing.T, *hale.Runtime)
		want  []string // what each event says, in order; "" if it does not know
	}{
		"heeds": {
			func(t *testing.T, rt *hale.Runtime) { rt.Go(t.Context(), "orders", heeds, beat, child) },
			[]string{"no heartbeat for 5s, at " + heedsAt},
		},
		"deaf": {
			func(t *testing.T, rt *hale.Runtime) { rt.Go(t.Context(), "orders", deaf, budget, child) },
			[]string{"ran longer than its budget of 5s, at " + deafAt, "after it was cancelled, at " + deafAt, ""},
		},
		"children of one name": {
			func(t *testing.T, rt *hale.Runtime) {
				rt.Go(t.Context(), "orders", heeds, beat, child)
				rt.Go(t.Context(), "orders", deaf, budget, child)
			},
			[]string{"no heartbeat for 5s, at " + heedsAt, "its budget of 5s, at " + deafAt, "after it was cancelled, at " + deafAt, ""},
		},
		"tasks at one place": {
			func(t *testing.T, rt *hale.Runtime) {
				for range 3 {
					rt.Go(t.Context(), "orders", heeds, budget)
				}
			},
			[]string{heedsAt, heedsAt, heedsAt},
		},
		"tasks at two places": {
			func(t *testing.T, rt *hale.Runtime) {
				first := true
				body := func(ctx context.Context) error {
					if first {
						first = false
						<-ctx.Done()
						return nil
					}
					return heeds(ctx)
				}
				rt.Go(t.Context(), "orders", body, budget)
				synctest.Wait()
				rt.Go(t.Context(), "orders", body, budget)
			},
			[]string{"", ""},
		},
		"a unit": {
			func(t *testing.T, rt *hale.Runtime) {
				p, err := rt.NewPool("orders", hale.PoolConfig{Workers: 3, Budget: 5 * time.Second})
				if err != nil {
					t.Fatal(err)
				}
				if err := p.Go(t.Context(), deaf); err != nil {
					t.Fatal(err)
				}
			},
			[]string{"ran longer than its budget of 5s, at " + deafAt, "after it was cancelled, at " + deafAt + "; a fresh worker has its slot"},
		},
	} {
		bubble(t, name, func(t *testing.T) {
			release = make(chan struct{})
			defer close(release)
			rt := newRuntime(t)
			log := collect(rt)
			c.start(t, rt)
			var got []observe.Event
			for began := time.Now(); len(got) < len(c.want) && time.Since(began) < time.Hour; got = lateEvents(log, "orders") { // longer where the machine is starved
				time.Sleep(time.Second)
				synctest.Wait()
			}
			if len(got) != len(c.want) {
				t.Fatalf("events %+v, want %d", got, len(c.want))
			}
			for _, want := range c.want {
				found := false
				for i, e := range got {
					if found = strings.Contains(e.Detail, want) && (want != "" || !strings.Contains(e.Detail, " at ")); found {
						got = append(got[:i:i], got[i+1:]...)
						break
					}
				}
				if !found {
					t.Errorf("no event says %q: %+v", want, got)
				}
			}
		})
	}
}

// Looks for what is late are a second apart at least. In between, and among very many
// goroutines, the loop's own snapshot tells, if the task was silent when it was taken.
func TestLooksAreFew(t *testing.T) {
	for name, c := range map[string]struct {
		crowd   int
		step    time.Duration // when the loop takes a snapshot, after the start of the second
		first   bool          // whether it is known where the first is
		second  bool
		instant time.Duration // heartbeat of the second
	}{
		"soon after another":                        {0, 0, true, false, 400 * time.Millisecond},
		"a second later":                            {0, 0, true, true, 20 * time.Second},
		"among many":                                {1100, 0, false, false, 20 * time.Second},
		"among many, with a snapshot meanwhile":     {1100, time.Second, false, true, 20 * time.Second},
		"soon after another, and a snapshot is new": {0, 100 * time.Millisecond, true, true, 400 * time.Millisecond},
	} {
		bubble(t, name, func(t *testing.T) {
			rt := newRuntime(t)
			log := collect(rt)
			release := make(chan struct{})
			for range c.crowd {
				go func() { <-release }()
			}
			body := func(ctx context.Context) error { return waitsFor(ctx, release) }
			rt.Go(t.Context(), "first", body, hale.Heartbeat(time.Second), hale.Restart(hale.Temporary))
			for len(lateEvents(log, "first")) == 0 {
				time.Sleep(10 * time.Millisecond)
			}
			began := time.Now()
			second := rt.Go(t.Context(), "second", body, hale.Heartbeat(c.instant), hale.Restart(hale.Temporary))
			if c.step > 0 {
				time.Sleep(c.step)
				if err := rt.Step(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			_ = second.Wait()
			synctest.Wait()
			for name, known := range map[string]bool{"first": c.first, "second": c.second} {
				got := lateEvents(log, name)
				if c.instant < time.Second && !known && time.Since(began) >= time.Second {
					t.Log("the machine is starved, and a second has passed")
					continue
				}
				if len(got) != 1 || strings.Contains(got[0].Detail, ", at hale_test.waitsFor locate_test.go:") != known {
					t.Errorf("%s: %+v, want its place known: %v", name, got, known)
				}
			}
			close(release)
		})
	}
}
