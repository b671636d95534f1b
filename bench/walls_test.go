package main

import (
	"testing"
	"time"
)

// A breaker that is open admits nothing, and hale's all once its probe has gone wrong.
func TestProbes(t *testing.T) {
	call, closer, err := haleProbe(time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		_, _ = call(func() (int, error) { return 0, errDown })
	}
	if _, err := call(func() (int, error) { return 1, nil }); err == nil {
		t.Error("the breaker did not open")
	}
	closer()
	for _, way := range []string{"hangs", "panics"} {
		const open = 20 * time.Millisecond
		call, closer, err := haleProbe(open)
		if err != nil {
			t.Fatal(err)
		}
		if n := admitted(call, open, way); n != probeCalls {
			t.Errorf("a probe that %s: %d of %d calls were admitted", way, n, probeCalls)
		}
		closer()
	}
}

// Places that are lost are seen.
func TestPermits(t *testing.T) {
	for name, c := range map[string]struct {
		make func() (permitCall, func(), error)
		left int
	}{"hale": {halePermits, permitLimit}, "failsafe-go": {failsafePermits, 0}, "conc": {concPermits, permitLimit}} {
		call, closer, err := c.make()
		if err != nil {
			t.Fatal(err)
		}
		if n := places(call); n != permitLimit {
			t.Errorf("%s: %d places at first", name, n)
		}
		if ran := mixed(call, 300); ran == 0 || (c.left > 0 && ran < 200) {
			t.Errorf("%s: %d calls were let in", name, ran)
		}
		if n := places(call); n != c.left {
			t.Errorf("%s: %d places are left, want %d", name, n, c.left)
		}
		closer()
	}
}
