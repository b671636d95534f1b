package main

import (
	"os"
	"testing"
	"time"
)

// TestMain lets the test's own binary be the child of a contest.
func TestMain(m *testing.M) {
	if child(os.Stdout) {
		return
	}
	os.Exit(m.Run())
}

// A child of each kind measures something.
func TestChildren(t *testing.T) {
	for _, form := range []string{"hale", "hale, done", "hale.Go, done", "raw goroutine", "raw goroutine with a context", "errgroup", "conc WaitGroup"} {
		m, err := measureInChild("parked", 500, form)
		if b := m.values["bytes"]; err != nil || b < 1500 || b > 50_000 {
			t.Errorf("parked %s: %v bytes, error %v", form, b, err)
		}
	}
	for _, kind := range []string{"hale", "bare"} {
		m, err := measureInChild("idle", kind, 200)
		if s, ok := m.values["share"]; err != nil || !ok || s < 0 || s > 100 {
			t.Errorf("idle %s: %v %%, error %v", kind, s, err)
		}
	}
	for _, limit := range []string{"isolate", "failsafe"} {
		m, err := measureInChild("adaptive", limit, 1, false, int64(time.Second))
		if share := m.values["normal"]; err != nil || share < 0.1 || share > 1.5 {
			t.Errorf("adaptive %s: %v of the best limit's goodput, error %v", limit, share, err)
		}
	}
	if _, err := measureInChild("parked", 5, "nothing"); err == nil {
		t.Error("a child that fails gives no error")
	}
}

// Every contestant looks at goroutines that are there, and hale's guard has
// foreseen what it allocates.
func TestLooks(t *testing.T) {
	p, err := startParking(2000, 16)
	if err != nil {
		t.Fatal(err)
	}
	defer p.stop()
	for range 2 {
		for _, k := range snapshotNames {
			m, err := p.ask(k)
			if err != nil {
				t.Fatalf("%s: %v", k, err)
			}
			if m.nanos <= 0 || m.values["stop"] <= 0 || m.values["stop"] > m.nanos/1e6*1.25 {
				t.Errorf("%s: %+v", k, m)
			}
			if used := m.values["memory"]; k == "hale" && (used <= 0 || used > raceFactor) {
				t.Errorf("allocates %v times what the guard has foreseen", used)
			}
		}
	}
	if _, err := p.ask("nobody"); err == nil {
		t.Error("no error for a contestant that does not exist")
	}
}

func TestStops(t *testing.T) {
	s := newStops()
	if d := s.longest(); d > time.Second {
		t.Errorf("a stop of %v without one", d)
	}
}
