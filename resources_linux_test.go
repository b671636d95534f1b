package hale_test

import (
	"os"
	"path/filepath"
	"reflect"
	"syscall"
	"testing"
	"time"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/observe"
)

// Each turn says what the process uses, and so does its recording.
func TestTurnsHaveResources(t *testing.T) {
	rt := newRuntime(t)
	var u *observe.Resources
	for deadline := time.Now().Add(20 * time.Second); ; { // on a machine that is starved a reading may overrun
		if err := rt.Step(t.Context()); err != nil {
			t.Fatal(err)
		}
		if u = rt.Status().Sample.Resources; u != nil && u.Process != nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("%+v", u)
		}
	}
	if u.Process.Resident == 0 || u.Files == nil || u.Files.Open < 3 || u.Processors == 0 {
		t.Fatalf("%+v", u)
	}
	segments := rt.Recording().Segments
	turns := segments[len(segments)-1].Turns
	if len(turns) == 0 || turns[len(turns)-1].Sample.Resources != u {
		t.Errorf("%d turns are recorded, the last with %+v", len(turns), turns[len(turns)-1].Sample.Resources)
	}
}

// A file that hangs costs the turn a moment, once, and what was read from others.
func TestResourcesHang(t *testing.T) {
	root := t.TempDir()
	proc := filepath.Join(root, "proc", "7")
	if err := os.MkdirAll(proc, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("7", filepath.Join(root, "proc", "self")); err != nil {
		t.Fatal(err)
	}
	hangs := filepath.Join(proc, "cgroup") // opening it waits for a writer
	if err := syscall.Mkfifo(hangs, 0o600); err != nil {
		t.Fatal(err)
	}
	rt := newRuntime(t)
	hale.ReadResourcesFrom(rt, root)
	for i, want := range []string{"reading it: overran its time", "an earlier reading hangs", "an earlier reading hangs"} {
		if err := rt.Step(t.Context()); err != nil {
			t.Fatal(err)
		}
		st := rt.Status()
		u := st.Sample.Resources
		if u == nil || len(u.Missing) != 1 || u.Missing[0].What != "system" || u.Missing[0].Why != want || st.Overrun != 1 {
			t.Errorf("turn %d: %+v, %d overran", i, u, st.Overrun)
		}
		rest := *u
		rest.Missing = nil
		if !reflect.ValueOf(rest).IsZero() {
			t.Errorf("turn %d: %+v is made up", i, u)
		}
	}
	w, err := os.OpenFile(hangs, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(hangs); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(20 * time.Second); rt.Status().Overrun > 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it does not come back")
		}
	}
	if err := rt.Step(t.Context()); err != nil {
		t.Fatal(err)
	}
	if u := rt.Status().Sample.Resources; u.Processors == 0 || len(u.Missing) < 2 {
		t.Errorf("it is not read again: %+v", u)
	}
}
