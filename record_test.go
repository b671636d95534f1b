package hale_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/observe"
)

// poison runs a task that panics again and again, so that there is something to
// decide.
func poison(rt *hale.Runtime) {
	rt.Go(context.Background(), "mail.send", func(context.Context) error { panic("poison") }, hale.Restart(hale.Permanent))
}

// What is on disk is what was in memory, and replays to the same decisions. A
// second runtime goes on in the same folder.
func TestRecordingOnDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		var memory observe.Recording
		for _, cfg := range []hale.Config{contain(), {}} {
			rt := newRuntime(t, hale.WithConfig(cfg), hale.WithDir(dir))
			poison(rt)
			steps(t, rt, 100)
			if err := rt.Close(); err != nil {
				t.Fatal(err)
			}
			memory.Segments = append(memory.Segments, rt.Recording().Segments...)
		}
		rec, err := observe.ReadRecording(filepath.Join(dir, "recording"))
		if err != nil || len(rec.Segments) != 4 {
			t.Fatalf("%d segments: %v", len(rec.Segments), err)
		}
		memory.Segments[2].Fresh = true // as it is read: another run begins
		if a, b := asJSON(t, memory), asJSON(t, rec); string(a) != string(b) {
			t.Errorf("\nmemory %s\ndisk   %s", a, b)
		}
		first, second := rec, rec
		first.Segments, second.Segments = rec.Segments[:2], rec.Segments[2:]
		if err := errors.Join(hale.VerifyReplay(first, hale.WithConfig(contain())), hale.VerifyReplay(second)); err != nil {
			t.Error(err)
		}
		if err := hale.VerifyReplay(rec, hale.WithConfig(contain())); !errors.Is(err, hale.ErrOtherSettings) || !strings.Contains(err.Error(), "2 of 4 segments") {
			t.Errorf("other settings: %v", err)
		}
	})
}

// A recording of many operations holds mostly turns, not states, and replays from the
// start of each segment.
func TestRecordingOfManyOperations(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := newRuntime(t, hale.WithConfig(contain()))
		var ops []*hale.Operation
		for i := range 1024 {
			kind := observe.Server
			if i >= 768 { // of one kind there are no more
				kind = observe.Client
			}
			ops = append(ops, rt.Operation(kind, fmt.Sprintf("GET /%d", i), "api"))
		}
		poison(rt)
		for k := range 45 {
			for i, op := range ops {
				_, span := op.Start(t.Context())
				if i%7 == 0 && k > 20 {
					span.End(errors.New("no answer"))
				} else {
					span.End(nil)
				}
			}
			steps(t, rt, 1)
		}
		rec := rt.Recording()
		turns, held, state := 0, 0, 0
		for i, s := range rec.Segments {
			turns += len(s.Turns)
			state += len(s.State)
			for _, turn := range s.Turns {
				held += turn.Size()
			}
			part := observe.Recording{Segments: rec.Segments[i:]}
			if err := hale.VerifyReplay(part, hale.WithConfig(contain())); err != nil {
				t.Errorf("from segment %d: %v", i, err)
			}
		}
		if turns != 45 || len(rec.Segments) < 2 || state > held {
			t.Errorf("%d segments of %d turns: %d bytes of states, %d of turns", len(rec.Segments), turns, state, held)
		}
	})
}

// The loop may break: the turn is in the recording, and what comes after replays.
func TestRecordingOfALoopThatBreaks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		rt := newRuntime(t, hale.WithConfig(contain()), hale.WithDir(dir))
		poison(rt)
		steps(t, rt, 20)
		hale.BreakLoop(rt)
		time.Sleep(time.Second)
		if err := rt.Step(t.Context()); err == nil {
			t.Fatal("the loop did not break")
		}
		steps(t, rt, 20)
		if err := rt.Close(); err != nil {
			t.Fatal(err)
		}
		rec, err := observe.ReadRecording(filepath.Join(dir, "recording"))
		if err != nil || len(rec.Segments) != 2 || !rec.Segments[1].Fresh || !rec.Segments[0].Turns[20].Broke {
			t.Fatalf("%d segments: %v", len(rec.Segments), err)
		}
		if err := hale.VerifyReplay(rec, hale.WithConfig(contain())); err != nil {
			t.Error(err)
		}
		if out, err := hale.Replay(rec, hale.WithConfig(contain())); err != nil || len(out) != 40 {
			t.Errorf("%d decisions: %v", len(out), err)
		}
	})
}

