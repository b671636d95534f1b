package hale_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/heal"
	"github.com/hale-go/hale/observe"
)

// The rules of OTP: who is stopped, in what order, and who is started again.
func TestStrategies(t *testing.T) {
	transient, temporary := []hale.TaskOption{hale.Restart(hale.Transient)}, []hale.TaskOption{hale.Restart(hale.Temporary)}
	for _, c := range []struct {
		name          string
		strategy      hale.Strategy
		opts          map[string][]hale.TaskOption
		end           string // who ends
		err           error  // with what
		stops, starts string
	}{
		{"one for one", hale.OneForOne, nil, "b", io.EOF, "b!", "b"},
		{"one for all", hale.OneForAll, nil, "b", io.EOF, "b! d c a", "a b c d"},
		{"one for all, the first", hale.OneForAll, nil, "a", io.EOF, "a! d c b", "a b c d"},
		{"one for all, the last", hale.OneForAll, nil, "d", io.EOF, "d! c b a", "a b c d"},
		{"one for all, permanent returns nil", hale.OneForAll, nil, "b", nil, "b! d c a", "a b c d"},
		{"rest for one", hale.RestForOne, nil, "b", io.EOF, "b! d c", "b c d"},
		{"rest for one, the first", hale.RestForOne, nil, "a", io.EOF, "a! d c b", "a b c d"},
		{"rest for one, the last", hale.RestForOne, nil, "d", io.EOF, "d!", "d"},
		{"a transient one that fails", hale.OneForAll, map[string][]hale.TaskOption{"b": transient}, "b", io.EOF, "b! d c a", "a b c d"},
		{"a transient one that is done", hale.OneForAll, map[string][]hale.TaskOption{"b": transient}, "b", nil, "b!", ""},
		{"a temporary one that fails", hale.OneForAll, map[string][]hale.TaskOption{"b": temporary}, "b", io.EOF, "b!", ""},
		{"a temporary sibling is not started again", hale.OneForAll, map[string][]hale.TaskOption{"c": temporary}, "b", io.EOF, "b! d c a", "a b d"},
		{"a transient sibling is", hale.RestForOne, map[string][]hale.TaskOption{"c": transient}, "b", io.EOF, "b! d c", "b c d"},
		{"a temporary one before is left alone", hale.RestForOne, map[string][]hale.TaskOption{"a": temporary}, "b", io.EOF, "b! d c", "b c d"},
	} {
		bubble(t, c.name, func(t *testing.T) {
			co := assemble(t, hale.SupervisorConfig{Strategy: c.strategy}, c.opts, "a", "b", "c", "d")
			co.ends[c.end] <- c.err
			co.want(t, "after the end of "+c.end, c.stops, c.starts)
			for n, h := range co.handles {
				ended := !strings.Contains(c.starts, n) && strings.Contains(c.stops, n)
				if got := h.Err() != nil || ended && n == c.end; got != ended {
					t.Errorf("handle of %s: ended %v (%v), want %v", n, got, h.Err(), ended)
				}
				if ended && n != c.end && !errors.Is(h.Err(), hale.ErrSibling) {
					t.Errorf("handle of %s: %v, want ErrSibling", n, h.Err())
				}
			}
			co.close(t)
		})
	}
}

// One failure is one restart, however many children it takes along, and however
// many of them fail at the same time.
func TestGroupRestartCountsOnce(t *testing.T) {
	for _, strategy := range []hale.Strategy{hale.OneForAll, hale.RestForOne} {
		bubble(t, strategy.String(), func(t *testing.T) {
			co := assemble(t, hale.SupervisorConfig{Strategy: strategy, Intensity: 2, Period: time.Hour}, nil, "a", "b", "c")
			log := collect(co.rt)
			co.ends["a"] <- io.EOF
			time.Sleep(time.Minute)
			co.want(t, "first", "a! c b", "a b c")
			if strategy == hale.OneForAll {
				co.crashAll()
			} else { // at the same time it would be up to three: those after the one that is seen first
				co.ends["a"] <- io.EOF
			}
			time.Sleep(time.Minute)
			if _, starts := co.took(); starts != "a b c" {
				t.Errorf("the second: started %q, want each once", starts)
			}
			if n := len(log.of(observe.EventRestarted)); n != 6 {
				t.Errorf("%d restarted events, want 6", n)
			}
			co.ends["b"] <- io.ErrUnexpectedEOF
			err := <-co.done
			if !errors.Is(err, hale.ErrIntensity) || !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("Run = %v, want ErrIntensity with the last error", err)
			}
			co.want(t, "the third", "b! c a", "")
			for n, h := range co.handles {
				if h.Err() == nil {
					t.Errorf("handle of %s has not ended with its supervisor", n)
				}
			}
			if n := len(log.storms()); n != 1 {
				t.Errorf("%d storms, want 1", n)
			}
		})
	}
}

