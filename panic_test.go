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
	"github.com/hale-go/hale/diagnose"
	"github.com/hale-go/hale/observe"
)

type badError struct{ text func() string }

func (b *badError) Error() string { return b.text() }

type badStringer struct{}

func (badStringer) String() string { panic("no text") }

// Whatever is panicked with, its event is short, names the place, and is the same
// for subscribers and for the loop.
func TestPanicValues(t *testing.T) {
	huge := strings.Repeat("x\n", 1<<20)
	var none *badError
	for _, c := range []struct {
		name, want string
		value      any
	}{
		{"string", "panic: boom [at ", "boom"},
		{"not printable", "panic: a_b_ [at ", "a\nb\xff"},
		{"error", "panic: EOF [at ", io.EOF},
		{"number", "panic: 42 [at ", 42},
		{"struct", "panic: (struct { x int }) [at ", struct{ x int }{1}},
		{"map", "panic: (map[string]int) [at ", map[string]int{"a": 1}},
		{"huge string", "panic: x_x_", huge},
		{"huge error", "panic: x_x_", &badError{func() string { return huge }}},
		{"error without a text", "panic: (*hale_test.badError that cannot tell its text) [at ", &badError{func() string { panic("again") }}},
		{"nil pointer that is an error", "panic: (*hale_test.badError that cannot tell its text) [at ", none},
		{"stringer without a text", "panic: (hale.stringerError that cannot tell its text) [at ", badStringer{}},
	} {
		bubble(t, c.name, func(t *testing.T) {
			rt := newRuntime(t)
			log := collect(rt)
			err := rt.Do(hale.WithRequestID(t.Context(), "r7"), "a.b", func(context.Context) error { panic(c.value) })
			var p *hale.PanicError
			if !errors.As(err, &p) {
				t.Fatalf("Do = %v", err)
			}
			steps(t, rt, 1)
			synctest.Wait()
			told := log.of(observe.EventPanic)[0]
			if !strings.HasPrefix(told.Detail, c.want) || len(told.Detail) > 400 || told.Request != "r7" || told.Subject.Task.Name != "a.b" {
				t.Errorf("told %+v", told)
			}
			if told.Subject.Site != p.Site() || told.Fingerprint != p.Fingerprint() || told.Subject.Domain != "a" {
				t.Errorf("told of %+v, fingerprint %s", told.Subject, told.Fingerprint)
			}
			seen := rt.Recording().Segments[0].Turns[0].Events[0]
			if seen.Time.Equal(told.Time) && !seen.Time.IsZero() {
				seen.Time, told.Time = time.Time{}, time.Time{}
			}
			if seen != told {
				t.Errorf("the loop got %+v, subscribers %+v", seen, told)
			}
		})
	}
}

// An error whose text never ends holds up its own run, which its heartbeat
// replaces, and nobody else.
func TestPanicWithAnEndlessText(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := newRuntime(t)
		release := make(chan struct{})
		endless := &badError{func() string { <-release; return "at last" }}
		var runs atomic.Int32
		task := rt.Go(t.Context(), "a.b", func(ctx context.Context) error {
			if runs.Add(1) == 1 {
				panic(endless)
			}
			for ctx.Err() == nil {
				hale.Beat(ctx)
				time.Sleep(100 * time.Millisecond)
			}
			return nil
		}, hale.Heartbeat(time.Second), hale.Restart(hale.Permanent))
		steps(t, rt, 20)
		if runs.Load() != 2 || task.Err() != nil {
			t.Errorf("%d runs, %v", runs.Load(), task.Err())
		}
		close(release)
		task.Cancel(nil)
		if err := task.Wait(); err != nil {
			t.Error(err)
		}
	})
}

// Events keep their order, and none is lost, over many turns and blocks.
func TestInboxKeepsTheOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := newRuntime(t)
		before := uint64(0)
		for _, n := range []int{0, 1, 55, 56, 57, 300, 4000, 0, 3} {
			for range n {
				if err := rt.Do(t.Context(), "a", func(context.Context) error { panic("x") }); err == nil {
					t.Fatal("no error")
				}
			}
			steps(t, rt, 1)
			turns := rt.Recording().Segments[0].Turns
			last := turns[len(turns)-1]
			got := 0
			for _, e := range last.Events {
				if e.Kind != observe.EventPanic { // what a policy would have done
					continue
				}
				if got++; e.Subject.Task.Seq <= before {
					t.Fatalf("event %+v after that of task %d", e, before)
				}
				before = e.Subject.Task.Seq
			}
			if got != n {
				t.Fatalf("%d events, %d dropped, want %d", got, last.Dropped, n)
			}
		}
	})
}

// A panic that does not repeat is an incident, and nothing is done about it.
func TestOnePanicIsOnlyTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := newRuntime(t, hale.WithConfig(contain()))
		_ = rt.Go(t.Context(), "mail.send", func(context.Context) error { panic("poison") }).Wait()
		steps(t, rt, 1)
		if inc := only(t, rt); inc.Fault != diagnose.Panic || inc.Phase != diagnose.Detected {
			t.Errorf("after the panic: %+v", inc)
		}
		steps(t, rt, 60)
		if inc := only(t, rt); inc.Fault != diagnose.Panic || inc.Phase != diagnose.Verified || inc.Outcome != diagnose.Recovered {
			t.Errorf("a minute later: %+v", inc)
		}
		if st := rt.Status(); len(st.Journal) != 0 {
			t.Errorf("it was acted on: %+v", st.Journal)
		}
	})
}