// It may break before there is a turn: that is told like any other break, and what
// comes after replays.
func TestRecordingOfAnObserverThatBreaks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := newRuntime(t, hale.WithConfig(contain()))
		poison(rt)
		steps(t, rt, 20)
		mend := hale.BreakObserver(rt)
		time.Sleep(time.Second)
		if err := rt.Step(t.Context()); err == nil {
			t.Error("Step did not tell that the turn broke")
		}
		if st := rt.Status(); st.Observer != "down" {
			t.Errorf("the observer is %s", st.Observer)
		}
		mend()
		steps(t, rt, 20)
		rec := rt.Recording()
		if len(rec.Segments) != 2 || !rec.Segments[1].Fresh || len(rec.Segments[0].Turns) != 20 || len(rec.Segments[1].Turns) != 20 {
			t.Fatalf("%d segments", len(rec.Segments))
		}
		if err := hale.VerifyReplay(rec, hale.WithConfig(contain())); err != nil {
			t.Error(err)
		}
	})
}

func TestVerifyReplayNamesTheTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := newRuntime(t)
		poison(rt)
		steps(t, rt, 70)
		rec := rt.Recording()
		turns := rec.Segments[1].Turns
		i := slices.IndexFunc(turns, func(turn observe.Turn) bool { return turn.Decided == "" })
		turns[i].Decided = "0123"
		err := hale.VerifyReplay(rec)
		if want := fmt.Sprintf("segment 1, turn %d of ", turns[i].Seq); !errors.Is(err, hale.ErrDiffers) || err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), `was "0123" and is ""`) {
			t.Errorf("%v, want %q", err, want)
		}
	})
}

func TestBadDir(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	rt, err := hale.New(hale.WithDir(file))
	var bad *hale.ConfigError
	if !errors.As(err, &bad) || bad.Field != "WithDir" || !strings.Contains(bad.Error(), file) || rt != nil {
		t.Errorf("%v", err)
	}
}

// A disk that fails costs the recording on it, is told once, and is tried again.
func TestDiskThatFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		folder := filepath.Join(dir, "recording")
		rt := newRuntime(t, hale.WithDir(dir))
		told := collect(rt)
		if err := errors.Join(os.Remove(folder), os.WriteFile(folder, nil, 0o600)); err != nil {
			t.Fatal(err)
		}
		steps(t, rt, 130) // two segments that cannot be opened, and turns without one
		if err := os.Remove(folder); err != nil {
			t.Fatal(err)
		}
		steps(t, rt, 60)
		synctest.Wait()
		if events := told.of(observe.EventRecordingFailed); len(events) != 1 || !strings.Contains(events[0].Detail, folder) {
			t.Errorf("told: %+v", events)
		}
		if n := len(rt.Recording().Segments); n != 4 {
			t.Errorf("%d segments in memory", n)
		}
		if err := rt.Close(); err != nil {
			t.Fatal(err)
		}
		rec, err := observe.ReadRecording(folder)
		if err != nil || len(rec.Segments) != 1 || rec.Segments[0].Turns[0].Seq != 181 || len(rec.Segments[0].Turns) != 10 {
			t.Fatalf("%d segments: %v", len(rec.Segments), err)
		}
		if err := hale.VerifyReplay(rec); err != nil {
			t.Error(err)
		}
	})
}

// hangingWriter is a disk that takes nothing until it is released, and counts.
type hangingWriter struct {
	release       chan struct{}
	opened, added []uint64
	closed        int
}

