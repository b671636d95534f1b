package goroutine_test

import (
	"bytes"
	"errors"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"runtime/debug"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hale-go/hale/internal/goroutine"
	"github.com/hale-go/hale/observe"
)

func TestCaptureCountsAndLeavesHalesOwnOut(t *testing.T) {
	release := make(chan struct{})
	var idle, raw sync.WaitGroup
	for range 5 {
		idle.Go(func() { goroutine.ParkAsHale(release) })
		raw.Go(func() { <-release })
	}
	c := goroutine.NewCapturer(goroutine.Config{}, all)
	entry := "TestCaptureCountsAndLeavesHalesOwnOut.func2"
	s := poll(t, c, func(s observe.Snapshot) bool {
		for _, g := range s.Groups {
			if short(g.Entry) == entry && g.Count == 5 && g.Wait == observe.WaitReceive {
				return true
			}
		}
		return false
	})
	sum := 0
	for _, g := range s.Groups {
		sum += g.Count
		if strings.Contains(g.Blocked.Function, "ParkAsHale") || g.Name != "" || g.Ended != -1 {
			t.Errorf("got %+v", g)
		}
	}
	close(release)
	idle.Wait()
	raw.Wait()
	if s.Goroutines < 10 || s.Goroutines-sum > 5 || s.Cost <= 0 {
		t.Errorf("%d goroutines, %d in groups, cost %v", s.Goroutines, sum, s.Cost)
	}
}

func TestCaptureAttributesWhatATaskStarted(t *testing.T) {
	release, exit := make(chan struct{}), make(chan struct{})
	var children sync.WaitGroup
	done := labelled("orders.consume", func() {
		for range 3 {
			children.Go(func() { <-release })
		}
		<-exit
	})
	began := time.Now().Add(-time.Hour)
	var ended time.Duration = -1
	c := goroutine.NewCapturer(goroutine.Config{}, func(l goroutine.Label, at time.Time) (observe.TaskID, time.Duration, bool) {
		if l != (goroutine.Label{Name: "orders.consume", Domain: "test", Cell: "orders.consume"}) {
			t.Errorf("asked for %+v", l)
		}
		if at.Before(began) {
			t.Errorf("asked for %v", at)
		}
		return observe.TaskID{Name: l.Name, Seq: 7}, ended, true
	})
	poll(t, c, func(s observe.Snapshot) bool {
		g := named(s, "orders.consume")
		return len(g) == 2 && g[0].Count+g[1].Count == 4 && g[0].Ended == -1
	})
	close(exit)
	<-done
	ended = 2500 * time.Millisecond
	s := poll(t, c, func(s observe.Snapshot) bool { return len(named(s, "orders.consume")) == 1 })
	g := named(s, "orders.consume")[0]
	if g.Count != 3 || g.Ended != 2*time.Second || g.Task.Seq != 7 || g.Domain != "test" ||
		!strings.HasPrefix(short(g.Entry), "TestCaptureAttributesWhatATaskStarted.func") {
		t.Errorf("got %+v", g)
	}
	close(release)
	children.Wait()
}

func TestCaptureSeesTheBodyOfAWorker(t *testing.T) {
	release := make(chan struct{})
	var worker sync.WaitGroup
	worker.Go(func() { goroutine.RunAsHale(func() { <-release }) })
	poll(t, goroutine.NewCapturer(goroutine.Config{}, nil), func(s observe.Snapshot) bool {
		for _, g := range s.Groups {
			if strings.HasPrefix(short(g.Blocked), "TestCaptureSeesTheBodyOfAWorker.func") && g.Name == "" {
				return true
			}
		}
		return false
	})
	close(release)
	worker.Wait()
}