// The whole group waits for the backoff, stopped; one that was added before and
// fails meanwhile makes the group larger.
func TestGroupWaitsForTheBackoff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := hale.SupervisorConfig{Strategy: hale.RestForOne, Backoff: hale.Backoff{Initial: 8 * time.Second, Max: 8 * time.Second}, Period: time.Hour, Intensity: 100}
		co := assemble(t, cfg, nil, "a", "b", "c")
		co.ends["b"] <- io.EOF
		co.want(t, "the first restart is at once", "b! c", "b c")
		co.ends["b"] <- io.EOF
		co.want(t, "the second waits", "b! c", "")
		late := co.sup.Go("late", co.body("late"), hale.Restart(hale.Permanent)) // waits too
		co.ends["a"] <- io.EOF                                                   // its own first restart: at once, but not before the others
		co.want(t, "a larger group", "a!", "")
		time.Sleep(4*time.Second - 1)
		co.want(t, "half of the wait, which is fixed", "", "")
		if !late.ID().IsZero() {
			t.Error("a child that was added meanwhile has started")
		}
		time.Sleep(4*time.Second + 1)
		co.want(t, "in the end", "", "a b c late")
		co.close(t)
		if stops, _ := co.took(); stops != "late c b a" {
			t.Errorf("the supervisor stopped %q", stops)
		}
	})
}

// A sibling that ignores its cancellation is given up after its grace.
func TestGroupGivesUpWhoDoesNotStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := newTroupe("a", "c")
		rt := newRuntime(t)
		log := collect(rt)
		s := newSupervisor(t, rt, "sup", hale.SupervisorConfig{Strategy: hale.OneForAll})
		release := make(chan struct{})
		var runs atomic.Int32
		s.Go("a", tr.body("a"), hale.Restart(hale.Permanent))
		stuck := s.Go("b", func(ctx context.Context) error {
			if runs.Add(1) == 1 {
				<-release
				hale.Beat(ctx)
				return errors.New("too late")
			}
			return untilDone(ctx)
		}, hale.Restart(hale.Permanent), hale.Grace(3*time.Second))
		s.Go("c", tr.body("c"), hale.Restart(hale.Permanent))
		ctx, cancel := context.WithCancel(t.Context())
		run := rt.Go(ctx, "run", s.Run)
		tr.want(t, "at the start", "", "a c")
		id := stuck.ID()
		tr.ends["c"] <- io.EOF
		time.Sleep(3*time.Second - 1)
		tr.want(t, "within the grace of b", "c!", "")
		time.Sleep(time.Nanosecond)
		tr.want(t, "after it", "a", "a c")
		if gone := log.of(observe.EventAbandoned); len(gone) != 1 || gone[0].Subject.Task != id || stuck.ID() == id {
			t.Errorf("abandoned %v, now %v; want %v replaced", gone, stuck.ID(), id)
		}
		now := stuck.ID()
		close(release)
		tr.want(t, "after the late return", "", "")
		if back := log.of(observe.EventReturned); len(back) != 1 || back[0].Subject.Task != id || stuck.ID() != now || stuck.Err() != nil {
			t.Errorf("late return: events %v, handle %v %v", back, stuck.ID(), stuck.Err())
		}
		cancel()
		if err := run.Wait(); err != nil {
			t.Error(err)
		}
	})
}

// A child in quarantine holds back those that were added after it.
func TestGroupWaitsForAQuarantine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		co := assemble(t, hale.SupervisorConfig{Strategy: hale.OneForAll}, nil, "a", "b", "c")
		log := collect(co.rt)
		told := func(when string, held, resumed int) {
			t.Helper()
			h, r := log.of(observe.EventRestartHeld), log.of(observe.EventRestartResumed)
			if len(h) != held || len(r) != resumed || (held > 0 && (h[0].Subject.Name != "b" || !strings.Contains(h[0].Detail, "quarantine"))) {
				t.Errorf("%s: told %+v and %+v, want %d and %d", when, h, r, held, resumed)
			}
		}
		gate := func(g heal.Gate) {
			if err := hale.SetGate(co.rt, "b", g, 1); err != nil {
				t.Fatal(err)
			}
		}
		gate(heal.GateClosed)
		co.ends["c"] <- io.EOF
		co.want(t, "while b is held", "c! b a", "a")
		co.ends["a"] <- io.EOF // one that runs fails meanwhile
		co.want(t, "again", "a!", "a")
		told("while b is held", 1, 0)
		gate(heal.GateProbe)
		co.want(t, "on probation", "", "b c")
		told("on probation", 1, 1)
		gate(heal.GateClosed)
		co.ends["a"] <- io.EOF
		co.want(t, "held again, in backoff", "a! c b", "")
		time.Sleep(time.Second)
		co.want(t, "held again", "", "a")
		co.handles["b"].Cancel(nil) // nobody waits for it any more
		co.want(t, "b is cancelled", "", "c")
		told("when nobody waits for it any more", 2, 2)
		gate(heal.GateOpen)
		co.close(t)
	})
}