func (w *hangingWriter) Open(observe.Segment) error {
	<-w.release
	w.opened = append(w.opened, 0)
	return nil
}

func (w *hangingWriter) Add(t observe.Turn) error {
	<-w.release
	w.added = append(w.added, t.Seq)
	return nil
}

func (w *hangingWriter) Close() error {
	<-w.release
	w.closed++
	return nil
}

// A disk that hangs holds the loop up once, for a moment, and never fills the
// memory.
func TestDiskThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := newRuntime(t, hale.WithDir(t.TempDir()))
		told := collect(rt)
		disk := &hangingWriter{release: make(chan struct{})}
		hale.SetWriter(rt, disk)
		began := time.Now()
		steps(t, rt, 150)
		if took := time.Since(began); took != 150*time.Second+100*time.Millisecond {
			t.Errorf("150 turns took %v", took)
		}
		synctest.Wait()
		if events := told.of(observe.EventRecordingFailed); len(events) != 1 {
			t.Errorf("told: %+v", events)
		}
		close(disk.release)
		synctest.Wait()
		steps(t, rt, 40) // opens the next segment at turn 181
		if err := rt.Close(); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		last := disk.added[len(disk.added)-1]
		if n := len(disk.added); disk.closed != 1 || last != 190 || n > 130+10 || disk.added[n-11] > 150 || disk.added[n-10] != 181 {
			t.Errorf("%d turns, %v, closed %d times", n, disk.added, disk.closed)
		}
	})
}

// Large turns fill the memory before they are many.
func TestDiskThatHangsUnderLoad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := newRuntime(t, hale.WithDir(t.TempDir()), hale.WithConfig(hale.Config{Snapshots: time.Hour}))
		told := collect(rt)
		disk := &hangingWriter{release: make(chan struct{})}
		hale.SetWriter(rt, disk)
		const turns = 16
		for range turns {
			for range 3000 { // 1.5 MB of a turn
				rt.Go(t.Context(), "a.b", func(context.Context) error { panic("boom") })
			}
			synctest.Wait()
			steps(t, rt, 1)
		}
		synctest.Wait()
		if events := told.of(observe.EventRecordingFailed); len(events) != 1 {
			t.Errorf("told: %+v", events)
		}
		close(disk.release)
		synctest.Wait()
		if n := len(disk.added); n == 0 || n > 13 {
			t.Errorf("%d turns waited for the disk", n)
		}
		steps(t, rt, 80) // opens the next segment
		if n := len(disk.added); disk.added[n-1] != turns+80 {
			t.Errorf("after the gap: %v", disk.added)
		}
	})
}

func TestCloseDoesNotWaitForADiskThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt, err := hale.New(hale.WithDir(t.TempDir()))
		if err != nil {
			t.Fatal(err)
		}
		disk := &hangingWriter{release: make(chan struct{})}
		hale.SetWriter(rt, disk)
		steps(t, rt, 3)
		began := time.Now()
		if err := rt.Close(); err == nil || time.Since(began) != time.Second {
			t.Errorf("%v after %v", err, time.Since(began))
		}
		if err := rt.Close(); err != nil {
			t.Error(err)
		}
		close(disk.release)
		synctest.Wait()
		if disk.closed != 1 || len(disk.added) != 3 {
			t.Errorf("%+v", disk)
		}
	})
}

// BenchmarkStep takes one turn of a service with 20 idle names, with and without a
// recording on disk.
func BenchmarkStepRecording(b *testing.B) {
	for name, opts := range map[string][]hale.Option{"memory": nil, "disk": {hale.WithDir(b.TempDir())}} {
		b.Run(name, func(b *testing.B) {
			rt := newRuntime(b, opts...)
			for i := range 20 {
				if err := rt.Do(context.Background(), fmt.Sprintf("GET /%d", i), succeed); err != nil {
					b.Fatal(err)
				}
			}
			for b.Loop() {
				if err := rt.Step(context.Background()); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
