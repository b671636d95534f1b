package hale_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/observe"
)

func TestBaselinesSurviveARestart(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "made")
	file := filepath.Join(dir, "baselines.json")
	synctest.Test(t, func(t *testing.T) {
		rt := newRuntime(t, hale.WithDir(dir))
		for range 50 {
			if err := rt.Do(t.Context(), "GET /quick", succeed); err != nil {
				t.Fatal(err)
			}
			steps(t, rt, 4)
		}
		synctest.Wait()
		if raw, err := os.ReadFile(file); err != nil || !bytes.Contains(raw, []byte("GET /quick")) {
			t.Errorf("after three minutes the file holds %.200s, error %v", raw, err)
		}
		if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
		if err := rt.Close(); err != nil {
			t.Fatal(err)
		}
	})
	before, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("Close did not keep what was learned: %v", err)
	}
	synctest.Test(t, func(t *testing.T) { // the next process knows at once what is usual
		rt := newRuntime(t, hale.WithDir(dir))
		log := collect(rt)
		if err := rt.Do(t.Context(), "GET /quick", succeed); err != nil {
			t.Fatal(err)
		}
		steps(t, rt, 40) // what starts with the name could be a daemon
		release := make(chan struct{})
		rt.Go(t.Context(), "GET /quick", block(release))
		steps(t, rt, 100)
		synctest.Wait()
		var found []observe.Event
		for _, e := range log.of(observe.EventFinding) {
			if strings.HasPrefix(e.Finding, "overdue_task GET /quick") {
				found = append(found, e)
			}
		}
		if len(found) != 1 || found[0].Confidence != "suspected" {
			t.Errorf("findings %+v, want that GET /quick is overdue", found)
		}
		if err := hale.VerifyReplay(rt.Recording()); err != nil { // needs no file
			t.Error(err)
		}
		close(release)
	})
	if left, err := filepath.Glob(file + "*"); err != nil || len(left) != 1 {
		t.Errorf("files %v, error %v, want %s alone", left, err, file)
	}
	after, err := os.ReadFile(file)
	if err != nil || !json.Valid(after) || bytes.Equal(before, after) {
		t.Errorf("the second process left %.200s, error %v", after, err)
	}
}

func TestBaselinesThatCannotBeUsed(t *testing.T) {
	for name, text := range map[string]string{
		"cut off":       `{"version":1,"detect`,
		"newer":         `{"version":2,"detectors":{}}`,
		"other content": `{"version":1,"detectors":{"leak":{"codes":7}}}`,
		"disorder":      `{"version":1,"detectors":{"leak":{"codes":[{"key":"b"},{"key":"a"}]}}}`,
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			file := filepath.Join(dir, "baselines.json")
			for i := range 2 { // twice: what lies aside is not overwritten either
				if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
				synctest.Test(t, func(t *testing.T) {
					rt := newRuntime(t, hale.WithDir(dir))
					var events []observe.Event
					time.Sleep(time.Second)
					if err := rt.Step(t.Context()); err != nil {
						t.Fatal(err)
					}
					for _, s := range rt.Recording().Segments {
						for _, turn := range s.Turns {
							events = append(events, turn.Events...)
						}
					}
					if len(events) != 1 || events[0].Kind != observe.EventBaselines || !strings.Contains(events[0].Detail, "aside") {
						t.Errorf("events %+v", events)
					}
					if err := rt.Close(); err != nil {
						t.Fatal(err)
					}
				})
				aside, err := os.ReadFile(file + ".aside-" + string(rune('1'+i)))
				if err != nil || string(aside) != text {
					t.Errorf("set aside: %.100s, error %v", aside, err)
				}
				if raw, err := os.ReadFile(file); err != nil || !bytes.Contains(raw, []byte(`"version":1`)) {
					t.Errorf("the new file holds %.100s, error %v", raw, err)
				}
			}
		})
	}
}

// A directory that cannot be written to costs what was learned, and no more.
func TestBaselinesThatCannotBeKept(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "taken")
	synctest.Test(t, func(t *testing.T) {
		rt := newRuntime(t, hale.WithDir(dir))
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(dir, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		log := collect(rt)
		steps(t, rt, 200)
		synctest.Wait()
		if n := len(log.of(observe.EventBaselines)); n != 1 {
			t.Errorf("told %d times, want once", n)
		}
	})
}

// A process that was killed while it wrote leaves nothing for ever.
func TestBaselinesAfterAKill(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "baselines.json")
	if err := os.WriteFile(file+".tmp", []byte(`{"version":1,"detec`), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := newRuntime(t, hale.WithDir(dir)).Close(); err != nil {
		t.Fatal(err)
	}
	if left, err := filepath.Glob(file + "*"); err != nil || len(left) != 1 || left[0] != file {
		t.Errorf("files %v, error %v, want %s alone", left, err, file)
	}
}

// A loop that breaks again and again is given nothing any more; breaks that lie
// far apart have nothing to do with each other.
func TestBaselinesOfALoopThatBreaks(t *testing.T) {
	for turns, want := range map[int]int{10: 1, 100: 0} {
		synctest.Test(t, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "baselines.json")
			rt := newRuntime(t, hale.WithDir(filepath.Dir(file)))
			log := collect(rt)
			for range 4 {
				steps(t, rt, turns)
				hale.BreakLoop(rt)
				time.Sleep(time.Second)
				if err := rt.Step(t.Context()); err == nil {
					t.Fatal("the loop did not break")
				}
			}
			synctest.Wait()
			if events := log.of(observe.EventBaselines); len(events) != want {
				t.Errorf("breaks every %d turns: told %+v, want %d", turns, events, want)
			}
			_ = os.Remove(file) // it may not be there yet
			if err := rt.Close(); err != nil {
				t.Fatal(err)
			}
			if _, err := os.Stat(file); (err == nil) != (want == 0) {
				t.Errorf("breaks every %d turns: what was learned was kept: %v", turns, err)
			}
		})
	}
}

func TestCloseDoesNotWaitForBaselinesForEver(t *testing.T) {
	for before, turns := range map[string]int{"the last write hangs": 3, "one hangs already": 100} {
		synctest.Test(t, func(t *testing.T) {
			rt, err := hale.New(hale.WithDir(t.TempDir()))
			if err != nil {
				t.Fatal(err)
			}
			release := make(chan struct{})
			writes := 0
			hale.SetBaselinesWriter(rt, func() error { writes++; <-release; return nil })
			steps(t, rt, turns)
			began := time.Now()
			if err := rt.Close(); err == nil || !strings.Contains(err.Error(), "what was learned") || time.Since(began) != time.Second {
				t.Errorf("%s: %v after %v", before, err, time.Since(began))
			}
			close(release)
			synctest.Wait()
			if writes != 1 {
				t.Errorf("%s: %d writes", before, writes)
			}
		})
	}
}