func TestCancelOfAHandleDuringAGroupRestart(t *testing.T) {
	slow := hale.SupervisorConfig{Strategy: hale.OneForAll, Backoff: hale.Backoff{Initial: time.Minute, Max: time.Minute}, Period: time.Hour, Intensity: 10}
	boom := errors.New("boom")
	bubble(t, "in the backoff", func(t *testing.T) {
		co := assemble(t, slow, nil, "a", "b", "c")
		for range 2 {
			co.ends["b"] <- io.EOF
			synctest.Wait()
		}
		co.took()
		for _, n := range []string{"b", "c"} {
			co.handles[n].Cancel(boom)
			if err := co.handles[n].Wait(); !errors.Is(err, boom) {
				t.Errorf("Wait of %s = %v", n, err)
			}
		}
		time.Sleep(time.Minute)
		co.want(t, "the rest of the group", "", "a")
		co.close(t)
	})
	bubble(t, "while it is stopped", func(t *testing.T) {
		co := assemble(t, hale.SupervisorConfig{Strategy: hale.OneForAll}, nil, "a", "b")
		release := make(chan struct{})
		stubborn := co.sup.Go("c", block(release), hale.Restart(hale.Permanent), hale.Grace(time.Minute))
		synctest.Wait()
		co.ends["b"] <- io.EOF
		time.Sleep(time.Second)
		stubborn.Cancel(boom)
		close(release)
		if err := stubborn.Wait(); err != nil { // what its body returned
			t.Errorf("Wait = %v", err)
		}
		co.want(t, "the others", "b! a", "a b")
		co.close(t)
	})
	bubble(t, "of the one that failed, before it is looked at", func(t *testing.T) {
		co := assemble(t, hale.SupervisorConfig{Strategy: hale.RestForOne}, nil, "a", "b")
		co.handles["a"].Cancel(boom) // an order, no failure: the others stay
		co.want(t, "after Cancel", "a", "")
		co.close(t)
	})
}

// The end of the supervisor and of the runtime cut a restart short.
func TestEndDuringAGroupRestart(t *testing.T) {
	for name, end := range map[string]func(*company){
		"context": func(co *company) { co.cancel(io.ErrClosedPipe) },
		"close":   func(co *company) { go func() { _ = co.rt.Close() }() },
	} {
		bubble(t, name+" in the backoff", func(t *testing.T) {
			cfg := hale.SupervisorConfig{Strategy: hale.OneForAll, Backoff: hale.Backoff{Initial: time.Hour, Max: time.Hour}, Period: 24 * time.Hour}
			co := assemble(t, cfg, nil, "a", "b", "c")
			for range 2 {
				co.ends["b"] <- io.EOF
				synctest.Wait()
			}
			co.took()
			began := time.Now()
			end(co)
			if err := <-co.done; err != nil || time.Since(began) > 0 {
				t.Errorf("Run = %v after %v", err, time.Since(began))
			}
			co.want(t, "after the end", "", "")
			for n, h := range co.handles {
				if err := h.Wait(); !errors.Is(err, io.ErrClosedPipe) && !errors.Is(err, hale.ErrClosed) {
					t.Errorf("Wait of %s = %v", n, err)
				}
			}
		})
		bubble(t, name+" while a sibling is stopped", func(t *testing.T) {
			co := assemble(t, hale.SupervisorConfig{Strategy: hale.OneForAll, StopTimeout: 4 * time.Second}, nil, "a", "b")
			release := make(chan struct{})
			co.sup.Go("c", block(release), hale.Restart(hale.Permanent), hale.Grace(time.Hour))
			synctest.Wait()
			co.ends["b"] <- io.EOF
			synctest.Wait()
			end(co)
			began := time.Now()
			var stop *hale.StopError
			if err := <-co.done; !errors.As(err, &stop) || stop.Count != 1 || stop.Tasks[0].ID.Name != "c" {
				t.Errorf("Run = %v, want what did not stop", err)
			}
			if d := time.Since(began); d != 4*time.Second {
				t.Errorf("it took %v, want the StopTimeout of 4s", d)
			}
			co.want(t, "after the end", "b! a", "")
			close(release)
		})
	}
}

// Whatever starts a child again takes its siblings along: a missed heartbeat, and
// a remedy.
func TestReplaceAndRenewTakeSiblingsAlong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		co := assemble(t, hale.SupervisorConfig{Strategy: hale.OneForAll, Intensity: 1, Period: time.Hour}, nil, "a")
		release := make(chan struct{})
		var runs atomic.Int32
		co.sup.Go("hangs", func(ctx context.Context) error {
			if runs.Add(1) == 1 {
				<-release
				return nil
			}
			me := hale.FromContext(ctx)
			for ctx.Err() == nil {
				me.Beat()
				time.Sleep(100 * time.Millisecond)
			}
			return nil
		}, hale.Restart(hale.Permanent), hale.Heartbeat(time.Second), hale.Grace(time.Second))
		time.Sleep(10 * time.Second)
		co.want(t, "after the missed heartbeat", "a", "a")
		close(release)
		co.close(t)
		if n := runs.Load(); n != 2 {
			t.Errorf("%d runs, want 2", n)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		co := assemble(t, hale.SupervisorConfig{Strategy: hale.RestForOne}, nil, "a", "b", "c")
		if err := hale.RestartByRemedy(co.rt, "b"); err != nil {
			t.Fatal(err)
		}
		co.want(t, "after the remedy", "b c", "b c")
		co.close(t)
	})
}
