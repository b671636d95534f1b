package hale_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/diagnose"
	"github.com/hale-go/hale/heal"
	"github.com/hale-go/hale/isolate"
	"github.com/hale-go/hale/observe"
)

// losingConfig is the settings of losing.
func losingConfig(act heal.Act) (cfg hale.Config) {
	cfg.Policy.Act = act
	cfg.Policy.Ladders = map[diagnose.Fault][]string{diagnose.StuckTask: {}}
	cfg.Lost.Goroutines = 10
	cfg.Policy.HandoverDelay = 5 * time.Second
	cfg.Domains = map[string]hale.DomainConfig{
		"reco":     {Timeout: time.Second, Bulkhead: &isolate.BulkheadConfig{Limit: 40}},
		"payments": {Breaker: &isolate.BreakerConfig{Failures: 1, Of: 1, Open: time.Hour, MaxOpen: time.Hour}},
	}
	return cfg
}

// losing is a runtime in which twenty bodies were given up, of ten that may be.
func losing(t *testing.T, wg *sync.WaitGroup, act heal.Act, opts ...hale.Option) (rt *hale.Runtime, release chan struct{}, end func()) {
	t.Helper()
	rt = newRuntime(t, append(opts, hale.WithConfig(losingConfig(act)))...)
	hale.SetDefault(rt)
	t.Cleanup(func() { hale.SetDefault(nil) })
	ctx, cancel := context.WithCancel(t.Context())
	wg.Go(func() { _ = rt.Run(ctx) })
	release = make(chan struct{})
	for range 20 {
		wg.Go(func() {
			_, _ = hale.Call(t.Context(), "reco.similar", func(context.Context) (int, error) { <-release; return 0, nil })
		})
	}
	return rt, release, func() { cancel(); wg.Wait() }
}

// Goroutines that nobody can end lead to a successor, where that is allowed, and to a
// person where it is not.
func TestLostGoroutinesLeadToAHandover(t *testing.T) {
	for _, c := range []struct {
		name   string
		act    heal.Act
		fail   error
		none   bool // nobody says how
		down   bool // a dependency is
		asked  int
		phase  diagnose.Phase
		detail string
	}{
		{"full", heal.Full, nil, false, false, 1, diagnose.Verified, ""},
		{"it fails", heal.Full, errors.New("no parent"), false, false, 1, "", "it failed: no parent"},
		{"contain", heal.Contain, nil, false, false, 0, "", ""},
		{"nobody says how", heal.Full, nil, true, false, 0, diagnose.Escalated, ""},
		{"dependency down", heal.Full, nil, false, true, 0, diagnose.Escalated, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var wg sync.WaitGroup
				var mu sync.Mutex
				var asked []string
				var release chan struct{}
				opt := hale.WithHandover(func(why string) error {
					mu.Lock()
					defer mu.Unlock()
					asked = append(asked, why)
					if c.fail == nil {
						close(release) // the end of the process, as far as it can be had here
					}
					return c.fail
				})
				if c.none {
					opt = hale.WithHandover(nil)
				}
				rt, held, end := losing(t, &wg, c.act, opt)
				release = held
				log := collect(rt)
				if c.down {
					wg.Go(func() {
						for range 300 { // it stays open, and is asked for
							_ = callN(t, 1, "payments.quote", failing)
							time.Sleep(time.Second)
						}
					})
				}
				time.Sleep(90 * time.Second)
				mu.Lock()
				if len(asked) != 0 {
					t.Errorf("a process of 90 seconds was to be handed over: %q", asked)
				}
				mu.Unlock()
				time.Sleep(3 * time.Minute)
				mu.Lock()
				if len(asked) != c.asked || c.asked > 0 && !strings.Contains(asked[0], " bodies were given up and still run") {
					t.Errorf("asked %q", asked)
				}
				mu.Unlock()
				found := false
				for _, inc := range rt.Incidents() {
					if inc.Fault != diagnose.LostGoroutines {
						continue
					}
					found = true
					if c.phase != "" && inc.Phase != c.phase {
						t.Errorf("%+v", inc)
					}
				}
				if !found {
					t.Errorf("no incident: %+v", rt.Incidents())
				}
				var told []string
				for _, e := range log.of(observe.EventHandover) {
					told = append(told, e.Detail)
				}
				if (len(told) > 0) != (c.asked > 0) || !strings.Contains(strings.Join(told, "; "), c.detail) {
					t.Errorf("told %q", told)
				}
				if c.asked == 0 || c.fail != nil {
					close(release)
				}
				end()
			})
		})
	}
}

