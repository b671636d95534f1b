package hale_test

import (
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/observe"
)

// A folder that somebody tidies up is told of once, and the recording goes on in a
// new one, which replays.
func TestRecordingWhoseFolderIsRemoved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "hale")
		rt := newRuntime(t, hale.WithConfig(contain()), hale.WithDir(dir))
		log := collect(rt)
		poison(rt)
		steps(t, rt, 5)
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
		steps(t, rt, 5)
		if n := len(log.of(observe.EventRecordingFailed)); n != 1 {
			t.Errorf("told %d times that the recording failed", n)
		}
		steps(t, rt, 30)
		if err := rt.Close(); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		rec, err := observe.ReadRecording(filepath.Join(dir, "recording"))
		if err != nil || len(rec.Segments) != 1 || len(rec.Segments[0].Turns) < 30 {
			t.Fatalf("%d segments: %v", len(rec.Segments), err)
		}
		if err := hale.VerifyReplay(rec, hale.WithConfig(contain())); err != nil {
			t.Error(err)
		}
		if err := hale.VerifyReplay(rt.Recording(), hale.WithConfig(contain())); err != nil {
			t.Errorf("the one in memory: %v", err)
		}
		if n := len(log.of(observe.EventRecordingFailed)); n != 1 {
			t.Errorf("told %d times that the recording failed", n)
		}
	})
}

// The recording is there while a turn hangs.
func TestRecordingOfALoopThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		rt := newRuntime(t, hale.WithLogger(slog.New(slog.NewTextHandler(blockWriter{release}, nil))))
		steps(t, rt, 1)
		if err := rt.Go(t.Context(), "a\nb", succeed).Wait(); err != nil { // which is logged
			t.Fatal(err)
		}
		stepped, got := make(chan error, 1), make(chan observe.Recording, 1)
		go func() { stepped <- rt.Step(t.Context()) }()
		synctest.Wait()
		go func() { got <- rt.Recording() }()
		select {
		case rec := <-got:
			if len(rec.Segments) != 1 || len(rec.Segments[0].Turns) != 2 {
				t.Errorf("%d segments", len(rec.Segments))
			}
		case <-time.After(time.Minute):
			t.Error("Recording waits for the logger")
		}
		close(release)
		if err := <-stepped; err != nil {
			t.Error(err)
		}
	})
}