func TestCaptureNamesTheLibrarysGoroutines(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	client := server.Client()
	resp, err := client.Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	// A connection is kept only when its answer was read to the end.
	_, _ = io.Copy(io.Discard, resp.Body)
	resp.Body.Close()
	poll(t, goroutine.NewCapturer(goroutine.Config{}, all), func(s observe.Snapshot) bool {
		want := map[string]observe.WaitKind{
			"net/http.(*persistConn).readLoop":  observe.WaitNetwork,
			"net/http.(*persistConn).writeLoop": observe.WaitSelect,
			"net/http.(*conn).serve":            observe.WaitNetwork,
		}
		for _, g := range s.Groups {
			if want[g.Entry.Function] == g.Wait {
				delete(want, g.Entry.Function)
			}
		}
		return len(want) == 0
	})
	client.CloseIdleConnections()
}

func TestCaptureNeverPanics(t *testing.T) {
	done, release := make(chan struct{}), make(chan struct{})
	ready := make(chan struct{})
	go func() { <-labelled("boom", func() { close(ready); <-release }); close(done) }()
	<-ready
	panics := true
	c := goroutine.NewCapturer(goroutine.Config{}, func(goroutine.Label, time.Time) (observe.TaskID, time.Duration, bool) {
		if panics {
			panic("resolver broke")
		}
		return observe.TaskID{}, -1, true
	})
	now := time.Now()
	s := c.Capture(now)
	if !strings.Contains(s.Skipped, "resolver broke") || len(s.Groups) != 0 || !s.Time.Equal(now) || s.Cost <= 0 || s.Goroutines == 0 {
		t.Errorf("got %+v", s)
	}
	panics = false
	poll(t, c, func(s observe.Snapshot) bool { return len(named(s, "boom")) == 1 })
	close(release)
	<-done
}

func TestCaptureReportsABrokenProfile(t *testing.T) {
	for _, write := range []func(*bytes.Buffer) error{
		func(*bytes.Buffer) error { return errors.New("no profile") },
		func(b *bytes.Buffer) error { b.WriteString("garbage"); return nil },
		func(*bytes.Buffer) error { return nil },
		func(*bytes.Buffer) error { panic("no profile") },
	} {
		c := goroutine.NewCapturer(goroutine.Config{}, all)
		c.SetWriter(write)
		if s := c.Capture(time.Now()); s.Skipped == "" || len(s.Groups) != 0 {
			t.Errorf("got %+v", s)
		}
	}
}

func TestCaptureSkipsWhenMemoryIsShort(t *testing.T) {
	c := goroutine.NewCapturer(goroutine.Config{MemoryShare: math.NaN()}, all)
	check := func(what string, skipped bool) {
		t.Helper()
		s := c.Capture(time.Now())
		if (s.Skipped != "") != skipped {
			t.Errorf("%s: skipped %q", what, s.Skipped)
		}
		if skipped && (s.Cost != 0 || s.Goroutines == 0 || !strings.HasPrefix(s.Skipped, "memory: ")) {
			t.Errorf("%s: %+v", what, s)
		}
	}
	c.SetSoftLimit(1)
	check("limit long passed", true)
	c.SetSoftLimit(math.MaxInt64)
	check("no limit", false)
	c.SetSoftLimit(1 << 40)
	check("far limit", false)
	c.SetGroupLeft(0, true)
	debug.FreeOSMemory() // what is mapped and free is room too
	check("full control group", true)
	c.SetGroupLeft(0, false)
	check("no control group", false)
}

func TestCaptureBoundsItsBuffers(t *testing.T) {
	c := goroutine.NewCapturer(goroutine.Config{}, all)
	c.SetWriter(func(b *bytes.Buffer) error { b.Grow(32 << 20); return nil })
	c.Capture(time.Now())
	if n := c.BufferBytes(); n > 16<<20 {
		t.Errorf("keeps %d bytes", n)
	}
}

func TestCaptureIsSafeForConcurrentUse(t *testing.T) {
	c := goroutine.NewCapturer(goroutine.Config{}, all)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 5 {
				if s := c.Capture(time.Now()); s.Skipped != "" {
					t.Error(s.Skipped)
				}
			}
		})
	}
	wg.Wait()
}
