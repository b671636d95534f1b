package observe_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/hale-go/hale/observe"
)

func TestBadFolder(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{file, filepath.Join(file, "below"), ""} {
		if _, err := observe.NewWriter(dir, observe.MinRecordingBytes); err == nil {
			t.Errorf("%q was taken", dir)
		}
	}
	if _, err := observe.NewWriter(t.TempDir(), observe.MinRecordingBytes-1); err == nil {
		t.Error("too few bytes were taken")
	}
	w := newWriter(t, t.TempDir())
	if err := w.Add(observe.Turn{}); err == nil {
		t.Error("a turn without a segment was taken")
	}
	if err := errors.Join(w.Close(), w.Close()); err != nil {
		t.Error(err)
	}
}

// After an error the writer drops the rest of the segment, and tries again with
// the next.
func TestWriterTriesAgain(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "d")
	turns := service(5, 100, 0.5)
	w := newWriter(t, dir)
	add(t, w, segment(turns[:10]))
	large := turns[10]
	for _, turn := range noise(50, 2000) { // more than a file may hold
		large.Events = append(large.Events, turn.Events...)
	}
	first := w.Add(large)
	if first == nil || w.Add(large) != first {
		t.Fatalf("a turn that does not fit: %v", first)
	}
	add(t, w, segment(turns[20:30]))
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(dir, dir+"2"); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(dir, nil, 0o600); err != nil { // a file where the folder was
		t.Fatal(err)
	}
	if err := w.Open(segment(turns[30:40])); err == nil {
		t.Error("it wrote into nothing")
	}
	if err := w.Add(turns[30]); err == nil {
		t.Error("a turn of a segment that did not open was taken")
	}
	if err := errors.Join(os.Remove(dir), w.Close()); err != nil {
		t.Fatal(err)
	}
	add(t, w, segment(turns[40:50])) // makes the folder again
	rec, err := observe.ReadRecording(dir)
	if !errors.Is(err, observe.ErrTruncated) || len(rec.Segments) != 1 || rec.Segments[0].Turns[0].Seq != 41 || len(rec.Segments[0].Turns) != 10 {
		t.Errorf("%v: %d segments", err, len(rec.Segments))
	}
	old, err := observe.ReadRecording(dir + "2")
	if !errors.Is(err, observe.ErrTruncated) || errors.Is(err, observe.ErrDamaged) || len(old.Segments) != 2 || len(old.Segments[0].Turns) != 10 || !old.Segments[1].Fresh {
		t.Errorf("%v: %d segments", err, len(old.Segments))
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

// A process that crashes again and again fills the folder with files, not
// without end.
func TestFilesAreBounded(t *testing.T) {
	dir := t.TempDir()
	for n := range uint64(1022) {
		if err := os.WriteFile(filepath.Join(dir, observe.FileName(n)), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	turns := service(1, 1, 0)
	for range 4 {
		write(t, dir, segment(turns))
	}
	if files := list(t, dir); len(files) != 1024 || filepath.Base(files[0]) != observe.FileName(2) {
		t.Errorf("%d files from %s", len(files), files[0])
	}
}

// BenchmarkWriter writes one turn. Every tenth has a snapshot, and all have
// resources but for those where it says so.
func BenchmarkWriter(b *testing.B) {
	for _, names := range []int{10, 100, 1000} {
		for _, busy := range []float64{-1, 0, 0.3, 1} {
			title := fmt.Sprintf("names=%d/changing=%.0f%%", names, 100*busy)
			if busy < 0 {
				title = fmt.Sprintf("names=%d/changing=0%%/resources=no", names)
			}
			b.Run(title, func(b *testing.B) {
				turns := service(names, 120, busy)
				if busy >= 0 {
					turns = withUse(turns)
				}
				dir := b.TempDir()
				w, err := observe.NewWriter(dir, 64<<20)
				if err != nil {
					b.Fatal(err)
				}
				n := 0
				for b.Loop() {
					if n%60 == 0 {
						if err := w.Open(observe.Segment{State: []byte(`{}`)}); err != nil {
							b.Fatal(err)
						}
					}
					if err := w.Add(turns[n%len(turns)]); err != nil {
						b.Fatal(err)
					}
					n++
				}
				if err := w.Close(); err != nil {
					b.Fatal(err)
				}
				total := int64(0)
				for _, path := range list(b, dir) {
					if info, err := os.Stat(path); err == nil {
						total += info.Size()
					}
				}
				b.ReportMetric(float64(total)/float64(n), "B/turn")
			})
		}
	}
}

// BenchmarkEncoding is what the format was chosen by, see docs/design/0006: turns
// with all that they hold or with what changed, and the levels of deflate. Level 3
// with what changed is what a writer does.
func BenchmarkEncoding(b *testing.B) {
	for _, c := range []struct {
		level int
		whole bool
	}{{3, true}, {1, false}, {3, false}, {6, false}} {
		for _, names := range []int{100, 1000} {
			for _, busy := range []float64{0, 1} {
				b.Run(fmt.Sprintf("level=%d/whole=%t/names=%d/changing=%.0f%%", c.level, c.whole, names, 100*busy), func(b *testing.B) {
					turns := service(names, 120, busy)
					encode := observe.Encoder(c.level, c.whole)
					n, total := 0, 0
					for b.Loop() {
						total += encode(turns[n%len(turns)])
						n++
					}
					b.ReportMetric(float64(total)/float64(n), "B/turn")
				})
			}
		}
	}
}
