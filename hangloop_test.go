package hale_test

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/diagnose"
	"github.com/hale-go/hale/heal"
)

// A task that hangs in every run is more than its contract can mend. Where what its runs
// hold is lost with them a successor is asked for, and else a person.
func TestHangLoop(t *testing.T) {
	for _, c := range []struct {
		name   string
		act    heal.Act
		deaf   bool // the runs ignore their end, and keep what they hold
		asked  int
		detail string
	}{
		{"runs that are given up", heal.Full, true, 1, "apply handover: applied"},
		{"runs that end when they are told to", heal.Full, false, 0, "handover is not used: it is destructive and the evidence is from one channel"},
		{"no handover", heal.Contain, true, 0, "handover is not used: it needs act full"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cfg := hale.Config{Policy: heal.Policy{Act: c.act, HandoverDelay: 5 * time.Second}}
				var mu sync.Mutex
				var asked []string
				rt := newRuntime(t, hale.WithConfig(cfg), hale.WithHandover(func(why string) error {
					mu.Lock()
					defer mu.Unlock()
					asked = append(asked, why)
					return nil
				}))
				ctx, cancel := context.WithCancel(t.Context())
				var wg sync.WaitGroup
				wg.Go(func() { _ = rt.Run(ctx) })
				lock := make(chan struct{}, 1)
				lock <- struct{}{} // nobody will ever give it back
				end := make(chan struct{})
				task := rt.Go(t.Context(), "orders.consume", func(ctx context.Context) error {
					hale.Beat(ctx)
					done := ctx.Done()
					if c.deaf {
						done = nil
					}
					select {
					case lock <- struct{}{}:
					case <-done:
					case <-end:
					}
					return ctx.Err()
				}, hale.Heartbeat(5*time.Second), hale.Restart(hale.Permanent))
				healthy := rt.Go(t.Context(), "orders.report", func(ctx context.Context) error { <-ctx.Done(); return nil })
				time.Sleep(3 * time.Minute)
				var loops []diagnose.Incident
				for _, i := range rt.Incidents() {
					if i.Fault == diagnose.HangLoop {
						loops = append(loops, i)
					}
				}
				if len(loops) != 1 || loops[0].Subject.Name != "orders.consume" || !loops[0].Active || !slices.ContainsFunc(loops[0].Steps, func(s diagnose.Step) bool { return strings.Contains(s.Detail, c.detail) }) || loops[0].Phase != diagnose.Escalated {
					t.Errorf("incidents %+v, want one that is escalated and says %q", loops, c.detail)
				}
				mu.Lock()
				if len(asked) != c.asked || c.asked > 0 && !strings.Contains(asked[0], "hang_loop of orders.consume") {
					t.Errorf("handovers: %q, want %d", asked, c.asked)
				}
				mu.Unlock()
				if healthy.Err() != nil {
					t.Errorf("a healthy task was touched: %v", healthy.Err())
				}
				close(end)
				task.Cancel(nil)
				healthy.Cancel(nil)
				_ = task.Wait()
				cancel()
				wg.Wait()
			})
		})
	}
}

// A task that is well again closes the incident.
func TestHangLoopEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := newRuntime(t, hale.WithConfig(contain()))
		var broker sync.Mutex
		down := true
		rt.Go(t.Context(), "orders.consume", func(ctx context.Context) error {
			for ctx.Err() == nil {
				broker.Lock()
				if !down {
					hale.Beat(ctx)
				}
				broker.Unlock()
				time.Sleep(100 * time.Millisecond)
			}
			return ctx.Err()
		}, hale.Heartbeat(5*time.Second), hale.Restart(hale.Permanent))
		steps(t, rt, 60)
		find := func() (out diagnose.Incident) {
			for _, i := range rt.Incidents() {
				if i.Fault == diagnose.HangLoop {
					out = i
				}
			}
			return out
		}
		if inc := find(); inc.Phase != diagnose.Escalated {
			t.Fatalf("%s: %+v", inc.Phase, inc.Steps)
		}
		broker.Lock()
		down = false
		broker.Unlock()
		steps(t, rt, 30)
		if inc := find(); inc.Phase != diagnose.Verified || inc.Outcome != diagnose.Recovered {
			t.Errorf("after it was well again: %s %s: %+v", inc.Phase, inc.Outcome, inc.Steps)
		}
		if n := len(rt.Incidents()); n > 6 { // those before the loop was one, and the loop
			t.Errorf("%d incidents", n)
		}
	})
}
