package haletest_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/haletest"
	"github.com/hale-go/hale/observe"
)

// soon is enough for goroutines that have begun to come to where they block.
const soon = 100 * time.Millisecond

// parked is a goroutine that stays until it is released.
type parked struct {
	release chan struct{}
	begun   sync.WaitGroup
	group   sync.WaitGroup
}

func park(n int) *parked {
	p := &parked{release: make(chan struct{})}
	for range n {
		p.group.Add(1)
		p.begun.Add(1)
		go p.wait()
	}
	p.begun.Wait()
	return p
}

func (p *parked) wait() {
	defer p.group.Done()
	p.begun.Done()
	<-p.release
}

func (p *parked) end() {
	close(p.release)
	p.group.Wait()
}

func newRuntime(t testing.TB) *hale.Runtime {
	t.Helper()
	rt, err := hale.New()
	if err != nil {
		t.Fatal(err)
	}
	return rt
}

func TestNoLeaksNamesWhatIsLeft(t *testing.T) {
	r := record(t)
	haletest.NoLeaks(r, haletest.Within(soon))
	p := park(3)
	errs := r.end()
	p.end()
	told(t, errs, "TestNoLeaksNamesWhatIsLeft/recorded outlives", "3 × haletest_test.(*parked).wait noleaks_test.go:", "chan receive at haletest_test.(*parked).wait noleaks_test.go:")
}

func TestNoLeaksIsSilent(t *testing.T) {
	for _, c := range []struct {
		name string
		opts []haletest.LeakOption
		body func(t *testing.T) (end func())
	}{
		{"nothing started", nil, func(*testing.T) func() { return nil }},
		{"started before", nil, nil},
		{"ended", nil, func(*testing.T) func() { park(2).end(); return nil }},
		{"ends a little later", nil, func(*testing.T) func() {
			p := park(1)
			var late sync.WaitGroup
			late.Go(func() { time.Sleep(30 * time.Millisecond); p.end() })
			return late.Wait
		}},
		{"ignored", []haletest.LeakOption{haletest.Within(soon), haletest.Ignore("other.f", "github.com/hale-go/hale/haletest_test.(*parked).")}, func(*testing.T) func() {
			return park(1).end
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := park(1)
			defer before.end()
			r := record(t)
			haletest.NoLeaks(r, c.opts...)
			var end func()
			if c.body != nil {
				end = c.body(t)
			}
			told(t, r.end())
			if end != nil {
				end()
			}
		})
	}
}

func TestNoLeaksSeesWhatSubtestsLeave(t *testing.T) {
	r := record(t)
	haletest.NoLeaks(r, haletest.Within(soon))
	var p *parked
	t.Run("sub", func(*testing.T) { p = park(1) })
	errs := r.end()
	p.end()
	told(t, errs, "1 × haletest_test.(*parked).wait")
}

// Others leak at the same time. goleak, which can only compare with the whole
// process, accuses whoever looks first.
func TestNoLeaksIsExactInParallel(t *testing.T) {
	leaking := make(chan *parked)
	checked := make(chan struct{})
	t.Run("group", func(t *testing.T) {
		t.Run("leaks", func(t *testing.T) {
			t.Parallel()
			r := record(t)
			haletest.NoLeaks(r, haletest.Within(soon))
			p := park(2)
			leaking <- p
			<-checked
			errs := r.end()
			p.end()
			told(t, errs, "2 × haletest_test.(*parked).wait")
		})
		t.Run("is clean", func(t *testing.T) {
			t.Parallel()
			defer close(checked)
			r := record(t)
			haletest.NoLeaks(r, haletest.Within(soon))
			<-leaking
			told(t, r.end())
			if err := goleak.Find(); err == nil || !strings.Contains(err.Error(), "(*parked).wait") {
				t.Errorf("goleak does not see the other test's goroutines: %v; then it needs no label either", err)
			}
		})
	})
}

// On the same leaks, both see the goroutines; only hale's label says whose they
// are.
func TestNoLeaksAndGoleakOnTheSameLeaks(t *testing.T) {
	rt := newRuntime(t)
	r := record(t)
	ctx := haletest.NoLeaks(r, haletest.Under(rt), haletest.Within(soon))
	raw := park(1)
	var inTask *parked
	if err := rt.Do(ctx, "orders.consume", func(context.Context) error {
		inTask = park(1)
		return nil
	}); err != nil {
		t.Error(err)
	}
	after := park(1) // Do put the test's label back
	found := goleak.Find()
	errs := r.end()
	for _, p := range []*parked{raw, inTask, after} {
		p.end()
	}
	if err := rt.Close(); err != nil {
		t.Error(err)
	}
	told(t, errs, "2 × haletest_test.(*parked).wait noleaks_test.go:", "1 × haletest_test.(*parked).wait", "of task orders.consume, which has ended")
	if found == nil || strings.Count(found.Error(), "in state chan receive") != 3 {
		t.Errorf("goleak: %v; want three goroutines", found)
	}
	if found != nil && strings.Contains(found.Error(), "orders.consume") {
		t.Error("goleak names the task too: say so in the documentation")
	}
}

func TestNoLeaksNamesLiveTasks(t *testing.T) {
	rt, other := newRuntime(t), newRuntime(t)
	r := record(t)
	haletest.NoLeaks(r, haletest.Under(rt), haletest.Under(nil), haletest.Within(soon))
	var begun sync.WaitGroup
	begun.Add(2)
	stuck := func(ctx context.Context) error { begun.Done(); <-ctx.Done(); return nil }
	rt.Go(t.Context(), "orders.consume", stuck)
	other.Go(t.Context(), "not.mine", stuck)
	begun.Wait()
	errs := r.end()
	for _, rt := range []*hale.Runtime{rt, other} {
		if err := rt.Close(); err != nil {
			t.Error(err)
		}
	}
	told(t, errs, "of task orders.consume#", "which is still live", "started to run haletest_test.TestNoLeaksNamesLiveTasks.func1 noleaks_test.go:")
}

func TestNoLeaksTellsOfARuntimeThatIsNotClosed(t *testing.T) {
	rt := newRuntime(t)
	r := record(t)
	haletest.NoLeaks(r, haletest.Within(soon))
	sub := rt.Subscribe(1, func(observe.Event) {})
	errs := r.end()
	sub.Close()
	<-sub.Done()
	told(t, errs, "goroutines of hale's own: close the runtime")
}

func TestNoLeaksAcceptsAClosedRuntime(t *testing.T) {
	rt := newRuntime(t)
	r := record(t)
	haletest.NoLeaks(r, haletest.Under(rt))
	task := rt.Go(t.Context(), "orders.consume", func(ctx context.Context) error { <-ctx.Done(); return nil })
	if err := rt.Close(); err != nil {
		t.Error(err)
	}
	_ = task.Wait() // cancelled
	told(t, r.end())
}

func TestNoLeaksTellsIdleConnections(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	strict, lenient := record(t), record(t)
	haletest.NoLeaks(lenient, haletest.IgnoreIdle(), haletest.Within(soon))
	ask(t, client, server.URL)
	told(t, lenient.end())
	client.CloseIdleConnections()

	haletest.NoLeaks(strict, haletest.Within(soon))
	ask(t, client, server.URL)
	told(t, strict.end(), "http.(*persistConn).readLoop", "close idle connections, or use IgnoreIdle")
}

func ask(t *testing.T, client *http.Client, url string) {
	t.Helper()
	resp, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		t.Error(err)
	}
}