// A handover that waits is called off when its incident is over, and when the runtime ends.
func TestHandoverIsCalledOff(t *testing.T) {
	for _, how := range []string{"it is over", "close"} {
		t.Run(how, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var wg sync.WaitGroup
				asked := false
				rt, release, end := losing(t, &wg, heal.Full, hale.WithHandover(func(string) error { asked = true; return nil }))
				log := collect(rt)
				for len(log.of(observe.EventHandover)) == 0 {
					time.Sleep(100 * time.Millisecond)
				}
				close(release)
				if how == "close" {
					end()
					if err := rt.Close(); err != nil {
						t.Error(err)
					}
				}
				time.Sleep(3 * time.Minute)
				end()
				for _, inc := range rt.Incidents() {
					if asked || inc.Fault != diagnose.LostGoroutines {
						continue
					}
					if s := inc.Steps[len(inc.Steps)-1]; how != "close" && (s.Phase != diagnose.Verified || !strings.Contains(s.Detail, "went by itself, before the handover")) {
						t.Errorf("%+v", inc.Steps)
					}
				}
				text, _ := strings.CutPrefix(log.of(observe.EventHandover)[0].Detail, "in ")
				wait, err := time.ParseDuration(text)
				if err != nil {
					t.Fatal(err)
				}
				if asked && wait > 10*time.Second { // or it came before the incident was over
					t.Errorf("a successor was asked for, %v after it was decided", wait)
				}
			})
		})
	}
}

// A handover that waits is asked again whether it may happen.
func TestHandoverIsNotAllowedAnyMore(t *testing.T) {
	for how, want := range map[string]string{
		"settings": "called off: the settings do not allow it any more", "dry run": "called off: the settings do not allow it any more",
		"dependency": "called off: payments.quote is down, and would be for a successor too",
	} {
		t.Run(how, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var wg sync.WaitGroup
				asked := 0
				rt, release, end := losing(t, &wg, heal.Full, hale.WithHandover(func(string) error { asked++; return nil }))
				log := collect(rt)
				for len(log.of(observe.EventHandover)) == 0 {
					time.Sleep(100 * time.Millisecond)
				}
				cfg := losingConfig(heal.Full)
				switch how {
				case "settings":
					cfg.Policy.Act = heal.Observe
				case "dry run":
					cfg.Policy.Guardrails.DryRun = true
				case "dependency":
					wg.Go(func() {
						for range 300 {
							_ = callN(t, 1, "payments.quote", failing)
							time.Sleep(time.Second)
						}
					})
				}
				if err := rt.Reconfigure(cfg); err != nil {
					t.Fatal(err)
				}
				time.Sleep(3 * time.Minute)
				told := log.of(observe.EventHandover)
				if last := told[len(told)-1].Detail; asked != 0 || last != want {
					t.Errorf("asked for %d times, told %q", asked, last)
				}
				close(release)
				end()
			})
		})
	}
}

// An incident that comes while a handover waits for one that is over meanwhile has it.
func TestHandoverForAnotherIncident(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var wg sync.WaitGroup
		var asked []string
		rt, release, end := losing(t, &wg, heal.Full, hale.WithHandover(func(why string) error { asked = append(asked, why); return nil }))
		log := collect(rt)
		for len(log.of(observe.EventHandover)) == 0 {
			time.Sleep(100 * time.Millisecond)
		}
		close(release)
		time.Sleep(15 * time.Second)
		again := make(chan struct{})
		for range 30 {
			wg.Go(func() {
				_, _ = hale.Call(t.Context(), "reco.similar", func(context.Context) (int, error) { <-again; return 0, nil })
			})
		}
		time.Sleep(4 * time.Minute)
		if len(asked) != 1 || !strings.Contains(asked[0], "30 bodies") {
			var of []diagnose.Incident
			for _, in := range rt.Incidents() {
				if in.Fault == diagnose.LostGoroutines {
					of = append(of, in)
				}
			}
			t.Errorf("asked %q; %d incidents: %+v", asked, len(of), of)
		}
		close(again)
		end()
	})
}

// Who asks while a handover waits or is carried out is told when it comes, and what came of it.
func TestHandoverTellsAllWhoAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began, answer := make(chan struct{}), make(chan struct{})
		rt := newRuntime(t, hale.WithConfig(hale.Config{Policy: heal.Policy{Act: heal.Full, HandoverDelay: time.Second}}), hale.WithHandover(func(string) error {
			close(began)
			<-answer
			return errors.New("the parent says no")
		}))
		log := collect(rt)
		var ids []string
		for i := range 17 {
			ids = append(ids, fmt.Sprintf("inc-%d", i))
		}
		ask := hale.AskForHandover(rt, ids...)
		for i, id := range ids[:15] {
			if err := ask(id); err != nil {
				t.Fatalf("the %d. that asks: %v", i, err)
			}
		}
		<-began
		if err := ask(ids[15]); err != nil {
			t.Fatal(err)
		}
		if err := ask(ids[16]); !errors.Is(err, heal.ErrNotApplicable) {
			t.Errorf("one too many: %v", err)
		}
		close(answer)
		time.Sleep(time.Second)
		synctest.Wait()
		told := map[string][]string{}
		for _, e := range log.of(observe.EventHandover) {
			told[e.Subject.Name] = append(told[e.Subject.Name], e.Result+" "+e.Detail)
		}
		for _, id := range ids[:16] {
			if got := told[id]; len(got) != 2 || !strings.HasPrefix(got[0], " in ") || got[1] != "failed it failed: the parent says no" {
				t.Errorf("%s was told %q", id, got)
			}
		}
		if len(told) != 16 {
			t.Errorf("told: %v", told)
		}
	})
}
