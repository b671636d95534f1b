package hale_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
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
			time.Sleep(time.Minute) // and nothing comes that is too much
			synctest.Wait()
			got = lateEvents(log, "orders")
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

// idles and hangs are where the bodies below are, one after the other.
//
//go:noinline
func idles(d time.Duration) { time.Sleep(d) }

//go:noinline
func hangs(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }

// What is told is where a task is since it is silent, and nothing where no look was taken since:
// looks have a limit to what they cost, and are not taken among very many goroutines. The loop's
// own snapshot then tells of what has a label of its own.
func TestLateTellsNothingOld(t *testing.T) {
	for name, c := range map[string]struct {
		crowd  int
		spent  bool          // looks have cost too much
		step   time.Duration // when the loop takes a snapshot; 0: never
		silent time.Duration // when the task is silent
		child  bool
		known  bool
	}{
		"a look":                          {child: true, known: true},
		"a look at what has no own label": {known: true},
		"no look any more":                {child: true, spent: true},
		"among many":                      {child: true, crowd: 1100},
		"an old snapshot":                 {child: true, crowd: 1100, step: time.Second, silent: 4 * time.Second},
		"a snapshot since":                {child: true, crowd: 1100, step: 2 * time.Second, silent: time.Second, known: true},
		"a snapshot since, no look":       {child: true, spent: true, step: 2 * time.Second, silent: time.Second, known: true},
		"a snapshot tells no names apart": {crowd: 1100, step: 2 * time.Second, silent: time.Second},
	} {
		bubble(t, name, func(t *testing.T) {
			rt := newRuntime(t)
			log := collect(rt)
			release := make(chan struct{})
			defer close(release)
			for range c.crowd {
				go func() { <-release }()
			}
			if c.spent {
				hale.SpendLooks(rt)
			}
			body := func(ctx context.Context) error {
				done := make(chan struct{})
				defer close(done)
				go func() { <-done }() // it bears the labels too, and is not the task
				hale.Beat(ctx)
				if c.silent > 0 {
					idles(c.silent)
					hale.Beat(ctx)
				}
				return hangs(ctx)
			}
			opts := []hale.TaskOption{hale.Heartbeat(20 * time.Second)}
			if c.child {
				opts = append(opts, hale.Restart(hale.Temporary))
			}
			task := rt.Go(t.Context(), "orders", body, opts...)
			if c.step > 0 {
				time.Sleep(c.step)
				if err := rt.Step(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			_ = task.Wait()
			synctest.Wait()
			got := lateEvents(log, "orders")
			if len(got) != 1 || strings.HasPrefix(got[0].Detail, "no heartbeat for 20s, at hale_test.hangs locate_test.go:") != c.known || !c.known && got[0].Detail != "no heartbeat for 20s" {
				t.Errorf("%+v, want its place known: %v", got, c.known)
			}
		})
	}
}

// A task is not said to be where others of its name are, nor where it was while it was well.
func TestLateIsNotMistaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := newRuntime(t)
		log := collect(rt)
		var begun atomic.Int32
		body := func(ctx context.Context) error {
			if begun.Add(1) < 3 {
				return hangs(ctx)
			}
			return hale.Do(ctx, "payments.charge", func(ctx context.Context) error { return waitsFor(ctx, nil) })
		}
		rt.Go(t.Context(), "orders", body)
		rt.Go(t.Context(), "orders", body)
		synctest.Wait()
		late := rt.Go(t.Context(), "orders", body, hale.Budget(5*time.Second))
		_ = late.Wait()
		synctest.Wait()
		if got := lateEvents(log, "orders"); len(got) != 1 || got[0].Detail != "ran longer than its budget of 5s" {
			t.Errorf("of one that is in another: %+v", got)
		}

		first := rt.Go(t.Context(), "first", hangs, hale.Heartbeat(5*time.Second), hale.Restart(hale.Temporary))
		moves := rt.Go(t.Context(), "moves", func(ctx context.Context) error {
			for ended := false; !ended; {
				hale.Beat(ctx)
				idles(100 * time.Millisecond)
				select {
				case <-first.Done():
					ended = true
				default:
				}
			}
			hale.SpendLooks(rt)
			hale.Beat(ctx)
			return hangs(ctx)
		}, hale.Heartbeat(300*time.Millisecond), hale.Restart(hale.Temporary))
		_ = moves.Wait()
		synctest.Wait()
		if got := lateEvents(log, "moves"); len(got) != 1 || got[0].Detail != "no heartbeat for 300ms" {
			t.Errorf("of one that was elsewhere at the last look: %+v", got)
		}
	})
}
