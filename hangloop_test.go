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
	"github.com/hale-go/hale/observe"
)

// A task that hangs in every run is more than its contract can mend: a person is called. Where
// that is chosen, and what its runs hold is lost with them, a successor is asked for.
func TestHangLoop(t *testing.T) {
	handover := map[diagnose.Fault][]string{diagnose.HangLoop: {heal.RemedyHandover}}
	for _, c := range []struct {
		name    string
		act     heal.Act
		ladders map[diagnose.Fault][]string
		deaf    bool // the runs ignore their end, and keep what they hold
		delay   time.Duration
		asked   int
		detail  string
	}{
		{"observe", heal.Observe, nil, true, 0, 0, "there is no remedy for hang_loop: a person is needed"},
		{"full", heal.Full, nil, true, 0, 0, "there is no remedy for hang_loop: a person is needed"},
		{"handover, and runs that are given up", heal.Full, handover, true, 5 * time.Second, 1, "a handover was asked for: it comes in "},
		{"handover, and runs that end when they are told to", heal.Full, handover, false, 5 * time.Second, 0, "handover is not used: it is destructive and the evidence is from one channel"},
		{"handover of a young process", heal.Full, handover, true, 30 * time.Second, 0, "the handover is still to come: a person is needed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cfg := hale.Config{Policy: heal.Policy{Act: c.act, HandoverDelay: c.delay, Ladders: c.ladders}}
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
				time.Sleep(6 * time.Minute)
				var loops []diagnose.Incident
				for _, i := range rt.Incidents() {
					if i.Fault == diagnose.HangLoop {
						loops = append(loops, i)
					}
				}
				if len(loops) != 1 || loops[0].Subject.Name != "orders.consume" || !loops[0].Active || !slices.ContainsFunc(loops[0].Steps, func(s diagnose.Step) bool { return strings.Contains(s.Detail, c.detail) }) || loops[0].Phase != diagnose.Escalated {
					t.Errorf("incidents %+v, want one that is escalated and says %q", loops, c.detail)
				}
				if at := "at hale_test.TestHangLoop"; len(loops) == 1 && !strings.Contains(loops[0].Findings[0].Evidence[0].Text, at) {
					t.Errorf("evidence %q, want it to say %q", loops[0].Findings[0].Evidence[0].Text, at)
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
		steps(t, rt, 180)
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
		steps(t, rt, 180)
		if inc := find(); inc.Phase != diagnose.Verified || inc.Outcome != diagnose.Recovered {
			t.Errorf("after it was well again: %s %s: %+v", inc.Phase, inc.Outcome, inc.Steps)
		}
		if n := len(rt.Incidents()); n > 6 { // those before the loop was one, and the loop
			t.Errorf("%d incidents", n)
		}
	})
}

// Hangs with a run in between that ended well, or that ran well for long, are not in a row.
func TestHangsThatAreNotInARow(t *testing.T) {
	for _, c := range []struct {
		name string
		rows int
		body func(ctx context.Context, run int)
	}{
		{"each fourth run ends", 3, func(ctx context.Context, run int) {
			if run%4 > 0 {
				<-ctx.Done()
			}
		}},
		{"each run is well for twenty minutes", 1, func(ctx context.Context, _ int) {
			for range 20 * 60 {
				hale.Beat(ctx)
				time.Sleep(time.Second)
			}
			<-ctx.Done()
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				rt := newRuntime(t, hale.WithConfig(contain()))
				log := collect(rt)
				run := 0
				task := rt.Go(t.Context(), "orders.consume", func(ctx context.Context) error {
					run++
					hale.Beat(ctx)
					c.body(ctx, run)
					return nil
				}, hale.Heartbeat(5*time.Second), hale.Restart(hale.Permanent))
				steps(t, rt, 75*60)
				rows := 0
				for _, e := range log.of(observe.EventHeartbeatMissed) {
					rows = max(rows, e.Row)
				}
				if rows != c.rows {
					t.Errorf("%d in a row, want %d", rows, c.rows)
				}
				for _, i := range rt.Incidents() {
					if i.Fault == diagnose.HangLoop {
						t.Errorf("%+v", i)
					}
				}
				task.Cancel(nil)
				_ = task.Wait()
			})
		})
	}
}
